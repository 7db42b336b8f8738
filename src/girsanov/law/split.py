r"""Mixtures that vary along one line: a mixture there, and independent of it a Gaussian.

With all means on one line, mu_j = mu + y_j e, and e an eigenvector of every covariance,
C_j = l_j e e^T + B with one B for all,

    X_0 = mu + Y e + Z,    Y ~ sum_j w_j N(y_j, l_j),    Z ~ N(0, B) independent of Y,    (1)

and white noise leaves the two independent. So it is with two components that share a variance,
with points on a line, and with diagonal covariances that differ in the coordinate of the means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .line import Line

if TYPE_CHECKING:
    from .._typing import Array

ROUNDING = 1e-12  # relative to the largest entry
UNSEEN = 1e-13  # nats: what the distance of the means from their line may be worth
NUMBERS = 2**22  # of all covariances as matrices, at most


class Split(NamedTuple):
    """Equation (1); axes: e and the eigenvectors of B in columns [d, d]; values: of B [d - 1]."""

    line: Line
    axes: Array
    values: Array


def split(
    weights: Array, means: Array, covariances: tuple[Array, Array | None], snr: float
) -> Split | None:
    """Return (1) for a mixture of k > 1 components in d > 1 dimensions, None if it is not so.

    covariances: eigenvalues [k, 1 or d] and eigenvectors [k, d, d] or None for the coordinates;
    snr: up to which (1) has to hold.
    """
    k, d = means.shape
    if k * d * d > NUMBERS:
        return None
    away = means - weights @ means
    _, _, turned = np.linalg.svd(away, full_matrices=False)
    e = turned[0]
    y = away @ e
    beside = np.abs(away - y[:, None] * e).max()
    if beside > ROUNDING * np.abs(away).max() or snr * beside**2 * d / 2 > UNSEEN:
        return None
    values, vectors = covariances
    values = np.broadcast_to(values, (k, d))
    if vectors is None:
        vectors = np.broadcast_to(np.eye(d), (k, d, d))
    whole = (vectors * values[:, None]) @ np.swapaxes(vectors, 1, 2)  # [k, d, d]
    along = whole @ e @ e
    rest = whole - along[:, None, None] * np.outer(e, e)
    size = ROUNDING * max(np.abs(whole).max(), 1e-300)
    if np.abs(rest @ e).max() > size or np.abs(rest - rest[0]).max() > size:
        return None
    across = np.linalg.qr(e[:, None], mode="complete")[0][:, 1:]
    own, turned = np.linalg.eigh(across.T @ rest.mean(axis=0) @ across)
    axes = np.concatenate([e[:, None], across @ turned], axis=1)
    return Split(Line(weights, y, np.maximum(along, 0.0)), axes, np.maximum(own, 0.0))
