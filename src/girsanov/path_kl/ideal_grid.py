"""R of grid_search.py by group of examples: the least that a denoiser costs, to every node of a
grid.

The path of R is found on the curve of some examples and priced by others, stretch by stretch and
cell by cell. The cheapest path to a node does not depend on what lies beyond it, so that one
search from the first node gives R to all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .._typing import Array, Indices

if TYPE_CHECKING:
    from .grid_cost import Prices


def least(price: Prices, fold: int | None, first: int, grid: Indices, ends: Indices) -> Array:
    """Return R by group from node `first` to `ends` on paths that all but `fold` choose, [E, B].

    grid: the nodes besides the measured ones that a path may visit, in order, from `first` on;
    ends: some of them.
    """
    total = price.totals
    if price.exact:
        return np.asarray(total[ends] - total[first])
    stops, _, parents = price.choice(fold).cheapest(first, grid)
    at = np.searchsorted(stops, ends)
    there = np.flatnonzero(_on_paths(parents, at))
    here = np.where(parents[there] < 0, there - 1, parents[there])
    begin, end = stops[here], stops[there]
    steps = total[end] - total[begin]  # where a stretch is dense
    held = parents[there] >= 0
    started = held & (begin == 0)
    steps[started] = price.refold(price.starts(price.curve.levels[end[started]]))
    held &= begin > 0
    steps[held] = price.each(begin[held], end[held])
    out = np.zeros((len(stops), steps.shape[1]))
    for i, j, step in zip(here.tolist(), there.tolist(), steps, strict=True):
        out[j] = out[i] + step
    return out[at]


def between(first: int, last: int, nodes: Indices | None) -> Indices:
    """Return those of `nodes` from `first` to `last`, which is among them."""
    given = np.zeros(0, dtype=np.int64) if nodes is None else nodes
    return np.union1d(given[(given >= first) & (given < last)], [last])


def _on_paths(parents: Indices, ends: Indices) -> NDArray[np.bool_]:
    """Return which stops but the first the paths to `ends` visit; parents as `cheapest_path`."""
    visited = np.zeros(len(parents), dtype=bool)
    for j in ends.tolist():
        while j > 0 and not visited[j]:
            visited[j] = True
            j = j - 1 if parents[j] < 0 else int(parents[j])
    return visited
