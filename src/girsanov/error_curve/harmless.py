r"""The plain mean is the estimate; a reduced one stands only where it agrees with it.

What a control variate takes off the group means of a loss, t_b of p_b, has expectation 0, so
that over groups

    |mean t| <= 4 se(t),      se(p - t) <= 1.25 se(p),      0 < mean (p - t).             (1)

Where the first fails the reduced mean is another number than the plain one; where the second
fails it is worse known, as when a coefficient was fitted to rounding dust and one group met it,
which no test of a mean can see. The plain mean then stands: band by band, then in the sum of all
bands of a level, then in the sum of all levels, weighted by s as an integral over log s is.

A moment that the groups left out of a fit carry nearly alone says nothing to those that fit it,
so nothing is divided by less than a share of the moment of all groups,

    divisor = max(moment of the groups that fit, 1/4 of that of all).                       (2)

(2) may depend on the examples x0 and states of the groups that are left out: given these, the
noise that (1) takes off still has mean 0, and a correction that is shrunk by a number that
depends on the states alone is still one whose gain bounds the score error from below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..montecarlo import group_estimate

if TYPE_CHECKING:
    from .._typing import Array

ERRORS = 4.0  # standard errors of a paired difference, beyond which the plain mean stands
WORSE = 1.25  # times the plain standard error
FEW_FOLDS = 3.0  # times it where it is of a few folds, and itself not well known
LEAST_SHARE = 0.25  # share of the moment of all groups that (2) divides by at least
ROUNDING = 1e-12  # of the plain mean


def divisor(part: Array, whole: Array) -> Array:
    """Return (2); part: a moment over the groups of a fit; whole: over all groups."""
    return np.maximum(part, LEAST_SHARE * whole)


def agrees(plain: Array, taken: Array, shares: Array, worse: float = WORSE) -> NDArray[np.bool_]:
    """Return where (1) holds, [...], of plain means and what is taken off them, [..., B].

    worse: how many plain standard errors the reduced one may have.
    """
    off, before, after = (
        group_estimate(np.moveaxis(x, -1, 0), shares) for x in (taken, plain, plain - taken)
    )
    same = np.abs(off.value) <= ERRORS * off.se + ROUNDING * np.abs(before.value)
    as_sure = after.se <= worse * before.se + ROUNDING * np.abs(before.value)
    return np.asarray(same & as_sure & (after.value > 0))


def harmless(error: Array, taken: Array, sizes: Array, snr: Array, shares: Array) -> Array:
    """Return taken with 0 wherever (1) fails.

    error: plain [K, B, J]; taken: [K, B, J, T], of which the first of T is taken off the error;
    sizes: coordinates of each band [J]; snr: of each row [K, B] or [K, 1].
    """
    off = taken[..., 0]
    bands = agrees(np.moveaxis(error, 1, -1), np.moveaxis(off, 1, -1), shares)  # [K, J]
    total, less = error @ sizes, (off * bands[:, None]) @ sizes  # [K, B]
    levels = agrees(total, less, shares)
    whole = agrees((snr * total).sum(axis=0), (snr * less * levels[:, None]).sum(axis=0), shares)
    stands = bands & levels[:, None] & whole
    return np.where(stands[:, None, :, None], taken, 0.0)
