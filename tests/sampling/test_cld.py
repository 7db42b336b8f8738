"""Phase space, step by step: equations (1) to (4) of `sampling/cld.py` against dense algebra."""

import numpy as np
import pytest
import torch
from catalogue import LAWS, agree
from scipy import linalg

from girsanov._checks import InputError
from girsanov.denoise.exact import ExactDenoiser
from girsanov.law import Gaussian
from girsanov.process import CriticallyDampedLangevin
from girsanov.sampling.cld import follow, strang_recipe
from girsanov.sampling.loop import sample_standardised
from girsanov.sampling.registry import cld_recipe, recipe
from girsanov.sampling.sampler import Complement
from girsanov.sampling.step_kl_cld import CLD

F, E = np.array([[0.0, -1.0], [1.0, -2.0]]), np.array([0.0, 1.0])
BACK = np.array([[0.0, 1.0], [-1.0, -2.0]])  # F + 4 e_v e_v^T backwards: drift of (3)
LEVELS = [(0.02, 0.05), (0.5, 0.9), (0.9, 60.0), (500.0, 640.0), (1e4, 1.2e4), (1e6, 1e6 + 100)]
START = (0.0, 1.0, None)


def quadrature(h, flow, factor):
    x, w = np.polynomial.legendre.leggauss(60)
    return sum(h / 2 * b * factor(flow(h / 2 * (1 + a))) for a, b in zip(x, w, strict=True))


def kernel(sampler, t, t_next, m, z):
    """Mean and covariance of Z' for a state Z and a prediction m, by matrix exponentials."""
    a, h = CLD.mean(t), t - t_next
    score = np.linalg.solve(np.eye(2) - np.outer(a, a), a * m - z)[1]
    drift, frozen = (-F, score) if sampler == "ei-score" else (BACK, score + z[1])

    def flow(u):
        return linalg.expm(u * drift)

    mean = flow(h) @ z + 4 * frozen * quadrature(h, flow, lambda f: f @ E)
    return mean, 4 * quadrature(h, flow, lambda f: np.outer(f @ E, f @ E))


def row(step, x, w, m):
    """Mean and covariance of (x', w') by the coefficients of a step."""
    c = step.complement
    mean = [step.state * x + step.prediction * m + c.into * w,
            c.state * x + c.own * w + c.prediction * m]  # fmt: skip
    factor = np.array([[step.noise, 0.0], [c.shared * step.noise, c.noise]])
    return np.array(mean), factor @ factor.T


def agrees(found, expected, snr, rtol):
    """Compare moments of (x, w), whose scales are 1/sqrt(snr) and 1."""
    scale = np.array([snr**0.5, 1.0])
    np.testing.assert_allclose(found[0] * scale, expected[0] * scale, rtol=rtol, atol=rtol * 100)
    unit = np.outer(scale, scale)
    np.testing.assert_allclose(found[1] * unit, expected[1] * unit, rtol=1e-4, atol=rtol)


@pytest.mark.parametrize("sampler", ["ei-score", "ei-relative"])
@pytest.mark.parametrize("levels", LEVELS[:4])
def test_exponential_integrators_solve_their_equation(sampler, levels):  # equations (1) to (3)
    step = cld_recipe(sampler, levels, start=START, last="sample").steps[0]
    t, t_next = CLD.time(np.array(levels))
    x, w, m = 1.7 + 0.6 * levels[0] ** -0.5, -0.8, 1.7
    mean, covariance = kernel(sampler, t, t_next, m, CLD.axes(t) @ [x, w])
    read = CLD.statistics(t_next)
    expected = read @ mean, read @ covariance @ read.T
    agrees(row(step, x, w, m), expected, levels[1], 1e-9)


