"""The cells of phase space against theory's tables, Fisher information, and simulated paths."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from catalogue import LAWS
from scipy import integrate

from girsanov.error_curve.exact import exact_curve
from girsanov.law import Gaussian, GaussianMixture
from girsanov.sampling.registry import cld_recipe
from girsanov.sampling.step_kl_cld import CLD, cld_ei_relative_kl, cld_ei_score_kl

RULES = {"ei-score": cld_ei_score_kl, "ei-relative": cld_ei_relative_kl}
THEORY = GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15])  # of theory section 9
over_stochastic = pytest.mark.parametrize("sampler", RULES)


def uniform(h, end, last=1e-4):
    times = np.arange(round(end / h), -1, -1) * h
    times[-1] = last  # the SNR at time 0 is infinite
    return CLD.snr(times)


def cost(law, levels, sampler):
    """The cells of a grid and 1/2 int M ds over it, for an exact denoiser."""
    curve = exact_curve(law, levels)
    traces = curve.mean_traces()[1:]
    moment = np.array(law.second_moment)
    cells = RULES[sampler](levels[:-1], levels[1:], traces[:-1], law.dimension, moment).sum()
    x, w = np.polynomial.legendre.leggauss(12)
    edges = np.linspace(*np.log(levels[[0, -1]]), 65)
    half = np.diff(edges)[:, None] / 2
    s, ds = np.exp(edges[:-1, None] + half * (1 + x)).ravel(), (half * w).ravel()
    return float(cells), float((law.curve(s).value * s) @ ds / 2)


def path(law, levels, sampler):
    cells, information = cost(law, levels, sampler)
    return cells - information


def start(law, level):
    """KL(q_T | N(0, I)) of a centred Gaussian law."""
    r, v = level / (1 + level), law.variance
    return (r * (v - 1) - math.log1p(r * (v - 1))) / 2


@pytest.mark.parametrize(
    ("h", "end", "score", "relative"),
    [(0.2, 2.4, 2.293, 0.2092), (0.1, 2.0, 1.0665, 0.1008)],
)
def test_theory_table_of_the_mixture(h, end, score, relative):  # theory 9.1
    levels = uniform(h, end)
    assert path(THEORY, levels, "ei-score") == pytest.approx(score, abs=2e-4)
    assert path(THEORY, levels, "ei-relative") == pytest.approx(relative, abs=2e-4)


@pytest.mark.parametrize(
    ("variance", "h", "score", "relative"),
    [
        (1.0, 0.1, 2.284, 0.0), (1.0, 0.01, 0.2388, 0.0),
        (0.25, 0.1, 2.566, 0.0243), (0.25, 0.01, 0.2685, 0.0022),
        (0.01, 0.1, 3.508, 0.4125), (0.01, 0.01, 0.3697, 0.0399),
        (4.0, 0.1, 2.037, 0.0184), (4.0, 0.01, 0.2128, 0.0015),
    ],
)  # fmt: skip
def test_theory_table_of_path_costs(variance, h, score, relative):  # theory 9.5, T = 6
    law, levels = Gaussian([0.0], variance), uniform(h, 6.0)
    begin = start(law, levels[0])
    assert path(law, levels, "ei-score") + begin == pytest.approx(score, rel=2e-3)
    assert path(law, levels, "ei-relative") + begin == pytest.approx(relative, rel=2e-2, abs=6e-5)


@pytest.mark.parametrize("h", [0.01, 0.1, 1.0, 3.0])
def test_theorem_7_path_cost_of_the_normal_law(h):  # theory section 5: 4 d h (1 - e^-h) a step
    law, times = Gaussian(np.zeros(3), 1.0), 1.3 + h * np.arange(4)[::-1]
    found = path(law, CLD.snr(times), "ei-score")
    assert found == pytest.approx(3 * 4 * 3 * h * -math.expm1(-h), rel=1e-9)
    assert path(law, CLD.snr(times), "ei-relative") == pytest.approx(0.0, abs=1e-9)


def test_theorem_7_against_ddpm():
    """Per unit of time and dimension 3.8065 h against 0.9675 h at h = 0.1; 4 times as h -> 0."""
    law = Gaussian([0.0], 1.0)
    ratios = []
    for h in (0.1, 0.01):
        cld = path(law, CLD.snr(np.array([1.0 + h, 1.0])), "ei-score") / h**2
        ou = 2 * (h - 1 + math.exp(-h)) / h**2
        ratios.append(cld / ou)
        if h == 0.1:
            assert cld == pytest.approx(3.8065, abs=1e-4)
            assert ou == pytest.approx(0.9675, abs=1e-4)
    assert ratios == pytest.approx([3.93, 4.0], abs=0.01)


@over_stochastic
@pytest.mark.parametrize("law", [Gaussian([2.0, 0.0, -1.0], 0.3), Gaussian([0.0], 4.0)])
def test_cells_are_integrals_of_the_fisher_information(law, sampler):  # theory 4.3
    levels, d, v = (
        CLD.snr(np.array([2.0, 1.1, 0.9, 0.2])),
        law.dimension,
        law.variance / law.dimension,
    )

    def relative_information(t):  # J of R = S + Z, without the factor a a^T
        r = float(CLD.signal(t))
        information = d / (1 + r * (v - 1))
        second = d + r * (law.second_moment - d)
        return (information - 2 * d + second) / r

    def entry(t):  # J_vv, J_xv of the score, or K_vv, K_xv
        (ax, av), phi = CLD.mean(t), relative_information(t)
        if sampler == "ei-relative":
            return phi * av**2, phi * av * ax
        r = float(CLD.signal(t))
        g = (d / (1 + r * (v - 1)) - d) / r
        return d + g * av**2, g * av * ax

    total = 0.0
    for t, u in pairwise(CLD.time(levels)):
        h = t - u
        vv, xv = entry(t)
        if sampler == "ei-score":
            corner = (h - 2 * h * math.exp(-h)) * vv + 2 * (1 - (1 + h) * math.exp(-h)) * xv
        else:
            corner = (h - 2 * h * math.exp(h)) * vv + 2 * ((h - 1) * math.exp(h) + 1) * xv
        total += 2 * (integrate.quad(lambda x: entry(x)[0], u, t)[0] + corner)
    assert path(law, levels, sampler) == pytest.approx(total, rel=1e-7)


def wrong(x, w, s, law):
    """A model of phase space that is off by a scale and a shift, and listens to the noise w."""
    return 0.85 * law.denoise(x, s) + 0.15 + 0.1 * w


def forward(law, times, count, seed):
    """(x, w) [K, count, 2, d] along exact paths at decreasing `times`, and x0 [count, d]."""
    rng = np.random.default_rng(seed)
    x0 = law.sample(count, seed=seed).numpy()
    z = np.stack([x0, rng.normal(size=x0.shape)], axis=1)
    out, before = [], 0.0
    for t in times[::-1]:
        root = np.linalg.cholesky(CLD.noise(t - before))
        fresh = rng.normal(size=z.shape)
        z = np.einsum("ij,bjd->bid", CLD.transition(t - before), z)
        z = z + np.einsum("ij,bjd->bid", root, fresh)
        out.append(np.einsum("ij,bjd->bid", CLD.statistics(t), z))
        before = t
    return torch.from_numpy(np.stack(out[::-1])), torch.from_numpy(x0)


@over_stochastic
@pytest.mark.parametrize("model", ["exact", "wrong"])
@pytest.mark.parametrize("name", ["line", "plane"])
def test_cells_cost_the_time_integral_of_their_error(name, model, sampler):
    """Girsanov by Monte Carlo: 2 int E|frozen - true|^2 dt along simulated paths."""
    law = THEORY if name == "line" else LAWS["mixture 2-D"]
    ends = np.array([2.5, 1.6, 1.0, 0.6, 0.35])
    n, (u, weight) = 4000, np.polynomial.legendre.leggauss(5)
    times, parts = [], []
    for t, t_next in pairwise(ends):
        times += [t, *((t + t_next) / 2 - (t - t_next) / 2 * u)]
        parts.append((t - t_next) / 2 * weight)
    states, x0 = forward(law, np.array(times), n, seed=3)

    def denoise(k, exact):
        x, w, s = states[k][:, 0], states[k][:, 1], float(CLD.snr(times[k]))
        return law.denoise(x, s) if exact else wrong(x, w, s, law)

    def drift(k, m):
        x, w, t = states[k][:, 0], states[k][:, 1], times[k]
        s, axes = float(CLD.snr(t)), CLD.axes(t)
        push = axes[1, 0] * ((1 + s) * m - s * x)
        return push if sampler == "ei-relative" else push - axes[1, 0] * x - axes[1, 1] * w

    levels, total, formula = CLD.snr(ends), 0.0, 0.0
    second = np.full(n, law.second_moment)
    for c, part in enumerate(parts):
        at = c * 6
        m = denoise(at, model == "exact")
        frozen = drift(at, m)
        for j, dt in enumerate(part, start=at + 1):
            total = total + 2 * dt * ((frozen - drift(j, denoise(j, True))) ** 2).sum(1)
        r, noise = x0 - m, x0 - states[at][:, 0]
        traces = torch.stack([(a * r).sum(1) for a in (r, noise, x0, states[at][:, 1])], 1)
        formula = formula + RULES[sampler](
            levels[c], levels[c + 1], traces.numpy(), law.dimension, second
        )
    s, ds = np.polynomial.legendre.leggauss(24)
    middle = (levels[-1] + levels[0]) / 2 + (levels[-1] - levels[0]) / 2 * s
    curve = law.curve(middle, seed=5)
    information = float(curve.value @ ds) * (levels[-1] - levels[0]) / 4
    slack = float(curve.se @ ds) * (levels[-1] - levels[0]) / 4
    gap = total.numpy() - formula  # of the same examples
    se = math.hypot(gap.std() / n**0.5, slack)
    assert se < 0.08 * float(total.mean())  # else the comparison says nothing
    assert abs(gap.mean() + information) < 4 * se


def normal_logpdf(gap, covariance):
    """log N(gap; 0, covariance) [n] for gap [n, k]."""
    root = np.linalg.cholesky(covariance)
    unit = np.linalg.solve(root, gap.T)
    return (
        -(unit**2).sum(0) / 2 - np.log(np.diag(root)).sum() - len(root) / 2 * math.log(2 * math.pi)
    )


@pytest.mark.parametrize("sampler", ["ddpm", "analytic-dpm"])
def test_ddpm_and_analytic_dpm_cost_the_likelihood_ratio_of_their_chain(sampler):
    """Theory 6.1: by 2-D likelihoods of (x, w) the KL is DDPM's formula on the same SNRs."""
    law, n = THEORY, 20_000
    levels = np.array([0.05, 0.3, 1.0, 3.0, 10.0, 40.0])
    times = CLD.time(levels)
    states, _ = forward(law, times, n, seed=6)
    z = states[:, :, :, 0].numpy()  # [K, n, 2]
    error = law.curve(levels[:-1]).value
    v = 0.7 * error if sampler == "analytic-dpm" else 0 * error
    begin = (law.mean, (law.variance + 1 / levels[0]) ** 0.5, None)
    extra = {"variances": v} if sampler == "analytic-dpm" else {}
    plan = cld_recipe(sampler, levels, start=begin, last="sample", **extra)
    gap = z[0] - np.array([law.mean[0], 0.0])
    log_p = normal_logpdf(gap, np.diag([law.variance + 1 / levels[0], 1.0]))
    log_q = law.log_prob(states[-1][:, 0], float(levels[-1])).numpy()
    log_q = log_q + normal_logpdf(z[-1][:, 1:], np.eye(1))
    for k, step in enumerate(plan.steps):
        read, h = CLD.statistics(times[k]), times[k] - times[k + 1]
        back = read @ CLD.transition(h) @ CLD.axes(times[k + 1])
        log_q = log_q + normal_logpdf(z[k] - z[k + 1] @ back.T, read @ CLD.noise(h) @ read.T)
        m, c = law.denoise(states[k][:, 0], step.snr).numpy()[:, 0], step.complement
        x, w = z[k].T
        mean = np.stack(
            [step.state * x + step.prediction * m + c.into * w,
             c.state * x + c.own * w + c.prediction * m], axis=1,
        )  # fmt: skip
        factor = np.array([[step.noise, 0.0], [c.shared * step.noise, c.noise]])
        log_p = log_p + normal_logpdf(z[k + 1] - mean, factor @ factor.T)
    delta, x0 = np.diff(levels), np.log1p(levels[0] * law.variance) / 2
    cells = np.log1p(delta * v) + delta * (error - v) / (1 + delta * v)
    s, ds = np.polynomial.legendre.leggauss(10)
    edges = np.concatenate([[0.0], np.geomspace(0.02, levels[-1], 17)])
    half = np.diff(edges)[:, None] / 2
    s, ds = (edges[:-1, None] + half * (1 + s)).ravel(), (half * ds).ravel()
    formula = x0 + cells.sum() / 2 - law.curve(s).value @ ds / 2
    ratio = log_q - log_p
    se = ratio.std() / n**0.5
    assert se < 0.05 * formula
    assert abs(ratio.mean() - formula) < 4 * se


def test_a_finer_grid_costs_less_and_a_free_denoiser_of_w_needs_no_fourth_trace():
    traces = np.array([0.3, 0.25, 0.35])
    cell = cld_ei_score_kl(np.array(1.0), np.array(2.0), traces, 2, np.array(1.5))
    padded = cld_ei_score_kl(
        np.array(1.0), np.array(2.0), np.append(traces, 0.0), 2, np.array(1.5)
    )
    assert cell == padded
    coarse, fine = (path(THEORY, uniform(h, 4.0), "ei-relative") for h in (0.2, 0.1))
    assert fine < coarse
