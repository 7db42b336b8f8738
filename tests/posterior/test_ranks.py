"""Ranks, bands and scores, on draws whose fault is known."""

import numpy as np
import pytest
from scipy import stats

from girsanov.posterior.ranks import shares, uniform_ranks, width_of
from girsanov.posterior.scores import scores


def draws_of(n, count, width=1.0, shift=0.0, seed=0):
    """Skewed truths, and draws that are `width` times as wide about the mean."""
    rng = np.random.default_rng(seed)
    truth = rng.gamma(2.0, size=(n, 2))
    cloud = rng.gamma(2.0, size=(n, count, 2))
    return truth, 2 + width * (cloud - 2) + shift, rng


def test_ranks_of_the_same_law_are_uniform_with_ties_too():
    truth, draws, rng = draws_of(4000, 9)
    for rounded in (False, True):
        x, cloud = (np.round(v) if rounded else v for v in (truth, draws))
        u = uniform_ranks(x, cloud, rng.random(x.shape))
        for k in range(2):
            assert stats.kstest(u[:, k], "uniform").pvalue > 1e-3
    u = uniform_ranks(np.round(truth), np.round(draws) + 0.01, rng.random(truth.shape))
    assert stats.kstest(u[:, 0], "uniform").pvalue < 1e-6  # an atom that is missed


@pytest.mark.parametrize("width", [0.8, 1.0, 1.2])
def test_the_width_is_found(width):
    rng = np.random.default_rng(1)
    truth, draws = rng.normal(size=(6000, 1)), width * rng.normal(size=(6000, 64, 1))
    u = uniform_ranks(truth, draws, rng.random(truth.shape))
    found = width_of(np.abs(2 * u - 1)[:, 0])
    assert abs(found.value - width) < 3 * found.se + 0.01


def test_all_bands_hold_at_once_as_often_as_they_say():
    good = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        counted = shares(rng.random((200, 3)), rng.random(200), ("a", "b", "c"), 0.9)
        good += all(s.good for s in counted)
    assert good >= 0.9 * 400 - 3 * (400 * 0.09) ** 0.5  # exact bands: no less than it says
    assert good < 400


def test_a_band_is_binomial():
    rng = np.random.default_rng(2)
    counted = shares(rng.random((100, 1)), rng.random(100), ("a",), 0.99)
    off = 0.01 / len(counted)
    for s in counted:
        inside = stats.binom.cdf(round(s.high * 100), 100, s.expected) - stats.binom.cdf(
            round(s.low * 100) - 1, 100, s.expected
        )
        assert inside >= 1 - off
        narrower = stats.binom.cdf(round(s.high * 100) - 1, 100, s.expected) - stats.binom.cdf(
            round(s.low * 100), 100, s.expected
        )
        assert narrower < 1 - off


def test_scores_against_plain_sums():
    truth, draws, _ = draws_of(40, 6)
    found = scores(truth, draws)
    rest, n = draws[:, 1:], 5
    for score, norm in zip(found, (_mean_of_axes, _length), strict=True):
        values = []
        for i in range(len(truth)):
            near = np.mean([norm(rest[i, k] - truth[i]) for k in range(n)])
            apart = [norm(rest[i, k] - rest[i, m]) for k in range(n) for m in range(n) if k != m]
            values.append(near - np.mean(apart) / 2)
        assert score.value.value == pytest.approx(np.mean(values))


def _mean_of_axes(v):
    return float(np.abs(v).mean())


def _length(v):
    return float(np.linalg.norm(v))


@pytest.mark.parametrize(
    ("width", "shift", "worse"), [(1, 0, False), (0.5, 0, True), (1, 1, True)]
)
def test_draws_that_are_off_score_worse_than_they_score_themselves(width, shift, worse):
    truth, draws, _ = draws_of(4000, 16, width, shift)
    for score in scores(truth, draws):
        assert (score.excess.value > 4 * score.excess.se) == worse
