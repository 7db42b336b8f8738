"""Sliced W2: exact on a line, against POT, and intervals that hold what is true of Gaussians."""

import numpy as np
import ot
import pytest
from comparison.pairs import LAWS, coverage, draw, least_covered

from girsanov.comparison.jackknife import Squared
from girsanov.comparison.measures.sliced_w2 import Coupling, SlicedW2, directions


@pytest.mark.parametrize(("n", "m"), [(3, 3), (4, 6), (7, 5), (1, 9)])
def test_the_distance_on_a_line_is_pots(n, m):
    draws = np.random.default_rng(n + m)
    x, y = np.sort(draws.gamma(2.0, size=(2, n))), np.sort(3 + draws.normal(size=(2, m)))
    expected = ot.wasserstein_1d(x.T, y.T, p=2)
    np.testing.assert_allclose(Coupling(n, m).squared(x, y), expected, rtol=1e-12)


def test_it_is_pots_over_the_same_directions():
    draws = np.random.default_rng(2)
    x, y = draws.gamma(2.0, size=(80, 5)), draws.normal(size=(60, 5))
    measure = SlicedW2(5, 40)
    expected = ot.sliced_wasserstein_distance(x, y, projections=measure.directions) ** 2
    assert measure.plugin(x, y) == pytest.approx(expected, rel=1e-12)
    assert measure.squared(x, y).plugin == pytest.approx(expected, rel=1e-12)


def test_replicates_leave_a_group_out():
    draws = np.random.default_rng(3)
    x, y = draws.gamma(2.0, size=(80, 4)), draws.normal(size=(60, 4))
    measure = SlicedW2(4, 16)
    pseudo = measure.squared(x, y).pseudo
    for g in (0, 7, 19):
        rest = measure.plugin(x[np.arange(80) % 20 != g], y[np.arange(60) % 20 != g])
        assert pseudo[g] == pytest.approx(20 * measure.plugin(x, y) - 19 * rest, rel=1e-9)


def test_directions_are_orthonormal_frames():
    u = directions(6, 3, 4, seed=1)
    assert u.shape == (6, 12)
    for k in range(3):
        frame = u[:, 4 * k : 4 * k + 4]
        np.testing.assert_allclose(frame.T @ frame, np.eye(4), atol=1e-6)
    assert abs(u[:, 0] @ u[:, 4]) < 0.999


def test_a_shift_is_measured_exactly():
    x = np.random.default_rng(4).gamma(2.0, size=(40, 8))
    shift = np.arange(8.0)
    # whole frames: the mean of (u.shift)^2 over each is |shift|^2 / d
    assert SlicedW2(8, 32).plugin(x, x + shift) == pytest.approx(shift @ shift / 8, rel=1e-6)


def sliced_gaussians(laws):
    """Equation (1) of two Gaussians, over a million directions."""
    (a, root_a), (b, root_b) = laws
    u = np.random.default_rng(5).standard_normal((1_000_000, 3))
    u /= np.linalg.norm(u, axis=1)[:, None]
    spread = np.sqrt(((u @ root_a) ** 2).sum(1)) - np.sqrt(((u @ root_b) ** 2).sum(1))
    return float(((u @ (a - b)) ** 2 + spread**2).mean())


@pytest.mark.parametrize("name", LAWS)
def test_intervals_hold_the_truth_as_often_as_they_say(name):
    held = coverage(SlicedW2(3, 96), LAWS[name], sliced_gaussians(LAWS[name]))
    assert held >= least_covered(100)


def test_the_bias_of_few_rows_is_taken_out():
    draws, laws = np.random.default_rng(6), LAWS["the same"]
    measure = SlicedW2(3, 48)
    found = [
        measure.squared(draw(laws[0], 60, draws), draw(laws[1], 40, draws)) for _ in range(60)
    ]
    plugin, free = (np.array([f.plugin for f in found]), [f.estimate().value for f in found])
    se = np.std(free, ddof=1) / 60**0.5
    assert plugin.mean() > 10 * se
    assert abs(np.mean(free)) < 0.15 * plugin.mean() + 4 * se


def test_no_interval_is_empty_however_lucky_the_draw():
    """An estimate below 0, as of one law and itself by chance, leaves distances of some size."""
    lucky = Squared(0.1, np.linspace(-1.2, -0.8, 20))
    low, high = lucky.estimate().interval()
    assert high < 0
    value, below, above = lucky.distance()
    assert (value, below) == (0, 0)
    assert above == pytest.approx(((high - low) / 2) ** 0.5)  # of an estimate of 0
    usual = Squared(0.1, np.linspace(0.3, 0.9, 20))
    ends = np.sqrt([0.6, *usual.estimate().interval()])
    assert usual.distance() == pytest.approx(tuple(ends))


def test_intervals_can_miss():
    """Or the test of their coverage could not fail."""
    assert coverage(SlicedW2(3, 48), LAWS["different"], 0.5, runs=40) < least_covered(40)
