"""The coefficients of every sampler against computations that share no line with them."""

import math

import mpmath
import numpy as np
import pytest
from scipy import integrate

from girsanov._checks import InputError
from girsanov.basis import pca_basis
from girsanov.sampling.exponential_integrators import (
    analytic_dpm_step,
    ei_relative_step,
    ei_score_step,
    ou_time,
)
from girsanov.sampling.registry import recipe
from girsanov.sampling.sampler import Step

CELLS = [(0.02, 0.05), (0.3, 0.31), (0.5, 40.0), (7.0, 9.0), (1e3, 1e4), (1e-5, 1e-4)]
over_cells = pytest.mark.parametrize(("s", "t"), CELLS)
COLOURS = pca_basis(np.array([[2.0, 0.5], [0.5, 1.0]]))[0]


def bridge(s, t):
    """Mean coefficients on x_s and x0 and variance of x_t given both, by conditioning.

    x_t = x0 + z/sqrt(t) and x_s = x_t + what is left of the noise, t > s: a joint Gaussian of
    (x_t, x_s, x0), x0 of any variance.
    """
    v0 = 3.0
    joint = np.array([[v0 + 1 / t, v0 + 1 / t, v0], [v0 + 1 / t, v0 + 1 / s, v0], [v0, v0, v0]])
    weights = np.linalg.solve(joint[1:, 1:], joint[1:, 0])
    return weights[0], weights[1], joint[0, 0] - weights @ joint[1:, 0]


@over_cells
def test_ddpm_is_the_gaussian_bridge(s, t):  # equation (2), v = 0
    step = analytic_dpm_step(s, t)
    a, b, variance = bridge(s, t)
    np.testing.assert_allclose([step.state, step.prediction], [a, b], rtol=1e-7)
    assert step.noise**2 == pytest.approx(variance, rel=1e-6)
    assert step.snr == s
    assert step.basis is None


@over_cells
@pytest.mark.parametrize("v", [0.0, 0.4, 30.0])
def test_analytic_dpm_mixes_the_bridge_over_x0(s, t, v):  # x0 ~ N(m, v) given the state
    step = analytic_dpm_step(s, t, v)
    a, b, variance = bridge(s, t)
    np.testing.assert_allclose([step.state, step.prediction], [a, b], rtol=1e-7)
    assert step.noise**2 == pytest.approx(variance + b**2 * v, rel=1e-6)


@over_cells
def test_analytic_dpm_in_localisation_coordinates(s, t):  # theory 6.2, Y = s x
    v = np.array([0.3, 5.0])
    step, delta = analytic_dpm_step(s, t, v, COLOURS), t - s
    assert step.basis is COLOURS
    x, m, xi = 1.7, -0.6, np.array([0.9, -1.1])
    y = s * x + delta * m + np.sqrt(delta * (1 + delta * v)) * xi
    np.testing.assert_allclose(step.state * x + step.prediction * m + step.noise * xi, y / t)


def integrated(s, t, drift_on_state, factor):
    """Frozen-score reverse OU SDE from SNR s to t, moments by an ODE solver.

    dX = (drift_on_state X + factor F) du + sqrt(2) dB with F frozen; returns the coefficients on
    x and m and the variance in x = X/alpha.
    """
    start, end = (0.5 * math.log(1 + 1 / level) for level in (s, t))
    alpha, alpha_next = math.exp(-start), math.exp(-end)
    sigma2 = 1 - alpha**2

    def frozen(x, m):  # the score at the start; relative freezes score + X
        big, score = alpha * x, (alpha * m - alpha * x) / sigma2
        return score + (big if drift_on_state < 0 else 0.0)

    def moments(x, m):
        f = frozen(x, m)
        rates = lambda u, y: [drift_on_state * y[0] + factor * f, 2 * drift_on_state * y[1] + 2]  # noqa: E731
        span = (0.0, start - end)
        out = integrate.solve_ivp(rates, span, [alpha * x, 0.0], rtol=1e-11, atol=1e-14)
        return out.y[:, -1]

    (on_x, variance), (on_m, _) = moments(1.0, 0.0), moments(0.0, 1.0)
    return on_x / alpha_next, on_m / alpha_next, variance / alpha_next**2


SDE_CELLS = pytest.mark.parametrize(("s", "t"), [c for c in CELLS if c[0] >= 0.02])


@SDE_CELLS
def test_ei_score_is_the_frozen_sde(s, t):  # equation (3): dX = (X + 2 score) du + sqrt(2) dB
    step, expected = ei_score_step(s, t), integrated(s, t, +1, 2)
    found = (step.state, step.prediction, step.noise**2)
    np.testing.assert_allclose(found, expected, rtol=1e-7)


