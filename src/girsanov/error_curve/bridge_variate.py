r"""What chance made of the noise between two levels.

A path that is seen at t between levels s and s' has there the noise n = mu + e: mu is what the
noises at both ends make it, and e the Brownian bridge's own,

    e ~ N(0, (t - s)(s' - t) / ((s' - s) t^2)),    whatever both ends are.                 (1)

So the residual there is r ~ R + alpha e, R the residuals of the ends, mixed as t lies between s
and s', and besides (2) of `control_variate.py` the mean of r^2 over a run contains

    2 alpha e (R - a mu - b c),                                                            (2)

of expectation 0 for any model. It is taken off as well, gamma' times: the slope of |r|^2, less
what lies between those of the ends, on (2), over groups and gaps. All is fitted on other groups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from .._typing import Array

PRODUCTS = ("residual", "noise", "centred", "own", "ends")  # means of e r, e n, e c, e e, e R


class Mixed(NamedTuple):
    """A residual as a mix of n, r and c: numbers or arrays that fit the moments."""

    noise: Array | float = 0.0
    residual: Array | float = 1.0
    centred: Array | float = 0.0


PLAIN_RESIDUAL = Mixed()


class Bridge(NamedTuple):
    """Means of `PRODUCTS` by basis and of the probe's bands, [K, B, J, 5]; gamma' [B]."""

    products: dict[str, Array]
    gamma: Array


def alpha(products: Array, of: Mixed = PLAIN_RESIDUAL) -> Array:
    """Return alpha of least squares from means over the groups that fit it [..., 5]."""
    r, n, c, own, _ = np.moveaxis(products, -1, 0)
    along = of.noise * n + of.residual * r + of.centred * c
    return np.asarray(np.divide(along, own, out=np.zeros_like(own), where=own > 0))


def chance(products: Array, a: Array, b: Array, slope: Array, of: Mixed = PLAIN_RESIDUAL) -> Array:
    """Return (2) from means [..., 5], with a, b and alpha as they were fitted."""
    _, n, c, own, ends = np.moveaxis(products, -1, 0)
    rest = (of.noise - a) * (n - own) + of.residual * ends + (of.centred - b) * c
    return np.asarray(2 * slope * rest)
