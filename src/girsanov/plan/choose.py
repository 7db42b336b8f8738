r"""The search for levels, on the examples that may choose them.

The curve is that of some groups of examples, repaired (ledger/repair.py) and interpolated
(ledger/refine.py) at every level a plan may visit; the best grids of all sizes are shortest paths
through its cells. Against them stands the reference, what this denoiser costs at the least,

    R(i, j) = min over paths from i to j of the sum of cells and of 1/2 int M^ over stretches,  (1)

a stretch being what infinitely many levels cost in it. The paths visit measured levels and those
of the grid it is held against, so that no grid costs less, and what stands in (1) was measured:
the errors at these levels, and the integrals over the gaps between them (ledger/inside.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from .._typing import Array, Indices
from ..ledger.curve import Curve
from ..ledger.discretise import cells, weighted_cells
from ..ledger.init import start_cost
from .allocate import Allocation, cheapest_path, shortest_paths

MOST = 256  # levels a plan may visit
SIZES = (16, 64, MOST)  # the search for a few levels does not pay for many


@dataclass(frozen=True)
class Menu:
    """What a plan may visit, and what it is chosen by; levels are indices 0..K-1.

    allowed: levels that may be visited, None for all; keep: levels that must be; widest: the
    most log-SNR a step may cover; weight: a of ledger/discretise.py (9), 0 for KL.
    """

    allowed: Indices | None = None
    keep: tuple[int, ...] = ()
    widest: float = np.inf
    weight: float = 0.0


@dataclass(frozen=True)
class Choice:
    """The best grids and the reference (1) on one curve.

    curve: one group, at 0 and all levels; hold, covariance, start, process: the sampler;
    variances: of the starting Gaussian by band; integrals: 1/2 int M over each stretch between
    neighbouring levels [K]; measured: the nodes 0..K that were.
    """

    curve: Curve
    sampler: tuple[str, str | None, str, str]  # hold, covariance, start, process
    variances: Array
    menu: Menu
    integrals: Array
    measured: Indices
    _found: dict[int, Allocation] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def cell(self) -> Array:
        """The cost of every cell in nats, [K, K]."""
        hold, covariance, _, process = self.sampler
        return cells(self.curve, hold, covariance, process)

    @cached_property
    def starts(self) -> Array:
        """The cost of starting at every level in nats, [K]."""
        return start_cost(self.curve, self.curve.levels[1:], self.sampler[2], self.variances)[:, 0]

    def allocation(self, count: int = MOST) -> Allocation:
        """Return the best grids of up to `count` levels; indices are places in the menu."""
        size = next((n for n in SIZES if n >= count), MOST)
        if size not in self._found:
            self._found[size] = shortest_paths(*self._problem, size)
        return self._found[size]

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
    def _problem(self) -> tuple[Array, Array]:
        """Start and cell costs of the menu's levels, as its objective and rules have them."""
        s, weight = self.curve.levels[1:], self.menu.weight
        start, cell = self.starts, self.cell
        if weight:
            error = self.curve.traces[:, 0, 0]
            grown = np.log(s / s[0]) if weight == 1 else (s ** (1 - weight)) / (1 - weight)
            # from s = 0 the prediction is the mean: the same cell, less what no grid can avoid
            start, cell = error[0] * grown / 2, weighted_cells(s, error[1:], weight)
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

    @cached_property
    def _columns(self) -> Array:
        """Cells and starts as [j, i] from index 0, s = 0, [K + 1, K + 1]."""
        count = len(self.cell) + 1
        columns = np.full((count, count), np.inf)
        columns[1:, 1:] = self.cell.T
        columns[1:, 0] = self.starts
        return columns

    def reference(self, first: int, last: int, nodes: Indices) -> tuple[float, Indices]:
        """Return (1) from node `first` to `last` on this curve, and where its steps began.

        nodes: of the grid it is held against. Entry j of the path is the beginning of the cell
        that ends at node j, -1 where the stretch from j - 1 is dense, -2 elsewhere; [last + 1].
        """
        stops = np.unique(np.concatenate([self.measured, nodes, [first, last]]))
        stops = stops[(stops >= first) & (stops <= last)]
        dense = np.diff(np.concatenate([[0.0], self.integrals.cumsum()])[stops])
        costs, parents = cheapest_path(self._columns[np.ix_(stops, stops)], dense, 0)
        out, j = np.full(last + 1, -2), len(stops) - 1
        while j > 0:
            before = j - 1 if parents[j] < 0 else int(parents[j])
            if parents[j] < 0:
                out[stops[before] + 1 : stops[j] + 1] = -1
            else:
                out[stops[j]] = stops[before]
            j = before
        return float(costs[-1]), out
