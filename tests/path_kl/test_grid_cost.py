"""The shares of a grid's path KL: equation (1) of grid_cost.py, against closed forms on laws."""

import math

import numpy as np
import pytest

from girsanov._checks import InputError
from girsanov.auditing import audit
from girsanov.denoise.exact import ExactDenoiser
from girsanov.law import Gaussian, GaussianMixture
from girsanov.montecarlo import group_estimate
from girsanov.path_kl.grid_cost import prices
from girsanov.path_kl.ideal_grid import (
    excess,
    optimism_between,
    prefixes,
    reference_between,
    shares_by_group,
)
from girsanov.sampling.registry import SAMPLERS

LAW = GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15])
ROUND = Gaussian([1.0, -0.5], [[0.9, 0.2], [0.2, 0.4]])
GRID = np.geomspace(0.02, 100, 25)
KINDS = [("ddpm", None), ("ei-score", None), ("ei-relative", None)] + [
    ("analytic-dpm", c) for c in ("scalar", "pca", "coordinate", "full")
]


class Wrong(ExactDenoiser):
    exact = False

    def __call__(self, x, snr, label=None):
        return 0.8 * self.law.denoise(x, snr) + 0.1


@pytest.fixture(scope="module")
def exact():
    return audit(ExactDenoiser(LAW), LAW, levels=GRID, examples=4001, seed=1)


@pytest.fixture(scope="module")
def wrong():
    return audit(Wrong(ROUND), ROUND, levels=GRID, examples=4001, seed=1)


@pytest.mark.parametrize(("sampler", "covariance"), KINDS)
def test_shares_of_an_exact_denoiser_fall_to_nothing_with_more_levels(exact, sampler, covariance):
    price = prices(exact, SAMPLERS[sampler], covariance)
    previous = math.inf
    for stride in (12, 6, 3, 1):
        init, cell = excess(price, np.arange(1, 26, stride))
        assert init.value > -3 * init.se  # both are KLs
        assert -3 * cell.se < cell.value < previous
        previous = cell.value
    coarse = excess(price, np.array([1, 13, 25]))[1]
    assert previous < 0.2 * coarse.value


def test_shares_of_an_exact_denoiser_add_up_to_the_path_kl(exact):
    nodes = np.array([1, 9, 17, 25])
    x, w = np.polynomial.legendre.leggauss(80)
    u = np.linspace(-9, math.log(GRID[-1]), 9)
    half = np.diff(u)[:, None] / 2
    s, ds = np.exp(u[:-1, None] + half * (1 + x)).ravel(), (half * w).ravel()
    information = (LAW.curve(s).value * s) @ ds / 2 + math.exp(-9) * LAW.variance / 2
    m = np.append(LAW.variance, LAW.curve(GRID[nodes - 1]).value)
    levels = np.append(0.0, GRID[nodes - 1])
    known = {
        "ddpm": np.diff(levels) @ m[:-1] / 2,
        "analytic-dpm": np.log1p(np.diff(levels) * m[:-1]).sum() / 2,
    }
    for sampler, cost in known.items():
        init, cell = excess(prices(exact, SAMPLERS[sampler]), nodes)
        se = init.se + cell.se  # one group's shares move together
        assert abs(init.value + cell.value - (cost - information)) < 4 * se
        assert se < 0.2 * (cost - information)


def test_every_sampler_has_its_own_start(exact):
    defaults = {
        s: prices(exact, SAMPLERS[s]).start
        for s in ("analytic-dpm", "ddpm", "ei-relative", "ei-score")
    }
    assert defaults == {
        "analytic-dpm": "gaussian", "ddpm": "mean", "ei-relative": "standard",
        "ei-score": "standard",
    }  # fmt: skip
    assert prices(exact, SAMPLERS["ddpm"], start="standard").start == "standard"
    assert prices(exact, SAMPLERS["analytic-dpm"]).covariance == "pca"
    assert prices(exact, SAMPLERS["analytic-dpm"], "full").covariance == "full"
    with pytest.raises(InputError, match="sampler: must be one that has a path KL"):
        prices(exact, SAMPLERS["heun"])


