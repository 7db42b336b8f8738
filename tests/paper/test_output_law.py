"""Exact output laws against closed forms, against each other and against samples."""

import math

import numpy as np
import pytest
from catalogue import LAWS, agree, gaussian_recipe, output_of
from scipy import stats

from girsanov._checks import InputError
from girsanov.denoise.exact import ExactDenoiser
from girsanov.law import Gaussian, Points
from girsanov.paper import output_law
from girsanov.paper.output_law import (
    Density,
    denoised,
    even_probabilities,
    exact_denoise,
    gaussian_kl,
    gaussian_output,
    gaussian_tv,
    kl_divergence,
    law_density,
    line_output,
    total_variation,
    wasserstein,
)
from girsanov.sampling.grids import log_uniform_grid
from girsanov.sampling.loop import sample_standardised
from girsanov.sampling.registry import cld_recipe, ode_recipe, recipe

LINE = LAWS["mixture 1-D"]
LEVELS = log_uniform_grid(0.02, 60.0, 13)
START = (LINE.mean, (LINE.variance + 50) ** 0.5, None)


@pytest.mark.parametrize("sampler", ["ei-score", "ei-relative", "ddpm", "analytic-dpm"])
def test_gaussian_moments_are_those_of_the_catalogue(sampler):
    plan = gaussian_recipe(LAWS["gaussian"], LEVELS, sampler)
    for one, two in zip(
        gaussian_output(LAWS["gaussian"], plan), output_of(LAWS["gaussian"], plan), strict=True
    ):
        np.testing.assert_allclose(one, two, rtol=1e-12)


@pytest.mark.parametrize("sampler", ["ei-score", "ei-relative", "ddpm"])
def test_densities_of_a_gaussian_have_its_moments(sampler):
    law = Gaussian([1.5], 0.3)
    plan = recipe(sampler, LEVELS, start=(law.mean, 7.0, None), last="sample")
    found = line_output(law, plan)
    mean, cov = gaussian_output(law, plan)
    expected = stats.norm.pdf(found.x, mean[0], cov[0, 0] ** 0.5)
    np.testing.assert_allclose(found.p, expected, atol=1e-7 * expected.max())


@pytest.mark.parametrize("sampler", ["ei-score", "ei-relative", "ddpm"])
def test_densities_are_those_of_the_samples(sampler):
    n = 20_000
    plan = recipe(sampler, LEVELS, start=START, last="sample")
    x = sample_standardised(ExactDenoiser(LINE), plan, n, seed=3, batch_size=n)[:, 0].numpy()
    found = line_output(LINE, plan)
    assert found.cumulative()[-1] == pytest.approx(1)
    for u in (0.05, 0.3, 0.5, 0.8, 0.99):
        below = (x < found.quantiles(np.array([u]))[0]).mean()
        agree(below, u, math.sqrt(u * (1 - u) / n))


def test_a_denoised_last_step_moves_the_quantiles():
    n = 20_000
    plan = recipe("ddpm", LEVELS, start=START)
    x = sample_standardised(ExactDenoiser(LINE), plan, n, seed=4, batch_size=n)[:, 0].numpy()
    moved = denoised(LINE, line_output(LINE, plan), plan.end)
    u = np.array([0.1, 0.4, 0.7, 0.95])
    below = np.array([(x < q).mean() for q in moved.quantiles(u)])
    agree(below, u, np.sqrt(u * (1 - u) / n))


def test_gaussian_distances():
    x = np.linspace(-40, 40, 40_001)
    for v, w in ((1.0, 1.3), (0.25, 4.0), (2.0, 2.0)):
        one = Density(x, stats.norm.pdf(x, 0, v**0.5))
        two = Density(x, stats.norm.pdf(x, 0, w**0.5))
        # at the two points where the densities cross, |p - q| has a corner
        assert total_variation(one, two) == pytest.approx(gaussian_tv(v, w), abs=1e-6)
        assert kl_divergence(two, one) == pytest.approx(gaussian_kl(v, w), abs=1e-9)
        u = even_probabilities()
        exact = abs(v**0.5 - w**0.5)
        assert wasserstein(one.quantiles(u), two.quantiles(u)) == pytest.approx(exact, abs=1e-3)
    shifted = Density(x, stats.norm.pdf(x, 0.7, 1.0))
    zero = Density(x, stats.norm.pdf(x))
    assert kl_divergence(zero, shifted) == pytest.approx(gaussian_kl(1.0, 1.0, 0.7))


def test_gaussian_tv_in_many_dimensions():
    v, w, d, n = 1.0, 1.2, 10, 400_000
    squares = np.random.default_rng(0).chisquare(d, n) * v
    ratio = d / 2 * math.log(v / w) + squares / 2 * (1 / v - 1 / w)
    gap = np.maximum(0, 1 - np.exp(ratio))
    agree(gap.mean(), gaussian_tv(v, w, d), gap.std() / math.sqrt(n))


def test_law_density_integrates_to_one():
    x = np.linspace(-6, 8, 4001)
    assert law_density(LINE, math.inf, x).mean(np.ones_like(x)) == pytest.approx(1)
    assert np.trapezoid(law_density(LINE, 5.0, x).p, x) == pytest.approx(1, abs=1e-9)


def test_only_lines_and_plain_steps():
    plan = recipe("ddpm", LEVELS, start=(0.0, 7.0, None))
    with pytest.raises(InputError, match="law: must be on a line"):
        line_output(Points([[0.0, 1.0], [1.0, 0.0]]), plan)


@pytest.mark.parametrize("make", ["heun", "dpmpp-2m", "cld ei-score", "cld ddpm"])
def test_moments_of_samplers_with_a_memory(make):
    """History and the second coordinate of phase space, against the loop itself."""
    law, n = Gaussian([1.0, -0.5], np.array([[0.5, 0.2], [0.2, 0.3]])), 40_000
    levels, start = log_uniform_grid(0.05, 20.0, 6), (0.3, 4.0, None)
    if make.startswith("cld"):
        plan = cld_recipe(make[4:], levels, start=start, last="sample")
    else:
        plan = ode_recipe(make, levels, start=start, last="sample")
    x = sample_standardised(ExactDenoiser(law), plan, n, seed=8, batch_size=n).numpy()
    mean, cov = gaussian_output(law, plan)
    agree(x.mean(0), mean, x.std(0) / math.sqrt(n))
    product = (x - mean)[:, :, None] * (x - mean)[:, None, :]
    agree(product.mean(0), cov, product.std(0) / math.sqrt(n))


@pytest.mark.parametrize("sampler", ["ei-score", "ddpm"])
def test_densities_do_not_depend_on_the_points(sampler, monkeypatch):
    """Also where the score is steep: the mixture between its modes at high SNR."""
    levels = np.geomspace(0.02, 1e4, 25)
    plan = recipe(sampler, levels, start=START, last="sample")
    x = np.linspace(-8, 8, 3001)
    one = line_output(LINE, plan, x)
    monkeypatch.setattr(output_law, "SPACING", 0.25)
    assert total_variation(one, line_output(LINE, plan, x)) < 1e-6


def test_a_wrong_denoiser_may_be_asked():
    law = Gaussian([0.5], 0.4)
    plan = recipe("ei-score", LEVELS, start=START, last="sample")
    shifted = Gaussian([1.5], 0.4)
    one = line_output(law, plan, denoise=lambda x, s: exact_denoise(shifted, x, s))
    two = line_output(shifted, plan)
    np.testing.assert_allclose(one.p, two.p)
