r"""Does a model know anything of this data? Against two guesses that need no training.

With the data's total variance d v, pulling x towards the mean has the error

    M_0(s) = d v / (1 + s v),                                                             (1)

whatever the law, and the straight line (the linear denoiser of `lower_bound.py`) has M_1(s) <=
M_0(s). The exact denoiser is above neither; noise alone has M = M_0. A model knows nothing if

    M > MARGIN M_1    for certain at every level with v <= 1/s <= AROUND^2 v,
    M > BROKEN M_1    for certain at one of those up to 1/s <= AROUND^4 v,                 (2)
    M >= KNOWS M_0    at every level, of training examples as well,                        (3)
    M > min(M_0, M_1) min(MARGIN, 1 + 1/(2 s v))   at every one with v/FINE <= 1/s < v.    (4)

(2) is where the noise has just hidden the data: whoever knows their spread is near the straight
line there. It alone is true of some that know much: of a network for fine noise only, of one
that memorised few examples. (3) is not, and alone it is true of the exact denoiser of noise,
which (4) tells from x itself, whose error is 1 + 1/(s v) times M_0. All together mean random
weights, hardly any training, or another data set's, units or size.
Clipping is no knowledge, though it brings x to where data lie: at fine noise it takes off at most
half of the error, of data that lie on the edge: there (3) asks for that much more, and (4) is
not asked.

The ledger cannot say so. Its entries measure from the least that this model can cost, and steps
that add the measured covariance, or a calibration, cover what a broken model gets wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..montecarlo import Estimate, group_estimate

if TYPE_CHECKING:
    from .._typing import Array
    from ..error_curve.curve import Curve

AROUND = 2.0  # from the data's deviation to twice it
MARGIN, BROKEN = 1.1, 1.5  # times the error of the straight line
KNOWS = 0.9  # of (1): a model below it has learnt something
FINER_TIMES = 16.0  # finer, too little is left between the two for (4)
CLIPPED = 0.5  # of it, at most, clipping leaves
WORST_STANDARD_ERRORS = 4.0  # standard errors, since the worst of several levels is looked at
SAME = 1e-9  # relative


@dataclass(frozen=True)
class Untrained:
    """From noise level `finest` to `coarsest` M is at least `times` the straight line's M_1.

    best: the least M/M_0 of all levels.
    """

    finest: float
    coarsest: float
    times: float
    best: float


def untrained(
    curve: Curve, linear: Array, seen: Array | None = None, *, clipped: bool = False
) -> Untrained | None:
    """Return how far a model is from guesses without training, None unless (2) to (4) hold.

    curve: measured; linear: M_1 by group [K, B]; seen: M of training examples [K+1, B]; clipped:
    whether its predictions are kept to the range of the data.
    """
    shares, s = curve.shares, curve.levels[1:]
    v = float(curve.traces[0, :, 0] @ shares) / curve.dimension
    if not v > 0:
        return None
    around = (s * v <= 1 + SAME) & (s * v >= AROUND**-2 - SAME)
    near = (s * v <= 1 + SAME) & (s * v >= AROUND**-4 - SAME)
    worse = _certain(curve, MARGIN * linear, 2.0)
    if not (around.any() and worse[around].all()):
        return None
    broken = _certain(curve, BROKEN * linear, WORST_STANDARD_ERRORS)
    if not broken[near].any():
        return None
    pulled = curve.dimension * v / (1 + s * v)
    share = curve.traces[1:, :, 0] @ shares / pulled
    threshold = share if seen is None else np.minimum(share, seen[1:] @ shares / pulled)
    if (threshold < np.where(clipped & (s * v > 1), CLIPPED, 1.0) * KNOWS).any():
        return None
    fine = (s * v > 1 + SAME) & (s * v <= FINER_TIMES) & (not clipped)
    least = np.minimum(pulled, linear @ shares) * np.minimum(MARGIN, 1 + 1 / (2 * s * v))
    if (share * pulled <= least)[fine].any():
        return None
    first, last = _stretch(broken, near & broken)
    ratio = _ratio(curve.traces[first + 1 : last + 2, :, 0], linear[first : last + 1], shares)
    times = float(np.min(ratio.interval()[0]))
    return Untrained(float(s[last] ** -0.5), float(s[first] ** -0.5), times, float(share.min()))


def _ratio(one: Array, other: Array, shares: Array) -> Estimate:
    """Return the ratio of two means by group [K, B], of which both are known from examples."""
    whole = (other @ shares)[:, None]
    ratio = (one @ shares)[:, None] / whole
    return group_estimate((ratio + (one - ratio * other) / whole).T, shares)


def _certain(curve: Curve, bar: Array, errors: float) -> NDArray[np.bool_]:
    """Return at which levels M is above `bar` [K, B] by so many standard errors."""
    excess = group_estimate((curve.traces[1:, :, 0] - bar).T, curve.shares)
    return np.asarray(excess.value > errors * np.asarray(excess.se))


def _stretch(broken: NDArray[np.bool_], near: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the first and the last of the broken levels beside the finest of those near."""
    at = np.flatnonzero(near)[-1]
    ends = np.flatnonzero(~broken)
    first = int(max(ends[ends < at], default=-1)) + 1
    last = int(min(ends[ends > at], default=len(broken))) - 1
    return first, last
