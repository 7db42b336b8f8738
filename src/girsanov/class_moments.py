r"""Mean and variances of each class, drawn towards those of all where a class has few rows.

In the coordinates of the main basis, with n_c rows of class c, their mean y_c (less the mean of
all) and sum of squares S_c about it, the variance within classes and that of the classes' means
are

    w = sum_c S_c / sum_c (n_c - 1),    t = max(0, Var_c(y_c) - mean_c(w/n_c)),            (1)

and what is kept of class c is the mean and variance of one more of its rows, were classes' means
drawn from N(0, t),

    mean_c = k y_c,    k = t/(t + w/n_c),                                                  (2)
    v_c    = (S_c + `ROWS` w)/(n_c - 1 + `ROWS`) + t (1 - k).                              (3)

A class without rows has the mean of all and the variance w + t; of many rows nothing is moved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._checks import require
from ._typing import Array

ROWS = 10.0  # of the variance within all classes, that count with a class's own


@dataclass(frozen=True)
class ClassMoments:
    """Of each class its mean [C, d], its variances in the main basis [C, d], and its rows [C]."""

    means: Array
    variances: Array
    counts: Array

    def tensors(self) -> dict[str, np.ndarray]:
        """Return these moments as named arrays."""
        return {
            "class_means": self.means,
            "class_variances": self.variances,
            "class_counts": np.asarray(self.counts, dtype=np.int64),
        }


def class_moments_from_tensors(
    t: dict[str, np.ndarray], dimension: int, argument: str
) -> ClassMoments | None:
    """Return the class moments whose `tensors()` are among `t`, None where there are none."""
    names = ("class_means", "class_variances", "class_counts")
    if not set(names) & t.keys():
        return None
    require(set(names) <= t.keys(), argument, f"must hold all of {', '.join(names)} or none")
    plain = all(t[name].dtype.kind in "iuf" for name in names)
    require(plain, argument, "must hold moments of classes that are numbers")
    means, variances, counts = (t[name] for name in names)
    shape = (len(counts) if counts.ndim else 0, dimension)
    fits = means.shape == variances.shape == shape and counts.ndim == 1 and len(counts) > 1
    require(fits, argument, f"must hold moments of each class, [C, {dimension}]", means.shape)
    finite = bool(np.isfinite(means + variances).all() and (variances >= 0).all())
    finite &= bool(np.isfinite(counts).all() and (counts >= 0).all())
    require(finite, argument, "must hold finite moments of classes, of no negative variance")
    means, variances = (x.astype(np.float64) for x in (means, variances))
    return ClassMoments(means, variances, counts.astype(np.int64))


def shrunk_moments(first: Array, second: Array, count: Array) -> tuple[Array, Array]:
    """Return means (2) and variances (3), [C, d] each; first, second: sums of c and c^2 [C, d]."""
    n = np.maximum(count, 1).astype(np.float64)[:, None]
    y = first / n
    square = np.maximum(second - n * y**2, 0.0)  # S_c, 0 without rows
    within = square.sum(axis=0) / max(1.0, float(np.maximum(count - 1, 0).sum()))
    known = count > 0
    spread = np.square(y[known] - y[known].mean(axis=0)).sum(axis=0) / max(1, known.sum() - 1)
    between = np.maximum(0.0, spread - within * (1 / n[known]).mean())
    noise = within / n
    k = np.where(known[:, None], between, 0.0) / np.maximum(between + noise, 1e-300)
    own = np.maximum(count - 1, 0)[:, None]
    variances = (square + ROWS * within) / (own + ROWS) + between * (1 - k)
    return k * y, variances
