r"""What a theorem is told of the data law q, and what follows from it.

Noised for a time t by Ornstein-Uhlenbeck, X_t = alpha X_0 + sigma z, alpha = e^-t,
sigma^2 = 1 - alpha^2, with I(t) = E|grad log q_t|^2 and V = tr Cov(X_0),

    E|X_t|^2 = alpha^2 m2^2 + sigma^2 d,    tr Cov(X_t) = alpha^2 V + sigma^2 d,            (1)
    I(t) <= d I_0 / (alpha^2 d + sigma^2 I_0) <= d / sigma^2,        Stam,                  (2)
    I(t) >= d^2 / tr Cov(X_t),                                       Cramer and Rao,        (3)
    I_0 <= L d          for a score that is L-Lipschitz,                                    (4)
    KL(q_t | gamma) <= min( e^-2t KL(q | gamma),
                            1/2 [ e^-2t (m2^2 - d) - d log(1 - e^-2t) ] ),                  (5)
    L_t = max(1, s_t R^2 - 1) / sigma_t^2   for a support in a ball of radius R.            (6)

(5) is the compensation identity less its integral of the error curve; it needs no density. (6)
falls with t, because -1/sigma^2 <= Hessian <= alpha^2 R^2/sigma^4 - 1/sigma^2 (Popoviciu).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..._checks import require, require_count, require_number
from .given import (
    MOST_SIZE,
    as_floats,
    require_dimension,
    require_snrs,
    require_time,
    require_within,
)

if TYPE_CHECKING:
    from ..._typing import Array

MOST_BALLS = 1e300
SIZES = ("second_moment", "variance", "kl", "information", "lipschitz", "radius")
SLACK = 1e-9  # relative rounding allowed to numbers that must agree


def _pairs(name: str, value: object) -> tuple[tuple[float, float], ...]:
    good = isinstance(value, tuple) and all(isinstance(p, tuple) and len(p) == 2 for p in value)
    require(good, name, "must be a tuple of pairs of numbers", value)
    return value  # type: ignore[return-value]


@dataclass(frozen=True)
class Facts:
    """What is known of the data law q on R^d; None where nothing is.

    dimension: d; second_moment: m2^2 = E|x0|^2, or more; variance: V = tr Cov, or more;
    kl: KL(q | N(0, I)) in nats; information: I_0 = E|grad log q|^2, or more; lipschitz: L of
    the score grad log q; smooth: whether L holds for the noised laws q_t too (Assumption 1 of
    Chen et al.); radius: R with |x0| <= R. For bounds by intrinsic dimension (intrinsic.py):
    points: how many points hold all the mass; coverings: pairs (r, N) of N balls of radius r that
    hold the data; information_at: pairs (s, nats) with I(X_0; X_s) <= nats at SNR s. Raises
    InputError for numbers that no law has.
    """

    dimension: int
    second_moment: float
    variance: float | None = None
    kl: float | None = None
    information: float | None = None
    lipschitz: float | None = None
    smooth: bool = True
    radius: float | None = None
    points: int | None = None
    coverings: tuple[tuple[float, float], ...] = ()
    information_at: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        """Check the numbers, each alone and all together."""
        d = require_dimension(self.dimension)
        m2 = require_number("second_moment", self.second_moment)
        require(m2 >= 0, "second_moment", "must be >= 0, the mean of |x0|^2", m2)
        for name in ("variance", "kl"):
            value = getattr(self, name)
            ok = value is None or require_number(name, value) >= 0
            require(ok, name, "must be >= 0", value)
        for name in ("information", "lipschitz", "radius"):
            if getattr(self, name) is not None:
                require_number(name, getattr(self, name), above=0.0)
        for name in SIZES:
            small = (getattr(self, name) or 0.0) <= MOST_SIZE
            require(small, name, f"must be at most {MOST_SIZE:g}", getattr(self, name))
        require(isinstance(self.smooth, bool), "smooth", "must be True or False", self.smooth)
        self._check_information()
        for name in SIZES:  # as Python has them, in whose precision everything is computed
            if getattr(self, name) is not None:
                object.__setattr__(self, name, float(getattr(self, name)))
        object.__setattr__(self, "dimension", d)
        v, radius = self.spread, self.radius
        require(v <= m2 * (1 + SLACK), "variance", "must be at most the second moment", v)
        if radius is not None:
            rule = f"must be at least {math.sqrt(m2):.6g}, the root of the second moment"
            require(radius**2 >= m2 * (1 - SLACK), "radius", rule, radius)
        if self.information is not None or self.lipschitz is not None:
            least = d / v if v > 0 else math.inf
            name = "lipschitz" if self.lipschitz is not None else "information"
            per = 1 if self.lipschitz is not None else d
            rule = f"must be at least {per * least:.6g}, which any law of this variance has"
            require(self.fisher(0.0) * v >= d**2 * (1 - SLACK), name, rule, getattr(self, name))

    def _check_information(self) -> None:
        """Check points, coverings and information_at."""
        if self.points is not None:
            points = require_count("points", self.points)
            require(points <= MOST_SIZE, "points", f"must be at most {MOST_SIZE:g}", points)
        for r, count in _pairs("coverings", self.coverings):
            require_within("coverings", r)
            balls = 1 <= require_number("coverings", count) <= MOST_BALLS
            require(balls, "coverings", f"must be of 1 to {MOST_BALLS:g} balls", count)
        for s, nats in _pairs("information_at", self.information_at):
            require_snrs("information_at", s, at_least=1)
            require_within("information_at", nats)

    @property
    def spread(self) -> float:
        """V, or the second moment, which is not below it."""
        return self.second_moment if self.variance is None else self.variance

    def fisher(self, time: float) -> float:
        """Return an upper bound on I(t), (2) and (4); infinite at t = 0 when nothing is known."""
        d, time = self.dimension, require_time("time", time)
        r = math.exp(-2 * time)
        bounds = [self.information, None if self.lipschitz is None else self.lipschitz * d]
        first = min((x for x in bounds if x is not None), default=math.inf)
        if math.isinf(first):
            return math.inf if time == 0 else d / -math.expm1(-2 * time)
        return d / (r * d / first - math.expm1(-2 * time))

    def second_moment_at(self, time: float) -> float:
        """Return E|X_t|^2 (1)."""
        t = require_time("time", time)
        return math.exp(-2 * t) * self.second_moment - math.expm1(-2 * t) * self.dimension

    def spread_at(self, time: Array | float) -> Array:
        """Return an upper bound on tr Cov(X_t), (1)."""
        d, t = self.dimension, as_floats("time", time)
        require(bool((t >= 0).all()), "time", "must be >= 0", time)
        return np.asarray(np.exp(-2 * t) * self.spread - np.expm1(-2 * t) * d)

    def noised(self, time: float) -> Facts:
        """Return what is known of q_t, the data noised for a time t: (1), (2), (5), (6)."""
        if time == 0:
            return self
        first, lip = self.fisher(time), self.lipschitz_at(time)
        return Facts(
            self.dimension,
            self.second_moment_at(time),
            float(self.spread_at(time)),
            self.start(time),
            first,
            lip if math.isfinite(lip) else None,
        )

    def relative_fisher(self, time: float) -> float:
        """Return an upper bound on FI(t) = E|grad log q_t + x|^2 = I - 2d + E|X_t|^2."""
        return max(0.0, self.fisher(time) - 2 * self.dimension + self.second_moment_at(time))

    def start(self, time: float) -> float:
        """Return an upper bound on KL(q_T | N(0, I)) in nats, equation (5)."""
        d, time = self.dimension, require_time("time", time)
        r = math.exp(-2 * time)
        if time == 0:
            return math.inf if self.kl is None else self.kl
        # log(1 - r) keeps its digits by one form near r = 1 and by the other near r = 0
        lost = math.log(-math.expm1(-2 * time)) if r > 0.5 else math.log1p(-r)
        free = max(0.0, (r * (self.second_moment - d) - d * lost) / 2)
        return free if self.kl is None else min(r * self.kl, free)

    def lipschitz_at(self, time: float) -> float:
        """Return L with grad log q_t' L-Lipschitz for all t' >= `time`; infinite if unknown."""
        time = require_time("time", time)
        bounds = [math.inf]
        if self.lipschitz is not None and self.smooth:
            bounds.append(max(1.0, self.lipschitz))  # gamma's own score is 1-Lipschitz
        if self.radius is not None and time > 0:
            variance = -math.expm1(-2 * time)
            snr = 1 / math.expm1(2 * time)
            bounds.append(max(1.0, snr * self.radius**2 - 1) / variance)
        return min(bounds)
