r"""Path KL of a sampler on a law: by its closed form, and by Monte Carlo from forward paths alone.

    D = E sum over steps of int |frozen drift - true drift|^2 dt                          (1)
      = cost of the grid (path_kl/cells.py) - 1/2 int_{s_0}^{s_N} M ds,                (2)

in Ornstein-Uhlenbeck time t, where the drift's moving part is the score, or score + x. (1) is
measured along forward paths x_s = x0 + B_s / s with Gauss-Legendre nodes in each step, and knows
nothing of (2). Of any recipe p that starts with a Gaussian and adds noise in every step, a
sampler of one's own among them, all of the path KL is the likelihood ratio of its chain,

    D = E log prod_k q(x_k | x_k+1) q(x_N) / (p(x_0) prod_k p(x_k+1 | x_k)),               (3)

and q(x_0) in the place of p(x_0) leaves out what the start costs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .._checks import require
from .._typing import Array, Tensor
from ..error_curve.exact import exact_curve
from ..law.mixture import GaussianMixture
from ..montecarlo import Estimate, mean_estimate
from ..noise import NoiseSource
from ..path_kl.cells import path_cost
from ..sampling.exponential_integrators import ou_time
from ..sampling.registry import recipe, sampler_named
from ..sampling.sampler import Recipe, require_fits
from ..sampling.step_kl import analytic_dpm_kl

if TYPE_CHECKING:
    from ..basis import Basis
    from ..law.base import Law

FIRST = 1e-9  # the OU time that stands for 0, where the SNR is infinite
CELL_NODES = 6
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
    integral = half_information(law, low, snr, 10) + law.variance * low / 2
    if start == "mean":
        return snr * law.variance / 2 - integral
    return (snr / (1 + snr) * (law.second_moment - d) + d * math.log1p(snr)) / 2 - integral


def discretisation(law: Law, levels: Array, sampler: str, variances: Array | None = None) -> float:
    """Return (2) in nats for a sampler on a law with an exact curve.

    variances: v of analytic-dpm, per coordinate, [N].
    """
    used = half_information(law, levels[0], levels[-1])
    if variances is not None:
        d = float(law.dimension)
        errors = np.asarray(law.curve(levels[:-1]).value)[:, None] / d
        cells = analytic_dpm_kl(np.diff(levels), variances[:, None], errors, np.array([d]))
        return float(np.sum(cells) - used)
    nodes: Any = np.arange(1, len(levels) + 1)  # of integers
    return float(
        path_cost(exact_curve(law, levels), nodes, sampler_named(sampler), None)[0] - used
    )


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
    sampler: str,
    *,
    denoise: Denoise | None = None,
    count: int = 4000,
    seed: int = 0,
) -> Estimate:
    """Return (1) for ei-score or ei-relative with this denoiser, by default the exact one."""
    guess = law.denoise if denoise is None else denoise
    grid, weights = _inner(levels)
    x = forward(law, grid, count, seed)
    total = torch.zeros(count, dtype=torch.float64)
    for k, weight in enumerate(weights):
        at = k * (CELL_NODES + 1)
        s = float(grid[at])
        frozen = _drift(sampler, x[at], s, guess(x[at], s))
        for j, dt in enumerate(weight, start=at + 1):
            s = float(grid[j])
            gap = frozen - _drift(sampler, x[j], s, law.denoise(x[j], s))
            total += dt * gap.square().sum(1)
    return mean_estimate(total.numpy())


def recipe_monte_carlo(
    law: Law, plan: Recipe, *, denoise: Denoise | None = None, count: int = 4000, seed: int = 0
) -> Estimate:
    """Return (3) in nats for any recipe with noise, of its start and its steps together.

    denoise(x [B, d], snr): the exact one if None. A last step that only denoises is left out.
    Raises InputError for a recipe of another dimension, an ODE sampler or one in phase space.
    """
    start = (plan.start_noise, plan.start_basis)

    def begun(x: Tensor) -> Tensor:
        return _log_normal(x - torch.tensor(plan.mean), *start)

    return _chain(law, plan, begun, denoise or law.denoise, (count, seed))


def chain_monte_carlo(
    law: Law, levels: Array, variances: Array, *, count: int = 4000, seed: int = 0
) -> Estimate:
    """Return (3) for kernels N(m(x_k), v_k) of x0, without what the start costs."""
    bare = (0.0, 1.0, None)
    plan = recipe("analytic-dpm", levels, start=bare, variances=variances, last="sample")

    def begun(x: Tensor) -> Tensor:
        return law.log_prob(x, float(levels[0]))

    return _chain(law, plan, begun, law.denoise, (count, seed))


def _chain(
    law: Law,
    plan: Recipe,
    begun: Callable[[Tensor], Tensor],
    denoise: Denoise,
    drawn: tuple[int, int],
) -> Estimate:
    require_fits(plan, law.dimension)
    steps = [s for s in plan.steps if bool(np.any(s.noise))]
    plain = all(s.history == 0 and s.complement is None for s in plan.steps)
    noisy = plain and len(steps) >= len(plan.steps) - 1 and bool(steps)
    require(noisy, "plan", "must add noise in every step but the last, and look no further back")
    levels = np.array([*(s.snr for s in steps), plan.end])
    x = forward(law, levels, *drawn)
    ratio = law.log_prob(x[-1], float(levels[-1])) - begun(x[0])
    for k, step in enumerate(steps):
        mean = step.state * x[k] + step.prediction * denoise(x[k], step.snr)
        apart = math.sqrt(1 / levels[k] - 1 / levels[k + 1])
        ratio += _log_normal(x[k] - x[k + 1], apart)
        ratio -= _log_normal(x[k + 1] - mean, step.noise, step.basis)
    return mean_estimate(ratio.numpy())


def _inner(levels: Array) -> tuple[Array, list[Array]]:
    """Return the levels with nodes inside each step, and the nodes' weights in time."""
    u, w = np.polynomial.legendre.leggauss(CELL_NODES)
    grid, weights = [levels[0]], []
    for t, t_next in pairwise(ou_time(levels)):
        inside = (t + t_next) / 2 + (t_next - t) / 2 * u
        grid += [*(1 / np.expm1(2 * inside)), 1 / math.expm1(2 * t_next)]
        weights.append((t - t_next) / 2 * w)
    return np.array(grid), weights


def _drift(sampler: str, x: Tensor, s: float, m: Tensor) -> Tensor:
    """Return the score, or score + X, in coordinates X = alpha x, from a prediction m."""
    alpha = math.sqrt(s / (1 + s))
    score = (1 + s) * alpha * (m - x)
    return score if sampler == "ei-score" else score + alpha * x


def _log_normal(x: Tensor, scale: float | Array, basis: Basis | None = None) -> Tensor:
    x = x if basis is None else basis.to_coordinates(x)
    c = torch.as_tensor(scale, dtype=torch.float64).expand(x.shape[1])
    rows = -((x / c) ** 2) / 2 - c.log() - math.log(2 * math.pi) / 2
    return rows.sum(1)
