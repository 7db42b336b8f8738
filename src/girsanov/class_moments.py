r"""Mean and covariance of each class, drawn towards those of all where a class has few rows.

With n_c rows of class c, their mean y_c (less the mean of all) and sum of squares S_c about it,
the variance within classes and that of the classes' means are, coordinate by coordinate,

    w = sum_c S_c / sum_c (n_c - 1),    t = max(0, Var_c(y_c) - mean_c(w/n_c)),            (1)

and what is kept of class c is the mean and variance of one more of its rows, were classes' means
drawn from N(0, t),

    mean_c = k y_c,    k = t/(t + w/n_c),                                                  (2)
    v_c    = (S_c + `ROWS` w)/(n_c - 1 + `ROWS`) + t (1 - k).                              (3)

A class without rows has the mean of all and the variance w + t; of many rows nothing is moved.
Up to `FULL` dimensions the coordinates are the data's own, and each class has correlations too,
those of S_c + d W with W the matrix of w: its start lies along principal axes of its own, without
which its columns have the deviations of other classes. Beyond, (1) to (3) are of the main basis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._checks import require
from .basis import Basis

if TYPE_CHECKING:
    from ._typing import Array

ROWS = 3.0  # of the variance within all classes, that count with a class's own
FULL = 128  # dimensions up to which each class has axes of its own
MOST_MOMENTS = 2**24  # of the moments of all classes, at most


@dataclass(frozen=True)
class ClassMoments:
    """Of each class its mean [C, d], its variances [C, d], and its rows [C].

    axes: of the variances, a matrix of columns for each class [C, d, d]; None for the main basis.
    """

    means: Array
    variances: Array
    counts: NDArray[np.int64]
    axes: Array | None = None

    @property
    def bases(self) -> tuple[Basis, ...]:
        """The axes of each class as a basis, none where they share the main one."""
        own = () if self.axes is None else self.axes
        return tuple(Basis("pca", (len(v),), (v,)) for v in own)

    def tensors(self) -> dict[str, np.ndarray]:
        """Return these moments as named arrays."""
        out = {
            "class_means": self.means,
            "class_variances": self.variances,
            "class_counts": self.counts,
        }
        return out if self.axes is None else {**out, "class_axes": self.axes}


def class_moments_from_tensors(
    t: dict[str, np.ndarray], dimension: int, argument: str
) -> ClassMoments | None:
    """Return the class moments whose `tensors()` are among `t`, None where there are none."""
    names = ("class_means", "class_variances", "class_counts")
    if not {*names, "class_axes"} & t.keys():
        return None
    require(set(names) <= t.keys(), argument, f"must hold all of {', '.join(names)} or none")
    arrays = [t[name] for name in (*names, "class_axes") if name in t]
    plain = all(a.dtype.kind in "iuf" and bool(np.isfinite(a).all()) for a in arrays)
    require(plain, argument, "must hold moments of classes that are finite numbers")
    means, variances, counts = arrays[:3]
    classes = len(counts) if counts.ndim == 1 else 0
    shapes = [(classes, dimension)] * 2 + [(classes,)] + [(classes, dimension, dimension)]
    fits = classes > 1 and all(a.shape == s for a, s in zip(arrays, shapes, strict=False))
    require(fits, argument, f"must hold moments of each class, [C, {dimension}]", means.shape)
    positive = bool((variances >= 0).all() and (counts >= 0).all())
    require(positive, argument, "must hold variances of classes that are not negative")
    parts = [np.asarray(a, dtype=np.float64) for a in arrays]
    return ClassMoments(parts[0], parts[1], counts.astype(np.int64), *parts[3:])


class ClassSums:
    """Sums over the rows of each class: how many, of c and of c^2, or c c^T with `full`."""

    def __init__(self, classes: int, dimension: int) -> None:
        self.full = dimension <= FULL and classes * dimension**2 <= MOST_MOMENTS
        self.count = np.zeros(classes, dtype=np.int64)
        self.first = np.zeros((classes, dimension))
        self.second = np.zeros((classes, *(dimension,) * (1 + self.full)))

    def add(self, c: Array, label: NDArray[np.int64]) -> None:
        """Add rows c [b, d], less the mean of all, of these classes [b]."""
        for k in np.unique(label):
            own = c[label == k]
            self.count[k] += len(own)
            self.first[k] += own.sum(axis=0)
            self.second[k] += own.T @ own if self.full else np.square(own).sum(axis=0)

    def moments(self) -> tuple[Array, Array, Array | None]:
        """Return means (2) less that of all, variances (3), [C, d] each, and axes [C, d, d]."""
        n = np.maximum(self.count, 1).astype(np.float64)[:, None]
        y = self.first / n
        square = self._diagonal(self.second) - n * y**2
        square = np.maximum(square, 0.0)  # S_c, 0 without rows
        freedom = max(1.0, float(np.maximum(self.count - 1, 0).sum()))
        within, seen = square.sum(axis=0) / freedom, self.count > 0
        spread = np.square(y[seen] - y[seen].mean(axis=0)).sum(axis=0) / max(1, seen.sum() - 1)
        between = np.maximum(0.0, spread - within * (1 / n[seen]).mean())
        k = np.where(seen[:, None], between, 0.0) / np.maximum(between + within / n, 1e-300)
        own = np.maximum(self.count - 1, 0)[:, None]
        variances = (square + ROWS * within) / (own + ROWS) + between * (1 - k)
        if not self.full:
            return k * y, variances, None
        return k * y, *self._own_axes(n[:, 0], y, variances, freedom)

    def _diagonal(self, second: Array) -> Array:
        return np.einsum("cii->ci", second) if self.full else second

    def _own_axes(
        self, n: Array, y: Array, variances: Array, freedom: float
    ) -> tuple[Array, Array]:
        """Return variances along each class's principal axes [C, d], and these [C, d, d]."""
        scatter = self.second - n[:, None, None] * y[:, :, None] * y[:, None, :]
        mixed = scatter + y.shape[1] * scatter.sum(axis=0) / freedom
        deviation = np.sqrt(np.maximum(np.einsum("cii->ci", mixed), 0.0))
        scale = np.sqrt(variances) / np.where(deviation > 0, deviation, 1.0)
        values, axes = np.linalg.eigh(mixed * scale[:, :, None] * scale[:, None, :])
        return np.maximum(values, 0.0), axes
