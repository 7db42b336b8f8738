r"""Scalar forward processes as clocks on the SNR axis.

Every process here is x_t = alpha(t) x_0 + sigma(t) z with z ~ N(0, I), hence

    snr(t) = alpha(t)^2 / sigma(t)^2,                                                     (1)
    x_t / alpha(t) = x_0 + z / sqrt(snr(t)),                                              (2)

so that what x_t knows about x_0 depends on snr(t) alone. Each clock has the exact inverse
time(snr). Variance preserving with integral B(t) = int_0^t beta:

    alpha = exp(-B/2),   sigma^2 = 1 - exp(-B),   snr = 1 / (e^B - 1),   B = log(1 + 1/snr). (3)
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from .._checks import require, require_number

if TYPE_CHECKING:
    from .._typing import Array


def _checked_snr(snr: Array | float) -> Array:
    s = np.asarray(snr, dtype=np.float64)
    require(
        bool((s > 0).all() and np.isfinite(s).all()), "snr", "must be positive and finite", snr
    )
    return s


class Clock(Protocol):
    """What a grid needs of a process: its SNR at a time, and the time of an SNR."""

    def snr(self, t: Array | float) -> Array:
        """Return the SNR at time t."""
        ...

    def time(self, snr: Array | float) -> Array:
        """Return the time t with this SNR."""
        ...


class ScalarProcess(ABC):
    """A clock (1): scalars alpha(t) and sigma(t) of a time t > 0, in float64.

    end: the largest time of the process (inf when it runs for ever).
    """

    end: float = float("inf")

    @abstractmethod
    def alpha(self, t: Array | float) -> Array:
        """Return the factor on the data at time t."""

    @abstractmethod
    def sigma(self, t: Array | float) -> Array:
        """Return the factor on the noise at time t."""

    @abstractmethod
    def time(self, snr: Array | float) -> Array:
        """Return the time t with snr(t) = snr, the exact inverse of `snr`."""

    def snr(self, t: Array | float) -> Array:
        """Return equation (1)."""
        t = self._checked_time(t)
        return np.asarray((self.alpha(t) / self.sigma(t)) ** 2)

    def log_snr(self, t: Array | float) -> Array:
        """Return log snr(t)."""
        return np.asarray(np.log(self.snr(t)))

    def _checked_time(self, t: Array | float) -> Array:
        out = np.asarray(t, dtype=np.float64)
        inside = bool((out > 0).all() and (out < self.end).all())
        require(inside, "t", f"must lie in (0, {self.end:g}), where the SNR is finite", t)
        return out


@dataclass(frozen=True)
class VariancePreserving(ScalarProcess):
    """Equation (3) for any rate beta(t) > 0.

    integral: B(t) = int_0^t beta; inverse: the time t with B(t) = b; end: largest time.
    """

    integral: Callable[[Array], Array]
    inverse: Callable[[Array], Array]
    end: float = float("inf")

    @classmethod
    def linear(cls, beta_min: float = 0.1, beta_max: float = 20.0) -> VariancePreserving:
        """Return beta(t) = beta_min + t (beta_max - beta_min) on t in [0, 1]."""
        low = require_number("beta_min", beta_min, above=0.0)
        slope = require_number("beta_max", beta_max, above=low) - low

        def inverse(b: Array) -> Array:
            # the root of slope t^2/2 + low t = b, in the form that does not cancel for small b
            return np.asarray(2 * b / (low + np.sqrt(low**2 + 2 * slope * b)))

        return cls(lambda t: low * t + slope * t**2 / 2, inverse, 1.0 + 1e-12)

    @classmethod
    def from_rate(cls, beta: Callable[[float], float], end: float) -> VariancePreserving:
        """Return the process of any positive rate beta(t) on (0, end], by quadrature and roots."""
        from scipy import integrate, optimize  # slow to import, and for this alone

        require_number("end", end, above=0.0)
        edges, last = np.linspace(0.0, end, 257), end * (1 + 1e-12)
        rates = np.array([beta(float(t)) for t in edges])
        require(bool((rates > 0).all()), "beta", "must be positive on [0, end]", rates.min())

        def area(a: float, b: float) -> float:
            return float(integrate.quad(beta, a, b, epsabs=0.0, epsrel=1e-11)[0])

        parts = [area(a, b) for a, b in itertools.pairwise(edges)]
        table = np.concatenate([[0.0], np.cumsum(parts)])

        def integral(t: float) -> float:
            cell = min(int(t / end * 256), 255)
            return float(table[cell] + area(edges[cell], t))

        def inverse(b: float) -> float:
            # no absolute tolerance: at high SNR the time itself is as small as 1e-13
            xtol = float(np.finfo(np.float64).tiny)
            return float(optimize.brentq(lambda t: integral(t) - b, 0.0, last, xtol=xtol))

        return cls(
            np.vectorize(integral, otypes=[float]), np.vectorize(inverse, otypes=[float]), last
        )

    def alpha(self, t: Array | float) -> Array:
        """Return exp(-B(t)/2)."""
        return np.asarray(np.exp(-self.integral(np.asarray(t, dtype=np.float64)) / 2))

    def sigma(self, t: Array | float) -> Array:
        """Return sqrt(1 - exp(-B(t)))."""
        return np.asarray(np.sqrt(-np.expm1(-self.integral(np.asarray(t, dtype=np.float64)))))

    def snr(self, t: Array | float) -> Array:
        """Return 1 / (e^B - 1), which keeps its digits at both ends."""
        return np.asarray(1 / np.expm1(self.integral(self._checked_time(t))))

    def time(self, snr: Array | float) -> Array:
        """Return the time with B(t) = log(1 + 1/snr)."""
        b = np.log1p(1 / _checked_snr(snr))
        if np.isfinite(self.end):
            last = float(self.integral(np.asarray(self.end)))
            rule = f"must be at least {1 / np.expm1(last):g}, where this process ends"
            require(bool((b <= last).all()), "snr", rule, snr)
        return np.asarray(self.inverse(b))


def OrnsteinUhlenbeck() -> VariancePreserving:
    """Return dX = -X dt + sqrt(2) dB, the process of the paper: alpha = e^-t, B(t) = 2t."""
    return VariancePreserving(lambda t: 2 * t, lambda b: b / 2)


class VarianceExploding(ScalarProcess):
    """alpha = 1, sigma = t: the time is the noise level (EDM: Karras et al., 2022)."""

    def alpha(self, t: Array | float) -> Array:
        """Return 1."""
        return np.ones_like(np.asarray(t, dtype=np.float64))

    def sigma(self, t: Array | float) -> Array:
        """Return t."""
        return np.asarray(t, dtype=np.float64)

    def time(self, snr: Array | float) -> Array:
        """Return 1 / sqrt(snr)."""
        return np.asarray(_checked_snr(snr) ** -0.5)


class Cosine(ScalarProcess):
    """alpha = cos(pi t / 2), sigma = sin(pi t / 2) on t in (0, 1) (Nichol & Dhariwal, 2021)."""

    end = 1.0

    def alpha(self, t: Array | float) -> Array:
        """Return cos(pi t / 2)."""
        return np.asarray(np.cos(np.pi / 2 * np.asarray(t, dtype=np.float64)))

    def sigma(self, t: Array | float) -> Array:
        """Return sin(pi t / 2)."""
        return np.asarray(np.sin(np.pi / 2 * np.asarray(t, dtype=np.float64)))

    def time(self, snr: Array | float) -> Array:
        """Return 2/pi atan(1 / sqrt(snr))."""
        return np.asarray(2 / np.pi * np.arctan(_checked_snr(snr) ** -0.5))


class Flow(ScalarProcess):
    """alpha = 1 - t, sigma = t on t in (0, 1): rectified flow (Liu et al., 2023)."""

    end = 1.0

    def alpha(self, t: Array | float) -> Array:
        """Return 1 - t."""
        return 1 - np.asarray(t, dtype=np.float64)

    def sigma(self, t: Array | float) -> Array:
        """Return t."""
        return np.asarray(t, dtype=np.float64)

    def time(self, snr: Array | float) -> Array:
        """Return 1 / (1 + sqrt(snr))."""
        return np.asarray(1 / (1 + np.sqrt(_checked_snr(snr))))
