"""Cases that must be exact at any number of steps, by closed forms and without sampling."""

import itertools
import math

import numpy as np
import pytest
from catalogue import LAWS, gaussian_recipe, output_of, over_stochastic

from girsanov.basis import pca_basis
from girsanov.law import Gaussian
from girsanov.sampling.exponential_integrators import (
    analytic_dpm_step,
    ei_relative_step,
    ei_score_step,
)
from girsanov.sampling.grids import log_uniform_grid
from girsanov.sampling.registry import recipe

LAW = LAWS["gaussian"]
GRIDS = {
    "one step": np.array([1e-3, 1e4]),
    "uneven": np.array([0.02, 0.021, 5.0, 5.5, 900.0]),
    "many": log_uniform_grid(1e-4, 1e5, 200),
}
over_grids = pytest.mark.parametrize("levels", GRIDS.values(), ids=GRIDS.keys())


@over_grids
def test_analytic_dpm_is_exact_on_every_gaussian(levels):
    mean, covariance = output_of(LAW, gaussian_recipe(LAW, levels, "analytic-dpm"))
    np.testing.assert_allclose(mean, LAW.mean, rtol=1e-10)
    expected = LAW.covariance() + np.eye(3) / levels[-1]
    np.testing.assert_allclose(covariance, expected, rtol=1e-9, atol=1e-10)


@over_grids
@pytest.mark.parametrize("sampler", ["ei-score", "ei-relative", "ddpm"])
def test_the_other_samplers_are_not(sampler, levels):  # or the test above could not fail
    _, covariance = output_of(LAW, gaussian_recipe(LAW, levels, sampler))
    expected = LAW.covariance() + np.eye(3) / levels[-1]
    assert np.abs(covariance - expected).max() > 1e-3


@over_grids
def test_ei_relative_is_exact_on_the_standard_normal(levels):  # theory 5: path KL 0
    law = Gaussian(np.zeros(2), 1.0)
    _, covariance = output_of(law, gaussian_recipe(law, levels, "ei-relative"))
    np.testing.assert_allclose(covariance, np.eye(2) * (1 + 1 / levels[-1]), rtol=1e-9)


@pytest.mark.parametrize("h", [0.1, 0.5])
def test_ei_score_on_the_standard_normal_settles_at_the_known_variance(h):  # theory 5
    law, times = Gaussian(np.zeros(1), 1.0), np.arange(400, 0, -1) * h
    times = times[times < 17]
    levels = 1 / np.expm1(2 * times)
    _, covariance = output_of(law, gaussian_recipe(law, levels, "ei-score"))
    alpha2 = levels[-1] / (1 + levels[-1])
    settled = (math.exp(h) + 1) / (3 - math.exp(h))
    assert covariance[0, 0] * alpha2 == pytest.approx(settled, rel=1e-3)


@over_grids
@pytest.mark.parametrize("variance", [0.0, 1e-12])
def test_ddpm_is_exact_on_a_point(levels, variance):
    law = Gaussian([3.0, -7.0], variance)
    basis, values = pca_basis(law.covariance())
    start = (law.mean, np.sqrt(values + 1 / levels[0]), basis)
    mean, covariance = output_of(law, recipe("ddpm", levels, start=start, last="sample"))
    np.testing.assert_allclose(mean, law.mean, rtol=1e-10)
    np.testing.assert_allclose(covariance, np.eye(2) / levels[-1], rtol=1e-6, atol=1e-11)
    mean, covariance = output_of(law, recipe("ddpm", levels, start=(99.0, 5.0, None)))
    np.testing.assert_allclose(mean, law.mean, rtol=1e-5 if variance else 1e-12)
    assert np.abs(covariance).max() <= 30 * variance


@over_stochastic
def test_the_mean_of_a_centred_law_stays(sampler):
    law = Gaussian(np.zeros(3), LAW.covariance())
    mean, _ = output_of(law, gaussian_recipe(law, GRIDS["uneven"], sampler))
    np.testing.assert_allclose(mean, 0, atol=1e-12)


@pytest.mark.parametrize("make", [analytic_dpm_step, ei_score_step])
@pytest.mark.parametrize("s", [1e-6, 0.3, 1e6])
def test_x0_and_score_steps_keep_places(make, s):  # a + b = 1: what is at m stays at m
    for t in (s * (1 + 1e-9), 2 * s, 1e4 * s):
        step = make(s, t)
        assert step.state + step.prediction == pytest.approx(1, abs=1e-13 * (1 + step.prediction))


@pytest.mark.parametrize("s", [1e-4, 0.3, 1e3])
def test_gaussian_steps_compose(s):
    """On a Gaussian two half steps are one: variance v = l/(1 + s l) is the exact posterior's."""
    scale, t, u = 0.7, 3 * s, 20 * s
    post = lambda level: scale / (1 + level * scale)  # noqa: E731

    def moments(levels):
        variance = scale + 1 / levels[0]
        for low, high in itertools.pairwise(levels):
            step = analytic_dpm_step(low, high, post(low))
            slope = step.state + step.prediction * scale / (scale + 1 / low)
            variance = slope**2 * variance + step.noise**2
        return variance

    assert moments([s, u]) == pytest.approx(moments([s, t, u]), rel=1e-12)
    assert moments([s, u]) == pytest.approx(scale + 1 / u, rel=1e-12)


def test_relative_steps_move_places_at_second_order():
    """a + b = 1 - (1 - e^-h)^2: the one sampler that does not keep the mean of an off-centre
    law."""
    for s, t in ((0.1, 0.2), (5.0, 5.01), (1e-3, 1e3)):
        step = ei_relative_step(s, t)
        h = 0.5 * math.log1p((t - s) / (s * (1 + t)))
        assert 1 - step.state - step.prediction == pytest.approx(math.expm1(-h) ** 2, abs=1e-12)