@pytest.mark.parametrize("levels", LEVELS)
def test_ddpm_and_analytic_dpm_draw_the_bridge(levels):  # equation (4)
    t, t_next = CLD.time(np.array(levels))
    a, b = CLD.mean(t_next), CLD.mean(t)
    phi = CLD.transition(t - t_next)
    before, after = np.eye(2) - np.outer(b, b), np.eye(2) - np.outer(a, a)
    x, w, m, v = 0.4, -0.8, 1.1, 0.3
    z = CLD.axes(t) @ [x, w]
    gain = np.linalg.solve(before, phi @ after).T
    read = CLD.statistics(t_next)
    mean = read @ (a * m + gain @ (z - b * m))
    covariance = read @ (after - gain @ phi @ after) @ read.T
    push = read @ (a - gain @ b)  # of x0 on Z'
    loose = 1e-9 if levels[0] < 1e3 else 1e-3  # the dense algebra loses its digits, not the step
    for sampler, extra in (("ddpm", 0.0), ("analytic-dpm", v)):
        options = {"variances": np.array([v])} if extra else {}
        step = cld_recipe(sampler, levels, start=START, last="sample", **options).steps[0]
        expected = mean, covariance + extra * np.outer(push, push)
        if levels[0] < 1e5:
            agrees(row(step, x, w, m), expected, levels[1], loose)
        plain = recipe(sampler, levels, start=START, last="sample", **options).steps[0]
        assert (step.state, step.prediction, step.noise) == (
            plain.state, plain.prediction, plain.noise,
        )  # fmt: skip


def propagate(law, plan):
    """Mean and covariance of (x, w) that `plan` makes of a one-dimensional Gaussian law."""
    mu, v = law.mean[0], law.variance
    mean = np.array([float(np.ravel(plan.mean)[0]), 0.0])
    covariance = np.diag([float(np.ravel(plan.start_noise)[0]) ** 2, 1.0])
    for step in plan.steps:
        c, keep = step.complement, step.snr * v / (1 + step.snr * v)
        push = np.array([step.prediction, c.prediction])
        matrix = np.array([[step.state, c.into], [c.state, c.own]])
        matrix[:, 0] += push * keep
        factor = np.array([[step.noise, 0.0], [c.shared * step.noise, c.noise]])
        mean = matrix @ mean + push * (1 - keep) * mu
        covariance = matrix @ covariance @ matrix.T + factor @ factor.T
    return mean, covariance


def kl_normal(mean, covariance, exact):
    """KL(N(0, exact) | N(mean, covariance)) for arrays [k], [k, k]."""
    inverse = np.linalg.inv(covariance)
    logs = np.linalg.slogdet(covariance)[1] - np.linalg.slogdet(exact)[1]
    return (np.trace(inverse @ exact) - len(exact) + logs + mean @ inverse @ mean) / 2


def plan_in_time(sampler, h, end, last=1e-4):
    times = np.arange(end, 0, -h)
    times = np.append(times[times > last], last)
    levels = CLD.snr(times)
    start = (0.0, float(np.sqrt(1 + 1 / levels[0])), None)
    return cld_recipe(sampler, levels, start=start, last="sample")


def output_kl(variance, sampler, h, end):
    """KL of (X, V) and of X at the end of uniform steps, for N(0, variance)."""
    law, last = Gaussian([0.0], variance), 1e-4
    mean, covariance = propagate(law, plan_in_time(sampler, h, end, last))
    axes, a = CLD.axes(last), CLD.mean(last)
    out = axes @ covariance @ axes.T
    exact = np.eye(2) + (variance - 1) * np.outer(a, a)
    part = np.array([0])
    return kl_normal(axes @ mean, out, exact), kl_normal(
        (axes @ mean)[part], out[:1, :1], exact[:1, :1]
    )


