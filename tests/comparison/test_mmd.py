"""MMD: the sums, the truth for Gaussians, and a test that is exact."""

import numpy as np
import pytest
from comparison.pairs import LAWS, coverage, draw, least_covered, looks_uniform

from girsanov.comparison.measures.mmd import (
    MMD,
    median_distance,
    permutation_p_value,
    random_deals,
    square_distances,
)

WIDTH = 1.5


def kernel(x, y):
    return np.exp(-((x[:, None] - y[None]) ** 2).sum(-1) / (2 * WIDTH**2))


def by_hand(x, y):
    xx, yy = kernel(x, x), kernel(y, y)
    n, m = len(x), len(y)
    same = (xx.sum() - n) / (n * (n - 1)) + (yy.sum() - m) / (m * (m - 1))
    return same - 2 * kernel(x, y).mean()


def test_squared_distances_far_from_the_origin():
    draws = np.random.default_rng(0)
    x, y = draws.normal(size=(300, 3)) + 1e6, draws.normal(size=(40, 3)) + 1e6
    found = np.concatenate([block for _, block in square_distances(x, y)])
    np.testing.assert_allclose(found, ((x[:, None] - y[None]) ** 2).sum(-1), rtol=1e-6)


def test_it_is_the_sum_over_pairs_of_different_rows():
    draws = np.random.default_rng(1)
    x, y = draws.gamma(2.0, size=(80, 3)), draws.normal(size=(60, 3))
    found = MMD(WIDTH).squared(x, y)
    biased = kernel(x, x).mean() + kernel(y, y).mean() - 2 * kernel(x, y).mean()
    assert found.plugin == pytest.approx(biased, rel=1e-10)
    for g in (0, 19):
        rest = by_hand(x[np.arange(80) % 20 != g], y[np.arange(60) % 20 != g])
        assert found.pseudo[g] == pytest.approx(20 * by_hand(x, y) - 19 * rest, rel=1e-9)


def gaussian_mmd(laws):
    """Equation (1) of two Gaussians."""

    def mean_kernel(gap, covariance):
        wide = covariance + WIDTH**2 * np.eye(3)
        scale = np.sqrt(WIDTH**6 / np.linalg.det(wide))
        return scale * np.exp(-gap @ np.linalg.solve(wide, gap) / 2)

    (a, root_a), (b, root_b) = laws
    cov_a, cov_b = root_a @ root_a.T, root_b @ root_b.T
    same = mean_kernel(0 * a, 2 * cov_a) + mean_kernel(0 * a, 2 * cov_b)
    return same - 2 * mean_kernel(a - b, cov_a + cov_b)


@pytest.mark.parametrize("name", LAWS)
def test_intervals_hold_the_truth_as_often_as_they_say(name):
    held = coverage(MMD(WIDTH), LAWS[name], gaussian_mmd(LAWS[name]))
    assert held >= least_covered(100)


def test_every_deal_is_priced_as_by_hand():
    draws = np.random.default_rng(2)
    z = np.concatenate([draws.gamma(2.0, size=(30, 2)), draws.gamma(2.3, size=(20, 2))])
    deals = random_deals(50, 30, 40, seed=3)
    assert (deals.sum(0) == 30).all()
    prices = [by_hand(z[deal == 1], z[deal == 0]) for deal in deals.T]
    expected = np.mean(np.array(prices) >= prices[0] - 1e-12)
    assert permutation_p_value(z, deals, WIDTH) == pytest.approx(expected)


def p_value(laws, draws, seed):
    z = np.concatenate([draw(laws[0], 60, draws), draw(laws[1], 50, draws)])
    return permutation_p_value(z, random_deals(110, 60, 49, seed), median_distance(z))


def test_p_values_are_uniform_when_nothing_differs():
    draws = np.random.default_rng(3)
    found = [p_value(LAWS["the same"], draws, seed) for seed in range(200)]
    assert looks_uniform(found)
    assert 0.4 < np.mean(found) < 0.6


def test_a_difference_is_found():
    draws = np.random.default_rng(4)
    found = [p_value(LAWS["different"], draws, seed) for seed in range(10)]
    assert np.mean(found) < 0.1
