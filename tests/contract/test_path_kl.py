"""The path KL of path_kl/cells.py against likelihood ratios and paths that use none of it.

By theory 6.1 the path KL of ddpm and analytic-dpm is that of the grid chain,

    E log q(x_0..x_N) / p(x_0..x_N),   q(x_k | x_k+1) = N(x_k+1, 1/s_k - 1/s_k+1),        (A)

with q_{s_N} from the law and p from the steps that the sampler runs. For any sampler it is

    KL(q_{s_0} | start) + sum over cells of int E|frozen drift - true drift|^2 dt.          (B)
"""

import math
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch

from girsanov._checks import InputError
from girsanov.auditing import audit
from girsanov.denoise.exact import ExactDenoiser
from girsanov.error_curve.exact import exact_curve
from girsanov.error_curve.integrals import half_integral
from girsanov.law import Gaussian, GaussianMixture
from girsanov.path_kl.cells import path_cost
from girsanov.path_kl.grid_cost import prices
from girsanov.path_kl.start import start_cost
from girsanov.planning.on_grid import plan_on
from girsanov.sampling.exponential_integrators import ou_time
from girsanov.sampling.registry import SAMPLERS, recipe
from girsanov.sampling.step_kl import analytic_dpm_kl

THEORY = GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15])
LAWS = {
    "line": THEORY,
    "plane": GaussianMixture(
        [0.25, 0.75],
        [[-1.0, 2.0], [1.5, 0.5]],
        [[[0.5, 0.3], [0.3, 0.4]], [[0.05, -0.02], [-0.02, 0.2]]],
    ),
    "space": GaussianMixture(
        [0.6, 0.4],
        [[1.0, 0.0, -1.0], [-1.0, 1.0, 0.5]],
        [
            [[0.3, 0.1, 0.0], [0.1, 0.2, -0.1], [0.0, -0.1, 0.6]],
            [[0.1, 0.05, 0.02], [0.05, 0.4, 0.0], [0.02, 0.0, 0.1]],
        ],
    ),
}
GRID = np.array([0.06, 0.3, 1.0, 3.0, 8.0, 30.0])
KINDS = [("ddpm", None), *[("analytic-dpm", c) for c in ("scalar", "pca", "coordinate", "full")]]
OTHERS = [("ei-score", None), ("ei-relative", None)]
PATHS = 20_000


class Wrong(ExactDenoiser):
    """A denoiser that is off by a scale and a shift."""

    exact = False

    def __call__(self, x, snr, label=None):
        return 0.85 * self.law.denoise(x, snr) + 0.15


@cache
def measured(name, wrong):
    law = LAWS[name]
    denoiser = (Wrong if wrong else ExactDenoiser)(law)
    return audit(denoiser, law, levels=GRID, examples=PATHS, seed=1), denoiser


@cache
def half_information(name):
    """1/2 int_0^{s_N} M ds of the law by Gauss and Legendre, and its standard error."""
    x, w = np.polynomial.legendre.leggauss(5)
    edges = np.concatenate([[0.0], np.geomspace(GRID[0] / 2, GRID[-1], 9)])
    half = np.diff(edges)[:, None] / 2
    s, ds = (edges[:-1, None] + half * (1 + x)).ravel(), (half * w).ravel() / 2
    curve = LAWS[name].curve(s, seed=5)
    return float(curve.value @ ds), float(curve.se @ ds)  # levels share examples: se add up


def forward(law, levels, count, seed):
    """States x_s [K, count, d] of one path each, from numpy's own noise."""
    x0 = law.sample(count, seed=seed).numpy()
    steps = np.sqrt(np.diff(levels, prepend=0.0))[:, None, None]
    noise = np.random.default_rng(seed).normal(size=(len(levels), *x0.shape))
    return torch.as_tensor(x0 + np.cumsum(steps * noise, axis=0) / levels[:, None, None])


def normal_logpdf(residual, scale, basis=None):
    """log N(residual; 0, U diag(scale^2) U^T) [n]."""
    c = residual if basis is None else basis.to_coordinates(residual)
    scale = torch.as_tensor(np.broadcast_to(scale, c.shape[1:]).copy())
    return -((c / scale) ** 2 / 2 + scale.log() + math.log(2 * math.pi) / 2).sum(1)


def start_logpdf(recipe, x):
    return normal_logpdf(x - torch.as_tensor(recipe.mean), recipe.start_noise, recipe.start_basis)


def chain_kl(law, denoiser, recipe, levels, seed=7):
    """Equation (A) for the steps of a recipe: mean and standard error."""
    x = forward(law, levels, PATHS, seed)
    log_q = law.log_prob(x[-1], float(levels[-1]))
    log_p = start_logpdf(recipe, x[0])
    for k, step in enumerate(recipe.steps[: len(levels) - 1]):
        log_q = log_q + normal_logpdf(x[k] - x[k + 1], (1 / levels[k] - 1 / levels[k + 1]) ** 0.5)
        mean = step.state * x[k] + step.prediction * denoiser(x[k], step.snr)
        log_p = log_p + normal_logpdf(x[k + 1] - mean, step.noise, step.basis)
    ratio = (log_q - log_p).numpy()
    return ratio.mean(), ratio.std() / PATHS**0.5


