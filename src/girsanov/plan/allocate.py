r"""Where the levels go: the shortest path through the cells, for every number of steps at once.

With w(i, j) the cost of the cell from level i to level j and f_1(j) = start_j,

    f_n(j) = min_{i < j} f_{n-1}(i) + w(i, j),                                            (1)

the best grid of n levels that ends at j (dynamic programming; exact for any costs).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._checks import require, require_count
from .._typing import Array


@dataclass(frozen=True)
class Allocation:
    """All best grids of up to n levels; costs: f_n(j) [n, K]; parents: the i of (1) [n, K]."""

    costs: Array
    parents: Array

    def grid(self, count: int, last: int) -> Array:
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


def shortest_paths(start: Array, cell: Array, most: int) -> Allocation:
    """Return equation (1) for start costs [K] and cell costs [K, K], for up to `most` levels."""
    count = min(require_count("most", most), len(start))
    costs, parents = [np.asarray(start, dtype=np.float64)], [np.full(len(start), -1)]
    for _ in range(1, count):
        through = costs[-1][:, None] + cell
        parents.append(through.argmin(axis=0))
        costs.append(np.take_along_axis(through, parents[-1][None], axis=0)[0])
    return Allocation(np.stack(costs), np.stack(parents))
