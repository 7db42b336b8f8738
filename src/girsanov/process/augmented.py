r"""Critically damped Langevin diffusion: noise enters a velocity v, and through it the data x.

    dX = -V dt,   dV = (X - 2V) dt + 2 dB,   X_0 ~ data,  V_0 ~ N(0, I) independent,       (1)

which leaves N(0, I) invariant (arXiv 2209.11215 section 3.3 with the signs for which it does;
Dockhorn, Vahdat, Kreis, 2022). With F = [[0, -1], [1, -2]], whose double eigenvalue is -1,

    Z_t | Z_0 ~ N(Phi_t Z_0, I - Phi_t Phi_t^T),  Phi_t = e^{tF} = e^-t [[1+t, -t], [t, 1-t]], (2)
    Z_t | X_0 ~ N(a_t X_0, I - a_t a_t^T),        a_t = e^-t (1 + t, t),                   (3)
    r = |a|^2 = e^-2t (1 + 2t + 2t^2) = P(Poisson(2t) <= 2),   snr = r / (1 - r).          (4)

Along a and along the unit vector b = (-t, 1 + t) / sqrt(1 + 2t + 2t^2) across it,

    u = a . Z / r = x0 + z / sqrt(snr),      w = b . Z ~ N(0, I) independent of x0 and u:  (5)

u is all that Z_t knows about x0, in the coordinates of every other process, and w is noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from .._checks import require

if TYPE_CHECKING:
    from .._typing import Array

ORDER = 3  # of the gamma law in (4): X is the noise integrated once, so 1 - r ~ 4 t^3 / 3


@dataclass(frozen=True)
class CriticallyDampedLangevin:
    """Equation (1) with mass 1 and friction 2, for each coordinate of the data, in float64."""

    end = float("inf")

    def mean(self, t: Array | float) -> Array:
        """Return a_t of equation (3), [..., 2]."""
        t = np.asarray(t, dtype=np.float64)
        return np.stack([1 + t, t], axis=-1) * np.exp(-t)[..., None]

    def signal(self, t: Array | float) -> Array:
        """Return r of equation (4), the share of the variance that is data."""
        return np.asarray(special.gammaincc(ORDER, 2 * np.asarray(t, dtype=np.float64)))

    def snr(self, t: Array | float) -> Array:
        """Return r / (1 - r); both come from incomplete gamma functions and never cancel."""
        t = np.asarray(t, dtype=np.float64)
        require(bool((t > 0).all()), "t", "must be positive, where the SNR is finite", t)
        return np.asarray(self.signal(t) / special.gammainc(ORDER, 2 * t))

    def log_snr(self, t: Array | float) -> Array:
        """Return log snr(t)."""
        return np.asarray(np.log(self.snr(t)))

    def time(self, snr: Array | float) -> Array:
        """Return the time t with snr(t) = snr, to rounding."""
        s = np.asarray(snr, dtype=np.float64)
        good = bool((s > 0).all() and np.isfinite(s).all())
        require(good, "snr", "must be positive and finite", snr)
        # the smaller of 1 - r and r is the one that tells the time
        t = np.where(
            s > 1,
            special.gammaincinv(ORDER, 1 / (1 + s)),
            special.gammainccinv(ORDER, s / (1 + s)),
        )
        t = np.asarray(t / 2)
        for _ in range(2):  # Newton on log snr: the inverse above has 12 digits
            reached = self.snr(t)
            t = t + (reached - s) / s * (1 - self.signal(t)) * self.signal(t) / self._speed(t)
        return np.asarray(t)

    def transition(self, h: float) -> Array:
        """Return Phi_h of equation (2), [2, 2]."""
        return np.asarray(np.exp(-h) * np.array([[1 + h, -h], [h, 1 - h]]))

    def noise(self, h: float) -> Array:
        """Return I - Phi_h Phi_h^T, the covariance of Z_h given Z_0, [2, 2]."""
        decay = np.exp(-2 * h)
        xv = -2 * h**2 * decay
        vv = -np.expm1(-2 * h) + 2 * h * (1 - h) * decay
        return np.array([[float(special.gammainc(ORDER, 2 * h)), xv], [xv, vv]])

    def axes(self, t: float) -> Array:
        """Return [a, b], the matrix that takes (u, w) of equation (5) to Z, [2, 2]."""
        across = np.array([-t, 1 + t]) / np.sqrt(1 + 2 * t + 2 * t**2)
        return np.stack([self.mean(t), across], axis=1)

    def statistics(self, t: float) -> Array:
        """Return the matrix that takes Z to (u, w) of equation (5), [2, 2]."""
        axes = self.axes(t)
        return np.stack([axes[:, 0] / self.signal(t), axes[:, 1]])

    def _speed(self, t: Array) -> Array:
        """Return -dr/dt = 4 t^2 e^-2t."""
        return np.asarray(4 * t**2 * np.exp(-2 * t))