@pytest.mark.parametrize(
    ("variance", "h", "both", "position", "relative"),
    [
        (1.0, 0.1, 1.2e-2, 6.6e-5, 0.0),
        (1.0, 0.01, 1.0e-4, 6.6e-9, 0.0),
        (0.25, 0.1, 1.3e-2, 1.9e-4, 1.8e-3),
        (0.25, 0.01, 1.0e-4, 2.0e-8, 1.7e-5),
        (0.01, 0.1, 3.1e-2, 7.8e-3, 2.0e-2),
        (0.01, 0.01, 1.1e-4, 7.3e-7, 1.3e-4),
        (4.0, 0.1, 1.2e-2, 3.4e-5, 3.0e-3),
        (4.0, 0.01, 1.0e-4, 2.5e-9, 3.0e-5),
    ],
)
def test_theory_table_of_outputs(variance, h, both, position, relative):  # theory 9.5, T = 6
    found = output_kl(variance, "ei-score", h, 6.0)
    assert found[0] == pytest.approx(both, rel=0.06)
    assert found[1] == pytest.approx(position, rel=0.06)
    assert output_kl(variance, "ei-relative", h, 6.0)[0] == pytest.approx(
        relative, rel=0.06, abs=1e-6
    )


@pytest.mark.parametrize(
    ("h", "v", "x", "xv"), [(0.1, 0.2, 1 / 60, -1 / 300), (0.01, 0.02, 1 / 6e3, -1 / 3e4)]
)
def test_theorem_7_output_of_ei_score(h, v, x, xv):  # theory section 5: leading orders
    _, covariance = propagate(Gaussian([0.0], 1.0), plan_in_time("ei-score", h, 20.0))
    axes = CLD.axes(1e-4)
    error = axes @ covariance @ axes.T - np.eye(2)
    found = [error[1, 1], error[0, 0], error[0, 1]]
    np.testing.assert_allclose(found, [v, x, xv], rtol=6 * h)


EXACT = Gaussian([1.5], 0.3)
STEPS = np.array([200, 400, 800, 1600])


def moment_errors(sampler, steps):
    levels = np.geomspace(1e-3, 30.0, steps + 1)
    if sampler == "strang":
        levels = CLD.snr(np.linspace(CLD.time(1e-9), CLD.time(30.0), steps + 1))
        plan = strang_recipe(levels, "sample")
    else:
        start = (EXACT.mean, (0.3 + 1 / levels[0]) ** 0.5, None)
        v = 0.3 / (1 + 0.3 * levels[:-1])
        options = {"variances": v} if sampler == "analytic-dpm" else {}
        plan = cld_recipe(sampler, levels, start=start, last="sample", **options)
    mean, covariance = propagate(EXACT, plan)
    return abs(mean[0] - 1.5), np.abs(covariance - np.diag([0.3 + 1 / levels[-1], 1.0])).max()


@pytest.mark.parametrize(
    ("sampler", "order"), [("ei-score", 1), ("ei-relative", 1), ("ddpm", 1), ("strang", 1)]
)
def test_the_weak_order_of_each_sampler(sampler, order):
    errors = [moment_errors(sampler, n)[1] for n in STEPS]
    found = -np.diff(np.log(errors)) / np.diff(np.log(STEPS))
    np.testing.assert_allclose(found, order, atol=0.15)


def test_means_of_the_shift_equivariant_samplers_and_analytic_dpm_are_exact():
    for sampler in ("ei-score", "ddpm", "analytic-dpm"):
        assert moment_errors(sampler, 50)[0] < 1e-10
    assert moment_errors("analytic-dpm", 5)[1] < 1e-9


