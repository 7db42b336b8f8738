r"""Levels between which the data's entropy falls by equal parts.

By the I-MMSE relation (Guo, Shamai, Verdu 2005) what is told about x0 between two levels is half
the integral of the error there, so that an audit's curve gives the grid of Stancevic, Handke and
Ambrogioni 2025 (arXiv 2504.13612) with no network call:

    1/2 int_{s_0}^{s_k} M ds = k/N  1/2 int_{s_0}^{s_N} M ds,     k = 0..N.                (1)

Of N(0, v I) it is the geometric grid in 1 + s v.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..error_curve.interpolate import SAME_LEVEL, merged, stretches
from ..sampling.grids import require_ends

if TYPE_CHECKING:
    from .._typing import Levels
    from ..error_curve.curve import Curve

FINE = 4001  # places at which (1) is inverted


def entropy_grid(curve: Curve, first: float, last: float, count: int) -> Levels:
    """Return `count` SNRs by (1) of a curve measured up to `last`, both ends included."""
    low, high, n = require_ends(first, last, count)
    fine = merged(curve.levels[1:], np.geomspace(low, high, FINE))
    fine = fine[fine <= high * (1 + SAME_LEVEL)]
    told = np.cumsum(np.maximum(stretches(curve, fine) @ curve.shares, 0.0))
    inside = fine >= low * (1 - SAME_LEVEL)
    told, fine = told[inside], fine[inside]
    grid = np.interp(np.linspace(told[0], told[-1], n), told, fine)
    grid[0], grid[-1] = low, high
    return np.asarray(grid)
