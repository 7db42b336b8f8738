r"""A Gaussian law, in the eigenvectors of its covariance.

With Cov(X_0) = U diag(l) U^T, noise variance v = 1/s and e = U^T (x - mean),

    m(x, s) = mean + U (l / (l + v)) e,                                                   (1)
    tr Cov(X_0 | x) = sum_i l_i v / (l_i + v),    M(s) = sum_i l_i / (1 + s l_i),         (2)
    log p_s(x) = -1/2 sum_i [ log 2 pi (l_i + v) + e_i^2 / (l_i + v) ].                   (3)

Every l_i >= 0 is allowed: zero is a direction in which the law does not vary.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .._checks import require
from .._files import sha256_of
from ..noise import NoiseSource
from .base import LAW_FORMAT, Law, as_array
from .known import KnownErrors

if TYPE_CHECKING:
    from .._typing import Array, Json, Tensor

ASYMMETRY = 1e-8  # allowed relative to the largest entry or eigenvalue: rounding of the user's


def eigen_form(argument: str, matrices: Array) -> tuple[Array, Array]:
    """Return eigenvalues l >= 0 [..., d] and eigenvectors U [..., d, d] of covariances.

    matrices: [..., d, d]. Raises InputError unless they are symmetric and nonnegative up to
    rounding; eigenvalues that are zero up to rounding are set to zero.
    """
    turned = np.swapaxes(matrices, -1, -2)
    skew = np.abs(matrices - turned).max(axis=(-2, -1))
    size = np.abs(matrices).max(axis=(-2, -1))
    worst = float((skew - ASYMMETRY * size).max())
    require(worst <= 0, argument, "must be symmetric; largest asymmetry", float(skew.max()))
    values, vectors = np.linalg.eigh((matrices + turned) / 2)
    largest = np.abs(values).max(axis=-1, keepdims=True)
    good = bool((values >= -ASYMMETRY * largest).all())
    require(good, argument, "must have no negative eigenvalue", float(values.min()))
    rounding = values.shape[-1] * np.finfo(np.float64).eps * largest
    return np.where(values <= rounding, 0.0, values), vectors


class Gaussian(Law):
    """The normal law N(mean, covariance), equations (1) to (3).

    mean: [d]; covariance: a number (times the identity), [d] (its diagonal) or [d, d]; it may
    be degenerate. Raises InputError for a covariance that is not symmetric or has a negative
    eigenvalue.
    """

    def __init__(self, mean: Any, covariance: Any) -> None:
        self.mean = as_array("mean", mean)
        require(self.mean.ndim == 1, "mean", "must have shape [d]", self.mean.shape)
        self.dimension = d = len(self.mean)
        self._given = as_array("covariance", covariance)
        allowed = ((), (d,), (d, d))
        rule = f"must be a number or have shape [{d}] or [{d}, {d}]"
        require(self._given.shape in allowed, "covariance", rule, self._given.shape)
        self._vectors: Array | None = None
        if self._given.ndim == 2:
            self._values, self._vectors = eigen_form("covariance", self._given)
        else:
            worst = float(self._given.min())
            require(worst >= 0, "covariance", "must not be negative", worst)
            self._values = np.broadcast_to(self._given, (d,)).copy()
        self.variance = float(self._values.sum())
        self.has_density = bool((self._values > 0).all())
        self.fingerprint = sha256_of("law gaussian", self.mean, self._given)

    def _sample(self, count: int, seed: int, first: int) -> Tensor:
        z = NoiseSource(seed, "law").normal(1, first, count, self.dimension).double()
        mean, values, vectors = self._tensors(z)
        return mean + _turn(z * values.sqrt(), vectors)

    def to_json(self) -> Json:
        """Return the law as the content of a law.json file."""
        fields = {"mean": self.mean.tolist(), "covariance": self._given.tolist()}
        return {"format": LAW_FORMAT, "law": "gaussian", **fields}

    def _covariance(self) -> Array:
        if self._vectors is None:
            return np.diag(self._values)
        return np.asarray((self._vectors * self._values) @ self._vectors.T)

    def _log_prob(self, x: Tensor, noise: float) -> Tensor:
        mean, values, vectors = self._tensors(x)
        e = x - mean if vectors is None else (x - mean) @ vectors
        wide = values + noise
        return -0.5 * ((2 * math.pi * wide).log() + e**2 / wide).sum(dim=1)

    def _posterior(self, x: Tensor, noise: float, spread: bool) -> tuple[Tensor, Tensor]:
        mean, values, vectors = self._tensors(x)
        e = x - mean if vectors is None else (x - mean) @ vectors
        shrink = values / (values + noise)
        return mean + _turn(e * shrink, vectors), (shrink * noise).sum().expand(len(x))

    def _exact_curve(self, levels: Array) -> Array:
        return np.array([(self._values / (1 + s * self._values)).sum() for s in levels])

    def _known(self, levels: Array) -> KnownErrors:
        return along_axes(self._vectors, self._values, levels)

    def _tensors(self, like: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return mean, l and U on the device of `like`, kept for the next call."""
        cached = self.__dict__.get("_cached")
        if cached is None or cached[0].device != like.device:
            arrays = (self.mean, self._values, self._vectors)
            with torch.inference_mode(False):  # kept for calls that may want a gradient
                cached = [a if a is None else torch.tensor(a, device=like.device) for a in arrays]
            self._cached = cached
        return cached[0], cached[1], cached[2]


def along_axes(vectors: Array | None, values: Array, levels: Array) -> KnownErrors:
    """Return what is known of independent normal numbers of variances `values` [d]: (2)."""
    gain = levels[:, None] * values
    return KnownErrors(vectors, values, values / (1 + gain), np.log1p(gain).sum(axis=1) / 2)


def _turn(coordinates: Tensor, vectors: Tensor | None) -> Tensor:
    return coordinates if vectors is None else coordinates @ vectors.T
