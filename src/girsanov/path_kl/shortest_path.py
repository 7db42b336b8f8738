r"""Where the levels go: the shortest path through the steps, for every number of steps at once.

With w(i, j) the cost of the step from level i to level j and f_1(j) = start_j,

    f_n(j) = min_{i < j} f_{n-1}(i) + w(i, j),                                            (1)

the best grid of n levels that ends at j (dynamic programming; exact for any costs). Where

    w(i, j) + w(i', j') <= w(i, j') + w(i', j),    i < i' < j < j',    (Monge)            (2)

the best i of (1) does not fall as j grows, so that a few columns j bound the search of all
others (divide and conquer) and the answer is the same. (2) holds when it does for neighbours,
i' = i + 1 and j' = j + 1, which is checked on the steps at hand; elsewhere every i is tried.

The cheapest path of any number of steps, when each may also be left out at the price e_j of the
stretch from j - 1 to j, is the recursion

    f(j) = min( f(j - 1) + e_j, min_{i < j} f(i) + w(i, j) ).                             (3)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._checks import require, require_count

if TYPE_CHECKING:
    from .._typing import Array, Indices

STRIDE = 24  # columns searched first; those between are searched within their neighbours' answers
BLOCK = 128  # columns of the full programme at a time: a triangle needs half of a square
ROWS = 64  # of steps looked at together for violations of (2)
ROUNDING = 1e-12  # of the largest cost: what may violate (2) by rounding alone


@dataclass(frozen=True)
class Allocation:
    """All best grids of up to n levels; costs: f_n(j) [n, K]; parents: the i of (1) [n, K]."""

    costs: Array
    parents: Indices

    def grid(self, count: int, last: int) -> Indices:
        """Return the indices of the best `count` levels that end at index `last`."""
        require_count("count", count)
        most = len(self.costs)
        reached = count <= most and bool(np.isfinite(self.costs[count - 1, last]))
        require(
            reached,
            "steps",
            f"must be at most {min(most, last + 1)}, the levels there are up to this resolution",
            count,
            "Audit with more --levels",
        )
        path = [last]
        for n in range(count - 1, 0, -1):
            path.append(int(self.parents[n, path[-1]]))
        return np.array(path[::-1])


class Search:
    """Equation (1) for start costs [K] and step costs [K, K], number by number of levels."""

    def __init__(self, start: Array, cell: Array) -> None:
        columns = np.array(cell.T, dtype=np.float64, order="C")  # [j, i]: a search is one stretch
        columns[np.triu_indices(len(start))] = np.inf
        self._columns, self._layer = columns, _divided if is_monge(cell) else _full
        self._found = Allocation(start[None], np.full((1, len(start)), -1))

    def allocation(self, most: int) -> Allocation:
        """Return the best grids of up to `most` levels at least; those found before are kept."""
        costs, parents = [*self._found.costs], [*self._found.parents]
        if len(costs) < min(most, len(self._columns)):
            while len(costs) < min(most, len(self._columns)):
                cost, parent = self._layer(costs[-1], self._columns)
                costs.append(cost)
                parents.append(parent)
            self._found = Allocation(np.array(costs), np.array(parents))
        return self._found


def shortest_paths(start: Array, cell: Array, most: int) -> Allocation:
    """Return equation (1) for start costs [K] and step costs [K, K], for up to `most` levels."""
    return Search(start, cell).allocation(require_count("most", most))


def is_monge(cell: Array) -> bool:
    """Return whether steps [K, K] satisfy (2), up to rounding; infinite costs are forbidden."""
    if len(cell) < 4:
        return False  # nothing to divide
    size = np.abs(cell, out=np.zeros_like(cell), where=np.isfinite(cell)).max()
    for a in range(0, len(cell) - 1, ROWS):  # the first rows often tell
        here, there = cell[a : a + ROWS], cell[a + 1 : a + ROWS + 1]
        here = here[: len(there)]
        inner, outer = here[:, :-1] + there[:, 1:], here[:, 1:] + there[:, :-1]
        if np.triu(inner > outer + ROUNDING * size, 2 + a).any():
            return False
    return True


def _full(before: Array, columns: Array) -> tuple[Array, Indices]:
    """Return one layer of (1), trying every i."""
    parents = np.zeros(len(before), dtype=np.int64)
    for a in range(0, len(before), BLOCK):
        b = min(a + BLOCK, len(before))
        parents[a:b] = (columns[a:b, :b] + before[:b]).argmin(axis=1)
    return _cost(before, columns, parents), parents


def _divided(before: Array, columns: Array) -> tuple[Array, Indices]:
    """Return one layer of (1) under (2): some columns first, then those between them."""
    size = len(before)
    some = np.arange(STRIDE - 1, size, STRIDE)
    best_parents = (columns[some] + before).argmin(axis=1)
    # what cannot be reached has no best i: too early a column bounds nothing from below, too
    # late a one nothing from above
    reached = np.isfinite(_cost(before, columns[some], best_parents))
    first = int(reached.argmax()) if reached.any() else len(some)
    late = ~reached & (np.arange(len(some)) > first)
    best_parents = np.where(late, size - 1, np.where(reached, best_parents, 0))
    parents = np.empty(size, dtype=np.int64)
    edges = np.concatenate([[0], some + 1, [size]])
    # where rounding decides between equals, answers may cross: the windows then hold both
    low = np.concatenate([[0], np.minimum.accumulate(best_parents[::-1])[::-1]])
    high = np.concatenate([np.maximum.accumulate(best_parents), [size - 1]])
    late_or_none = np.concatenate([~reached, [True]])
    for a, b, x, y, open_end in zip(
        edges[:-1].tolist(),
        edges[1:].tolist(),
        low.tolist(),
        high.tolist(),
        late_or_none.tolist(),
        strict=True,
    ):
        top = size if open_end else y + 1
        parents[a:b] = (columns[a:b, x:top] + before[x:top]).argmin(axis=1) + x
    return _cost(before, columns, parents), parents


def _cost(before: Array, columns: Array, parents: Indices) -> Array:
    return np.asarray(columns[np.arange(len(parents)), parents] + before[parents])


def cheapest_path(columns: Array, left_out: Array, first: int) -> tuple[Array, Indices]:
    """Return equation (3) from index `first` to every index: f [K] and where each step began.

    columns: w(i, j) as [j, i], [K, K]; left_out: e_j, the price of the stretch that ends at
    index j + 1, [K - 1]. A stretch that was left out began at -1.
    """
    count = len(columns)
    cost, parents = np.full(count, np.inf), np.full(count, -1)
    cost[first] = 0.0
    for j in range(first + 1, count):
        through = cost[first:j] + columns[j, first:j]
        i = int(through.argmin())
        dense = cost[j - 1] + left_out[j - 1]
        cost[j], parents[j] = (through[i], i + first) if through[i] < dense else (dense, -1)
    return cost, parents
