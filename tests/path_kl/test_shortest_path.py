"""The shortest path against all paths: equation (1) of shortest_path.py."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from girsanov._checks import InputError
from girsanov.path_kl.shortest_path import shortest_paths


def problem(seed, count=7):
    rng = np.random.default_rng(seed)
    cell = rng.gamma(0.5, size=(count, count)) - 0.3  # some gains, as measured costs can have
    cell[np.tril_indices(count)] = np.inf
    start = rng.gamma(0.5, size=count)
    start[rng.random(count) < 0.2] = np.inf
    return start, cell


def cost(path, start, cell):
    return start[path[0]] + sum(cell[i, j] for i, j in pairwise(path))


def brute(count, last, start, cell):
    paths = [(*p, last) for p in combinations(range(last), count - 1)]
    return min(paths, key=lambda p: cost(p, start, cell), default=None)


@pytest.mark.parametrize("seed", range(12))
def test_every_grid_is_the_best_of_all(seed):
    start, cell = problem(seed)
    found = shortest_paths(start, cell, 7)
    assert found.costs.shape == (7, 7)
    for last in range(7):
        for count in range(1, 8):
            best = brute(count, last, start, cell)
            least = np.inf if best is None else cost(best, start, cell)
            assert found.costs[count - 1, last] == pytest.approx(least)
            if np.isfinite(least):
                grid = found.grid(count, last)
                assert len(grid) == count
                assert (np.diff(grid) > 0).all()
                assert grid[-1] == last
                assert cost(grid, start, cell) == pytest.approx(least)


def test_fewer_levels_may_be_asked_for():
    start, cell = problem(3)
    few, all_of_them = shortest_paths(start, cell, 3), shortest_paths(start, cell, 99)
    assert np.array_equal(few.costs, all_of_them.costs[:3])
    assert len(all_of_them.costs) == 7


def test_what_cannot_be_reached_is_refused_with_what_can():
    start, cell = problem(0, 5)
    start = np.zeros(5)
    found = shortest_paths(start, cell, 99)
    with pytest.raises(InputError, match="steps: must be at most 3, the levels there are") as e:
        found.grid(4, 2)
    assert "got 4" in str(e.value)
    with pytest.raises(InputError, match="steps: must be at most 2"):
        shortest_paths(start, cell, 2).grid(3, 4)
    with pytest.raises(InputError, match="count: must be a whole number >= 1"):
        found.grid(0, 4)
