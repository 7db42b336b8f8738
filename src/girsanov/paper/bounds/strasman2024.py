r"""Any noise schedule, after Strasman, Ocello, Boyer, Le Corff, Lemaire (arXiv 2402.04650).

dX = -beta/2 X dt + sqrt(beta) dB is Ornstein-Uhlenbeck at the times tau(t) = int beta/2, so that a
schedule with equal steps in t is a grid t_0 < ... < t_N of Ornstein-Uhlenbeck times. With the
relative score, score + x, frozen over each step, and FI its mean square, the paper has for a
rising beta and eta = tau'(T) h the longest step (recalled, and as its authors' code evaluates it)

    KL <= e^-2T KL(q | gamma) + 2 sum_j h_j eps_j^2 + 4 eta max(eta/2, 1) FI(t_0).         (1)

Our own, for any grid: with B_j = (1 - e^-2h_j)/2 and G_j = 2 (e^h_j - 1) - h_j the
exact KL is KL_{t_0} - KL_T - sum_j G_j FI(t_j), and int_j FI <= B_j FI(t_{j-1}), so that

    D <= B_1 FI(t_0) + sum_{j<N} max(0, B_{j+1} - G_j) FI(t_j),                            (2)
    E = sum_j h_j eps_j^2 + 2 (e^h_j - 1 - h_j) eps_j sqrt(FI(t_j)),                        (3)

with the upper bounds FI(t) <= min( e^-2(t - t_0) FI(t_0), I(t) - 2d + E|X_t|^2 ). Where steps do
not grow, (2) is (1 - e^-2h)/2 FI(t_0); steps that grow with t, as schedules have them, pay for the
short ones near the data only: four times less than (1), and far less where FI falls quickly.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..._checks import require, require_number
from . import steps as of
from .chen2023_ddpm import FISHER_BOUND, assumed
from .chen2023_support import early_stopping_w2
from .given import (
    MOST_SIZE,
    require_error,
    require_errors,
    require_steps,
    require_time,
    require_times,
)
from .result import ANY_GRID, LINEAR_SCHEDULE, Bound

if TYPE_CHECKING:
    from ..._typing import Array
    from .facts import Facts

USUAL_GROWTH = 200.0  # of a linear beta from its start to its end: 0.1 to 20, as is usual
MOST_SUMMED = 2**21  # steps up to which (2) is summed
UNKNOWN = "must say more of the data (lipschitz or radius), or stop must be > 0"


def linear_schedule_times(
    steps: int, *, time: float, stop: float = 0.0, growth: float = USUAL_GROWTH
) -> Array:
    """Return N + 1 Ornstein-Uhlenbeck times from `stop` to `time`, equal steps of a linear beta.

    growth: beta at its end over beta at 0, where the whole schedule reaches `time`.
    """
    n, t0 = require_steps(steps), require_time("stop", stop)
    require(n <= MOST_SUMMED, "steps", f"must be at most {MOST_SUMMED:,}", steps)
    time, growth = require_time("time", time, above=t0), require_number("growth", growth)
    good = 1 <= growth <= MOST_SIZE
    require(good, "growth", f"must be from 1 to {MOST_SIZE:g}", growth)
    bend = (growth - 1) / 2
    u = np.linspace(_begin(time, t0, bend), 1.0, n + 1)
    times = time * (u + bend * u * u) / (1 + bend)
    times[0], times[-1] = t0, time
    return require_times(times)


def longest_linear_step(
    steps: int, *, time: float, stop: float, growth: float = USUAL_GROWTH
) -> float:
    """Return the last and longest step of `linear_schedule_times`, for any number of steps."""
    bend = (growth - 1) / 2
    h = (1 - _begin(time, stop, bend)) / steps
    return time * h * (1 + bend * (2 - h)) / (1 + bend)


def _begin(time: float, stop: float, bend: float) -> float:
    """Return u with T (u + bend u^2)/(1 + bend) = `stop`, in a form that does not cancel."""
    share = stop / time * (1 + bend)
    return 2 * share / (1 + math.sqrt(1 + 4 * bend * share))


def relative_information(facts: Facts, times: Array) -> Array:
    """Return upper bounds on FI(t) at the times [N + 1], from what is known at the first."""
    d, t0 = facts.dimension, float(times[0])
    first, since = facts.fisher(t0), times - t0
    stam = d / (np.exp(-2 * since) * (d / first) - np.expm1(-2 * since))
    second = np.exp(-2 * times) * (facts.second_moment - d) + d
    plain = np.maximum(0.0, stam - 2 * d + second)
    return np.asarray(np.minimum(plain, np.exp(-2 * since) * plain[0]))


def schedule_discretisation(facts: Facts, times: Array) -> float:
    """Return equation (2) in nats for any times t_0 < ... < t_N; never above KL(q_t0 | gamma)."""
    t = require_times(times)
    if math.isinf(facts.fisher(float(t[0]))):
        return math.inf
    h, information = np.diff(t), relative_information(facts, t)
    left, right = -np.expm1(-2 * h) / 2, 2 * np.expm1(h) - h
    more = np.maximum(0.0, left[1:] - right[:-1])
    value = float(left[0] * information[0] + more @ information[1:-1])
    return min(value, facts.start(float(t[0])))


def paper_discretisation(facts: Facts, longest: float, *, stop: float = 0.0) -> float:
    """Return the last term of (1) in nats, eta = `longest`; infinite where FI is not known."""
    return 4 * longest * max(longest / 2, 1.0) * facts.relative_fisher(stop)


def any_schedule(
    facts: Facts, times: Array, score_errors: Array | float = 0.0, *, grid: str = ANY_GRID
) -> Bound:
    """Return the bound (2), (3) of ei-relative on any times t_0 < ... < t_N from N(0, I).

    times: Ornstein-Uhlenbeck times tau of the schedule's steps, `linear_schedule_times` of a
    linear beta; score_errors: eps_j at the start of each step, or one number. Raises InputError
    where the Fisher information at t_0 is not known.
    """
    t = require_times(times)
    value, h = schedule_discretisation(facts, t), np.diff(t)
    require(math.isfinite(value), "facts", UNKNOWN, facts)
    eps = require_errors(score_errors, len(h))
    root = np.sqrt(relative_information(facts, t)[1:])
    error = float(np.sum(h * eps**2 + 2 * of.exp_excess(h) * eps * root))
    ends = (len(h), float(t[0]), float(t[-1]))
    return _bound(facts, "any schedule", ends, (value, error), float(eps.max()), grid)


def strasman2024(
    facts: Facts, steps: int, *, time: float, stop: float = 0.0, score_error: float = 0.0
) -> Bound:
    """Return the paper's bound (1) for `steps` equal steps of a linear schedule."""
    n, t0 = require_steps(steps), require_time("stop", stop)
    time = require_time("time", time, above=t0)
    longest = longest_linear_step(n, time=time, stop=t0)
    value, eps = paper_discretisation(facts, longest, stop=t0), require_error(score_error)
    require(math.isfinite(value), "facts", UNKNOWN, facts)
    terms = (value, 2 * (time - t0) * eps**2)
    return _bound(facts, "Strasman et al., (1)", (n, t0, time), terms, eps, LINEAR_SCHEDULE)


def _bound(
    facts: Facts,
    name: str,
    times: tuple[int, float, float],
    terms: tuple[float, float],
    eps: float,
    grid: str,
) -> Bound:
    n, first, last = times
    schedule = "a linear" if grid == LINEAR_SCHEDULE else "any"
    return Bound(
        name,
        f"DDPM, score + x frozen, {schedule} noise schedule",
        n,
        facts.start(last),
        *terms,
        last,
        first,
        early_stopping_w2(facts, first),
        assumed(FISHER_BOUND.format(facts.fisher(first)), eps, first),
        grid=grid,
    )
