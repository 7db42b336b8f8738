r"""Bounds on geometric SNR grids that hold for every law with a second moment.

With x = log(s_N/s_0)/N, b_0 = s_0 V/(d + s_0 V) and learned denoisers of error eps_k^2,

    ddpm           D <= d/2 [ (N - 1)(e^x - 1 - x) + (e^x - 1) b_0 ]     ~ d l^2/(4N),     (1)
    analytic-dpm   D <= d/2 [ 2 (N - 1) log cosh(x/2) + log(1 + (e^x - 1) b_0) ]
                                                                          ~ d l^2/(8N),     (2)
    start N(mean, 1/s_0):   KL_init <= 1/2 s_0 V,      E = 1/2 sum_k delta_k eps_k^2.       (3)

analytic-dpm needs the measured variance M_k/d of every step. Steps of the variance v_k = 1/(2 s_k)
need no curve: they lie halfway between DDPM's small variance (v = 0) and sigma^2 - sigma'^2
(v = 1/s). With w = delta_k v_k = (e^x - 1)/2 and b_k = s_k M_k/d in [0, 1], the exact path KL is
d/2 sum_k [ log(1 + w) + (2 w b_k - w)/(1 + w) ] - 1/2 int M ds, where single crossing gives
int_k M ds >= -d log(1 - (1 - e^-x) b_{k+1}): b_1, ..., b_{N-1} stand each in one concave function
2 w b/(1 + w) + log(1 - (1 - e^-x) b), greatest at b = 1/2, so that

    ddpm-halfway   D <= d/2 [ 2 (N - 1) log cosh(x/2) + log(1 + w) - w (1 - 2 b_0)/(1 + w) ],
                   E = 1/2 sum_k delta_k eps_k^2/(1 + w):        as (2) to leading order.   (4)

A score of error e, in Ornstein-Uhlenbeck coordinates at every level, is a denoiser of error
eps^2 = e^2/(s (1 + s)), and with t the time at s (sum below integral: 1/(1 + s) falls)

    E = e^2/2 (e^x - 1) sum_k 1/(1 + s_k) <= e^2 (e^x - 1) [ (t_0 - t_N)/x + 1/(2 + 2 s_0) ]. (5)

l = log(s_N/s_0). They follow from the single crossing of every error curve, 1/M - s/d
nondecreasing: interior terms are functions of s M/d in [0, 1]. (1) is attained in the limit by
N(0, v I) with v growing. From curves measured at the nodes of any grid, single crossing gives

    1/2 sum [delta M_k - d log(1 + delta M_k/d)] <= D_x0
        <= 1/2 sum [delta M_k + d log(1 - delta M_{k+1}/d)],                                (6)
    0 <= D_gaussian <= d/2 sum [log(1 + delta M_k/d) + log(1 - delta M_{k+1}/d)].           (7)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..._checks import require, require_choice
from . import steps as of
from .chen2023_ddpm import EXACT_SCORE, MOMENT
from .chen2023_support import denoised_w2
from .given import (
    MOST_SIZE,
    as_floats,
    require_dimension,
    require_errors,
    require_snrs,
    require_steps,
)
from .result import GEOMETRIC, Bound

if TYPE_CHECKING:
    from ..._typing import Array, Levels
    from .facts import Facts

SAMPLERS_IN_WORDS = {
    "ddpm": "DDPM's small variance",
    "analytic-dpm": "Analytic-DPM",
    "ddpm-halfway": "DDPM with variances 1/(2 s)",
}
BOUNDED_SAMPLERS = tuple(SAMPLERS_IN_WORDS)
CERTIFIED_SAMPLERS = ("ddpm", "analytic-dpm")  # that (6) and (7) certify
START = "the start has the data's exact mean"
VARIANCES = "the variance of every step is its denoiser's exact mean square error over d"
DENOISED = "the last step is denoised, exactly (for W2)"
LONGEST = 300.0  # logarithm of a ratio of SNRs, beyond which (1) is infinite


def geometric_discretisation(
    facts: Facts, sampler: str, steps: int, *, first: float, last: float
) -> float:
    """Return (1), (2) or (4) in nats for `steps` equal ratios from SNR `first` to `last`."""
    d, n, x = facts.dimension, steps, log_ratio(first, last) / steps
    b0 = first * facts.spread / (d + first * facts.spread)
    if require_choice("sampler", sampler, BOUNDED_SAMPLERS) == "ddpm":
        if x > LONGEST:
            return math.inf
        return d / 2 * ((n - 1) * float(of.exp_excess(x)) + math.expm1(x) * b0)
    if x > LONGEST:  # cosh(x/2) <= e^(x/2), and what is left is at most x + 1
        return d / 2 * (n * x + 1)
    # log cosh(x/2) = log(1 + 2 sinh(x/4)^2), which keeps its digits
    bend, growth = math.log1p(2 * math.sinh(x / 4) ** 2), math.expm1(x)
    if sampler == "analytic-dpm":
        return d / 2 * (2 * (n - 1) * bend + math.log1p(growth * b0))
    w = growth / 2
    lost = w / (1 + w)
    # log(1 + w) - w/(1 + w) = -log(1 - y) - y at y = w/(1 + w)
    end = float(of.log_excess(lost)) if w < 1 else math.log1p(w) - lost
    return d / 2 * (2 * (n - 1) * bend + end + 2 * b0 * lost)


def log_ratio(first: float, last: float) -> float:
    """Return log(last/first) without dividing them."""
    return math.log(last) - math.log(first)


def shrink(sampler: str, steps: int, *, first: float, last: float) -> float:
    """Return by how much a step's variance divides the denoiser's error: 1 + w in (4), else 1."""
    if sampler != "ddpm-halfway":
        return 1.0
    return 1 + math.expm1(min(log_ratio(first, last) / steps, LONGEST)) / 2


def any_law_score_term(error: float, steps: int, *, first: float, last: float) -> float:
    """Return (5) in nats for a score of root mean square `error` at every level."""
    ratio = log_ratio(first, last)
    if ratio / steps > LONGEST:
        return math.inf if error else 0.0
    grown = math.expm1(ratio / steps)
    time = (math.log1p(1 / first) - math.log1p(1 / last)) / 2
    return error**2 * grown * (time * steps / ratio + 1 / (2 + 2 * first))


def denoiser_term(
    score_errors: Array | float, steps: int, *, first: float, last: float
) -> tuple[float, str]:
    """Return E of (3) in nats for denoisers of errors eps_k (or one), and what it assumes."""
    eps = require_errors(score_errors, steps)
    if not eps.any():
        return 0.0, EXACT_SCORE
    if eps.ndim:
        error = float(np.sum(np.diff(np.geomspace(first, last, steps + 1)) * eps**2) / 2)
    else:
        error = (last - first) * float(eps) ** 2 / 2
    return error, f"the denoiser's root mean square error is at most {eps.max():.3g}"


def any_law(
    facts: Facts,
    sampler: str,
    steps: int,
    *,
    first: float,
    last: float,
    score_errors: Array | float = 0.0,
) -> Bound:
    """Return the bound of a sampler on a geometric grid from SNR `first` to `last`, (1)-(4).

    facts: only the dimension and the variance are used; sampler: ``ddpm``, ``analytic-dpm`` or
    ``ddpm-halfway`` (`girsanov.recipe("analytic-dpm", ...)` with variances 1/(2 s) runs it);
    score_errors: eps_k, root mean square error of the denoiser at each of the `steps` levels, or
    one number.
    """
    n = require_steps(steps)
    first, last = require_snrs("first, last", [first, last]).tolist()
    require_choice("sampler", sampler, BOUNDED_SAMPLERS)
    error, learned = denoiser_term(score_errors, n, first=first, last=last)
    needs = (learned, VARIANCES) if sampler == "analytic-dpm" else (learned,)
    value = geometric_discretisation(facts, sampler, n, first=first, last=last)
    error /= shrink(sampler, n, first=first, last=last)
    name = (f"any law, {sampler} (6.4)", SAMPLERS_IN_WORDS[sampler])
    return geometric_bound(facts, name, n, (first, last), (value, error), needs)


def geometric_bound(
    facts: Facts,
    name: tuple[str, str],
    steps: int,
    ends: tuple[float, float],
    terms: tuple[float, float],
    needs: tuple[str, ...],
) -> Bound:
    """Return a bound on a geometric grid that starts at N(mean, 1/s_0), (3).

    name: of the theorem and of the sampler; ends: first and last SNR; terms: discretisation and
    score in nats; needs: what is assumed beside the moment, the start's mean and the last step.
    """
    first, last = ends
    return Bound(
        name[0],
        f"{name[1]}, equal ratios of SNR, from the data's mean",
        steps,
        first * facts.spread / 2,
        *terms,
        math.log1p(1 / first) / 2,
        math.log1p(1 / last) / 2,
        denoised_w2(facts, last),
        (MOMENT, *needs, START, DENOISED),
        grid=GEOMETRIC,
    )


def any_law_certificate(
    levels: Levels, errors: Array, dimension: int, sampler: str
) -> tuple[float, float]:
    """Return the ends of (6) or (7) in nats: D from the true M at the nodes [N+1] of any grid.

    sampler: ``ddpm`` or ``analytic-dpm``. Raises InputError for errors that no law has: every
    curve falls, and 1/M - s/d does not.
    """
    s, d = require_snrs("levels", levels), require_dimension(dimension)
    m, delta = as_floats("errors", errors), np.diff(s)
    require(m.shape == s.shape, "errors", f"must be {len(s)} numbers, one a level", m.shape)
    good = bool((m >= 0).all() and (m <= MOST_SIZE).all())
    require(good, "errors", f"must be >= 0, at most {MOST_SIZE:g}", errors)
    share = delta * m[1:] / d
    require(bool((share < 1).all()), "errors", "must be a curve: s M <= d at every node")
    falls = m[1:] * (1 + delta / d * m[:-1]) <= m[:-1] * (1 + 1e-6)
    require(bool(falls.all()), "errors", "must be a curve: 1/M - s/d does not fall", errors)
    before = delta * m[:-1] / d
    if require_choice("sampler", sampler, CERTIFIED_SAMPLERS) == "ddpm":
        low = d / 2 * of.log_excess(-before).sum()
        return float(low), float(max(low, d / 2 * (before + np.log1p(-share)).sum()))
    return 0.0, float(max(0.0, d / 2 * (np.log1p(before) + np.log1p(-share)).sum()))
