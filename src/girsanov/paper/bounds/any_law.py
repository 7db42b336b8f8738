r"""Bounds on geometric SNR grids that hold for every law with a second moment.

With x = log(s_N/s_0)/N, b_0 = s_0 V/(d + s_0 V) and learned denoisers of error eps_k^2,

    ddpm           D <= d/2 [ (N - 1)(e^x - 1 - x) + (e^x - 1) b_0 ]     ~ d l^2/(4N),     (1)
    analytic-dpm   D <= d/2 [ 2 (N - 1) log cosh(x/2) + log(1 + (e^x - 1) b_0) ]
                                                                          ~ d l^2/(8N),     (2)
    start N(mean, 1/s_0):   KL_init <= 1/2 s_0 V,      E = 1/2 sum_k delta_k eps_k^2.       (3)

A score of error e, in Ornstein-Uhlenbeck coordinates at every level, is a denoiser of error
eps^2 = e^2/(s (1 + s)), and with t the time at s (sum below integral: 1/(1 + s) falls)

    E = e^2/2 (e^x - 1) sum_k 1/(1 + s_k) <= e^2 (e^x - 1) [ (t_0 - t_N)/x + 1/(2 + 2 s_0) ]. (6)

l = log(s_N/s_0). They follow from the single crossing of every error curve, 1/M - s/d
nondecreasing: interior terms are functions of s M/d in [0, 1]. (1) is attained in the limit by
N(0, v I) with v growing. From curves measured at the nodes of any grid, single crossing gives

    1/2 sum [delta M_k - d log(1 + delta M_k/d)] <= D_x0
        <= 1/2 sum [delta M_k + d log(1 - delta M_{k+1}/d)],                                (4)
    0 <= D_gaussian <= d/2 sum [log(1 + delta M_k/d) + log(1 - delta M_{k+1}/d)].           (5)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..._checks import require, require_choice, require_count, require_levels
from . import steps as of
from .chen2023_ddpm import EXACT_SCORE, MOMENT
from .chen2023_support import denoised_w2
from .result import Bound

if TYPE_CHECKING:
    from ..._typing import Array, Levels
    from .facts import Facts

NAMES = {"ddpm": "DDPM's small variance", "analytic-dpm": "Analytic-DPM"}
BOUNDED_SAMPLERS = tuple(NAMES)


def geometric_discretisation(
    facts: Facts, sampler: str, steps: int, *, first: float, last: float
) -> float:
    """Return (1) or (2) in nats for `steps` equal ratios from SNR `first` to `last`."""
    d, n = facts.dimension, steps
    x = math.log(last / first) / n
    b0 = first * facts.spread / (d + first * facts.spread)
    if require_choice("sampler", sampler, BOUNDED_SAMPLERS) == "ddpm":
        if x > 300:
            return math.inf
        return d / 2 * ((n - 1) * float(of.exp_excess(x)) + math.expm1(x) * b0)
    # log cosh(x/2) = log(1 + 2 sinh(x/4)^2), which keeps its digits
    bend = math.log1p(2 * math.sinh(min(x, 600) / 4) ** 2) if x < 600 else x / 2
    return d / 2 * (2 * (n - 1) * bend + math.log1p(math.expm1(min(x, 300)) * b0))


def any_law_score_term(error: float, steps: int, *, first: float, last: float) -> float:
    """Return (6) in nats for a score of root mean square `error` at every level."""
    ratio = math.log(last / first)
    if ratio / steps > 300:
        return math.inf if error else 0.0
    grown = math.expm1(ratio / steps)
    time = (math.log1p(1 / first) - math.log1p(1 / last)) / 2
    return error**2 * grown * (time * steps / ratio + 1 / (2 + 2 * first))


def any_law(
    facts: Facts,
    sampler: str,
    steps: int,
    *,
    first: float,
    last: float,
    score_errors: Array | float = 0.0,
) -> Bound:
    """Return the bound of a sampler on a geometric grid from SNR `first` to `last`, (1)-(3).

    facts: only the dimension and the variance are used; score_errors: eps_k, root mean square
    error of the denoiser at each of the `steps` levels, or one number.
    """
    n = require_count("steps", steps)
    require_levels("first, last", [first, last])
    eps = np.asarray(score_errors, dtype=np.float64)
    if eps.ndim:
        error = float(np.sum(np.diff(np.geomspace(first, last, n + 1)) * eps**2) / 2)
    else:
        error = (last - first) * float(eps) ** 2 / 2
    require_choice("sampler", sampler, BOUNDED_SAMPLERS)
    learned = f"the denoiser's root mean square error is at most {eps.max():.3g}"
    return Bound(
        f"any law, {sampler} (6.4)",
        f"{NAMES[sampler]}, equal ratios of SNR, from the data's mean",
        n,
        first * facts.spread / 2,
        geometric_discretisation(facts, sampler, n, first=first, last=last),
        error,
        math.log1p(1 / first) / 2,
        math.log1p(1 / last) / 2,
        denoised_w2(facts, last),
        (MOMENT, learned if error else EXACT_SCORE, "the last step is denoised (for W2)"),
    )


def any_law_certificate(
    levels: Levels, errors: Array, dimension: int, sampler: str
) -> tuple[float, float]:
    """Return the ends of (4) or (5) in nats: D from the true M at the nodes [N+1] of any grid."""
    s, d = require_levels("levels", levels, at_least=2), require_count("dimension", dimension)
    m, delta = np.asarray(errors, dtype=np.float64), np.diff(s)
    share = delta * m[1:] / d
    require(bool((share < 1).all()), "errors", "must be a curve: s M <= d at every node")
    before = delta * m[:-1] / d
    if require_choice("sampler", sampler, BOUNDED_SAMPLERS) == "ddpm":
        low = d / 2 * of.log_excess(-before).sum()
        return float(low), float(d / 2 * (before + np.log1p(-share)).sum())
    return 0.0, float(max(0.0, d / 2 * (np.log1p(before) + np.log1p(-share)).sum()))
