"""Bounds for any law on SNR grids (6.4), against exact curves."""

import numpy as np
import pytest

from girsanov._checks import InputError
from girsanov.law import Gaussian, GaussianMixture
from girsanov.paper.bounds import Facts, any_law, any_law_certificate, theorem2_on_grid
from girsanov.paper.bounds.any_law import any_law_score_term, geometric_discretisation

GMM = GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15])


def exact(law, levels, sampler):
    """D by a dense curve: (1/2)(sum of cells - int M ds), by Gauss-Legendre in log s."""
    d = law.dimension
    nodes, weights = np.polynomial.legendre.leggauss(6)
    ends = np.log(levels)
    half = np.diff(ends)[:, None] / 2
    s = np.exp(ends[:-1, None] + half + half * nodes)
    inner = law.curve(s.ravel()).value.reshape(s.shape)
    m, delta = law.curve(levels).value, np.diff(levels)
    cells = delta * m[:-1] if sampler == "ddpm" else d * np.log1p(delta * m[:-1] / d)
    return float(cells.sum() - (half * weights * s * inner).sum()) / 2


@pytest.mark.parametrize(
    ("n", "x0", "gaussian", "low", "high", "bound_x0", "bound_gaussian"),
    [  # theory 9.4: path KL less the start's, certificate ends, bounds; s from .01 to 1000
        (16, 1.097, 0.121, 0.976, 1.217, 2.51, 0.958),
        (32, 0.488, 0.061, 0.427, 0.549, 1.14, 0.502),
    ],
)
def test_table_of_grids(n, x0, gaussian, low, high, bound_x0, bound_gaussian):
    levels = np.geomspace(0.01, 1e3, n + 1)
    facts = Facts(1, GMM.second_moment, GMM.variance)
    errors = GMM.curve(levels).value
    assert exact(GMM, levels, "ddpm") == pytest.approx(x0, abs=2e-3)
    assert exact(GMM, levels, "analytic-dpm") == pytest.approx(gaussian, abs=2e-3)
    assert any_law_certificate(levels, errors, 1, "ddpm") == pytest.approx((low, high), abs=1.5e-3)
    assert any_law_certificate(levels, errors, 1, "analytic-dpm")[1] >= exact(
        GMM, levels, "analytic-dpm"
    )
    got = [
        geometric_discretisation(facts, h, n, first=0.01, last=1e3)
        for h in ("ddpm", "analytic-dpm")
    ]
    assert got == pytest.approx([bound_x0, bound_gaussian], rel=6e-3)


@pytest.mark.parametrize("sampler", ["ddpm", "analytic-dpm"])
def test_bounds_hold_on_random_laws_and_grids(sampler):
    rng = np.random.default_rng(5)
    for k in range(40):
        d = int(rng.integers(1, 5))
        if k % 4:
            law = Gaussian(np.zeros(d), 10 ** rng.uniform(-5, 3, d))
        else:
            law = GaussianMixture(
                rng.dirichlet([1, 1]), rng.normal(0, 3, (2, 1)), 10 ** rng.uniform(-3, 0, 2)
            )
        n, ends = int(rng.integers(1, 14)), np.sort(10 ** rng.uniform(-3, 4, 2))
        facts = Facts(law.dimension, law.second_moment, law.variance)
        grid = np.geomspace(*ends, n + 1)
        true = exact(law, grid, sampler)
        slack = 1e-6 * (1 + np.log(ends[1] / ends[0]) * d)  # of the quadrature
        bound = geometric_discretisation(facts, sampler, n, first=ends[0], last=ends[1])
        assert true <= bound + slack
        grid = np.sort(np.concatenate([ends, np.exp(rng.uniform(*np.log(ends), n))]))
        low, high = any_law_certificate(grid, law.curve(grid).value, law.dimension, sampler)
        assert low - slack <= exact(law, grid, sampler) <= high + slack


