"""A plan on a grid: its sampler's variances, its ledger and what it promises."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .._checks import require, require_levels
from ..error_curve.interpolate import SAME_LEVEL
from ..ledger.certify import promise
from ..ledger.cheaper_steps import with_chain
from ..ledger.entry import Entry
from ..ledger.score_entry import grid_ledger
from ..path_kl.added_variances import added_variances
from ..path_kl.cheaper_chain import StepChain
from ..path_kl.grid_cost import Prices, prices
from ..path_kl.ideal_grid import excess
from ..sampling.registry import stochastic_named
from .matched_noise import beyond, matched, plus
from .plan import Plan

if TYPE_CHECKING:
    from .._typing import Indices, Json, Levels
    from ..denoise.base import Denoiser
    from ..measuring.record import AuditRecord
    from ..montecarlo import Estimate
    from .options import PlanOptions


def grid_prices(
    audit: AuditRecord, levels: Levels, request: PlanOptions
) -> tuple[Prices, Indices]:
    """Return the prices of the sampler asked for, and the nodes in them that `levels` are."""
    grid = require_levels("levels", levels)
    finest = audit.levels[-1]
    rule = f"must not be finer than the finest measured, SNR {finest:.6g}"
    require(bool(grid[-1] <= finest * (1 + SAME_LEVEL)), "levels", rule, float(grid[-1]))
    price = prices(
        audit, stochastic_named(request.sampler), request.covariance, request.start, levels=grid
    )
    nodes = np.unique(np.abs(np.log(price.levels)[None] - np.log(grid)[:, None]).argmin(axis=1))
    return price, nodes + 1


def plan_on(
    price: Prices,
    nodes: Indices,
    *,
    last: str,
    frontier: list[Json],
    why: str,
    shares: tuple[Estimate, Estimate] | None = None,
    denoiser: Denoiser | None = None,
) -> Plan:
    """Return the plan for a grid of nodes 1..K; shares: its cross-fitted init and steps.

    Without shares the grid counts as given: its price is then free of any choice. denoiser: the
    audited model, for noise that keeps the data's spread (`matched_noise.py`).
    """
    plan = bare(price, nodes, last=last, why=why)
    if denoiser is not None:
        plan, (init, cells) = matched(plan, price, denoiser), shares or excess(price, nodes)
        more = beyond(plan, price, nodes)
        assert plan.pilot is not None
        plan = replace(plan, pilot=replace(plan.pilot, nats=float(more.value)))
        shares = init, plus(cells, more)
    entries = grid_ledger(price, nodes, shares)
    entries, chain = with_chain(price, nodes, entries, plan.pilot is None)
    return with_prices(plan, price, nodes, entries, frontier, chain)


def with_prices(
    plan: Plan, price: Prices, nodes: Indices, entries: tuple[Entry, ...], frontier: list[Json],
    chain: StepChain | None,
) -> Plan:  # fmt: skip
    """Return a plan with its ledger, its frontier and what it promises; chain: of its steps."""
    promised = promise(
        price, price.curve, nodes, entries, last=plan.last, drawn=plan.drawn(), chain=chain
    )
    return replace(plan, ledger=entries, frontier=frontier, promised=promised)


def bare(price: Prices, nodes: Indices, *, last: str, why: str) -> Plan:
    """Return the plan for a grid of nodes 1..K without a ledger, which takes most of the time."""
    audit, frame, levels = price.audit, price.audit.frame, price.curve.levels[nodes]
    price.sampler.require_last(last)
    variances, axes = added_variances(price, nodes if last == "draw" else nodes[:-1])
    return Plan(
        sampler=price.sampler.name,
        covariance=price.covariance,
        start=price.start,
        last=last,
        levels=levels,
        moments=frame.moments,
        start_noise=np.sqrt(frame.spread(frame.start_variances(price.start)) + 1 / levels[0]),
        variances=variances,
        axes=axes,
        why=why,
        audit=audit.recorded(),
        model=audit.facts.model,
        calibration=audit.calibration,
    )
