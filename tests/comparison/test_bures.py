"""Gaussian W2 and the Frechet distance: closed forms, replicates, intervals, features."""

import numpy as np
import ot
import pytest
from comparison.pairs import COV_A, COV_B, LAWS, A, B, coverage, draw, least_covered

from girsanov.comparison.measures.frechet import Frechet, principal
from girsanov.comparison.measures.gaussian_w2 import AXES, GaussianW2, bures, moments


def test_it_is_pots_on_moments():
    expected = ot.gaussian.bures_wasserstein_distance(A, B, COV_A, COV_B) ** 2
    assert bures(A, COV_A, B, COV_B) == pytest.approx(expected, rel=1e-10)


def test_commuting_covariances_have_a_sum():
    a, b = np.diag([4.0, 1.0, 0.0]), np.diag([1.0, 9.0, 0.25])
    assert bures(A, a, A, b) == pytest.approx(1 + 4 + 0.25, rel=1e-12)


def test_replicates_leave_a_group_out():
    draws = np.random.default_rng(1)
    x, y = draws.gamma(2.0, size=(80, 3)) + 100, draws.normal(size=(60, 3))
    measure = GaussianW2(y)
    pseudo = measure.squared(x, y).pseudo
    for g in (0, 19):
        rest = measure.plugin(x[np.arange(80) % 20 != g], y[np.arange(60) % 20 != g])
        assert pseudo[g] == pytest.approx(20 * measure.plugin(x, y) - 19 * rest, rel=1e-8)


@pytest.mark.parametrize("name", LAWS)
def test_intervals_hold_the_truth_as_often_as_they_say(name):
    (a, root_a), (b, root_b) = LAWS[name]
    truth = bures(a, root_a @ root_a.T, b, root_b @ root_b.T)
    held = coverage(GaussianW2(np.zeros((1, 3))), LAWS[name], truth)
    assert held >= least_covered(100)


def test_many_coordinates_are_seen_along_leading_axes():
    draws = np.random.default_rng(2)
    scale = np.ones(AXES + 50)
    scale[[3, 200]] = 50.0
    x, y = draws.normal(size=(400, len(scale))) * scale, draws.normal(size=(400, len(scale)))
    measure = GaussianW2(x)
    assert measure.axes.shape == (len(scale), AXES)
    assert f"leading {AXES} of {len(scale)}" in measure.note
    assert measure.plugin(x, y) < bures(*moments(x), *moments(y))
    assert measure.plugin(x, y) == pytest.approx(bures(*moments(x), *moments(y)), rel=0.1)


def test_features_are_looked_at_in_place_of_rows():
    draws = np.random.default_rng(3)
    x, y = draws.gamma(2.0, size=(80, 3)), draws.normal(size=(60, 3))
    seen = Frechet(lambda z: z[:, :1] ** 2, "squares")
    expected = (np.mean(x[:, 0] ** 2) - np.mean(y[:, 0] ** 2)) ** 2
    expected += (np.std(x[:, 0] ** 2, ddof=1) - np.std(y[:, 0] ** 2, ddof=1)) ** 2
    assert seen.plugin(x, y) == pytest.approx(expected, rel=1e-10)
    assert seen.squared(x, y).plugin == pytest.approx(expected, rel=1e-10)


def test_principal_features_have_the_datas_leading_coordinates_at_unit_spread():
    draws = np.random.default_rng(4)
    data = draws.normal(size=(2000, 5)) @ np.diag([10, 5, 0.1, 0.1, 0.1]) + 7
    seen = principal(data)
    assert "2 principal coordinates" in seen.note
    assert "100 %" in seen.note
    np.testing.assert_allclose(np.cov(seen.features(data).T), np.eye(2), atol=1e-10)


def test_labels_make_the_features_a_classifiers():
    draws = np.random.default_rng(5)
    labels = draws.integers(0, 2, size=300)
    data = draws.normal(size=(300, 4))
    data[:, 2] += 3 * labels
    seen = Frechet.fit(data, labels, seed=1)
    assert "32 features of a classifier" in seen.note
    # what tells the classes apart is seen, and what does not is hardly seen
    other, unlike = data.copy(), data.copy()
    other[:, 0] += 1
    unlike[:, 2] += 1
    assert seen.plugin(unlike, data) > 2 * seen.plugin(other, data)
    again = Frechet.fit(data, labels, seed=1)
    np.testing.assert_array_equal(seen.features(data), again.features(data))
    assert "principal" in Frechet.fit(data, np.zeros(300, int)).note


def test_draws_are_of_the_laws_they_are_said_to_be():
    x = draw(LAWS["different"][1], 200_000, np.random.default_rng(6))
    np.testing.assert_allclose(np.cov(x.T), COV_B, atol=0.02)
