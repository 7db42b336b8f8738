r"""Calibration: a denoiser mixed with the linear one, per level and band of coordinates.

In the coordinates u_j of the data's moments, with mean mu and variance lambda_j,

    m'_j = mu_j + a (m_j - mu_j) + w keep_j (x_j - mu_j) + c,                              (1)

keep_j = lambda_j s/(1 + lambda_j s), where keep_j (x_j - mu_j) is the linear (Wiener) denoiser:
a = 1, w = c = 0 is the denoiser as it is and a = c = 0, w = 1 the linear one. The weights a, w, c
are known at measured levels and are linear in log s between them; by convexity the error at a
level in between is at most the mean of what the two neighbours' weights give there. Beyond the
measured levels the nearest ones hold. One network call a step, as without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._checks import require, require_levels
from .._files import sha256_of

if TYPE_CHECKING:
    from .._typing import Array, Levels
    from ..moments import Moments

RAW = (1.0, 0.0, 0.0)  # a, w, c of the denoiser as it is


@dataclass(frozen=True)
class Calibration:
    """The weights of equation (1).

    levels: SNRs [K]; weights: a, w, c by level and band [K, P, 3]; bands: the band of each
    coordinate [d]; moments: mean, basis and variances, whose mean over a band is its lambda.
    """

    levels: Levels
    weights: Array
    bands: NDArray[np.int64]
    moments: Moments

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together."""
        require_levels("calibration", self.levels)
        d = self.moments.basis.dimension
        require(self.bands.shape == (d,), "calibration", f"must band {d} coordinates")
        whole = self.bands.dtype == np.int64 and int(self.bands.min()) >= 0
        require(whole, "calibration", "must number its bands from 0", self.bands.dtype)
        form = (len(self.levels), int(self.bands.max()) + 1, 3)
        rule = f"must have weights of shape {form}"
        require(self.weights.shape == form, "calibration", rule, self.weights.shape)
        finite = bool(np.isfinite(self.weights).all())
        require(finite, "calibration", "must have finite weights")

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of all that decides (1)."""
        axes = [f for f in self.moments.basis.factors if f is not None]
        parts = (self.levels, self.weights, self.bands, self.moments.mean, self.moments.variances)
        return sha256_of("calibration", self.moments.basis.kind, *parts, *axes)

    @property
    def share(self) -> float:
        """The share of coordinates and levels at which the denoiser is corrected."""
        return float((self.weights[:, self.bands] != RAW).any(axis=-1).mean())

    def at(self, snr: Array) -> Array:
        """Return (a, w keep, c) at SNRs [n] by coordinate, [n, 3, d]."""
        s, grid = np.asarray(snr, dtype=np.float64), np.log(self.levels)
        place = np.interp(np.log(s), grid, np.arange(len(grid)))
        below = np.minimum(place.astype(np.int64), len(grid) - 1)
        above = np.minimum(below + 1, len(grid) - 1)
        part = (place - below)[:, None, None]
        weights = (1 - part) * self.weights[below] + part * self.weights[above]  # [n, P, 3]
        signal = s[:, None] * self.variances
        weights[..., 1] *= signal / (1 + signal)
        return np.asarray(np.swapaxes(weights, 1, 2)[:, :, self.bands])

    @property
    def variances(self) -> Array:
        """The variance lambda of each band, [P]."""
        sizes = np.maximum(np.bincount(self.bands), 1)
        return np.bincount(self.bands, self.moments.variances) / sizes

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the weights as named arrays; the moments are not among them."""
        return {"levels": self.levels, "weights": self.weights, "bands": self.bands}


def calibration_from_tensors(tensors: dict[str, np.ndarray], moments: Moments) -> Calibration:
    """Return the calibration whose `tensors()` these are; raises KeyError or InputError."""
    bands: Any = tensors["bands"]
    return Calibration(tensors["levels"], tensors["weights"], bands, moments)
