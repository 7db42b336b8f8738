"""The bounded-Lipschitz metric: known distances, its dual, and Corollary 4 on random laws."""

import math

import numpy as np
import pytest

from girsanov._checks import InputError
from girsanov.law import Points
from girsanov.paper.bounds import Facts, bounded_lipschitz, bounded_lipschitz_targets
from girsanov.paper.output_law import Density, total_variation
from girsanov.paper.statements import bounded_lipschitz as room
from girsanov.paper.statements.flow import RandomDraws


@pytest.mark.parametrize("apart", [0.3, 1.7, 2.5])
def test_two_points(apart):
    found = room.bounded_lipschitz_distance(np.array([0.4, 0.4 + apart]), np.array([0.7, -0.7]))
    assert found == pytest.approx(0.7 * min(apart, 2.0))


def test_far_masses_cost_twice_the_tv():
    x, mass = np.array([0.0, 5.0, 10.0]), np.array([0.2, -0.5, 0.3])
    assert room.bounded_lipschitz_distance(x, mass) == pytest.approx(1.0)


def test_near_masses_cost_w1():
    x = np.array([0.0, 0.1, 0.25, 0.4])
    mass = np.array([0.5, -0.6, 0.3, -0.2])
    w1 = np.abs(np.cumsum(mass)[:-1]) @ np.diff(x)
    assert room.bounded_lipschitz_distance(x, mass) == pytest.approx(w1)


def test_between_them_no_trial_function_does_better():
    """The least of |F - H| + total variation of H is the dual: any H is an upper end."""
    generator = np.random.default_rng(3)
    x = np.sort(generator.uniform(0, 6, 40))
    mass = generator.normal(size=40)
    mass -= mass.mean()
    value = room.bounded_lipschitz_distance(x, mass)
    cumulative = np.cumsum(mass)[:-1]
    for size in (0.0, 0.2, 1.0):
        for _ in range(50):
            h = cumulative * generator.uniform(0, 1) + size * generator.normal(size=39)
            dual = np.abs(cumulative - h) @ np.diff(x)
            dual += np.abs(np.diff(np.concatenate([[0.0], h, [0.0]]))).sum()
            assert value <= dual + 1e-9
        f = np.clip(np.cumsum(generator.uniform(-1, 1, 40) * np.diff(x, prepend=x[0])), -1, 1)
        assert abs(f @ mass) <= value + 1e-9


def random_case(draws):
    """A law of points, noised, and an output: the noised law with some mass elsewhere."""
    n = int(draws.uniform(1, 6))
    places = 3 * draws.normal(n) + draws.uniform(-2, 2)
    weights = np.exp(draws.normal(n))
    law = Points(places[:, None], weights / weights.sum())
    delta = math.exp(draws.uniform(-7, 0.5))
    q = room.noised_density(law, delta)
    centre, wide = draws.uniform(-8, 8), math.exp(draws.uniform(-2, 1))
    bump = np.exp(-(((q.x - centre) / wide) ** 2) / 2)
    bump /= max(np.trapezoid(bump, q.x), 1e-300)
    share = draws.uniform(0, 1) ** 2
    return law, delta, q, Density(q.x, (1 - share) * q.p + share * bump)


def violations(count, seed):
    draws, found = RandomDraws(seed), 0
    for _ in range(count):
        law, delta, q, out = random_case(draws)
        about = Facts(1, law.second_moment)
        tv = total_variation(Density(out.x, out.p / np.trapezoid(out.p, out.x)),
                             Density(q.x, q.p / np.trapezoid(q.p, q.x)))  # fmt: skip
        bound = bounded_lipschitz(about, delta, tv)
        found += room.distance_to(law, out) > bound + 1e-2 * (q.x[1] - q.x[0]) + 1e-9
    return found


def test_corollary_4_holds_on_random_laws():
    assert violations(60, 0) == 0


def test_targets_meet_the_distance():
    about = Facts(7, 3.0, radius=2.0)
    for distance in (1e-3, 0.1, 1.0):
        delta, tv = bounded_lipschitz_targets(about, distance)
        assert bounded_lipschitz(about, delta, tv) == pytest.approx(distance)
    assert bounded_lipschitz(about, 50.0, 1.0) == 2.0


def test_numbers_that_are_no_distance_and_no_tv_are_refused():
    about = Facts(1, 1.0)
    for distance in (-1.0, 0.0, 1e101, float("nan")):
        with pytest.raises(InputError, match="distance: must be"):
            bounded_lipschitz_targets(about, distance)
    for tv in (-5.0, 1.1, float("nan"), [0.1]):
        with pytest.raises(InputError, match="tv: must be"):
            bounded_lipschitz(about, 0.1, tv)


def test_the_cantor_set_is_skewed_and_within_its_ball():
    law = room.cantor()
    assert law.weights.sum() == pytest.approx(1.0)
    assert np.abs(law.points).max() == 1.0
    assert law.mean[0] < -0.2


def test_the_statement_fails_when_the_sampler_is_worse(monkeypatch):
    right = room.output_of

    def worse(law, asked):
        out, tv = right(law, asked)
        return Density(out.x + 1.5, out.p), tv

    monkeypatch.setattr(room, "output_of", worse)
    assert not room.run(True, 0).holds
