"""A plan on a grid: its sampler's variances, its ledger and what it promises."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .._checks import require, require_levels
from ..basis import Basis
from ..error_curve.interpolate import SAME_LEVEL, covariances
from ..ledger.certify import promise
from ..ledger.chain_entry import chain_entry
from ..ledger.entry import Entry
from ..ledger.sampler_entries import sampler_entries
from ..ledger.score_entry import score_floor, score_note
from ..path_kl.cheaper_chain import StepChain, cheaper
from ..path_kl.grid_cost import Prices, prices
from ..path_kl.ideal_grid import excess
from ..sampling.registry import stochastic_named
from .matched_noise import beyond, matched, plus
from .plan import Plan

if TYPE_CHECKING:
    from .._typing import Array, Indices, Json, Levels
    from ..denoise.base import Denoiser
    from ..measuring.record import AuditRecord
    from ..montecarlo import Estimate
    from .options import PlanOptions


def as_planned(audit: AuditRecord, plan: Plan) -> AuditRecord:
    """Return an audit of the denoiser and process that a plan samples with."""
    return (audit.calibrated() if plan.calibration is not None else audit).in_process(plan.process)


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


def with_chain(
    price: Prices, nodes: Indices, entries: tuple[Entry, ...], wanted: bool = True
) -> tuple[tuple[Entry, ...], StepChain | None]:
    """Return a ledger with its steps priced along the flow where that is less, and the chain."""
    chain = chain_of(price, nodes) if wanted else None
    if chain is None:
        return entries, None
    entry = chain_entry(price, nodes, chain)
    if (entry.high or 0.0) >= (entries[1].high or 0.0):
        return entries, None
    return (entries[0], entry, *entries[2:]), chain


def chain_of(price: Prices, nodes: Indices) -> StepChain | None:
    """Return the cheaper chain of each step of a grid of nodes 1..K, None where that is its
    own."""

    def work_out() -> StepChain | None:
        if price.audit.flow is None or len(nodes) < 2:
            return None
        steps = bare(price, nodes, last="sample", why="").recipe().steps
        return cheaper(price, nodes, steps)

    return price.kept(("chain", nodes.tobytes()), work_out)


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
    variances, axes = _variances(price, nodes if last == "draw" else nodes[:-1])
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


def grid_ledger(
    price: Prices, nodes: Indices, shares: tuple[Estimate, Estimate] | None = None
) -> tuple[Entry, ...]:
    """Return the entries init, discretisation and score of a grid, in nats."""
    rows = sampler_entries(price, nodes, shares or excess(price, nodes))
    if price.exact:
        return (*rows, Entry("score", 0.0, 0.0, 0.0, "exact", "the denoiser is exact"))
    low = score_floor(price, nodes)
    return (*rows, Entry("score", None, low, None, "lower bound", score_note(price.audit)))


def chain_ledger(price: Prices, nodes: Indices, chain: StepChain | None) -> tuple[Entry, ...]:
    """Return the ledger of a grid whose steps a chain prices, None where there are no steps."""
    entries = grid_ledger(price, nodes)
    if chain is None:
        return entries
    return entries[0], chain_entry(price, nodes, chain), *entries[2:]


def _variances(price: Prices, here: Indices) -> tuple[Array | None, tuple[Basis, ...]]:
    if not price.sampler.covariance:
        return None, ()
    curve, frame, more = price.curve, price.audit.frame, price.unseen(here)
    if price.covariance == "scalar":
        return (price.variances(here) + more)[:, 0], ()
    if price.covariance == "full":
        d, full = curve.dimension, covariances(price.audit.curve, curve.levels[here])
        values, vectors = np.linalg.eigh(full.mean(axis=1))
        return np.maximum(values, 0) + more, tuple(Basis("pca", (d,), (v,)) for v in vectors)
    name = str(price.covariance)
    basis, bands = frame.bases[name]
    return bands.spread(price.variances(here) + more), (basis,) if len(here) else ()
