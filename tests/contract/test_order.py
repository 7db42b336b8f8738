"""Weak order of every stochastic sampler on a Gaussian law, in closed form: no sampling, no
tolerance of luck.

The exact denoiser of a Gaussian is affine, so mean and covariance propagate through the steps.
"""

import numpy as np
import pytest
from catalogue import LAWS, gaussian_recipe, output_of

from girsanov.process import OrnsteinUhlenbeck
from girsanov.sampling.grids import karras_grid, log_uniform_grid, time_grid

LAW = LAWS["gaussian"]
FIRST, LAST = 0.01, 100.0
STEPS = np.array([200, 400, 800, 1600])
GRIDS = {
    "log": lambda n: log_uniform_grid(FIRST, LAST, n + 1),
    "karras": lambda n: karras_grid(FIRST, LAST, n + 1),
    "ou time": lambda n: time_grid(OrnsteinUhlenbeck(), 0.05, 5.0, n + 1),
}
over_grids = pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS.keys())


def errors(sampler, grid, steps):
    levels = grid(steps)
    mean, covariance = output_of(LAW, gaussian_recipe(LAW, levels, sampler))
    exact = LAW.covariance() + np.eye(3) / levels[-1]
    return np.abs(mean - LAW.mean).max(), np.linalg.norm(covariance - exact)


def slopes(values):
    return -np.diff(np.log(values)) / np.diff(np.log(STEPS))


@over_grids
@pytest.mark.parametrize("sampler", ["ei-score", "ei-relative", "ddpm"])
def test_first_order_in_the_covariance(sampler, grid):
    found = slopes([errors(sampler, grid, n)[1] for n in STEPS])
    np.testing.assert_allclose(found, 1.0, atol=0.15)


@over_grids
def test_first_order_in_the_mean(grid):
    found = slopes([errors("ei-relative", grid, n)[0] for n in STEPS])
    np.testing.assert_allclose(found, 1.0, atol=0.15)
    for sampler in ("ei-score", "ddpm", "analytic-dpm"):
        assert errors(sampler, grid, 200)[0] < 1e-11  # these keep the mean at any step


@over_grids
@pytest.mark.parametrize("steps", [1, 3, 200])
def test_analytic_dpm_has_no_error(grid, steps):
    assert errors("analytic-dpm", grid, steps)[1] < 1e-10


def test_the_signs_of_the_errors():
    """ddpm adds too little noise, ei-score too much: their errors have opposite signs."""
    levels = GRIDS["log"](50)
    exact = LAW.covariance() + np.eye(3) / levels[-1]
    for sampler, sign in (("ddpm", -1), ("ei-score", 1)):
        _, covariance = output_of(LAW, gaussian_recipe(LAW, levels, sampler))
        assert (sign * np.linalg.eigvalsh(covariance - exact) > 0).all(), sampler
