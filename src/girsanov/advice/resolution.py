r"""How finely values are written: the spacing of the lattice they lie on.

    values = origin + D k, k whole;    D = the common divisor of the gaps between them,    (1)

found by Euclid's algorithm with a tolerance for rounding. Noise below D/sqrt(12), which is the
deviation of the rounding error itself, tells a network the lattice and nothing else.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .._typing import Array

ROUNDING = 16 * float(np.finfo(np.float32).eps)  # of the model's units, over the largest value
CLEAR = 50.0  # times the rounding, from which on a spacing can be told from it
REPEATED = 0.5  # distinct values over values, at most: a lattice whose values never repeat is
# finer than the examples can show
MOST_VALUES = 2**20
ERROR = 1 / math.sqrt(12)  # deviation of a rounding error over the spacing


def spacing(values: Array) -> float:
    """Return D of (1) for values [n] with the precision of float32, 0 where there is no lattice.

    Constant values have none.
    """
    distinct = np.unique(values)
    if len(distinct) < 2 or len(distinct) > REPEATED * len(values):
        return 0.0
    rounding = ROUNDING * float(np.abs(distinct).max())
    gaps = np.diff(distinct)
    gaps = np.unique(gaps[gaps > rounding])
    while len(gaps) and gaps[0] > CLEAR * rounding:
        divisor = gaps[0]
        whole = np.rint(gaps / divisor)
        left = np.abs(gaps - divisor * whole)
        left = left[left > rounding * (1 + whole)]
        if not len(left):
            return float(divisor)
        gaps = np.unique(np.append(left, divisor))
    return 0.0


def spacings(x: Array, *, alike: bool) -> Array:
    """Return the spacing of every coordinate that varies in rows x [n, d], 0 where continuous.

    alike: whether all coordinates are written in the same way, as the pixels of a picture are;
    then there is one spacing for all.
    """
    if alike:
        values = x.ravel()
        return np.array([spacing(values[:: -(-len(values) // MOST_VALUES)])])
    varying = x[:, np.ptp(x, axis=0) > 0]
    return np.array([spacing(column) for column in varying.T])