def ou_drift(sampler, x, s, m):
    """score (or score + X) of an x0 prediction m in Ornstein-Uhlenbeck coordinates X = alpha x."""
    alpha = (s / (1 + s)) ** 0.5
    score = (1 + s) * alpha * (m - x)
    return score if sampler == "ei-score" else score + alpha * x


def path_kl(law, denoiser, sampler, recipe, levels, seed=9, nodes=6, count=6000):
    """Equation (B) by quadrature in time along forward paths: mean and standard error."""
    u, w = np.polynomial.legendre.leggauss(nodes)
    times, grid, weights = ou_time(levels), [levels[0]], []
    for t, t_next in pairwise(times):
        inner = (t + t_next) / 2 + (t_next - t) / 2 * u
        grid += [*(1 / np.expm1(2 * inner)), 1 / math.expm1(2 * t_next)]
        weights.append((t - t_next) / 2 * w)
    grid = np.array(grid)
    x = forward(law, grid, count, seed)
    s0 = float(grid[0])
    total = law.log_prob(x[0], s0) - start_logpdf(recipe, x[0])
    for k, weight in enumerate(weights):
        at = k * (nodes + 1)
        s = float(grid[at])
        frozen = ou_drift(sampler, x[at], s, denoiser(x[at], s))
        for j, dt in enumerate(weight, start=at + 1):
            s = float(grid[j])
            total = total + dt * (
                (frozen - ou_drift(sampler, x[j], s, law.denoise(x[j], s))) ** 2
            ).sum(1)
    return float(total.mean()), float(total.std()) / count**0.5


def formula(price, nodes, name):
    """start + cells - 1/2 int M, with the standard error of what was measured."""
    start, cells = price.groups(nodes)
    total = start + cells
    information, se = half_information(name)
    return total.mean() - information, math.hypot(total.std(ddof=1) / len(total) ** 0.5, se)


def agree(one, two, sharp=0.09):
    (a, sa), (b, sb) = one, two
    se = math.hypot(sa, sb)
    assert se < sharp * max(abs(a), 0.3)  # else the comparison says nothing
    assert abs(a - b) < 4 * se, (one, two)


@pytest.mark.parametrize("wrong", [False, True], ids=["exact", "wrong"])
@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize(("sampler", "covariance"), KINDS, ids=[f"{h}-{c}" for h, c in KINDS])
def test_ddpm_and_analytic_dpm_cost_the_likelihood_ratio_of_their_chain(
    name, sampler, covariance, wrong
):
    report, denoiser = measured(name, wrong)  # equations (2), (4), (5) of cells.py
    price = prices(report, SAMPLERS[sampler], covariance)
    nodes = np.arange(1, len(GRID) + 1)
    recipe = plan_on(price, nodes, last="sample", frontier=[], why="").recipe()
    agree(formula(price, nodes, name), chain_kl(LAWS[name], denoiser, recipe, GRID))


@pytest.mark.parametrize("factor", [0.1, 0.3, 4.0])
def test_kernels_of_another_variance_cost_their_likelihood_ratio(factor):  # equation (3)
    curve, (information, se) = exact_curve(THEORY, GRID), half_information("line")
    error = curve.traces[1:-1, 0, 0]
    v = THEORY.variance
    start = (THEORY.mean, (v + 1 / GRID[0]) ** 0.5, None)
    steps = recipe("analytic-dpm", GRID, start=start, variances=factor * error, last="sample")
    cells = analytic_dpm_kl(np.diff(GRID), factor * error[:, None], error[:, None], np.ones(1))
    cost = cells.sum() + math.log1p(GRID[0] * v) / 2 - information
    agree((cost, se), chain_kl(THEORY, ExactDenoiser(THEORY), steps, GRID))


@pytest.mark.parametrize("wrong", [False, True], ids=["exact", "wrong"])
@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("sampler", ["ei-score", "ei-relative"])
def test_exponential_integrators_cost_the_time_integral_of_their_error(name, sampler, wrong):
    report, denoiser = measured(name, wrong)  # equations (6), (7)
    price = prices(report, SAMPLERS[sampler])
    nodes = np.arange(1, len(GRID) + 1)
    recipe = plan_on(price, nodes, last="sample", frontier=[], why="").recipe()
    agree(formula(price, nodes, name), path_kl(LAWS[name], denoiser, sampler, recipe, GRID))


