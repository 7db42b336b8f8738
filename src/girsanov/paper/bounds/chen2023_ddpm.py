r"""Theorem 2 of Chen, Chewi, Li, Li, Salim, Zhang (arXiv 2209.11215) with every constant.

The sampler is the exponential integrator of dX = X + 2 score with the score frozen, run over
times T = t_N > ... > t_0 = delta from N(0, I). By Girsanov, with step constants of steps.py,

    KL(q_delta | p) <= KL(q_T | gamma) + D + E,
    D = int_{t_0}^{t_N} I dt - sum_j a_{h_j} I(t_j),             exact (any grid),          (1)
    E = sum_j h_j eps_j^2 + 2 b_{h_j} eps_j sqrt(I(t_j)),        score errors eps_j,        (2)

and for N equal steps h, I_0 the Fisher information of q_delta and L its Lipschitz constant,

    D <= N d [ L square_h + L^2 b_2h / 2 ],     L at all times,                             (2a)
    D <= kappa_h (I_0 - d) + 2 N b_h d + kappa_h e^-2T (m2^2 - d),                          (2b)
    D <= d [ log(1 + (e^2h - 1) I_0/d)/2 + (N - 1) phi_h - a_h d/(d + e^-2T (V - d)) ].     (2c)

On any grid, with E_j = e^{2 h_j} - 1 and the bounds of facts.py on I(t_j),

    D <= d/2 log(1 + E_1 I_0/d) + sum_j [ d/2 log(1 + E_{j+1} I_j/d) - a_{h_j} I_j ]
         - a_{h_N} I_N,   I_j = clip( d (1/(2 a_{h_j}) - 1/E_{j+1}), lower, upper ).        (3)

Freezing score + x instead (Conforti, Durmus, Silveri's choice) needs neither d nor T:

    D <= 1/2 (1 - e^-2h) FI_0,   E = sum h eps^2 + 2 (e^h - 1 - h) sum eps sqrt(FI_0).      (4)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..._checks import require, require_choice
from . import steps as of
from .chen2023_support import early_stopping_w2
from .facts import Facts
from .given import (
    MOST_SIZE,
    as_floats,
    require_error,
    require_errors,
    require_steps,
    require_time,
    require_times,
    require_within,
)
from .result import ANY_GRID, Bound, Rate

if TYPE_CHECKING:
    from ..._typing import Array

PAPER = "Chen et al. 2023"
FORMS = ("2a", "2b", "2c")
MOMENT = "Assumption 2: the data have a finite second moment"
LEARNED_SCORE = (
    "Assumption 3: the score is learned with root mean square error {:.3g} at every step"
)
EXACT_SCORE = "the score is exact (Assumption 3 with error 0)"
EARLY_STOPPED = "the target is the data noised for a time delta = {:.3g} (early stopping)"
SMOOTH = "Assumption 1: the score is L-Lipschitz at all times after delta, L = {:.3g}"
FISHER_BOUND = "the Fisher information at delta is at most {:.3g}"


def exact_score_discretisation(times: Array, information: Array, integral: float) -> float:
    """Return equation (1), exact for an exact score: the path KL of the steps, in nats.

    times: t_0 < ... < t_N; information: I(t_0), ..., I(t_N); integral: of I dt over them. Raises
    InputError for an integral that is too small for any law of this information.
    """
    t, i = require_times(times), as_floats("information", information)
    require(t.shape == i.shape, "information", "must have one value a time", i.shape)
    good = bool((i >= 0).all() and (i <= MOST_SIZE).all())
    require(good, "information", f"must be >= 0, at most {MOST_SIZE:g}", information)
    whole = require_within("integral", integral, MOST_SIZE**2)
    value = float(whole - of.a(np.diff(t)) @ i[1:])
    require(value >= -1e-9 * whole, "integral", "is less than this information allows", integral)
    return max(0.0, value)


def score_term(steps: Array, errors: Array | float, information: Array) -> float:
    """Return equation (2): steps h_j, errors eps_j, I(t_j) (or more) at the start of each."""
    h = np.asarray(steps, dtype=np.float64)
    eps = require_errors(errors, len(h))
    return float(np.sum(h * eps**2 + 2 * of.b(h) * eps * np.sqrt(information)))


def uniform_discretisation(
    facts: Facts, form: str, steps: int, *, time: float, stop: float = 0.0
) -> float:
    """Return (2a), (2b) or (2c) in nats for `steps` equal steps from `time` T to `stop` delta."""
    d, n, r = facts.dimension, steps, math.exp(-2 * time)
    h = (time - stop) / n
    if require_choice("form", form, FORMS) == "2a":
        lip = facts.lipschitz_at(stop)
        if math.isinf(lip):
            return math.inf
        return n * d * (lip * float(of.square(h)) + lip * lip * float(of.b(2 * h)) / 2)
    first = facts.fisher(stop)
    if math.isinf(first):
        return math.inf
    if form == "2b":
        kappa = float(of.kappa(h))
        tail = kappa * r * (facts.second_moment - d)
        return max(0.0, kappa * (first - d) + 2 * n * float(of.b(h)) * d + tail)
    if h >= of.LONGEST:
        return math.inf
    left = math.log1p(math.expm1(2 * h) * first / d) / 2
    last = float(of.a(h)) * d / float(facts.spread_at(time))
    return max(0.0, d * (left + (n - 1) * float(of.step_phi(h)) - last))


def grid_discretisation(facts: Facts, times: Array) -> float:
    """Return equation (3) in nats for any times delta = t_0 < ... < t_N = T."""
    t = require_times(times)
    d, first, h = facts.dimension, facts.fisher(float(t[0])), np.diff(t)
    if math.isinf(first):
        return math.inf
    weight, growth = of.a(h), np.expm1(2 * h)
    since = np.exp(-2 * (t[1:] - t[0]))
    upper = d / (since * (d / first) - np.expm1(-2 * (t[1:] - t[0])))
    lower = np.minimum(d**2 / facts.spread_at(t[1:]), upper)
    a, e = weight[:-1], growth[1:]
    free = np.where(a > 0, d * (0.5 / np.where(a > 0, a, 1.0) - 1 / e), np.inf)
    at = np.clip(free, lower[:-1], upper[:-1])
    inner = d / 2 * np.log1p(e * at / d) - a * at
    last = weight[-1] * (lower[-1] if weight[-1] > 0 else upper[-1])
    return max(0.0, float(d / 2 * math.log1p(growth[0] * first / d) + inner.sum() - last))


def relative_discretisation(facts: Facts, h: float, *, stop: float = 0.0) -> float:
    """Return equation (4) in nats for equal steps h down to time `stop`."""
    return -math.expm1(-2 * h) / 2 * facts.relative_fisher(stop)


def theorem2(
    facts: Facts,
    steps: int,
    *,
    time: float,
    stop: float = 0.0,
    score_error: float = 0.0,
    form: str | None = None,
) -> Bound:
    """Return Theorem 2 for `steps` equal steps from time T to `stop`: (2a), (2b), (2c).

    facts: of the data; score_error: eps, root mean square at every step; form: one of them, or
    None for the least. Raises InputError when no form applies to what is known.
    """
    n, t0, time, score_error = _checked(steps, time, stop, score_error)
    forms = FORMS if form is None else (require_choice("form", form, FORMS),)
    values = {
        f: uniform_discretisation(facts, f, n, time=time, stop=t0)
        for f in forms
    }  # fmt: skip
    best = min(values, key=lambda f: values[f])
    rule = "must say more of the data (lipschitz or radius), or stop must be > 0"
    require(math.isfinite(values[best]), "facts", rule, facts)
    h = (time - t0) / n
    total = n * h * score_error**2
    if score_error > 0:
        total += 2 * float(of.b(h)) * score_error * root_information(facts, n, time, t0)
    smoothness = (
        SMOOTH.format(facts.lipschitz_at(t0))
        if best == "2a"
        else FISHER_BOUND.format(facts.fisher(t0))
    )  # fmt: skip
    return Bound(
        f"Theorem 2, ({best})",
        "DDPM, score frozen, equal steps of time",
        n,
        facts.start(time),
        values[best],
        total,
        time,
        t0,
        early_stopping_w2(facts, t0),
        assumed(smoothness, score_error, t0),
        rate_tv(facts, n, time, score_error),
    )


def theorem2_on_grid(facts: Facts, times: Array, score_errors: Array | float = 0.0) -> Bound:
    """Return Theorem 2 on any times t_0 < ... < t_N, equation (3); score_errors: eps_j or one."""
    t, d = require_times(times), facts.dimension
    value = grid_discretisation(facts, t)
    eps = require_errors(score_errors, len(t) - 1)
    first, since = facts.fisher(float(t[0])), t[1:] - t[0]
    information = d / (np.exp(-2 * since) * (d / first) - np.expm1(-2 * since))  # (4) from t_0
    return Bound(
        "Theorem 2 on a grid, (2.3)",
        "DDPM, score frozen, any steps",
        len(t) - 1,
        facts.start(float(t[-1])),
        value,
        score_term(np.diff(t), eps, information),
        float(t[-1]),
        float(t[0]),
        early_stopping_w2(facts, float(t[0])),
        assumed(FISHER_BOUND.format(facts.fisher(float(t[0]))), float(eps.max()), float(t[0])),
        grid=ANY_GRID,
    )


def ei_relative(
    facts: Facts, steps: int, *, time: float, stop: float = 0.0, score_error: float = 0.0
) -> Bound:
    """Return equation (4): the same network calls with score + x frozen instead of the score."""
    n, t0, time, score_error = _checked(steps, time, stop, score_error)
    h = (time - t0) / n
    information = facts.relative_fisher(t0)
    rule = "must say more of the data (lipschitz or radius), or stop must be > 0"
    require(math.isfinite(information), "facts", rule, facts)
    cross = 2 * float(of.exp_excess(h)) * n * score_error * math.sqrt(information)
    return Bound(
        "ei-relative, (2.4)",
        "DDPM, score + x frozen, equal steps of time",
        n,
        facts.start(time),
        relative_discretisation(facts, h, stop=t0),
        n * h * score_error**2 + cross,
        time,
        t0,
        early_stopping_w2(facts, t0),
        assumed(FISHER_BOUND.format(facts.fisher(t0)), score_error, t0),
    )


def root_information(facts: Facts, steps: int, time: float, stop: float) -> float:
    """Return an upper bound on the sum over nodes of sqrt(I(t_j)), by Stam's inequality."""
    d, first, span = facts.dimension, facts.fisher(stop), time - stop
    if first <= d:  # the bound on I then grows with t
        return steps * math.sqrt(facts.fisher(time))
    # sqrt of the bound falls, so the sum is below its integral over h:
    # sqrt(d) [span + log((1 + u_T)/(1 + u_0))],  u_t = sqrt(1 - (1 - d/I_0) e^-2t)
    lost = 1 - d / first
    u0, u1 = math.sqrt(1 - lost), math.sqrt(1 - lost * math.exp(-2 * span))
    return math.sqrt(d) * (span + math.log((1 + u1) / (1 + u0))) * steps / span