@pytest.mark.parametrize("sampler", ["ei-score", "ei-relative", "ddpm", "analytic-dpm", "strang"])
def test_every_sampler_tends_to_the_law(sampler):
    law, n, end = LAWS["mixture 1-D"], 8_000, 100.0
    grid = np.geomspace(1e-3, end, 201)
    if sampler == "strang":
        plan = strang_recipe(CLD.snr(np.linspace(CLD.time(1e-3), CLD.time(end), 201)), "sample")
    else:
        start = (law.mean, (law.variance + 1e3) ** 0.5, None)
        v = (
            {"variances": law.variance / (1 + grid[:-1] * law.variance)}
            if sampler == "analytic-dpm"
            else {}
        )
        plan = cld_recipe(sampler, grid, start=start, last="sample", **v)
    x = sample_standardised(ExactDenoiser(law), plan, n, seed=3).numpy()[:, 0]
    y = law.sample(n, seed=8).numpy()[:, 0] + np.random.default_rng(1).normal(size=n) / end**0.5
    for power in (1, 2, 3):
        a, b = x**power, y**power
        slack = 0.03 * np.std(b)  # of the first-order error left at 200 steps
        assert abs(a.mean() - b.mean()) < 4 * np.hypot(a.std(), b.std()) / n**0.5 + slack


def test_sample_i_is_the_same_in_every_batch():
    law = LAWS["mixture 2-D"]
    plan = cld_recipe("ei-relative", [0.1, 1.0, 5.0], start=START)
    one = sample_standardised(ExactDenoiser(law), plan, 10, seed=4)
    two = sample_standardised(ExactDenoiser(law), plan, 10, seed=4, batch_size=3)
    torch.testing.assert_close(one, two, rtol=0, atol=1e-12)


def test_ddpm_in_phase_space_has_the_law_of_ddpm():
    """Same SNRs, same law (theory 6.1): means and spreads of many draws agree."""
    law, n, grid = LAWS["mixture 2-D"], 20_000, [0.05, 0.4, 2.0, 20.0]
    start = (law.mean, (1 + 1 / 0.05) ** 0.5, None)
    one, two = (
        sample_standardised(ExactDenoiser(law), make("ddpm", grid, start=start), n, seed=seed)
        for make, seed in ((cld_recipe, 1), (recipe, 2))
    )
    for power in (1, 2):
        a, b = (one**power).numpy(), (two**power).numpy()
        agree(a.mean(0), b.mean(0), np.hypot(a.std(0), b.std(0)) / n**0.5, k=4)


def test_the_loop_follows_the_coefficients():
    c = Complement(0.3, -0.2, 0.9, 0.1, 0.5, 0.7)
    w, x, m, eta, xi = torch.randn(
        5, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    expected = -0.2 * x + 0.9 * w + 0.1 * m + 0.5 * eta + 0.7 * xi
    torch.testing.assert_close(follow(c, w, x, m, (eta, xi)), expected)


class Phase(ExactDenoiser):
    """A stand-in for a model of phase space: it must be given (x, w)."""

    process = "cld"

    def __call__(self, x, snr, label=None):
        assert x.shape[1:] == (2, *self.shape)
        self.seen = x[:, 1].std()
        return self.law.denoise(x[:, 0], snr)


def test_a_model_of_phase_space_is_shown_both_coordinates():
    law = LAWS["mixture 2-D"]
    model, plan = Phase(law), cld_recipe("ei-relative", [0.1, 1.0, 5.0], start=START)
    x = sample_standardised(model, plan, 500, seed=4)
    assert torch.equal(x, sample_standardised(ExactDenoiser(law), plan, 500, seed=4))
    assert float(model.seen) == pytest.approx(1.0, abs=0.2)
    with pytest.raises(InputError, match="plan: must be made with process cld"):
        sample_standardised(model, recipe("ddpm", [0.1, 1.0], start=START), 5)


def test_strang_needs_two_levels_and_calls_in_the_middle():
    grid = CLD.snr(np.array([2.0, 1.0, 0.4]))
    plan = strang_recipe(grid)
    np.testing.assert_allclose(
        [s.snr for s in plan.steps], [*CLD.snr(np.array([1.5, 0.7])), grid[-1]]
    )
    with pytest.raises(InputError, match="levels: must be a flat list of at least 2"):
        strang_recipe([1.0])
    assert isinstance(CLD, CriticallyDampedLangevin)