@SDE_CELLS
def test_ei_relative_is_the_frozen_sde(s, t):  # (4): dX = (-X + 2 (score + X)) du + sqrt(2) dB
    step, expected = ei_relative_step(s, t), integrated(s, t, -1, 2)
    found = (step.state, step.prediction, step.noise**2)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


@over_cells
def test_fixed_large_variances_are_the_noise_of_score_and_relative(s, t):  # theory 6.2
    assert analytic_dpm_step(s, t, 1 / s).noise == pytest.approx(
        ei_score_step(s, t).noise, rel=1e-13
    )
    large = analytic_dpm_step(s, t, 1 / (1 + s)).noise
    assert large == pytest.approx(ei_relative_step(s, t).noise, rel=1e-13)


TABLE = [  # ecosystem 3.3: step, h, score coefficient DDPM / EI, variance small / large / EI
    (999, 900, 0.951, 2.201, 3.175, 0.851, 0.851, 5.696),
    (500, 400, 0.456, 0.943, 1.155, 0.523, 0.598, 1.488),
    (100, 50, 0.040, 0.0803, 0.0819, 0.022, 0.077, 0.084),
    (50, 10, 0.014, 0.0283, 0.0285, 0.0020, 0.0279, 0.0287),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]} to {row[1]}")
def test_the_table_of_ddpm_steps(row):
    """X = alpha x: score coefficient (alpha'/alpha) b sigma^2, added variance alpha'^2 c^2."""
    kept = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
    now, after = kept[row[0]], kept[row[1]]
    s, t = now / (1 - now), after / (1 - after)

    def on_score(step):
        assert step.state + step.prediction == pytest.approx(1, abs=1e-13)  # X alone: e^h
        return math.sqrt(after / now) * step.prediction * (1 - now)

    def added(step):
        return after * step.noise**2

    small, large, ei = (
        analytic_dpm_step(s, t),
        analytic_dpm_step(s, t, 1 / (1 + s)),
        ei_score_step(s, t),
    )
    h = float(ou_time(s) - ou_time(t))
    fine = 5.1e-4 if row[0] >= 400 else 5.1e-5
    assert h == pytest.approx(row[2], abs=5.1e-4)
    assert on_score(small) == pytest.approx(row[3], abs=fine)
    assert on_score(ei) == pytest.approx(row[4], abs=fine)
    added_fine = 5.1e-5 if row[0] == 50 else 6e-4  # the table's .851 is .8505
    for step, value in ((small, row[5]), (large, row[6]), (ei, row[7])):
        assert added(step) == pytest.approx(value, abs=added_fine)
    beta = 1 - now / after
    assert added(small) == pytest.approx((1 - after) / (1 - now) * beta, rel=1e-12)
    assert added(large) == pytest.approx(beta, rel=1e-12)
    assert added(ei) == pytest.approx(math.expm1(2 * h), rel=1e-10)
    assert on_score(small) == pytest.approx(2 * math.sinh(h), rel=1e-10)
    assert on_score(ei) == pytest.approx(2 * math.expm1(h), rel=1e-10)


@pytest.mark.parametrize("make", [ei_score_step, ei_relative_step, analytic_dpm_step])
@pytest.mark.parametrize("s", [1e-8, 1e-3, 1.0, 1e4, 1e10])
@pytest.mark.parametrize("relative", [1e-12, 1e-9, 1e-4, 0.5, 1e6])
def test_small_steps_keep_their_digits(make, s, relative):
    t = s * (1 + relative)
    step = make(s, t)
    with mpmath.workdps(60):
        low, high = mpmath.mpf(s), mpmath.mpf(t)
        h = (mpmath.log(1 + 1 / low) - mpmath.log(1 + 1 / high)) / 2
        back = mpmath.exp(-h)
        scale = (1 + high) / high  # 1 / alpha'^2
        delta = high - low
        a, b, c2 = {
            ei_score_step: (
                1 - 2 * (1 - back) * (1 + low),
                2 * (1 - back) * (1 + low),
                (1 / back**2 - 1) * scale,
            ),
            ei_relative_step: (
                back**2 + 2 * back * (1 - back) - 2 * back * (1 - back) * (1 + low),
                2 * back * (1 - back) * (1 + low),
                (1 - back**2) * scale,
            ),
            analytic_dpm_step: (low / high, delta / high, delta / high**2),
        }[make]
        assert abs(step.prediction / b - 1) < 1e-14
        assert abs(step.noise / mpmath.sqrt(c2) - 1) < 1e-14
        assert abs(step.state - a) < 4e-15 * (1 + abs(b))


