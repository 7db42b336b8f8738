r"""Gaussian W2: the distance of two sets by their means and covariances alone.

    W2^2 = |a - b|^2 + tr A + tr B - 2 tr (A^1/2 B A^1/2)^1/2                             (1)

is W2 between N(a, A) and N(b, B) (Dowson and Landau 1982; Bures 1969), never more than W2 of the
two laws (Gelbrich 1990). In features it is called the Frechet distance, of which the square is
reported everywhere. Beyond `AXES` coordinates it is taken in the leading principal ones of the
data, where it is again never more than W2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..jackknife import Squared, group_count, pseudo_values
from .measure import SquaredDistance

if TYPE_CHECKING:
    from ..._typing import Array

AXES = 256
AXES_ROWS = 2048  # data rows that principal axes are learnt from


class GaussianW2(SquaredDistance):
    """Equation (1), in the leading principal axes of `data` [m, d] where d is large."""

    name = "gaussian-w2"

    def __init__(self, data: Array) -> None:
        d = data.shape[1]
        self.axes = None if d <= AXES else principal_axes(data, AXES)[0]
        self.note = "of means and covariances"
        if self.axes is not None:
            self.note += f" in the leading {self.axes.shape[1]} of {d} principal coordinates"

    @classmethod
    def fit(cls, data: Array, labels: np.ndarray | None = None, seed: int = 0) -> GaussianW2:
        """Return it in the principal axes of data [m, d]."""
        return cls(data)

    def squared(self, x: Array, y: Array) -> Squared:
        """Return equation (1) for x [n, d] and y [m, d]."""
        return bures_squared(self._seen(x), self._seen(y))

    def plugin(self, x: Array, y: Array) -> float:
        """Return equation (1) as computed."""
        return bures(*moments(self._seen(x)), *moments(self._seen(y)))

    def _seen(self, x: Array) -> Array:
        return x if self.axes is None else x @ self.axes


def bures(a: Array, cov_a: Array, b: Array, cov_b: Array) -> float:
    """Return equation (1) for means [d] and covariances [d, d]."""
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.linalg.eigvalsh(root @ cov_b @ root)
    spread = np.trace(cov_a) + np.trace(cov_b) - 2 * np.sqrt(np.maximum(cross, 0)).sum()
    return float(np.square(a - b).sum() + spread)


def moments(x: Array) -> tuple[Array, Array]:
    """Return the mean [d] and covariance [d, d] of x [n, d]."""
    return x.mean(axis=0), np.atleast_2d(np.cov(x.T))


def bures_squared(x: Array, y: Array) -> Squared:
    """Return equation (1) for the moments of x [n, d] and y [m, d]."""
    count = group_count(len(x), len(y))
    left, right = _without_groups(x, count), _without_groups(y, count)
    square, *without = [bures(*a, *b) for a, b in zip(left, right, strict=True)]
    return Squared(square, pseudo_values(square, np.array(without)))


def _without_groups(x: Array, count: int) -> list[tuple[Array, Array]]:
    """Return the moments of all rows, and of all but each group."""
    centre = x.mean(axis=0)  # sums about it do not cancel
    parts = [x[g::count] - centre for g in range(count)]
    first, second = np.stack([p.sum(0) for p in parts]), np.stack([p.T @ p for p in parts])
    sums, squares, size = first.sum(0), second.sum(0), len(x) // count
    out = []
    for g, n in [(None, len(x)), *((g, len(x) - size) for g in range(count))]:
        total, square = (sums, squares) if g is None else (sums - first[g], squares - second[g])
        mean = total / n
        out.append((centre + mean, (square - n * np.outer(mean, mean)) / (n - 1)))
    return out


def principal_axes(data: Array, most: int) -> tuple[Array, Array, Array]:
    """Return the leading principal axes of data [m, d]: axes [d, k], variances [k], mean [d]."""
    rows = data[:AXES_ROWS]
    mean = rows.mean(axis=0)
    _, sizes, axes = np.linalg.svd(rows - mean, full_matrices=False)
    keep = min(most, len(sizes))
    return axes[:keep].T.copy(), sizes[:keep] ** 2 / (len(rows) - 1), mean
