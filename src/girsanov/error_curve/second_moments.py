r"""Second moments of what an audit measures, and of all that is linear in it.

Of v = (1, n, r, r_previous, x0 - mean[, r_reference]) (3) of `curve.py` keeps S = E v v^T for each
group, level and band. With x . v any combination of its entries,

    E (x . v)(y . v) = sum_ab x_a y_b S_ab.                                                (1)

Moments come first and bands last, so that each term of (1) is one operation on long rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._typing import Array
from .curve import upper_triangle

ONE, NOISE, RESIDUAL, BEFORE, CENTRED, OTHER = range(6)  # places in v
Combination = dict[int, Array | float]  # x by place, numbers or [..., K, P]; the rest are 0


class Gram(NamedTuple):
    """S as its upper triangle, [V (V + 1)/2, ..., K, P]."""

    parts: Array

    @property
    def width(self) -> int:
        """How many entries v has."""
        return int(np.sqrt(2 * len(self.parts)))

    def at(self, a: int, b: int) -> Array:
        """Return S_ab."""
        low, high = min(a, b), max(a, b)
        return np.asarray(self.parts[low * self.width - low * (low - 1) // 2 + high - low])

    def along(self, x: Combination, b: int) -> Array:
        """Return E (x . v) v_b."""
        return np.asarray(sum(value * self.at(a, b) for a, value in x.items()))

    def between(self, x: Combination, y: Combination) -> Array:
        """Return (1)."""
        return np.asarray(sum(value * self.along(x, b) for b, value in y.items()))

    def over(self, weights: Array) -> Gram:
        """Return means by weights [L, B] over the groups, [V (V + 1)/2, L, K, P]."""
        count, groups, *rest = self.parts.shape
        summed = weights @ self.parts.reshape(count, groups, -1)
        return Gram(summed.reshape(count, len(weights), *rest))


def gram_of(products: Array) -> Gram:
    """Return S [.., B, K, P] from (3) of `curve.py`, [K, B, P, V (V + 1)/2]."""
    return Gram(np.ascontiguousarray(products.transpose(3, 1, 0, 2)))


def matrices(products: Array) -> Array:
    """Return symmetric matrices [..., V, V] from their upper triangles [..., V (V + 1)/2]."""
    n = int(np.sqrt(2 * products.shape[-1]))
    out = np.empty((*products.shape[:-1], n, n))
    for p, (a, b) in enumerate(upper_triangle(n)):
        out[..., a, b] = out[..., b, a] = products[..., p]
    return out
