r"""Theorem 6 of arXiv 2209.11215 with constants: critically damped Langevin diffusion.

Forward dX = -V dt, dV = (X - 2V) dt + 2 dB with V_0 standard normal. A rotation of Z = (X, V)
at time t is Ornstein-Uhlenbeck at time t' = -1/2 log r, r = e^-2t (1 + 2t + 2t^2), next to pure
noise, so that

    KL(q_T | gamma) = KL(q^OU_T' | gamma)         (no Fisher information term needed),      (1)
    E S S^T = d I + g(t) (1 + t, t)(1 + t, t)^T,   g = (I_OU(t') - d)/(1 + 2t + 2t^2).      (2)

Freezing the v-score over N equal steps h, with J = E S S^T by (2) and c_h, e_h of steps.py,

    D = 2 { int J_vv + sum_j [ e_h J_vv(jh) + 2 c_h J_xv(jh) ] },             exact,        (3)
    D <= 2 N d (L lag_h + 4 L^2 turn_h)  <=  T (4 L^2 d h + 10/3 L d h^2),   L at all times, (4a)
    D <= 4 d N h (1 - e^-h) + 2 { (I_0 - d) P_1 + sum_{j<=N} F(jh) (P_{j+1} - q_j)_+
         + (m2^2 - d) sum_{j<=N} (q_j - P_{j+1})_+ },                                       (4b)

with G = gammainc(3, 2t)/4, P_j its increments, P_{N+1} = 0, q_j = e^-2t [ -e_h t^2
- 2 c_h t (1 + t) ] at t = jh, and F(t) = (d - d^2/I_0)/(r d/I_0 + 1 - r): the relative Fisher
information over r is at most m2^2 - d + F. A v-score error eps adds

    E <= 2 T eps^2 + 2 sqrt(5) h T eps sqrt(I_max).                                         (5)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammainc, gammaincc

from ..._checks import require, require_choice
from . import steps as of
from .chen2023_ddpm import FISHER_BOUND, SMOOTH, assumed, rate_tv
from .chen2023_support import early_stopping_w2
from .facts import Facts
from .given import require_error, require_steps, require_time
from .result import Bound

if TYPE_CHECKING:
    from ..._typing import Array

FORMS = ("4a", "4b")
MOST_SUMMED_STEPS = 2**21  # steps up to which (4b) is summed; it promises nothing beyond them


def ou_time_of_cld(time: Array | float) -> Array:
    """Return t' of the Ornstein-Uhlenbeck process with the same SNR at CLD time t."""
    x = 2 * np.asarray(time, dtype=np.float64)
    # r = gammaincc(3, 2t): of it and its complement the smaller keeps its digits
    early = -np.log1p(-np.minimum(gammainc(3, x), 0.5)) / 2
    late = gammaincc(3, np.clip(x, 2, 600))  # at most LONGEST_TIME: a number still
    return np.asarray(np.where(x < 2, early, -np.log(late) / 2))


def exact_discretisation(
    dimension: int, information: Callable[[Array], Array], steps: int, *, time: float
) -> float:
    """Return equation (3) in nats; information(t'): I of the data at Ornstein-Uhlenbeck times.

    The integral is by Gauss-Legendre on panels that shrink towards t = 0, where I changes
    fastest.
    """
    h = time / require_steps(steps)
    edges = np.concatenate([[0.0], np.geomspace(1e-8 * time, time, 129)])
    nodes, weights = np.polynomial.legendre.leggauss(16)
    half = np.diff(edges)[:, None] / 2
    at: Array = (edges[:-1, None] + half + half * nodes).ravel()
    integral = ((half * weights).ravel() * _score_moments(dimension, information, at)[0]).sum()
    grid: Array = np.linspace(h, time, steps)
    vv, xv = _score_moments(dimension, information, grid)
    return float(2 * (integral + float(of.e(h)) * vv.sum() + 2 * float(of.c(h)) * xv.sum()))


def _score_moments(
    dimension: int, information: Callable[[Array], Array], t: Array
) -> tuple[Array, Array]:
    """Return J_vv and J_xv of equation (2) at CLD times t."""
    g = (information(ou_time_of_cld(t)) - dimension) / (1 + 2 * t + 2 * t**2)
    return dimension + g * t**2, g * t * (1 + t)


def uniform_cld_discretisation(facts: Facts, form: str, steps: int, *, time: float) -> float:
    """Return (4a) or (4b) in nats for `steps` equal steps of CLD time."""
    d, h = facts.dimension, time / steps
    if require_choice("form", form, FORMS) == "4a":
        lip = facts.lipschitz_at(0.0)
        if math.isinf(lip):
            return math.inf
        return 2 * steps * d * (lip * float(of.lag(h)) + 4 * lip * lip * float(of.turn(h)))
    first = facts.fisher(0.0)
    if math.isinf(first) or steps > MOST_SUMMED_STEPS:
        return math.inf
    t = h * np.arange(1, steps + 1)
    p = np.append(np.diff(gammainc(3, 2 * np.concatenate([[0.0], t]))) / 4, 0.0)
    q = np.exp(-2 * t) * (-float(of.e(h)) * t**2 - 2 * float(of.c(h)) * t * (1 + t))
    share = d / first
    f = d * (1 - share) / (gammaincc(3, 2 * t) * share + gammainc(3, 2 * t))
    more = np.maximum(p[1:] - q, 0.0)
    # (m2^2 - d) stands beside what is positive alone: sums with it would cancel
    less = (facts.second_moment - d) * np.maximum(q - p[1:], 0.0).sum()
    inner = (first - d) * p[0] + f @ more + less
    return max(0.0, float(-4 * d * steps * h * math.expm1(-h) + 2 * inner))


def theorem6(
    facts: Facts,
    steps: int,
    *,
    time: float,
    score_error: float = 0.0,
    form: str | None = None,
) -> Bound:
    """Return Theorem 6 for `steps` equal steps of CLD time T: (4a), (4b) or the lesser.

    facts: of the data (noise them first to stop early); score_error: of the v-score, root mean
    square at every step. Raises InputError when neither form applies to what is known.
    """
    steps, time = require_steps(steps), require_time("time", time, above=0.0)
    score_error = require_error(score_error)
    forms = FORMS if form is None else (require_choice("form", form, FORMS),)
    values = {f: uniform_cld_discretisation(facts, f, steps, time=time) for f in forms}
    best = min(values, key=lambda f: values[f])
    require(math.isfinite(values[best]), "facts", "must bound the score of the data itself", facts)
    most = max(facts.fisher(0.0), facts.dimension)
    h = time / steps
    error = 2 * time * score_error**2
    error += 2 * math.sqrt(5) * h * time * score_error * math.sqrt(most) if score_error else 0.0
    smooth = best == "4a"
    smoothness = (
        SMOOTH.format(facts.lipschitz_at(0.0))
        if smooth
        else FISHER_BOUND.format(facts.fisher(0.0))
    )
    return Bound(
        f"Theorem 6, ({best})",
        "CLD, v-score frozen, equal steps of time",
        steps,
        facts.start(float(ou_time_of_cld(time))),
        values[best],
        error,
        time,
        0.0,
        early_stopping_w2(facts, 0.0),
        assumed(smoothness, score_error, 0.0),
        rate_tv(facts, steps, time, score_error),
    )