@pytest.mark.parametrize(("sampler", "covariance"), KINDS)
def test_groups_and_allocation_agree(exact, sampler, covariance):
    price = prices(exact, SAMPLERS[sampler], covariance)
    nodes = price.choice().allocation().grid(5, 24) + 1
    start, cell = price.groups(nodes)
    assert start.shape == cell.shape == price.folds.shape
    assert price.folds.sum() == pytest.approx(1)
    total = (start + cell) @ price.folds  # cross-fitted, so a little above the repaired curve's
    least = price.choice().allocation().costs[4, 24]
    assert -0.01 < total - least < 0.02


def test_reference_of_an_exact_denoiser_is_the_integral(exact):
    price = prices(exact, SAMPLERS["ddpm"])
    parts = reference_between(price, 0, 7) + reference_between(price, 7, 20)
    assert parts == pytest.approx(price.integral(20))


def test_integral_is_that_of_the_law_without_bias():
    # groups of 19 examples: the integral of each group's own curve is 0.05 nats too small
    lam, levels = np.array([1.1, 0.2]), np.geomspace(0.05, 50, 8)
    law = Gaussian([0.0, 0.0], lam)
    values = []
    for seed in range(120):
        report = audit(ExactDenoiser(law), law, levels=levels, examples=300, draws=1, seed=seed)
        price = prices(report, SAMPLERS["ddpm"])
        values.append(price.integral(8) @ price.folds)
    truth = np.log1p(levels[-1] * lam).sum() / 2
    assert abs(np.mean(values) - truth) < 4 * np.std(values) / len(values) ** 0.5
    assert np.std(values) / len(values) ** 0.5 < 0.014


def test_reference_of_a_wrong_denoiser_is_at_most_the_integral(wrong):
    for sampler, covariance in KINDS:
        price = prices(wrong, SAMPLERS[sampler], covariance)
        for first, last in ((0, 10), (10, 25), (5, 6), (7, 7), (0, 25)):
            # chosen by other examples than those that price it, so not on every draw
            gap = (
                reference_between(price, first, last)
                - price.integral(last)
                + price.integral(first)
            )
            value, se, _ = group_estimate(gap, price.folds)
            assert value <= 3 * se + 1e-12, (sampler, first, last)
    # analytic-dpm with measured covariance is cheaper than the integral of a wrong curve
    price = prices(wrong, SAMPLERS["analytic-dpm"], "full")
    assert reference_between(price, 0, 25) @ price.folds < price.integral(25) @ price.folds - 0.05


def test_no_grid_is_cheaper_than_the_reference(wrong):
    rng = np.random.default_rng(0)
    for sampler, covariance in KINDS:
        price = prices(wrong, SAMPLERS[sampler], covariance)
        for _ in range(20):
            nodes = np.sort(rng.choice(np.arange(1, 26), size=rng.integers(1, 9), replace=False))
            init, cell = excess(price, nodes)
            # chosen and priced by the same examples, the reference has no dearer path than any
            first, last = int(nodes[0]), int(nodes[-1])
            assert init.value + optimism_between(price, 0, first, nodes) >= -1e-9
            assert cell.value + optimism_between(price, first, last, nodes) >= -1e-9


def test_full_covariance_is_priced_in_folds(wrong):
    price = prices(wrong, SAMPLERS["analytic-dpm"], "full")
    start, _ = price.groups(np.array([3, 9]))
    by_group = price.starts(GRID[2])
    assert start.shape == (4,)
    weighted = group_estimate(by_group, wrong.curve.shares).value
    assert start @ price.folds == pytest.approx(weighted)


@pytest.mark.parametrize(("sampler", "covariance"), KINDS)
def test_what_all_prefixes_of_a_grid_cost_is_what_each_does(wrong, sampler, covariance):
    price = prices(wrong, SAMPLERS[sampler], covariance, levels=np.sqrt(GRID[1:] * GRID[:-1]))
    nodes = np.array([2, 5, 6, 11, 18, 20, 31])  # measured levels and others
    init, cells = prefixes(price, nodes)
    for k in range(len(nodes)):
        alone = shares_by_group(price, nodes[: k + 1])
        for got, want in zip((init, cells[k]), alone, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-11)
