"""Every stochastic sampler tends to the same exact law, off-centre, as its grid is refined."""

import functools

import numpy as np
import pytest
import torch
from catalogue import LAWS, ks_limit, over_stochastic
from scipy import stats

from girsanov.denoise.exact import ExactDenoiser
from girsanov.sampling.grids import log_uniform_grid
from girsanov.sampling.loop import sample_standardised
from girsanov.sampling.registry import recipe

LAW = LAWS["mixture 1-D"]
N = 20_000
FIRST, LAST = 2e-3, 300.0


def distribution(x, variance):
    """P(X <= x) of the law blurred with `variance`, from scipy and not from the law's code."""
    spread = np.sqrt(LAW.covariances.ravel() + variance)
    parts = stats.norm.cdf((np.asarray(x)[:, None] - LAW.means.ravel()) / spread)
    return parts @ LAW.weights


@functools.cache
def samples(sampler, steps, last="sample"):
    levels = log_uniform_grid(FIRST, LAST, steps + 1)
    start = (LAW.mean, (LAW.variance + 1 / FIRST) ** 0.5, None)
    extra = {}
    if sampler == "analytic-dpm":  # any variance of the right size will do in the limit
        extra["variances"] = LAW.curve(levels[:-1]).value
    plan = recipe(sampler, levels, start=start, last=last, **extra)
    x = sample_standardised(ExactDenoiser(LAW), plan, N, seed=12, batch_size=N)
    return x[:, 0].numpy()


def distance(x, variance):
    ordered = np.sort(x)
    at = distribution(ordered, variance)
    n = len(x)
    return max((np.arange(1, n + 1) / n - at).max(), (at - np.arange(n) / n).max())


def test_the_law_itself_passes():
    x = LAW.sample(N, seed=5)[:, 0].numpy()
    assert distance(x, 0.0) < ks_limit(N)
    assert distance(x + 0.05, 0.0) > ks_limit(N)
    assert distance(-x, 0.0) > 0.3


@over_stochastic
def test_fine_grids_reach_the_law(sampler):
    """Within the sampling error of N samples; score is first order with the largest constant."""
    steps = {"ei-score": 1000, "ei-relative": 600, "analytic-dpm": 250}.get(sampler, 400)
    assert distance(samples(sampler, steps), 1 / LAST) < ks_limit(N)


@pytest.mark.parametrize("sampler", ["ei-score", "ei-relative", "ddpm"])
def test_coarse_grids_do_not(sampler):
    assert distance(samples(sampler, 8), 1 / LAST) > 2 * ks_limit(N)


def test_the_denoised_last_step_is_the_posterior_mean():
    states, denoised = samples("ddpm", 400), samples("ddpm", 400, "denoise")
    m = LAW.denoise(torch.from_numpy(states)[:, None], LAST)[:, 0].numpy()
    np.testing.assert_allclose(denoised, m, atol=1e-9)
    assert np.abs(denoised - states).max() > 0.05
