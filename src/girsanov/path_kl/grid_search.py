r"""The search for levels, on the examples that may choose them.

The curve is that of some groups of examples, repaired (error_curve/smooth.py) and interpolated
(error_curve/interpolate.py) at every level a plan may visit; the best grids of all sizes are
shortest paths through its steps, the start among them as the step from s_0 = 0. With R(0, k) the
least that it costs to get to level k at all, (2), the search counts of a step from s_i to s_j

    (M(s_i) / d)^a D_ij,    D_ij = cost(i, j) + R(0, i) - R(0, j) >= 0,                   (1)

a = 0 for nats: the sum of the D of a grid is what it costs beyond the cheapest way to its end.
M(s_k)/d is the variance of x0 given x_k. By Talagrand's inequality a step that draws x0 from a
wrong law of that variance moves it by at most 2 (M/d) D in squared W2, so that
a = 1 adds up what every step moves samples by: the data's own variance times its nats at the
start, next to nothing at fine noise. Against grids stands the reference, what this denoiser costs
at the least in nats,

    R(i, j) = min over paths from i to j of the sum of steps and of 1/2 int M^ over stretches,  (2)

a stretch being what infinitely many levels cost in it. The paths visit measured levels and those
of the grid it is held against, so that no grid costs less, and what stands in (2) was measured:
the errors at these levels, and the integrals over the gaps between them
(error_curve/between_levels.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..error_curve.interpolate import stretches
from .cells import cells
from .shortest_path import Allocation, Search, cheapest_path
from .start import start_cost

if TYPE_CHECKING:
    from .._typing import Array, Indices, Levels
    from ..error_curve.curve import Curve
    from ..sampling.sampler import Sampler

MOST_LEVELS = 256  # levels a plan may visit
SEARCH_SIZES = (16, 64, MOST_LEVELS)  # the search for a few levels does not pay for many


@dataclass(frozen=True)
class Menu:
    """What a plan may visit, and what it is chosen by; levels are indices 0..K-1.

    allowed: levels that may be visited, None for all; keep: levels that must be; widest: the
    most log-SNR a step may cover; weight: a of (1), 0 for KL.
    """

    allowed: Indices | None = None
    keep: tuple[int, ...] = ()
    widest: float = np.inf
    weight: float = 0.0

    @property
    def key(self) -> tuple[object, ...]:
        """What tells this menu from others."""
        allowed = None if self.allowed is None else self.allowed.tobytes()
        return (allowed, self.keep, self.widest, self.weight)


@dataclass(frozen=True)
class Way:
    """How a grid is sampled: covariance None but for samplers that add a measured one."""

    sampler: Sampler
    covariance: str | None
    start: str
    process: str


@dataclass(frozen=True)
class GridChoice:
    """The best grids and the reference (2) on one curve.

    curve: one group, at 0 and all levels; way: how grids are sampled; variances: of the starting
    Gaussian by band; at_measured: the curve at the measured levels alone;
    measured: the nodes 0..K that were.
    """

    curve: Curve
    way: Way
    variances: Array
    menu: Menu
    at_measured: Curve
    measured: Indices

    @cached_property
    def cell(self) -> Array:
        """The cost of every step in nats, [K, K]."""
        way = self.way
        return cells(self.curve, way.sampler, way.covariance, way.process)

    @cached_property
    def starts(self) -> Array:
        """The cost of starting at every level in nats, [K]."""
        return self._started(self.curve.levels[1:])

    def _started(self, levels: Levels) -> Array:
        return start_cost(self.curve, levels, self.way.start, self.variances)[:, 0]

    @cached_property
    def integrals(self) -> Array:
        """1/2 int M over each stretch between neighbouring levels, [K]."""
        return stretches(self.at_measured, self.curve.levels[1:])[:, 0]

    @property
    def weights(self) -> Array:
        """What the search multiplies the nats of a step from each level by, (1), [K + 1]."""
        variance = np.maximum(self.curve.mean_traces()[:, 0], 1e-300) / self.curve.dimension
        return np.asarray(variance**self.menu.weight)

    @cached_property
    def least(self) -> Array:
        """R(0, k) of (2) for every node 0..K, [K + 1]."""
        return self.cheapest(0, np.arange(1, len(self.curve.levels)))[1]

    @property
    def start_excess(self) -> Array:
        """D of (1) of starting at every level, [K]."""
        return np.asarray(np.maximum(self.starts - self.least[1:], 0.0))

    @property
    def cell_excess(self) -> Array:
        """D of (1) of every step between levels, [K, K]."""
        least = self.least[1:]
        return np.asarray(np.maximum(self.cell + least[:, None] - least[None], 0.0))

    @property
    def passing(self) -> Array:
        """What infinitely many steps up to every level cost beyond R, which only grows, [K]."""
        return np.asarray(np.cumsum(self.integrals) - self.least[1:])

    def allocation(self, count: int = MOST_LEVELS) -> Allocation:
        """Return the best grids of up to `count` levels; indices are places in the menu."""
        return self._search.allocation(next((n for n in SEARCH_SIZES if n >= count), MOST_LEVELS))

    def _place(self, last: int) -> int:
        allowed = self.menu.allowed
        return last - 1 if allowed is None else int(np.searchsorted(allowed, last - 1))

    def reachable(self, count: int, last: int) -> bool:
        """Return whether there is a grid of `count` levels that ends at node `last`."""
        costs = self.allocation(count).costs
        return count <= len(costs) and bool(np.isfinite(costs[count - 1, self._place(last)]))

    def nodes(self, count: int, last: int) -> Indices:
        """Return the best `count` levels that end at node `last`, as nodes 1..K."""
        allowed = self.menu.allowed
        path = self.allocation(count).grid(count, self._place(last))
        return (path if allowed is None else allowed[path]) + 1

    @cached_property
    def _search(self) -> Search:
        return Search(*self._problem)

    @property
    def _problem(self) -> tuple[Array, Array]:
        """Start and step costs of the menu's levels, as its objective and rules have them."""
        s, start, cell = self.curve.levels[1:], self.starts, self.cell
        if self.menu.weight:
            weight = self.weights
            start, cell = weight[0] * self.start_excess, weight[1:, None] * self.cell_excess
        if self.menu.allowed is None and not self.menu.keep and np.isinf(self.menu.widest):
            return start, cell
        places = np.arange(len(s)) if self.menu.allowed is None else self.menu.allowed
        start, cell = start[places].copy(), cell[np.ix_(places, places)]
        logs = np.log(s[places])
        cell[logs[None, :] - logs[:, None] > self.menu.widest + 1e-9] = np.inf
        for k in np.searchsorted(places, np.array(self.menu.keep, dtype=np.int64)):
            start[k + 1 :] = np.inf
            cell[:k, k + 1 :] = np.inf
        return start, cell

    def cheapest(self, first: int, grid: Indices) -> tuple[Indices, Array, Indices]:
        """Return the paths of (2) from node `first`: the nodes they may visit, costs, parents.

        grid: the nodes besides the measured ones, in order, from `first` on; what lies beyond the
        last is left out. Costs and parents as `cheapest_path` returns them.
        """
        stops = np.unique(np.concatenate([self.measured, grid, [first]]))
        stops = stops[(stops >= first) & (stops <= grid[-1])]
        dense = np.diff(np.concatenate([[0.0], self.integrals.cumsum()])[stops])
        return stops, *cheapest_path(self._columns(stops), dense, 0)

    def _columns(self, stops: Indices) -> Array:
        """Return costs of steps, and of starts from s = 0, between nodes `stops` as [j, i]."""
        from_zero = int(stops[0] == 0)
        places = stops[from_zero:]
        columns = np.full((len(stops), len(stops)), np.inf)
        if "cell" in self.__dict__:
            columns[from_zero:, from_zero:] = self.cell[np.ix_(places - 1, places - 1)].T
        else:
            way, part = self.way, self.curve.at(np.concatenate([[0], places]))
            columns[from_zero:, from_zero:] = cells(
                part, way.sampler, way.covariance, way.process
            ).T
        if from_zero:
            columns[1:, 0] = self._started(self.curve.levels[places])
        return columns
