r"""The best levels, kernels and noise for a number of network calls, of steps along the flow.

Between two levels a step may call the network once or twice and flow to any rho, or be one of
analytic-dpm, priced by the path KL. What is least for a number of calls is a shortest path over
(level, calls left): for mixtures of kernels the Monge rule fails (theory 13.8), so that all pairs
of levels are tried.

The score error of a step along the flow is not identifiable. What is known of it, S (half the
integral of the probe's gain over the step), grows with the overshoot e = u/h - 1 about as
(1 + e)^2/(4 e), so that a step that costs D counts as

    (sqrt D + sqrt S_e)^2 - S,    S_e = S (1 + e)^2/(4 e):                                 (1)

no plan trades a certain loss for a smaller discretisation. Of an exact denoiser S = 0.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..sampling.ancestral import Inner
from .flow_cells import INTERPOLATED, ancestral_prices

if TYPE_CHECKING:
    from .._typing import Array, Indices, Levels
    from ..error_curve.flow_curve import FlowCurve

OVERSHOOTS = (1.0, 0.6, 1 / 3, 0.2)  # e that are tried
GAUSSIAN = -1  # the place of analytic-dpm's step beside those of `OVERSHOOTS`


class StepTable(NamedTuple):
    """What the best step of so many calls costs between levels, and its overshoot, [K, K] each."""

    cost: Array
    choice: Indices


class Route(NamedTuple):
    """A grid: its places in the menu; by step, its calls and its place in `OVERSHOOTS`."""

    places: Indices
    ways: list[tuple[int, int]]


def flow_table(flow: FlowCurve, levels: Levels, calls: int, known: Array) -> StepTable:
    """Return the best steps along a pooled flow between all pairs of `levels` [K].

    known: S of (1) up to each level, cumulated [K].
    """
    i, j = np.triu_indices(len(levels), 1)
    step = np.log(levels[j] / levels[i]) / 2
    near = step <= flow.lengths[-1]  # the flow was not followed farther
    i, j, step = i[near], j[near], step[near]
    score = np.maximum(known[j] - known[i], 0.0)
    best, choice = np.full(len(i), np.inf), np.zeros(len(i), dtype=np.int64)
    for k, e in enumerate(OVERSHOOTS):
        flow_to = levels[i] * np.exp(2 * (1 + e) * step)
        nats = ancestral_prices(flow, levels[i], levels[j], flow_to, calls).nats[:, 0]
        cost = counted((1 + INTERPOLATED[calls]) * nats, score, e)
        better = cost < best
        best[better], choice[better] = cost[better], k
    whole = np.full((len(levels), len(levels)), np.inf)
    chosen = np.zeros(whole.shape, dtype=np.int64)
    whole[i, j], chosen[i, j] = best, choice
    return StepTable(whole, chosen)


def counted(nats: Array, score: Array, overshoot: Array | float) -> Array:
    """Return what steps that cost so many nats count as, by (1); score: S of each."""
    e = np.asarray(overshoot)
    return np.asarray((np.sqrt(nats) + np.sqrt(score * (1 + e) ** 2 / (4 * e))) ** 2 - score)


def with_gaussian(table: StepTable, cost: Array) -> StepTable:
    """Return the better of a table's steps and of analytic-dpm's, which cost [K, K]."""
    better = cost < table.cost
    return StepTable(np.where(better, cost, table.cost), np.where(better, GAUSSIAN, table.choice))


class FlowSearch:
    """Shortest paths of all numbers of calls.

    start: what it costs to start at each level [K]; one, two: tables of steps with one call and
    two, None where the sampler has none.
    """

    def __init__(
        self, levels: Levels, start: Array, one: StepTable | None, two: StepTable | None
    ) -> None:
        self.levels, self.one, self.two = levels, one, two
        self.cost, self.parent, self.taken = (
            [start],
            [np.full(len(start), -1)],
            [np.zeros(len(start))],
        )

    def _extend(self) -> None:
        best, parent = np.full(len(self.levels), np.inf), np.full(len(self.levels), -1)
        taken = np.zeros(len(self.levels))
        for calls, table in ((1, self.one), (2, self.two)):
            if table is None or len(self.cost) < calls:
                continue
            total = self.cost[-calls][:, None] + table.cost
            at = total.argmin(axis=0)
            value = total[at, np.arange(len(at))]
            better = value < best
            best[better], parent[better], taken[better] = value[better], at[better], calls
        self.cost.append(best)
        self.parent.append(parent)
        self.taken.append(taken)

    def route(self, calls: int, end: int) -> Route | None:
        """Return the best grid that ends at place `end` with exactly so many calls, or None."""
        while len(self.cost) <= calls:
            self._extend()
        if not math.isfinite(self.cost[calls][end]):
            return None
        places, ways, left = [end], [], calls
        while left:
            here, step = places[-1], int(self.taken[left][places[-1]])
            before = int(self.parent[left][here])
            table = self.one if step == 1 else self.two
            assert table is not None
            ways.append((step, int(table.choice[before, here])))
            places.append(before)
            left -= step
        return Route(np.array(places[::-1]), ways[::-1])


def inner_of(levels: Levels, ways: list[tuple[int, int]], trained: Levels | None) -> Inner:
    """Return steps between `levels`, each of so many calls, by its place in `OVERSHOOTS`.

    trained: the SNRs that the network must be asked at, None for any.
    """
    flow_to, middle = np.full((2, len(ways)), math.nan)
    for k, (calls, choice) in enumerate(ways):
        if choice == GAUSSIAN:
            continue
        step = math.log(levels[k + 1] / levels[k]) / 2
        length = (1 + OVERSHOOTS[choice]) * step
        flow_to[k] = levels[k] * math.exp(2 * length)
        if calls == 2:
            middle[k] = levels[k] * math.exp(length)
            if trained is not None:
                between = trained[(trained > levels[k]) & (trained < flow_to[k])]
                near = np.abs(np.log(between / middle[k]))
                middle[k] = between[near.argmin()] if len(between) else math.nan
    return Inner(flow_to, middle)
