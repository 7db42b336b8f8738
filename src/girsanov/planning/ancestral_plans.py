"""Plans of ancestral samplers: levels, kernels and noise chosen by their price along the flow."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .._checks import refuse, require, require_count
from .._typing import Indices, Json, Levels
from ..ledger.score_entry import chain_ledger
from ..path_kl.flow_search import Route
from ..path_kl.grid_cost import prices
from ..sampling.ancestral import Ancestral
from ..sampling.exponential_integrators import ANALYTIC_DPM
from ..sampling.registry import sampler_named
from .allowed_levels import Offer, ends_by, offer
from .flow_grids import FlowGrid, FlowGrids
from .on_grid import bare, grid_prices, with_prices
from .options import GIVEN, PlanOptions, remembered
from .step_targets import best_number, least_gain, of_the_model

if TYPE_CHECKING:
    from ..measuring.record import AuditRecord
    from ..path_kl.grid_search import Menu
    from .plan import Plan

MOST_PLACES = 200  # levels that are tried, all pairs of them
NO_FLOW = (
    "needs an audit that followed this network's flow: not of a guided field or one of phase "
    "space, nor with --flow 0; of a broken network calibrated, of others as they are"
)


def ancestral_plan(audit: AuditRecord, request: PlanOptions) -> Plan:
    """Return the plan of an ancestral sampler for a number of network calls, a target or the
    best."""
    grids = flow_grids_of(audit, request)
    rows: list[Json] = []
    if request.steps is not None:
        count, why = require_count("steps", request.steps), GIVEN
    elif request.kl is not None or request.tv is not None:
        count, why = grids.fewest(request)
    else:
        rows = grids.frontier()
        gain = least_gain(grids.price, int(grids.places[grids.end]) + 1)
        without = of_the_model(grids.price)
        count, why = best_number(rows, grids.score_bound, grids.upper, gain, without)
    grids.require(count)
    plan = flow_plan(grids, grids.best(count), why, rows or grids.frontier(count))
    return dataclasses.replace(plan, limits=remembered(request, grids.price))


def every_ancestral(
    audit: AuditRecord,
    request: PlanOptions,
    counts: Iterable[int] | None = None,
    *,
    ledgers: bool = True,
) -> Iterator[Plan]:
    """Yield the plan for every number of network calls there is one for, or for those in counts.

    By default all up to 32 and some beyond. ledgers: False for grids alone.
    """
    grids = flow_grids_of(audit, request)
    rows, limits = grids.frontier() if ledgers else [], remembered(request, grids.price)
    for count in grids.counts() if counts is None else sorted({*counts}):
        if grids.route(count) is not None:
            grid = grids.best(count)
            plan = flow_plan(grids, grid, GIVEN, rows) if ledgers else _bare(grids, grid, GIVEN)
            yield dataclasses.replace(plan, limits=limits)


def ancestral_on_grid(audit: AuditRecord, levels: Levels, request: PlanOptions) -> Plan:
    """Return the plan that visits given `levels`, its noise and kernels chosen step by step."""
    grids = flow_grids_of(audit, request, levels)
    places = np.arange(len(grids.places))
    rule = "must be two or more that are apart, where the last is sampled"
    require(len(places) > 1 or grids.last != "sample", "levels", rule, levels.tolist())
    ways: list[tuple[int, int]] = []
    for i, j in itertools.pairwise(places):
        tables = [(c, t) for c, t in ((1, grids.tables[0]), (2, grids.tables[1])) if t is not None]
        calls, table = min(tables, key=lambda pair: (float(pair[1].cost[i, j]), pair[0]))
        rule = "must not have steps longer than the audit followed the flow for"
        require(math.isfinite(table.cost[i, j]), "levels", rule, levels[i : j + 1].tolist())
        ways.append((calls, int(table.choice[i, j])))
    return flow_plan(grids, grids.grid(Route(places, ways)), "the grid was given", [])


def flow_plan(grids: FlowGrids, grid: FlowGrid, why: str, rows: list[Json]) -> Plan:
    """Return the plan of a grid, with its ledger and what it promises."""
    price, nodes = grids.price, grid.nodes
    ledger = chain_ledger(price, nodes, grid.chain)
    return with_prices(_bare(grids, grid, why), price, nodes, ledger, rows, grid.chain)


def _bare(grids: FlowGrids, grid: FlowGrid, why: str) -> Plan:
    """Return the plan of a grid without its ledger, which takes most of the time."""
    plan = bare(grids.price, grid.nodes, last=grids.last, why=why)
    plan = dataclasses.replace(plan, sampler=grids.sampler.name, inner=grid.inner)
    if grids.sampler.covariance:
        return plan
    return dataclasses.replace(plan, covariance=None, variances=None, axes=())


def flow_grids_of(
    audit: AuditRecord, request: PlanOptions, levels: Levels | None = None
) -> FlowGrids:
    """Return the grids on all levels that a plan may visit, or on `levels` alone."""
    sampler = sampler_named(request.sampler)
    assert isinstance(sampler, Ancestral)
    last = sampler.require_last(ends_by(audit, request))
    rule = "belongs to analytic-dpm and mixed"
    covered = request.covariance is None or sampler.covariance
    require(covered, "covariance", rule, request.covariance)
    flow = audit.in_process(request.process).flow
    if flow is None:
        refuse("sampler", NO_FLOW, sampler.name)
    own = dataclasses.replace(request, sampler=ANALYTIC_DPM.name, last=last)
    if levels is not None:
        price, nodes = grid_prices(audit, levels, own)
        places, banned = nodes - 1, np.zeros((len(nodes), len(nodes)), dtype=bool)
        end, mixes = len(places) - 1, sampler.covariance
        return FlowGrids(price, sampler, flow, last, places, end, banned, mixes)
    site = offer(audit, own)
    menu = dataclasses.replace(site.menu, weight=request.weight_for(audit))
    price = prices(
        audit, ANALYTIC_DPM, request.covariance, request.start, levels=site.levels, menu=menu
    )
    places = _thinned(site)
    banned = _banned(site.menu, places, price.levels[places])
    mixes, end, kept = sampler.covariance, len(places) - 1, site.menu.keep
    begin_by = int(np.searchsorted(places, min(kept))) if kept else None
    return FlowGrids(price, sampler, flow, last, places, end, banned, mixes, begin_by)


def _thinned(site: Offer) -> Indices:
    """Return the places that a plan may visit: the end, those it must, and of others some."""
    every = np.arange(site.end) if site.menu.allowed is None else site.menu.allowed
    some = every[:: max(1, math.ceil(len(every) / MOST_PLACES))]
    wanted = [*site.menu.keep, int(every[-1])]
    return np.union1d(some, wanted).astype(np.int64)


def _banned(menu: Menu, places: Indices, levels: Levels) -> NDArray[np.bool_]:
    """Return which pairs of levels no step may join, [K, K]."""
    logs = np.log(levels)
    out = np.asarray(logs[None, :] - logs[:, None] > menu.widest + 1e-9)
    for k in np.searchsorted(places, np.array(menu.keep, dtype=np.int64)):
        out[:k, k + 1 :] = True
    return out
