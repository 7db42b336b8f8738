"""What a last step costs, against sums over values and draws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from girsanov.likelihood.last_step import draw_cost, drawn_values_cost, values_by_noise_cost

RNG = np.random.default_rng(0)


def test_a_draw_costs_its_cross_entropy():
    variance, error = np.array([[0.3, 2.0]]), np.array([[0.5, 1.5]])
    r = RNG.normal(size=(400_000, 2)) * np.sqrt(error[0])
    sampled = -norm.logpdf(r, scale=np.sqrt(variance[0])).sum(1)
    gap = draw_cost(variance, error, np.ones(2))[0] - sampled.mean()
    assert abs(gap) < 5 * sampled.std() / np.sqrt(len(r))


@pytest.mark.parametrize("deviation", [0.05, 0.3, 1.0, 4.0])
@pytest.mark.parametrize("miss", [0.2, 1.0, 3.0])
def test_a_rounded_draw_costs_no_more_than_the_bound(deviation, miss):
    side, r = 0.8, RNG.normal(size=4000) * deviation * miss
    near, far = (norm.logsf((abs(r) + e * side / 2) / deviation) for e in (-1, 1))
    log = near + np.log1p(-np.exp(far - near))  # of P(-D/2 - r < e < D/2 - r)
    variance, error = np.array([[deviation**2]]), np.array([[np.mean(r**2)]])
    bound = drawn_values_cost(variance, error, np.ones(1), variance, np.array([side]))[0]
    assert -log.mean() <= bound + 1e-9
    if deviation >= 1 and miss <= 1:
        assert bound <= -log.mean() + 0.05


def test_correlated_draws_are_bounded():
    turn = np.linalg.qr(RNG.normal(size=(2, 2)))[0]
    v, sides = np.array([0.02, 1.5]), np.array([0.7, 0.4])
    c = (turn * v) @ turn.T
    exact = []
    for r in RNG.normal(size=(40, 2)) * 0.5:
        low, high = -sides / 2 + r, sides / 2 + r
        corners = [(high, 1), ([low[0], high[1]], -1), ([high[0], low[1]], -1), (low, 1)]
        p = sum(sign * multivariate_normal.cdf(at, cov=c) for at, sign in corners)
        error = ((turn.T @ r) ** 2)[None]
        bound = drawn_values_cost(v[None], error, np.ones(2), np.diag(c)[None], sides)[0]
        exact.append((-np.log(p), bound))
    assert all(truth <= bound + 1e-6 for truth, bound in exact)
    assert any(bound < truth + 1.5 for truth, bound in exact)


@pytest.mark.parametrize("ratio", [0.05, 0.999, 1.001, 3.0, 12.0])
def test_values_by_noise_cost_the_posterior_of_a_lattice(ratio):
    """Of 256 values the posterior of the true one, on average, within the bound and near it."""
    values = np.arange(256) * ratio
    z = RNG.normal(size=20_000)
    x = values[128] + z
    log = -((x[:, None] - values) ** 2) / 2
    cost = np.log(np.exp(log - log.max(1, keepdims=True)).sum(1)) + log.max(1) - log[:, 128]
    bound = values_by_noise_cost(np.array([ratio]), 1.0)
    near = 5 * cost.std() / np.sqrt(len(z)) + 1e-7
    assert cost.mean() - near <= bound <= cost.mean() + near
