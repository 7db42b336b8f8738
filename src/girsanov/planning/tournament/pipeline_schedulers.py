"""Plans that leave the steps to diffusers: what a pipeline has already, at so many calls.

They have levels, which diffusers chose, and no ledger: the error of its steps was not measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..._checks import InputError
from ...denoise.facts import DiffusersScheduler
from ...denoise.pipelines.own_schedulers import levels_of, own_schedulers, started
from ...denoise.pipelines.pipeline import PipelineDenoiser
from ...ledger.entry import Entry
from ..ode_samplers.plan_ode_sampler import score_entry
from ..plan import OWN, Plan

if TYPE_CHECKING:
    from ...denoise.base import Denoiser
    from ...measuring.record import AuditRecord

DIFFUSERS_STEPS = "not measured: diffusers takes these steps. Samples alone say how good they are"


def own_plans(audit: AuditRecord, model: Denoiser, steps: int) -> dict[str, Plan]:
    """Return a plan of `steps` network calls for each scheduler a pipeline's users would take.

    By name, the configured one first; none for a model that is not a pipeline of diffusers, and
    none of a scheduler that cannot run with so many calls.
    """
    if not isinstance(model, PipelineDenoiser):
        return {}
    score = score_entry(audit, len(audit.levels) - 1)
    ledger = tuple(Entry(name, None, None, None, "unknown", DIFFUSERS_STEPS)
                   for name in ("init", "discretisation"))  # fmt: skip
    plans = {}
    for name, config in own_schedulers(model).items():
        try:
            scheduler = started(config, steps, model)
        except InputError:
            continue
        record = DiffusersScheduler(name, config, len(scheduler.timesteps))
        levels, frame = levels_of(scheduler, model.clock), audit.frame
        noise = np.full(frame.moments.basis.dimension, (1 + 1 / levels[0]) ** 0.5)
        plans[name] = Plan(
            sampler=OWN, start="standard", last="denoise", levels=levels, moments=frame.moments,
            start_noise=noise, ledger=(*ledger, score), why=f"{name} as it is",
            audit=audit.recorded(), model=audit.facts.model, scheduler=record,
        )  # fmt: skip
    return plans