@pytest.mark.parametrize("start", ["gaussian", "mean", "standard"])
@pytest.mark.parametrize("name", LAWS)
def test_every_start_costs_its_likelihood_ratio(name, start):
    report, denoiser = measured(name, False)  # equations (1)-(3) of start.py
    price = prices(report, SAMPLERS["ddpm"], start=start)
    nodes = np.array([3, 5])
    recipe = plan_on(price, nodes, last="sample", frontier=[], why="").recipe()
    begin, cells = price.groups(nodes)
    total = begin + cells
    s, ds = np.polynomial.legendre.leggauss(40)
    end = GRID[nodes - 1][-1]
    curve = LAWS[name].curve(np.sort(end * (1 + s) / 2), seed=5)
    known = float(curve.value @ ds) * end / 4, float(curve.se @ ds) * end / 4
    se = math.hypot(total.std(ddof=1) / len(total) ** 0.5, known[1])
    got = chain_kl(LAWS[name], denoiser, recipe, GRID[nodes - 1])
    agree((total.mean() - known[0], se), got)


@pytest.mark.parametrize(
    ("variance", "value"), [(0.0, 0.35904), ("large", 0.09163), ("score", 0.34701), ("M", 0.06542)]
)
def test_theory_table_of_kernels_on_a_snr_grid(variance, value):  # theory 9.1, equation (3)
    nodes = np.geomspace(0.02, 200, 25)
    fine = exact_curve(THEORY, np.geomspace(0.02, 200, 24 * 8 + 1))
    information = half_integral(fine.levels, fine.errors["coordinate"][:, 0], np.ones(1))[1:].sum()
    error = exact_curve(THEORY, nodes).traces[1:-1, 0, 0]
    here = nodes[:-1]
    v = {0.0: 0 * error, "large": 1 / (1 + here), "score": 1 / here, "M": error}[variance]
    cost = analytic_dpm_kl(np.diff(nodes), v[:, None], error[:, None], np.ones(1)).sum()
    assert cost - information == pytest.approx(value, abs=3e-5)


@pytest.mark.parametrize(
    ("sampler", "h", "value"),
    [
        ("ei-score", 0.05, 0.3255),
        ("ei-score", 0.2, 0.8843),
        ("ei-relative", 0.05, 0.1945),
        ("ei-relative", 0.2, 0.4978),
    ],
)
def test_theory_table_of_ou_samplers(sampler, h, value):  # theory 9.1: T = 2, discretisation alone
    times = np.arange(round(2 / h), -1, -1) * h
    times[-1] = 1e-6  # the SNR at time 0 is infinite
    levels = 1 / np.expm1(2 * times)
    x, w = np.polynomial.legendre.leggauss(12)
    edges = np.linspace(*np.log(levels[[0, -1]]), 33)
    half = np.diff(edges)[:, None] / 2
    s, ds = np.exp(edges[:-1, None] + half * (1 + x)).ravel(), (half * w).ravel()
    information = (THEORY.curve(s).value * s) @ ds / 2
    cost = path_cost(
        exact_curve(THEORY, levels), np.arange(1, len(levels) + 1), SAMPLERS[sampler], None
    )[0]
    assert cost - information == pytest.approx(value, abs=6e-5)


@pytest.mark.parametrize(
    ("law", "sampler", "h", "steps", "value"),
    [
        (Gaussian([0.0], 0.25), "ei-score", 0.1, 20, 0.37744),
        (Gaussian(np.zeros(10), 4.0), "ei-score", 0.1, 20, 0.97712),
        (Gaussian(np.zeros(10), 1.0), "ei-score", 0.1, 20, 1.93497),
        (Gaussian([0.0], 0.25), "ei-relative", 0.1, 20, 0.07144),
        (Gaussian(np.zeros(10), 4.0), "ei-relative", 0.1, 20, 0.35450),
        (Gaussian(np.zeros(3), 1.0), "ei-relative", 0.1, 20, 0.0),
    ],
)
def test_theory_table_of_gaussians(law, sampler, h, steps, value):
    times = np.arange(steps, -1, -1) * h
    times[-1] = 1e-9
    levels = 1 / np.expm1(2 * times)
    d = law.dimension
    v = law.variance / d
    information = d / 2 * math.log((1 + levels[-1] * v) / (1 + levels[0] * v))
    cost = path_cost(
        exact_curve(law, levels), np.arange(1, len(levels) + 1), SAMPLERS[sampler], None
    )[0]
    assert cost - information == pytest.approx(value, abs=2e-5)


def test_analytic_dpm_costs_nothing_on_an_isotropic_gaussian():
    law = Gaussian([1.0, -2.0], 0.3)
    curve = exact_curve(law, GRID)
    nodes = np.array([1, 3, 6])
    information = math.log((1 + GRID[-1] * 0.3) / (1 + GRID[0] * 0.3))
    assert path_cost(curve, nodes, SAMPLERS["analytic-dpm"], "scalar")[0] == pytest.approx(
        information
    )
    start = start_cost(curve, GRID[0], "gaussian", np.array([0.3]))[0]
    assert start == pytest.approx(math.log1p(GRID[0] * 0.3))


def test_exact_curve_refuses_a_law_that_is_only_sampled():
    with pytest.raises(InputError, match="law: must be Gaussian or one-dimensional"):
        exact_curve(LAWS["plane"], GRID)
