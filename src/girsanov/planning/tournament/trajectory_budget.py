r"""Calibrated ODE samplers in a tournament: whether they may enter, and what they cost.

An ODE sampler is planned on trajectories of the denoiser it will run, so that one on the
calibrated network needs new ones,

    cost = n (4 K - 3) network calls,                                                      (1)

n as many as the audit has, or fewer where (1) would pass a quarter of what the tournament spends.
They come from that budget, and never make it too small for the other candidates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ...measuring.trajectories import teacher_calls
from ...sampling.registry import ode_names
from ..ode_samplers.plan_ode_sampler import LEAST_TRAJECTORIES
from .options import wanted

if TYPE_CHECKING:
    from ...measuring.record import AuditRecord
    from ..plan import Plan

SHARE = 4  # trajectories take at most one network call in so many
NO_PATHS = "ODE samplers, which are planned on trajectories: audit with --trajectories 64"


class Afforded(NamedTuple):
    """Trajectories n of (1), 0 where no calibrated ODE sampler enters, and why, if of use."""

    paths: int
    calls: int = 0
    left_out: str = ""


def afforded(
    audit: AuditRecord, only: Sequence[str] | Mapping[str, Plan] | None, calls: int, *, fresh: bool
) -> Afforded:
    """Return what of `calls` goes to trajectories of the calibrated network.

    only: as of `candidates`; fresh: whether the audit has not seen what judges the samples,
    without which nothing that it fitted may be judged.
    """
    if isinstance(only, Mapping) or audit.facts.exact or audit.facts.process == "cld":
        return Afforded(0)
    if audit.trajectories is None:
        return Afforded(0, 0, NO_PATHS if only is None else "")
    guided = audit.facts.guided  # calibrated, it would not be any more
    follow_ode = any(name in ode_names() for name in wanted(audit, only))
    calibration = audit.calibrated().calibration if fresh and follow_ode and not guided else None
    if calibration is None or calibration.share == 0:  # the network as it is
        return Afforded(0)
    each = teacher_calls(len(audit.levels))
    count = min(len(audit.trajectories), calls // SHARE // each)
    if count < LEAST_TRAJECTORIES:
        least = LEAST_TRAJECTORIES
        why = f"ODE samplers on the calibrated network, whose {least} trajectories at least "
        return Afforded(0, 0, f"{why}take {least * each} calls, over a quarter of all")
    return Afforded(count, count * each)