def test_wide_gaussians_reach_the_bound():  # minimax: v -> infinity
    facts, law = Facts(1, 1e8), Gaussian([0.0], 1e8)
    bound = geometric_discretisation(facts, "ddpm", 10, first=0.01, last=100.0)
    # up to the first cell's -x/2, which the bound gives away
    true = exact(law, np.geomspace(0.01, 100, 11), "ddpm")
    assert true + np.log(1e4) / 10 / 2 == pytest.approx(bound, rel=1e-4)


def test_terms_of_the_bound():
    facts = Facts(2, 6.0, 5.0)
    bound = any_law(facts, "analytic-dpm", 50, first=0.01, last=400.0, score_errors=0.02)
    assert bound.init == 0.025
    assert bound.score == pytest.approx((400 - 0.01) * 0.02**2 / 2)
    assert bound.w2 == pytest.approx(np.sqrt(2 * 5 / (2 + 400 * 5)))
    asymptote = 2 * np.log(4e4) ** 2 / (8 * 5000)
    many = geometric_discretisation(facts, "analytic-dpm", 5000, first=0.01, last=400.0)
    assert many == pytest.approx(asymptote, rel=1e-2)
    with pytest.raises(InputError, match="first, last: must be positive"):
        any_law(facts, "ddpm", 5, first=3.0, last=1.0)
    assert any("over d" in words for words in bound.assumptions)  # the measured variances
    halfway = any_law(facts, "ddpm-halfway", 50, first=0.01, last=400.0, score_errors=0.02)
    w = np.expm1(np.log(4e4) / 50) / 2
    assert halfway.score == pytest.approx(bound.score / (1 + w))
    assert not any("over d" in words for words in halfway.assumptions)


@pytest.mark.parametrize(
    ("errors", "message"),
    [
        ([2.0, 2.5, 1.0], "errors: must be a curve: s M <= d"),
        ([0.1, 0.2, 0.3], "errors: must be a curve: 1/M - s/d does not fall"),
        ([0.1, 0.3, 0.2], "errors: must be a curve: 1/M - s/d does not fall"),
        ([0.3, 0.2], "errors: must be 3 numbers"),
        ([0.3, 0.2, -0.1], "errors: must be >= 0"),
        ([0.3, float("nan"), 0.1], "errors: must be finite"),
    ],
)
def test_curves_that_no_law_has_are_refused(errors, message):
    for sampler in ("ddpm", "analytic-dpm"):
        with pytest.raises(InputError, match=message):
            any_law_certificate([0.1, 1.0, 2.0], errors, 1, sampler)


def test_errors_that_no_score_has_are_refused():
    facts = Facts(1, 1.0, lipschitz=2.0)
    for wrong in (-1.0, float("nan"), float("inf"), [0.1], [[0.1, 0.1]]):
        with pytest.raises(InputError, match="score_errors: must be"):
            theorem2_on_grid(facts, [0.0, 0.5, 1.0], wrong)
        with pytest.raises(InputError, match="score_errors: must be"):
            any_law(facts, "ddpm", 10, first=0.01, last=1.0, score_errors=wrong)


@pytest.mark.parametrize("ends", [(1e-6, 0.3), (0.01, 400.0), (3.0, 1e9)])
def test_a_score_error_costs_what_its_denoiser_does(ends):
    for n in (1, 7, 400):
        s = np.geomspace(*ends, n + 1)
        # 1/2 sum delta eps^2 with eps = e/sqrt(s (1 + s)), from score = (alpha m - X)/sigma^2
        true = 0.3**2 / 2 * np.sum(np.diff(s) / (s[:-1] * (1 + s[:-1])))
        got = any_law_score_term(0.3, n, first=ends[0], last=ends[1])
        assert true * (1 - 1e-12) <= got <= 2 * true
    time = np.log1p(1 / ends[0]) / 2 - np.log1p(1 / ends[1]) / 2
    assert any_law_score_term(0.3, 10**7, first=ends[0], last=ends[1]) == pytest.approx(
        0.09 * time, rel=1e-4
    )
