"""The numbers of advice against closed forms: both ends, the lattice, the density, the recipes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov.advice.density import EDM_MEAN, EDM_STD, log_normal
from girsanov.advice.levels_of import measured_levels
from girsanov.advice.recipes import TIMESTEPS, Levels, cosine_sigmas
from girsanov.advice.resolution import spacing, spacings
from girsanov.advice.scales import coarsest, finest, neighbour_distances, start_nats

SKEWED = gv.GaussianMixture([0.8, 0.2], [[3.0], [7.0]], [[0.3], [0.05]])
LEVELS = Levels("u", 0.03, 12.0, 0.7, 0.9, -0.8, 1.4)


def test_a_start_costs_the_kl_of_two_gaussians():  # equation (1) of scales.py
    v, sigma = np.array([4.0, 0.5, 1e-9]), 3.0
    ratio = v / sigma**2 + 1
    assert start_nats(v, sigma) == pytest.approx((ratio - 1 - np.log(ratio)).sum() / 2, rel=1e-9)


def test_a_start_is_bounded_and_near_for_a_skewed_law():
    v, sigma = np.array([SKEWED.variance]), 5.0
    s = np.linspace(1e-9, sigma**-2, 400)
    errors = np.asarray(SKEWED.curve(s).value)
    exact = np.trapezoid(SKEWED.variance - errors, s) / 2
    assert start_nats(v, sigma) < exact < 1.3 * start_nats(v, sigma)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_coarsest_level_costs_what_was_asked(scale):
    v = scale * np.array([4.0, 0.5, 0.0])
    assert start_nats(v, coarsest(v, 0.02)) == pytest.approx(0.02, rel=1e-6)


@pytest.mark.parametrize(
    ("values", "apart"),
    [
        (np.arange(256) / 127.5 - 1, 2 / 255),
        ([0, 4, 10], 2.0),
        ([-1.75, 0.25, 1.5], 0.25),
        ([3.0], 0.0),
        (np.random.default_rng(0).normal(size=200), 0.0),
    ],
)
def test_a_lattice_is_found_and_only_a_lattice(values, apart):
    repeated = np.tile(np.asarray(values, np.float32), 4).astype(float)
    assert spacing(repeated) == pytest.approx(apart, rel=1e-4)


def test_columns_have_spacings_of_their_own_and_pictures_one():
    rng = np.random.default_rng(1)
    x = np.c_[rng.integers(0, 5, 300) * 0.5, rng.normal(size=300), np.ones(300)]
    assert spacings(x, alike=False).tolist() == [0.5, 0.0]
    assert spacings(rng.integers(0, 9, (50, 4)) * 0.25, alike=True).tolist() == [0.25]


def test_the_fine_end_is_the_lattice_the_neighbours_an_axis_or_edm_s_own():
    v = np.array([1.0, 0.04])
    assert finest(np.array([0.3, 0.6]), v, 0.1, 99).sigma == pytest.approx(0.3 / math.sqrt(12))
    near = finest(np.array([0.3, 0.0]), v, 0.1, 99)
    assert (near.why, near.sigma) == ("neighbours", pytest.approx(0.05 / math.sqrt(2)))
    assert finest(np.zeros(2), v, 9.0, 99).why == "axis"
    assert finest(np.zeros(2), v, 9.0, 99).sigma == pytest.approx(0.2)
    assert finest(np.zeros(2), v, 1e-6, 99).why == "least"


def test_neighbours_leave_copies_out():
    x = torch.tensor([[0.0, 0.0], [0.0, 0.0], [3.0, 4.0], [3.0, 5.0]])
    assert neighbour_distances(x).tolist() == [5.0, 5.0, 1.0, 1.0]


def test_the_moments_of_a_log_normal_density_are_its_own():
    levels = np.exp(-2 * np.linspace(6, -9, 400))
    density = np.exp(-((-np.log(levels) / 2 + 1.7) ** 2) / (2 * 0.8**2))
    assert log_normal(levels, density) == pytest.approx((-1.7, 0.8), abs=1e-6)


def test_linear_betas_end_at_the_coarsest_level():  # equation (4) of recipes.py
    first, last = LEVELS.betas()
    kept = np.prod(1 - np.linspace(first, last, TIMESTEPS))
    assert math.sqrt(1 / kept - 1) == pytest.approx(12.0, rel=1e-6)
    assert first == 1e-4
    assert Levels("u", 1e-3, 0.05, 1, 1, 0, 1).betas() is not None
    assert Levels("u", 1.0, 0.01, 1, 1, 0, 1).betas() is None


def test_cosine_timesteps_lie_between_the_ends():
    first, last = LEVELS.cosine()
    sigma = cosine_sigmas()
    angle = (np.arange(1, TIMESTEPS + 1) / TIMESTEPS + 0.008) / 1.008 * math.pi / 2
    start = math.pi / 2 * 0.008 / 1.008
    exact = np.sqrt(math.cos(start) ** 2 / np.cos(angle[:900]) ** 2 - 1)
    np.testing.assert_allclose(sigma[:900], exact, rtol=1e-9)
    inside = (sigma >= 0.03) & (sigma <= 12.0)
    assert (first, last) == (inside.argmax() + 1, TIMESTEPS - inside[::-1].argmax())


def test_a_flow_with_this_shift_has_the_median_of_edm():
    t = 0.5  # of the logit-normal with mean 0
    moved = LEVELS.shift * t / (1 + (LEVELS.shift - 1) * t)
    assert math.log(moved / (1 - moved)) == pytest.approx(LEVELS.p_mean)


def test_other_units_move_the_levels_and_nothing_else():
    x = SKEWED.sample(600, seed=3)
    one, ten = (measured_levels(c * x, "u", 0.01, 0).levels for c in (1.0, 10.0))
    moved = one.scaled(10.0, ten.about_zero, "u")
    for name in ("sigma_min", "sigma_max", "sigma_data", "p_mean", "p_std"):
        assert getattr(ten, name) == pytest.approx(getattr(moved, name), rel=1e-3), name
    assert one.about_zero == pytest.approx(math.sqrt(SKEWED.second_moment), rel=0.05)


def test_a_gaussian_of_one_deviation_leaves_edm_s_own_density():
    x = gv.Gaussian([5.0, -1.0, 2.0], 4.0).sample(2000, seed=0)
    levels = measured_levels(x, "u", 0.01, 0).levels
    assert levels.p_mean == pytest.approx(EDM_MEAN + math.log(2.0 / 0.5), abs=0.1)
    assert levels.p_std == pytest.approx(EDM_STD, abs=0.1)


def test_finer_structure_moves_the_density_to_finer_noise():
    means, found = [[-1.0, 0.3], [1.0, 0.5]], []
    for width in (0.3, 0.03):
        law = gv.GaussianMixture([0.7, 0.3], means, width**2)
        found.append(measured_levels(law.sample(2000, seed=0), "u", 0.01, 0).levels)
    assert found[1].p_mean < found[0].p_mean - 0.3
    assert found[1].p_std >= found[0].p_std
