"""Rows to compare: at most so many of a data set, in random order, in standardised units."""

from __future__ import annotations

import math

import numpy as np

from .._checks import require, require_count
from .._typing import Array
from ..data import Dataset
from ..noise import NoiseSource
from .jackknife import GROUPS

ROWS = 10_000  # of each set
NUMBERS = 2**24  # of each set: 128 MiB
CHUNK = 1024
LEAST = 2 * GROUPS


def vectors(data: Dataset, rows: int = ROWS, *, seed: int = 0, argument: str = "data") -> Array:
    """Return rows chosen by `seed` in random order, float64 [n, d], n a multiple of the groups."""
    chosen = chosen_rows(data, rows, seed=seed, argument=argument)
    parts = [data.batch(chosen[a : a + CHUNK]) for a in range(0, len(chosen), CHUNK)]
    return np.concatenate([part.reshape(len(part), -1).double().numpy() for part in parts])


def chosen_rows(data: Dataset, rows: int, *, seed: int, argument: str) -> np.ndarray:
    """Return which rows `vectors` takes, in its order."""
    most = min(require_count("rows", rows), NUMBERS // math.prod(data.shape), len(data))
    count = most - most % GROUPS
    require(count >= LEAST, argument, f"must hold at least {LEAST} rows to be compared", len(data))
    keys = NoiseSource(seed, "rows " + argument).uniform(0, 0, len(data))
    return keys.argsort(kind="stable")[:count]


def halves(y: Array, turn: int, seed: int) -> tuple[Array, Array]:
    """Return two halves of y [m, d] at random, of equal size, another division for each turn."""
    order = NoiseSource(seed, "halves").uniform(turn, 0, len(y)).argsort(kind="stable")
    size = len(y) // 2
    return y[order[:size]], y[order[size : 2 * size]]
