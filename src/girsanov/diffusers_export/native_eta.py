r"""A plan along the flow in the words of samplers that people run, and what their one eta costs.

A step of euler-ancestral goes from sigma along the flow to rho and takes up noise to sigma'. Other
samplers call this

    eta^2 = (sigma'^2 - rho^2) / (sigma'^2 (1 - sigma'^2/sigma^2))    (DDIM, k-diffusion);    (1)
    gamma = sigma'/rho - 1,  t = sigma_0, rho_0, rho_1, ...          (EDM, S_noise = 1),      (2)

where EDM raises t_k to (1 + gamma_k) t_k and goes from there to t_k+1. Pipelines and nodes take
one eta for all steps, some only eta = 1, the noise of ddpm. Each is priced as the plan is, on the
same levels (`path_kl/flow_cells.py`); the best for all steps is found as the plan's own are, by
(1) of `path_kl/flow_search.py`. Without noise, eta = 0, no such price is finite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import figure, plural, require
from ..denoise.pipelines.pipeline import clip_of
from ..denoise.pipelines.schedule import own_config
from ..ledger.chain_entry import chain_entry
from ..path_kl.cheaper_chain import planned_chain
from ..path_kl.flow_cells import ancestral_prices
from ..path_kl.flow_search import counted
from ..planning.ancestral_plans import flow_grids_of
from ..planning.flow_grids import FlowGrids, step_prices_of
from ..planning.options import PlanOptions
from ..planning.plan import as_planned
from ..sampling.ancestral import Inner, eta_of, flow_to_of
from .pipeline_loops import PLAIN_PIPELINES

if TYPE_CHECKING:
    from .._typing import Array, Json, Levels
    from ..ledger.entry import Entry
    from ..measuring.record import AuditRecord
    from ..planning.plan import Plan

ETAS = np.arange(1, 151) / 100  # that are tried for all steps alike
EDM_GAMMA = math.sqrt(2) - 1  # of EDM's own code, which takes the smaller
UNKNOWN = "flows farther than the audit followed the flow, or to finer levels"
NO_NOISE = "has no certificate: without noise the price along the flow is infinite"
HEEDED = (
    ". Etas are chosen with the model's error, which grows where they fall, and priced without it"
)
ONE_ETA = (
    "Each step its own eta, the start from the data's Gaussian, the plan's own levels and the "
    "correction of a network, for which the prices are, stay with GirsanovScheduler (--to "
    "diffusers)"
)


@dataclass(frozen=True)
class NativeEta:
    """What a plan of euler-ancestral is to samplers with one eta.

    levels: SNRs at which the network is called [N+1]; flow_to: SNRs rho^-2 of its steps [N]; eta:
    the best one for all; own, one, ddpm: what the steps cost with `flow_to`, with `eta` and with
    1, None where the audit did not follow the flow far enough; heeds: whether what is known of the
    score error had a part in the choice.
    """

    levels: Levels
    flow_to: Array
    eta: float
    own: Entry | None
    one: Entry | None
    ddpm: Entry | None
    heeds: bool

    @property
    def steps(self) -> int:
        """The number of network calls, the last prediction among them."""
        return len(self.levels)

    @property
    def sentence(self) -> str:
        """What the choices cost, in words."""
        noise = f"costs {self.ddpm.figure()}" if self.ddpm else UNKNOWN
        one, own = (entry.figure() if entry else "unknown" for entry in (self.one, self.own))
        return (
            f"eta {figure(self.eta, 2)} costs {one} nats at {plural(self.steps, 'step')}, "
            f"eta 1 {noise}, each step its own eta {own}; eta 0 has no certificate"
            f"{HEEDED if self.heeds else ''}"
        )

    def churn(self) -> Json:
        """Return (2): EDM's times without the last 0, the gamma at each, and its S_churn."""
        rho, sigma = self.flow_to**-0.5, self.levels**-0.5
        gammas = np.append(0.0, sigma[1:] / rho - 1)
        beyond = [k for k, gamma in enumerate(gammas.tolist()) if gamma > EDM_GAMMA]
        return {
            "times": [float(sigma[0]), *rho.tolist()], "gammas": gammas.tolist(),
            "S_churn": (gammas * self.steps).tolist(), "S_noise": 1.0, "beyond": beyond,
        }  # fmt: skip

    def ways(self) -> list[str]:
        """Return how samplers that people run come nearest to the plan, a line each."""
        beyond, steps = len(self.churn()["beyond"]), len(self.flow_to)
        cut = f"; {beyond} of {plural(steps, 'step')} need more than EDM's code allows, 0.414"
        eta = figure(self.eta, 2)
        return [
            f"diffusers' DDIMScheduler: these timesteps and eta={eta}",
            "diffusers' EulerAncestralDiscreteScheduler: eta is always 1",
            f"k-diffusion, ComfyUI euler_ancestral: these sigmas and eta={eta}",
            "EDM's stochastic sampler without its second-order correction: these times, a gamma "
            f"each and S_noise=1{cut if beyond else ''}",
        ]

    def to_json(self) -> Json:
        """Return all of it as JSON values."""
        rows = [
            ("one eta", self.eta, self.one),
            ("noise of ddpm", 1.0, self.ddpm),
            ("each step its own", None, self.own),
        ]
        prices = [
            {"name": name, "eta": eta, **_figures(entry, UNKNOWN)} for name, eta, entry in rows
        ]
        none = {"name": "no noise", "eta": 0.0, **_figures(None, NO_NOISE)}
        return {
            "eta": self.eta, "etas": eta_of(self.levels, self.flow_to).tolist(), "prices":
            [*prices, none], "sentence": self.sentence, "ways": self.ways(), "edm": self.churn(),
        }  # fmt: skip


