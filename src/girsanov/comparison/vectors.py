"""Rows to compare: at most so many of a data set, in random order, in standardised units."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .._checks import require, require_count
from .._typing import Array
from ..data import Dataset
from ..noise import NoiseSource
from .jackknife import GROUPS

COMPARED_ROWS = 10_000  # of each set
COMPARED_NUMBERS = 2**24  # of each set: 128 MiB
FEWEST_COMPARED = 2 * GROUPS
ROWS_AT_ONCE = 1024


class Vectors(NamedTuple):
    """Rows x [n, d] of a data set, their numbers in it [n], and their labels [n], if any."""

    x: Array
    rows: np.ndarray
    labels: np.ndarray | None


def vectors(
    data: Dataset, rows: int = COMPARED_ROWS, *, seed: int = 0, argument: str = "data"
) -> Vectors:
    """Return rows chosen by `seed` in random order, n a multiple of the groups."""
    chosen = chosen_rows(data, rows, seed=seed, argument=argument)
    starts = range(0, len(chosen), ROWS_AT_ONCE)
    x = np.concatenate([flat_rows(data, chosen[a : a + ROWS_AT_ONCE]) for a in starts])
    return Vectors(x, chosen, None if data.labels is None else data.labels[chosen])


def flat_rows(data: Dataset, rows: slice | np.ndarray) -> Array:
    """Return these rows in standardised units, float64 [b, d]."""
    batch = data.batch(rows)
    return np.asarray(batch.reshape(len(batch), -1).double().numpy())


def chosen_rows(data: Dataset, rows: int, *, seed: int, argument: str) -> np.ndarray:
    """Return which rows `vectors` takes, in its order."""
    most = min(require_count("rows", rows), COMPARED_NUMBERS // math.prod(data.shape), len(data))
    count, rule = most - most % GROUPS, f"must hold at least {FEWEST_COMPARED} rows to be compared"
    require(count >= FEWEST_COMPARED, argument, rule, len(data))
    keys = NoiseSource(seed, "rows " + argument).uniform(0, 0, len(data))
    return keys.argsort(kind="stable")[:count]


def halves(y: Array, turn: int, seed: int) -> tuple[Array, Array]:
    """Return two halves of y [m, d] at random, of equal size, another division for each turn."""
    order = NoiseSource(seed, "halves").uniform(turn, 0, len(y)).argsort(kind="stable")
    size = len(y) // 2
    return y[order[:size]], y[order[size : 2 * size]]
