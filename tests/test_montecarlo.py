"""Standard errors against scipy, against repetition, and at their edges."""

import math

import numpy as np
import pytest
from scipy import stats

from girsanov.montecarlo import Estimate, group_estimate, mean_estimate, quantile

RNG = np.random.default_rng(0)


def test_mean_and_interval_are_students():
    x = RNG.gamma(2.0, size=(40, 3)) + 5
    got = mean_estimate(x)
    np.testing.assert_allclose(got.value, x.mean(0))
    np.testing.assert_allclose(got.se, stats.sem(x))
    low, high = got.interval(0.9)
    expected = stats.t.interval(0.9, 39, loc=x.mean(0), scale=stats.sem(x))
    np.testing.assert_allclose((low, high), expected)
    np.testing.assert_allclose(mean_estimate(x, axis=1).value, x.mean(1))
    np.testing.assert_allclose(mean_estimate(x, axis=1).se, stats.sem(x, axis=1))


def test_what_is_known_exactly_uses_the_normal():
    assert quantile(0.975, math.inf) == pytest.approx(stats.norm.ppf(0.975), rel=1e-14)
    assert quantile(0.975, 4) == pytest.approx(stats.t.ppf(0.975, 4), rel=1e-14)
    assert Estimate(2.0, 0.0).interval() == (2.0, 2.0)


def test_one_example_or_one_group_has_no_standard_error():
    assert np.isinf(mean_estimate(np.array([3.0])).se)
    assert np.isinf(mean_estimate(np.ones((1, 4))).se).all()
    lone = group_estimate(np.array([[3.0, 1.0]]), np.array([1.0]))
    np.testing.assert_array_equal(lone.value, [3.0, 1.0])
    assert np.isinf(lone.se).all()


def test_equal_groups_are_a_sample_of_their_means():  # equation (1)
    g = RNG.normal(size=(8, 2, 3)) + 4
    got, expected = group_estimate(g, np.full(8, 1 / 8)), mean_estimate(g)
    np.testing.assert_allclose(got.value, expected.value)
    np.testing.assert_allclose(got.se, expected.se)
    assert got.degrees == expected.degrees == 7


def test_unequal_groups_have_an_unbiased_variance():  # equation (1)
    counts = np.array([50, 10, 10, 5, 1])
    w = counts / counts.sum()
    runs = 40_000
    g = RNG.normal(size=(len(w), runs)) / np.sqrt(counts)[:, None] + 100
    got = group_estimate(g, w)
    truth = 1 / counts.sum()
    assert np.var(got.value) == pytest.approx(truth, rel=5 * math.sqrt(2 / runs))
    spread = (got.se**2).std() / math.sqrt(runs)
    assert abs((got.se**2).mean() - truth) < 5 * spread


def test_intervals_cover():
    runs = 20_000
    g = RNG.normal(size=(16, runs))
    low, high = group_estimate(g, np.full(16, 1 / 16)).interval(0.9)
    covered = np.mean((low < 0) & (high > 0))
    assert abs(covered - 0.9) < 5 * math.sqrt(0.09 / runs)


@pytest.mark.parametrize("degrees", [1, 3, 7, 15, 200, math.inf])
@pytest.mark.parametrize("probability", [0.5125, 0.9, 0.975, 0.9875, 0.9999])
def test_quantiles_are_those_of_the_slower_statistics(degrees, probability):
    law = stats.norm if math.isinf(degrees) else stats.t(degrees)
    assert quantile(probability, degrees) == pytest.approx(law.ppf(probability), rel=1e-12)
