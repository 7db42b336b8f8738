"""Path KL by its closed form and by Monte Carlo, where a third way knows the answer."""

import math
from dataclasses import replace

import numpy as np
import pytest
from catalogue import LAWS, agree, gaussian_recipe

import girsanov as gv
from girsanov.law import Gaussian
from girsanov.paper.fit import exponent
from girsanov.paper.path_kl import (
    SKEWED,
    chain_monte_carlo,
    discretisation,
    half_information,
    monte_carlo,
    ou_levels,
    recipe_monte_carlo,
    start_kl,
)
from girsanov.sampling.registry import recipe


def test_half_information_of_a_gaussian():
    law = Gaussian([0.5, 2.0], np.array([0.2, 3.0]))
    exact = sum(math.log((1 + 50 * v) / (1 + 0.1 * v)) / 2 for v in (0.2, 3.0))
    assert half_information(law, 0.1, 50.0) == pytest.approx(exact, rel=1e-10)


def test_the_standard_normal_pays_for_frozen_scores_alone():
    """Theory section 5: 2 (h - 1 + e^-h) d a step, and nothing when score + x is frozen."""
    law, levels = Gaussian([0.0, 0.0], 1.0), ou_levels(2.0, 10)
    exact = 10 * 2 * (0.2 - 1 + math.exp(-0.2)) * 2
    assert discretisation(law, levels, "ei-score") == pytest.approx(exact, abs=1e-6)
    assert discretisation(law, levels, "ei-relative") == pytest.approx(0, abs=1e-6)


def test_the_start_of_a_gaussian():
    law, s = Gaussian([0.7], 0.3), 0.05
    alpha2 = s / (1 + s)
    v = alpha2 * 0.3 + 1 - alpha2
    exact = (v + alpha2 * 0.49 - 1 - math.log(v)) / 2
    assert start_kl(law, s, "standard") == pytest.approx(exact, rel=1e-6)
    ratio = 1 + s * 0.3
    assert start_kl(law, s, "mean") == pytest.approx((ratio - 1 - math.log(ratio)) / 2, rel=1e-6)


@pytest.mark.parametrize("sampler", ["ei-score", "ei-relative"])
def test_monte_carlo_agrees_off_the_origin(sampler):
    law, levels = LAWS["mixture 1-D"], ou_levels(2.0, 8, 0.05)
    found = monte_carlo(law, levels, sampler, count=4000, seed=2)
    agree(found.value, discretisation(law, levels, sampler), found.se)


def test_a_wrong_score_costs_its_error_more():
    """A score off by a constant e costs T e^2 on top, whatever the law: no cross term."""
    law, levels, e = SKEWED, ou_levels(1.0, 5, 0.05), 0.7

    def wrong(x, s):
        return law.denoise(x, s) + e / ((1 + s) * math.sqrt(s / (1 + s)))

    found = monte_carlo(law, levels, "ei-score", denoise=wrong, count=4000)
    expected = discretisation(law, levels, "ei-score") + 0.95 * e**2
    agree(found.value, expected, found.se)


def test_chains_of_kernels():
    levels = np.geomspace(0.1, 20.0, 6)
    v = np.full(5, 0.2)
    found = chain_monte_carlo(SKEWED, levels, v, count=20_000, seed=1)
    agree(found.value, discretisation(SKEWED, levels, "analytic-dpm", v), found.se)


def test_exponents():
    x = np.array([1.0, 2.0, 4.0, 8.0])
    exact = exponent(x, 3 * x**-1.5)
    assert exact.value == pytest.approx(-1.5)
    assert exact.se < 1e-12
    bent = exponent(x, x + x**2)
    low, high = bent.interval()
    assert 1 < low < bent.value < high < 2


@pytest.mark.parametrize("sampler", ["ddpm", "analytic-dpm"])
@pytest.mark.parametrize("name", ["mixture 1-D", "mixture 2-D"])
def test_a_recipes_path_kl_is_that_of_its_closed_form(name, sampler):
    law, levels = LAWS[name], np.geomspace(0.05, 30.0, 9)
    v = law.curve(levels[:-1]).value / law.dimension if sampler == "analytic-dpm" else None
    plan = recipe(sampler, levels, start=(law.mean, levels[0] ** -0.5, None), variances=v)
    cells = discretisation(law, levels, "analytic-dpm", np.zeros(8) if v is None else v)
    expected = start_kl(law, levels[0], "mean") + cells
    found = recipe_monte_carlo(law, plan, count=20_000, seed=4)
    agree(found.value, expected, found.se)


def test_a_recipe_in_a_basis_costs_a_gaussian_its_closed_form():
    """N(mu, C), kernels with the right covariance and the right start: the path KL is 0."""
    law, levels = LAWS["gaussian"], np.geomspace(0.1, 20.0, 6)
    plan = gaussian_recipe(law, levels, "analytic-dpm")
    found = recipe_monte_carlo(law, plan, count=2000)
    assert abs(found.value) < 5 * found.se + 1e-9
    half = replace(plan, steps=tuple(replace(s, noise=s.noise / 2) for s in plan.steps))
    wrong = recipe_monte_carlo(law, half, count=2000)
    noisy = sum(bool(np.any(s.noise)) for s in plan.steps)
    agree(wrong.value, noisy * law.dimension * (4 - 1 - math.log(4)) / 2, wrong.se)


def test_of_an_ode_sampler_and_of_another_dimension_there_is_none():
    law, start = LAWS["mixture 2-D"], (0.0, 3.0, None)
    with pytest.raises(gv.InputError, match=r"^plan: must add noise in every step but the last"):
        recipe_monte_carlo(law, gv.ode_recipe("ddim", [0.1, 1.0, 10.0], start=start))
    line = gv.recipe("ddpm", [0.1, 1.0], start=([0.25], 3.0, None))
    with pytest.raises(gv.InputError, match=r"^plan: must be of 2 numbers.* got \(1,\)"):
        recipe_monte_carlo(law, line)