def test_ou_time():
    s = np.array([1e-12, 1.0, 1e12])
    np.testing.assert_allclose(1 / np.expm1(2 * ou_time(s)), s, rtol=1e-13)


# recipes

START = (0.0, 1.0, None)
GRID = np.array([0.1, 1.0, 7.0])


def test_a_recipe_visits_its_levels_and_denoises_last():
    plan = recipe("ddpm", GRID, start=(2.0, 3.0, COLOURS))
    assert [step.snr for step in plan.steps] == GRID.tolist()
    assert plan.steps[:2] == (analytic_dpm_step(0.1, 1.0), analytic_dpm_step(1.0, 7.0))
    assert plan.steps[2] == Step(7.0, 0.0, 1.0, 0.0)
    assert plan.end == 7.0
    assert (plan.mean, plan.start_noise, plan.start_basis) == (2.0, 3.0, COLOURS)
    assert recipe("ei-score", [5.0], start=START).steps == (Step(5.0, 0.0, 1.0, 0.0),)


def test_a_recipe_may_return_its_last_state():
    plan = recipe("ei-score", GRID, start=START, last="sample")
    assert plan.steps == (ei_score_step(0.1, 1.0), ei_score_step(1.0, 7.0))
    assert plan.end == 7.0
    assert recipe("ei-relative", GRID, start=START).steps[0] == ei_relative_step(0.1, 1.0)


def test_a_gaussian_recipe_colours_each_step():
    v = np.array([[0.5, 0.1], [0.2, 0.3]])
    plan = recipe("analytic-dpm", GRID, start=START, variances=v, bases=(COLOURS, None))
    for k, (s, t) in enumerate([(0.1, 1.0), (1.0, 7.0)]):
        expected = analytic_dpm_step(s, t, v[k])
        np.testing.assert_array_equal(plan.steps[k].noise, expected.noise)
    assert plan.steps[0].basis is COLOURS
    assert plan.steps[1].basis is None
    scalar = recipe("analytic-dpm", GRID, start=START, variances=np.array([0.5, 0.2]))
    assert scalar.steps[1] == analytic_dpm_step(1.0, 7.0, 0.2)
    assert isinstance(scalar.steps[1].noise, float)


@pytest.mark.parametrize(
    ("sampler", "levels", "options", "message"),
    [
        (
            "ddim",
            GRID,
            {},
            "sampler: must be one of ei-score, ei-relative, ddpm, analytic-dpm, euler-ancestral, "
            "dpm2-ancestral, mixed; got",
        ),
        ("x0", GRID, {}, "^sampler: x0 is called ddpm now$"),
        ("gaussian", GRID, {}, "^sampler: gaussian is called analytic-dpm now$"),
        ("score", GRID, {}, "^sampler: score is called ei-score now$"),
        ("relative", GRID, {}, "^sampler: relative is called ei-relative now$"),
        ("ddpm", GRID[::-1], {}, "levels: must be positive, finite and strictly increasing"),
        ("ddpm", [], {}, "levels: must be a flat list of at least 1"),
        ("ddpm", [1.0], {"last": "sample"}, "levels: must be a flat list of at least 2"),
        ("ddpm", GRID, {"last": "stop"}, "last: must be one of draw, denoise, sample"),
        ("ddpm", GRID, {"last": "draw"}, "last: must be denoise or sample: only analytic-dpm"),
        (
            "analytic-dpm",
            GRID,
            {"variances": [1, 1], "last": "draw"},
            "variances: must have 3 rows",
        ),
        ("ddpm", GRID, {"variances": np.ones(2)}, "variances: must be given for analytic-dpm"),
        ("analytic-dpm", GRID, {}, "variances: must be given for analytic-dpm"),
        (
            "analytic-dpm",
            GRID,
            {"variances": np.ones(3)},
            r"variances: must have 2 rows; got \(3,\)",
        ),
        ("analytic-dpm", GRID, {"variances": 0.5}, r"variances: must have 2 rows; got \(\)"),
        ("analytic-dpm", GRID, {"variances": [1, -0.1]}, "variances: must be finite and not neg"),
        ("analytic-dpm", GRID, {"variances": [1, math.nan]}, "variances: must be finite"),
        ("analytic-dpm", GRID, {"variances": [1, math.inf]}, "variances: must be finite"),
        (
            "analytic-dpm",
            GRID,
            {"variances": [1, 1], "bases": (None,)},
            "variances: must have 2 rows",
        ),
    ],
)
def test_impossible_recipes_are_refused(sampler, levels, options, message):
    with pytest.raises(InputError, match=f"^{message}"):
        recipe(sampler, levels, start=START, **options)
