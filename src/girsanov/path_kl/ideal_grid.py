"""R of grid_search.py by group of examples: the least that a denoiser costs, to every node of a
grid.

The path of R is found on the curve of some examples and priced by others, stretch by stretch and
step by step. The cheapest path to a node does not depend on what lies beyond it, so that one
search from the first node gives R to all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .._typing import Array, Indices
    from ..montecarlo import Estimate
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


def planned(price: Prices, count: int, last: int) -> tuple[Estimate, Estimate]:
    """Return the shares, (1) of grid_cost.py, of the best grid of `count` levels to node `last`,
    cross-fitted.

    The plan's own grid is chosen on all examples, on more than these, and is as good. How
    the whole is shared out is told by where that grid begins.
    """
    total: Array | float = 0.0
    for fold, mine in price.folded():
        nodes = price.choice(fold).nodes(count, last)
        first, costs = int(nodes[0]), sum(price.groups(nodes))
        lowest = least(price, fold, 0, nodes[:1], nodes[:1])[0]
        lowest = lowest + least(price, fold, first, nodes, nodes[-1:])[0]
        total = total + mine * (costs - lowest)
    own = price.choice().nodes(count, last)
    init, _ = shares_by_group(price, own)
    return price.estimate(init), price.estimate(np.asarray(total - init))


def excess(price: Prices, nodes: Indices) -> tuple[Estimate, Estimate]:
    """Return the shares, (1) of grid_cost.py, init and discretisation, of a grid that was
    given."""
    init, cell = shares_by_group(price, nodes)
    return price.estimate(init), price.estimate(cell)


def shares_by_group(price: Prices, nodes: Indices) -> tuple[Array, Array]:
    """Return `excess` by group, [B] or [F] each."""
    init, cells = prefixes(price, nodes)
    return init, cells[-1]


def prefixes(price: Prices, nodes: Indices) -> tuple[Array, Array]:
    """Return init and the discretisation up to each of `nodes` by group, [B] and [N, B]."""
    first, cells = int(nodes[0]), price.each(nodes[:-1], nodes[1:])
    init = price.refold(price.starts(price.curve.levels[first])) - reference_between(
        price, 0, first
    )
    spent = np.concatenate([np.zeros((1, len(init))), np.cumsum(cells, axis=0)])
    return init, spent - references(price, first, nodes)


def reference_between(price: Prices, first: int, last: int, nodes: Indices | None = None) -> Array:
    """Return R from node `first` to `last` by group, cross-fitted; 0 means s = 0.

    nodes: of the grid that it is held against.
    """
    return np.asarray(references(price, first, between(first, last, nodes))[-1])


def references(price: Prices, first: int, nodes: Indices) -> Array:
    """Return R from node `first` to each of `nodes`, in order, by group, [N, B]."""

    def search() -> Array:
        parts = [mine * least(price, f, first, nodes, nodes) for f, mine in price.folded()]
        return np.asarray(np.sum(parts, axis=0))

    return price.kept(("R", first, nodes.tobytes()), search)


def optimism_between(price: Prices, first: int, last: int, nodes: Indices | None = None) -> float:
    """Return how far R may lie below `reference` for having been searched for.

    A path chosen by some examples and priced by others costs on average no less than the best;
    the least that all find and price themselves no more. R lies between.
    """
    if price.exact:
        return 0.0  # the integral, which no path can beat
    above = float(reference_between(price, first, last, nodes) @ price.folds)
    _, costs, _ = price.unwary().cheapest(first, between(first, last, nodes))
    return max(0.0, above - float(costs[-1]))