def _figures(entry: Entry | None, why: str) -> Json:
    if entry is None:
        return {"nats": None, "low": None, "high": None, "note": why}
    return {"nats": entry.value, "low": entry.low, "high": entry.high, "note": entry.note}


def native_eta(plan: Plan, audit: AuditRecord) -> NativeEta:
    """Return what samplers with one eta make of the levels of a plan of euler-ancestral."""
    inner = plan.inner
    rule = "must make at least two steps: one adds no noise"
    require(inner is not None and len(inner.flow_to) > 0, "plan", rule, plan.steps)
    assert inner is not None
    request = PlanOptions(sampler=plan.sampler, start=plan.start, last=plan.last)
    grids = flow_grids_of(as_planned(audit, plan), request, plan.levels)
    levels = grids.levels
    eta = best_eta(grids)
    own, one, ddpm = (
        eta_price(grids, flow_to)
        for flow_to in (inner.flow_to, flow_to_of(levels, eta), flow_to_of(levels, 1.0))
    )
    return NativeEta(levels, inner.flow_to, eta, own, one, ddpm, bool(grids.score.any()))


def best_eta(grids: FlowGrids) -> float:
    """Return the eta for all steps between these levels that counts least, of `ETAS`."""
    flow, levels = grids.flow.pooled(), grids.levels
    step, score = np.diff(np.log(levels)), np.diff(grids.score)
    costs = np.full(len(ETAS), np.inf)
    for k, eta in enumerate(ETAS.tolist()):
        flow_to = flow_to_of(levels, eta)
        if np.isfinite(flow_to).all():
            nats = ancestral_prices(flow, levels[:-1], levels[1:], flow_to, 1).nats[:, 0]
            overshoot = np.log(flow_to / levels[1:]) / step
            costs[k] = counted(nats, np.maximum(score, 0.0), overshoot).sum()
    rule = "must have steps that the audit followed the flow for"
    require(bool(np.isfinite(costs).any()), "plan", rule)
    return float(ETAS[costs.argmin()])


def eta_price(grids: FlowGrids, flow_to: Array) -> Entry | None:
    """Return what steps between these levels cost that flow to SNRs [N], None where unknown."""
    if not np.isfinite(flow_to).all():
        return None
    inner = Inner(flow_to, np.full(len(flow_to), math.nan))
    along = step_prices_of(grids.flow, grids.levels, inner)
    if not along.known.all():
        return None
    nodes = grids.places + 1
    chain = planned_chain(grids.price, nodes, along, np.ones(len(flow_to), dtype=bool))
    return chain_entry(grids.price, nodes, chain)


def ddim_lines(scheduler: Any, pipeline: str, timesteps: Sequence[float], eta: float) -> list[str]:
    """Return the Python that makes `pipe` visit these timesteps by DDIMScheduler with one eta.

    DDIMScheduler takes no list: it finds the time after this one by its number of steps, which is
    told it anew in every step.
    """
    clip = clip_of(own_config(scheduler))
    kept = f"clip_sample={'range' in clip}, thresholding={'quantile' in clip}"
    plain = pipeline in PLAIN_PIPELINES
    kinds = "DDIMPipeline, DDIMScheduler" if plain else "DDIMScheduler"
    put = "pipe = DDIMPipeline(pipe.unet, own)" if plain else "pipe.scheduler = own"
    return [
        "import torch",
        "from fractions import Fraction",
        f"from diffusers import {kinds}",
        "config = pipe.scheduler.config",
        f"own = DDIMScheduler.from_config(config, set_alpha_to_one=True, {kept})",
        put,
        "own = pipe.scheduler",
        f"given, eta = {[*timesteps]}, {figure(eta, 2)}",
        "gaps = {t: t - after for t, after in zip(given, [*given[1:], -1])}",
        "def set_timesteps(*_, device=None, **__):",
        "    own.timesteps = torch.tensor(given, device=device)",
        "def step(output, t, sample, generator=None, return_dict=True, **_):",
        "    own.num_inference_steps = Fraction(len(own), gaps[int(t)])  # the time after t by it",
        "    told = {'generator': generator, 'return_dict': return_dict}",
        "    return DDIMScheduler.step(own, output, t, sample, eta, True, **told)",
        "own.set_timesteps, own.step = set_timesteps, step",
        "# then run pipe as before; num_inference_steps and eta count for nothing",
    ]
