r"""Path KL of a sampler on a law: by its closed form, and by Monte Carlo from forward paths alone.

    D = E sum over cells of int |frozen drift - true drift|^2 dt                          (1)
      = cost of the grid (ledger/discretise.py) - 1/2 int_{s_0}^{s_N} M ds,                (2)

in Ornstein-Uhlenbeck time t, where the drift's moving part is the score, or score + x. (1) is
measured along forward paths x_s = x0 + B_s / s with Gauss-Legendre nodes in each cell, and knows
nothing of (2). A kernel N(m, v) for x0 in place of a drift costs the likelihood ratio of its
chain,

    D = E log prod_k q(x_k | x_k+1) q(x_N) / (q(x_0) prod_k p(x_k+1 | x_k)).               (3)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from .._typing import Array, Tensor
from ..law.base import Law
from ..law.mixture import GaussianMixture
from ..ledger.discretise import gaussian_cell, path_cost
from ..ledger.exact import exact_curve
from ..montecarlo import Estimate, mean_estimate
from ..noise import NoiseSource
from ..sampling.holds import ou_time

FIRST = 1e-9  # the OU time that stands for 0, where the SNR is infinite
NODES = 6
Denoise = Callable[[Tensor, float], Tensor]

SKEWED = GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15])  # theory.md's mixture


def ou_levels(time: float, steps: int, first: float = FIRST) -> Array:
    """Return the SNRs of `steps` equal steps of Ornstein-Uhlenbeck time from `time` to `first`."""
    return np.asarray(1 / np.expm1(2 * np.linspace(time, first, steps + 1)))


def half_information(law: Law, low: float, high: float, cells: int = 14) -> float:
    """Return 1/2 int_low^high M ds by Gauss and Legendre in log s."""
    x, w = np.polynomial.legendre.leggauss(12)
    edges = np.linspace(math.log(low), math.log(high), cells + 1)
    half = np.diff(edges)[:, None] / 2
    s, ds = np.exp(edges[:-1, None] + half * (1 + x)).ravel(), (half * w).ravel()
    return float((law.curve(s).value * s) @ ds / 2)


def start_kl(law: Law, snr: float, start: str) -> float:
    """Return the KL of q at SNR `snr` from its start: ``standard`` N(0, I) or ``mean`` N(mu, 1/s).

    theory 1.4; both less 1/2 int_0^s M ds.
    """
    d, low = law.dimension, snr * 1e-8
    known = half_information(law, low, snr, 10) + law.variance * low / 2
    if start == "mean":
        return snr * law.variance / 2 - known
    return (snr / (1 + snr) * (law.second_moment - d) + d * math.log1p(snr)) / 2 - known


def discretisation(law: Law, levels: Array, hold: str, variances: Array | None = None) -> float:
    """Return (2) in nats for a hold on a law with an exact curve.

    variances: v of the gaussian hold, per coordinate, [N].
    """
    used = half_information(law, levels[0], levels[-1])
    if variances is not None:
        d = float(law.dimension)
        errors = np.asarray(law.curve(levels[:-1]).value)[:, None] / d
        cells = gaussian_cell(np.diff(levels), variances[:, None], errors, np.array([d]))
        return float(np.sum(cells) - used)
    nodes: Any = np.arange(1, len(levels) + 1)  # of integers
    return float(path_cost(exact_curve(law, levels), nodes, hold, None)[0] - used)


def forward(law: Law, levels: Array, count: int, seed: int) -> list[Tensor]:
    """Return the states [count, d] of the same forward paths at each of increasing SNRs."""
    noise = NoiseSource(seed, "verify-forward")
    x0 = law.sample(count, seed=seed)
    walk, states = torch.zeros_like(x0), []
    for k, delta in enumerate(np.diff(levels, prepend=0.0)):
        walk = walk + math.sqrt(delta) * noise.normal(k, 0, count, law.dimension).double()
        states.append(x0 + walk / float(levels[k]))
    return states


def monte_carlo(
    law: Law,
    levels: Array,
    hold: str,
    *,
    denoise: Denoise | None = None,
    count: int = 4000,
    seed: int = 0,
) -> Estimate:
    """Return (1) for the score or relative hold with this denoiser, by default the exact one."""
    guess = law.denoise if denoise is None else denoise
    grid, weights = _inner(levels)
    x = forward(law, grid, count, seed)
    total = torch.zeros(count, dtype=torch.float64)
    for k, weight in enumerate(weights):
        at = k * (NODES + 1)
        s = float(grid[at])
        frozen = _drift(hold, x[at], s, guess(x[at], s))
        for j, dt in enumerate(weight, start=at + 1):
            s = float(grid[j])
            gap = frozen - _drift(hold, x[j], s, law.denoise(x[j], s))
            total += dt * gap.square().sum(1)
    return mean_estimate(total.numpy())


def chain_monte_carlo(
    law: Law, levels: Array, variances: Array, *, count: int = 4000, seed: int = 0
) -> Estimate:
    """Return (3) for kernels N(m(x_k), v_k) of x0, without what the start costs."""
    x = forward(law, levels, count, seed)
    ratio = law.log_prob(x[-1], float(levels[-1])) - law.log_prob(x[0], float(levels[0]))
    for k, (s, t) in enumerate(pairwise(levels.tolist())):
        delta = t - s
        mean = (s * x[k] + delta * law.denoise(x[k], s)) / t
        spread = math.sqrt(delta * (1 + delta * variances[k])) / t
        ratio += _log_normal(x[k] - x[k + 1], math.sqrt(1 / s - 1 / t))
        ratio -= _log_normal(x[k + 1] - mean, spread)
    return mean_estimate(ratio.numpy())


def _inner(levels: Array) -> tuple[Array, list[Array]]:
    """Return the levels with nodes inside each cell, and the nodes' weights in time."""
    u, w = np.polynomial.legendre.leggauss(NODES)
    grid, weights = [levels[0]], []
    for t, t_next in pairwise(ou_time(levels)):
        inside = (t + t_next) / 2 + (t_next - t) / 2 * u
        grid += [*(1 / np.expm1(2 * inside)), 1 / math.expm1(2 * t_next)]
        weights.append((t - t_next) / 2 * w)
    return np.array(grid), weights


def _drift(hold: str, x: Tensor, s: float, m: Tensor) -> Tensor:
    """Return the score, or score + X, in coordinates X = alpha x, from a prediction m."""
    alpha = math.sqrt(s / (1 + s))
    score = (1 + s) * alpha * (m - x)
    return score if hold == "score" else score + alpha * x


def _log_normal(x: Tensor, scale: float) -> Tensor:
    rows = -((x / scale) ** 2) / 2 - math.log(scale) - math.log(2 * math.pi) / 2
    return rows.sum(1)
