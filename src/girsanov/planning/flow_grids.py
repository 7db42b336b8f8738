"""The best grids of an ancestral sampler for every number of network calls, and what they cost.

What a number of calls chooses on some examples is priced by the others; what it looks cheaper by
is added to the price of the plan, whose grid all examples choose.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._checks import refuse, require
from .._typing import Array, Indices, Json, Levels
from ..ledger.entry import kl_from_tv, tv_from_kl
from ..ledger.score_entry import chain_ledger, score_floor
from ..montecarlo import Estimate
from ..path_kl.cheaper_chain import StepChain, group_halves, planned_chain
from ..path_kl.flow_cells import Priced, ancestral_prices
from ..path_kl.flow_search import (
    GAUSSIAN,
    OVERSHOOTS,
    FlowSearch,
    Route,
    StepTable,
    flow_table,
    inner_of,
    with_gaussian,
)
from ..sampling.ancestral import Ancestral, Inner

if TYPE_CHECKING:
    from ..error_curve.flow_curve import FlowCurve
    from ..path_kl.grid_cost import Prices
    from .options import PlanOptions

MOST_CALLS = 256  # a plan may make
FRONTIER = (*range(1, 33), *range(34, 66, 2))  # numbers of calls that a frontier tells of


@dataclass(frozen=True)
class FlowGrids:
    """The best grids of an ancestral sampler, by network calls.

    price: of analytic-dpm on the same levels, for starts and its steps; places: of the levels that
    may be visited among the price's; end: where they end, a place; banned: pairs of places that no
    step may join [K, K]; gaussian: whether steps may be analytic-dpm's; begin_by: the last place
    where a grid may begin, None for any.
    """

    price: Prices
    sampler: Ancestral
    flow: FlowCurve
    last: str
    places: Indices
    end: int
    banned: NDArray[np.bool_]
    gaussian: bool
    begin_by: int | None = None
    _searches: dict[int, FlowSearch] = field(default_factory=dict, repr=False)

    @property
    def levels(self) -> Levels:
        """The SNRs that may be visited."""
        return np.asarray(self.price.levels[self.places])

    @property
    def trained(self) -> Levels | None:
        """The SNRs that the network must be asked at, None for any."""
        trained = self.price.audit.facts.trained_levels
        return None if trained is None else np.array(trained)

    @property
    def extra(self) -> int:
        """Network calls besides those of steps: a last prediction."""
        return int(self.last != "sample")

    @cached_property
    def tables(self) -> tuple[StepTable | None, StepTable | None]:
        """The steps with one call and two, as all examples price them."""
        return self._tables(None)

    def _tables(self, half: int | None) -> tuple[StepTable | None, StepTable | None]:
        groups = None if half is None else ~group_halves(len(self.flow.shares))[half]
        flow, one, two = self.flow.pooled(groups), None, None
        if self.sampler.calls == 1:
            one = self._followed(flow, 1)
        if self.sampler.order == 2:
            two = self._followed(flow, 2)
        if one is not None and self.gaussian:
            one = with_gaussian(one, self._gaussian)
        return self._allowed(one), self._allowed(two)

    def _allowed(self, table: StepTable | None) -> StepTable | None:
        return table and StepTable(np.where(self.banned, np.inf, table.cost), table.choice)

    def _followed(self, flow: FlowCurve, calls: int) -> StepTable:
        """Return the steps along the flow; where the model is worse than a longer step past it,
        they cost what they pay for that too."""
        table, passing = flow_table(flow, self.levels, calls, self.score), self._passing
        more = np.maximum(passing[None] - passing[:, None], 0.0)
        return StepTable(table.cost + more, table.choice)

    @cached_property
    def _passing(self) -> Array:
        return np.asarray(self.price.choice().passing[self.places])

    @cached_property
    def _gaussian(self) -> Array:
        """What analytic-dpm's steps cost beyond the least, (1) of path_kl/grid_search.py, [K,
        K]."""
        return np.asarray(self.price.choice().cell_excess[np.ix_(self.places, self.places)])

    @cached_property
    def score(self) -> Array:
        """S of `flow_search.py` up to each level, cumulated."""
        probe = self.price.audit.probe
        if probe is None or self.price.exact:
            return np.zeros(len(self.places))
        gain = np.maximum(probe.gain().value, 0.0)
        s = self.price.audit.levels
        half = np.concatenate([[0.0], np.cumsum(np.diff(s) * (gain[1:] + gain[:-1]) / 4)])
        return np.asarray(np.interp(self.levels, s, half))

    @cached_property
    def _starts(self) -> Array:
        own = self.price.choice().start_excess[self.places]
        late = False if self.begin_by is None else np.arange(len(own)) > self.begin_by
        return np.asarray(np.where(late, np.inf, own))

    def _search(self, half: int | None) -> FlowSearch:
        key = -1 if half is None else half
        if key not in self._searches:
            weight = self.price.choice().weights
            begin, weight = weight[0] * self._starts, weight[self.places + 1][:, None]
            tables = (
                t and StepTable(weight * t.cost, t.choice)
                for t in (self.tables if half is None else self._tables(half))
            )
            self._searches[key] = FlowSearch(self.levels, begin, *tables)
        return self._searches[key]

    def route(self, steps: int, half: int | None = None) -> Route | None:
        """Return the best grid of so many network calls, chosen without one half of the groups."""
        calls = steps - self.extra
        if not 0 <= calls <= MOST_CALLS or (calls == 0 and not self.extra):
            return None
        return self._search(half).route(calls, self.end)

    def require(self, steps: int) -> None:
        """Refuse a number of network calls for which there is no grid, with what there is."""
        if self.route(steps) is not None:
            return
        self._require_finer_levels()
        good = [n for n in range(1, MOST_CALLS + 1) if self.route(n) is not None]
        rule = "have no grid within these limits and the steps that the audit followed"
        require(bool(good), "steps", rule, steps)
        kind = "" if good[1:2] != [good[0] + 2] else "odd, " if good[0] % 2 else "even, "
        rule = f"must be {kind}{good[0]} to {good[-1]}" if good[1:] else f"must be {good[0]}"
        refuse("steps", rule, steps)

    def _require_finer_levels(self) -> None:
        """Refuse an end that even the shortest step flows farther past than was measured."""
        t = self.levels[self.end]
        past = t * (t / self.levels[max(self.end - 1, 0)]) ** OVERSHOOTS[-1]
        rule = "must be coarser than the finest noise level measured: steps flow past their end"
        remedy = "Give a coarser one, or audit finer levels"
        fits = bool(past <= self.flow.finest * (1 + 1e-6))
        require(fits, "resolution", rule, float(t**-0.5), remedy)

    def grid(self, route: Route) -> FlowGrid:
        """Return a grid with the price of its steps."""
        levels, nodes = self.levels[route.places], self.places[route.places] + 1
        inner = inner_of(levels, route.ways, self.trained)
        by_flow = ~np.isnan(inner.flow_to)
        along = step_prices_of(self.flow, levels, inner)
        chain = planned_chain(self.price, nodes, along, by_flow) if len(by_flow) else None
        return FlowGrid(nodes, inner, chain)

    def best(self, steps: int) -> FlowGrid:
        """Return the best grid; its price, with what it looks cheaper by for having been
        chosen."""
        grid, other = self._cross_fitted(steps), self.without_gaussian
        if other is None:
            return grid
        found = [grid, *self._of_gaussians(steps)]
        if np.isnan(grid.inner.flow_to).any() and other.route(steps) is not None:
            found.append(other._cross_fitted(steps))
        return min(found, key=self._upper_of)

    def _of_gaussians(self, steps: int) -> list[FlowGrid]:
        """Return the best grid of analytic-dpm's steps alone, [] if there is none."""
        choice, end = self.price.choice(), int(self.places[self.end]) + 1
        count = steps + 1 - self.extra
        if not choice.reachable(count, end):
            return []
        nodes = choice.nodes(count, end)
        levels = self.price.levels[nodes - 1]
        inner = inner_of(levels, [(1, GAUSSIAN)] * (count - 1), self.trained)
        along = step_prices_of(self.flow, levels, inner)
        no_flow = np.zeros(count - 1, dtype=bool)
        chain = planned_chain(self.price, nodes, along, no_flow) if count > 1 else None
        return [FlowGrid(nodes, inner, chain)]

    @cached_property
    def without_gaussian(self) -> FlowGrids | None:
        """These grids without analytic-dpm's steps, whose path KL leaves more open; None if so."""
        return replace(self, gaussian=False, _searches={}) if self.gaussian else None

    def _cross_fitted(self, steps: int) -> FlowGrid:
        route = self.route(steps)
        assert route is not None
        grid = self.grid(route)
        if grid.chain is None or len(grid.chain.shares) == 1:
            return grid
        total, shares = 0.0, grid.chain.shares
        for k, half in enumerate(group_halves(len(shares))):
            route = self.route(steps, k)
            other = None if route is None else self.grid(route).chain
            if other is None:
                return grid
            total += float(other.nats.sum(axis=0) @ (shares * half))
        more = max(0.0, total - float(grid.chain.nats.sum(axis=0) @ shares))
        return grid._replace(chain=replace(grid.chain, more=more))

    def upper(self, steps: int) -> float:
        """Return the upper ends of init and discretisation of the best grid, added."""
        return self._upper_of(self.best(steps))

    def _upper_of(self, grid: FlowGrid) -> float:
        entries = chain_ledger(self.price, grid.nodes, grid.chain)
        return sum(float(e.high or 0.0) for e in entries[:2])

    def fewest(self, request: PlanOptions) -> tuple[int, str]:
        """Return the fewest calls whose init and discretisation stay below the target, and why."""
        target = float(request.kl or 0.0) if request.tv is None else kl_from_tv(request.tv)
        reached = math.inf
        for count in self.counts():
            reached = min(reached, self.upper(count))
            if reached <= target:
                why = (
                    f"the fewest steps whose init and discretisation stay below {target:.4g} nats"
                )
                return count, why
        name = "kl" if request.tv is None else "tv"
        least = reached if name == "kl" else tv_from_kl(reached)
        rule = (
            f"cannot be reached with {FRONTIER[-1]} steps: the least there is --{name} {least:.3g}"
        )
        remedy = "" if self.price.exact else "Audit more examples, or end at a coarser noise level"
        refuse(name, rule, target if name == "kl" else request.tv, remedy)

    def counts(self, more: int | None = None) -> list[int]:
        """Return the numbers of calls that a frontier tells of, for which there is a grid."""
        asked = sorted({*FRONTIER, *([more] if more else [])})
        counts = [n for n in asked if self.route(n) is not None]
        rule = "leave no grid that the audit followed the flow for"
        require(bool(counts), "resolution, keep, among, widest", rule)
        return counts

    def frontier(self, steps: int | None = None) -> list[Json]:
        """Return what the best grids of other numbers of calls cost above the cheapest.

        They are the grids that plans of so many calls have, and their prices, cross-fitted.
        """
        counts = self.counts(steps)
        costs = [self.cost(self.best(n)) for n in counts]
        least = min(float(cost.value) for cost in costs)
        return [
            {
                "steps": count,
                "above_best": float(cost.value) - least,
                "standard_error": float(cost.se),
            }
            for count, cost in zip(counts, costs, strict=True)
        ]

    def cost(self, grid: FlowGrid) -> Estimate:
        """Return what a grid costs: its start beyond the cheapest, and its steps."""
        start = float(self.price.choice().start_excess[grid.nodes[0] - 1])
        if grid.chain is None:
            return Estimate(start, 0.0)
        steps = grid.chain.total()
        return Estimate(start + float(steps.value), float(steps.se))

    def score_bound(self, steps: int) -> float:
        """Return the lower bound of the score error of the path, of the best grid's levels."""
        route = self.route(steps)
        if self.price.exact or route is None:
            return 0.0
        return score_floor(self.price, self.places[route.places] + 1)


class FlowGrid(NamedTuple):
    """A grid of nodes 1..K: how its steps are taken, and their price, None where there are
    none."""

    nodes: Indices
    inner: Inner
    chain: StepChain | None


def step_prices_of(flow: FlowCurve, levels: Levels, inner: Inner) -> Priced:
    """Return the prices of steps along the flow; of others nothing is said."""
    by_flow, two = ~np.isnan(inner.flow_to), ~np.isnan(inner.middle)
    flow_to = np.where(by_flow, inner.flow_to, levels[1:] * 2)
    one, other = (
        ancestral_prices(flow, levels[:-1], levels[1:], flow_to, calls) for calls in (1, 2)
    )
    return Priced(
        np.where(two[:, None], other.nats, one.nats), one.known & by_flow,
        np.where(by_flow, np.where(two, other.unseen, one.unseen), 0.0),
        np.where(two, other.between, one.between),
    )  # fmt: skip