def rate_tv(facts: Facts, steps: int, time: float, score_error: float = 0.0) -> Rate | None:
    """Return the paper's Theorem 2 with constants 1: a TV that may exceed one; None without L."""
    lip = facts.lipschitz_at(0.0)
    if math.isinf(lip):
        return None
    h, d, m2 = time / steps, facts.dimension, math.sqrt(facts.second_moment)
    value = (
        math.sqrt(facts.start(time))
        + (lip * math.sqrt(d * h) + lip * m2 * h) * math.sqrt(time)
        + score_error * math.sqrt(time)
    )
    text = "TV <~ sqrt(KL e^-2T) + (L sqrt(dh) + L m2 h) sqrt(T) + eps sqrt(T), for h <~ 1/L"
    return Rate(PAPER, text, value, "TV")


def assumed(smoothness: str, score_error: float, stop: float) -> tuple[str, ...]:
    """Return the assumptions of a bound in words."""
    error = LEARNED_SCORE.format(score_error) if score_error > 0 else EXACT_SCORE
    return (smoothness, MOMENT, error) + ((EARLY_STOPPED.format(stop),) if stop > 0 else ())


def chen2023_rate(facts: Facts, tv: float) -> Rate | None:
    """Return the step count of Theorems 2 and 6 with constants 1, L^2 d/TV^2; None without L."""
    lip = facts.lipschitz_at(0.0)
    if math.isinf(lip):
        return None
    return Rate(PAPER, "N ~ L^2 d / TV^2", lip**2 * facts.dimension / tv**2, "steps")


def _checked(
    steps: int, time: float, stop: float, score_error: float
) -> tuple[int, float, float, float]:
    t0 = require_time("stop", stop)
    error = require_error(score_error)
    return require_steps(steps), t0, require_time("time", time, above=t0), error
