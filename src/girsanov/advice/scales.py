r"""The ends of the noise axis that data show: where noise hides all, and where nothing is left.

Coarse end. A sampler that starts from N(mean, sigma^2) in place of the noised data begins with

    KL = 1/2 int_0^s (V - M) ds',   s = 1/sigma^2,
       = 1/2 sum_j [s v_j - log(1 + s v_j)] + O(s^3)   nats,                               (1)

v_j the variances along the principal axes (start ``mean`` of `path_kl/start.py`). The second line
is exact for a Gaussian, and a lower bound, since no M exceeds the error of the straight line.

Fine end. Values on a lattice of spacing D have nothing below the deviation of their own rounding,
D/sqrt(12). Values that never repeat have as little as n examples can show:

    sigma sqrt(d) = half of the way to the nearest neighbour,                              (2)

the length of the noise; or the smallest deviation along an axis, where that is less, and never
less than `LEAST` of the deviation of a coordinate (EDM's own 0.002 for 0.5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from .resolution import ERROR

if TYPE_CHECKING:
    from .._typing import Array, Tensor

LEAST = 0.004
HALVINGS = 60
COMPARED = 1024  # examples whose nearest neighbour is looked for, at most


def start_nats(variances: Array, sigma: float) -> float:
    """Return (1) of variances v [d] at noise level sigma."""
    x = variances / sigma**2
    # x - log(1 + x) in full digits where x is small
    series = x**2 / 2 - x**3 / 3
    return float(np.where(x < 1e-4, series, x - np.log1p(x)).sum() / 2)


def coarsest(variances: Array, nats: float) -> float:
    """Return the sigma at which (1) is `nats`, for variances of which one is above 0."""
    low, high = -60.0, 60.0
    top = 0.5 * math.log(float(variances.max()))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = start_nats(variances, math.exp(top + middle)) > nats
        low, high = (middle, high) if above else (low, middle)
    return math.exp(top + high)


def neighbour_distances(x: Tensor) -> Array:
    """Return how far the first rows of x [n, d] are from the nearest row that is not the same."""
    flat = x.double()
    far = torch.cdist(flat[:COMPARED], flat)
    far = torch.where(far > 1e-6 * far.max(), far, math.inf).amin(dim=1)
    return np.asarray(far[torch.isfinite(far)].numpy())


@dataclass(frozen=True)
class FineEnd:
    """The finest level worth training, and why.

    sigma: of it; why: ``lattice``, ``neighbours``, ``axis`` or ``least``; spacing: D, 0 of values
    that are continuous.
    """

    sigma: float
    why: str
    spacing: float


def finest(spacings: Array, variances: Array, distance: float, count: int) -> FineEnd:
    """Return the fine end of data.

    spacings: D of every coordinate that varies, 0 where continuous; variances: [d]; distance: to
    the nearest neighbour, the median; count: examples, which show at most count - 1 axes.
    """
    d = len(variances)
    if (spacings > 0).all():
        least = float(spacings.min())
        return FineEnd(least * ERROR, "lattice", least)
    seen = np.sort(variances)[::-1][: max(1, min(d, count - 1))]
    choices = {"neighbours": distance / (2 * math.sqrt(d)), "axis": math.sqrt(float(seen[-1]))}
    why = min(choices, key=choices.__getitem__)
    floor = LEAST * math.sqrt(float(variances.sum()) / d)
    if choices[why] < floor:
        return FineEnd(floor, "least", 0.0)
    return FineEnd(choices[why], why, 0.0)
