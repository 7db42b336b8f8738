"""Any noise schedule: our bound and Strasman et al.'s, against exact path KLs."""

import sys
from pathlib import Path

import numpy as np
import pytest

from girsanov._checks import InputError
from girsanov.paper.bounds import (
    Facts,
    any_schedule,
    ei_relative,
    linear_schedule_times,
    theorem2_on_grid,
)
from girsanov.paper.bounds import strasman2024 as quoted
from girsanov.paper.bounds.strasman2024 import longest_linear_step, schedule_discretisation

sys.path.append(str(Path(__file__).parents[1]))
from bound_truth import random_line, random_spectrum, random_times, relative_path_kl


def test_linear_schedules_reach_their_ends():
    t = linear_schedule_times(50, time=3.0, stop=0.01, growth=200.0)
    assert (t[0], t[-1]) == (0.01, 3.0)
    # equal steps of a quadratic: second differences are equal
    bend = np.diff(t, 2)
    assert bend == pytest.approx(np.full(49, bend[0]), rel=1e-8)
    assert np.diff(t)[-1] == pytest.approx(longest_linear_step(50, time=3.0, stop=0.01))
    whole = linear_schedule_times(1000, time=3.0, growth=200.0)
    assert np.diff(whole)[-1] / np.diff(whole)[0] == pytest.approx(200, rel=0.2)
    flat = linear_schedule_times(10, time=3.0, stop=1.0, growth=1.0)
    assert flat == pytest.approx(np.linspace(1, 3, 11))


def test_no_schedule_costs_more_than_its_bound():
    rng = np.random.default_rng(2)
    for _ in range(1000):
        law, n = random_spectrum(rng), int(10 ** rng.uniform(0, 2.5))
        facts, time = law.facts(), 10 ** rng.uniform(-1, 1)
        stop = float(rng.choice([0.0, time * 10 ** rng.uniform(-4, -0.5)]))
        for times in (random_times(rng), linear_schedule_times(n, time=time, stop=stop)):
            slack = 1e-11 * max(law.integral(times[0], times[-1]), law.kl(0))
            exact = relative_path_kl(law, times)
            assert exact <= schedule_discretisation(facts, times) * (1 + 1e-9) + slack
            if times[0] > 0:
                bare = schedule_discretisation(Facts(facts.dimension, facts.second_moment), times)
                assert exact <= bare * (1 + 1e-9) + slack
        bound = quoted(facts, n, time=time, stop=stop)
        assert exact <= bound.discretisation * (1 + 1e-9) + slack
        assert schedule_discretisation(facts, times) <= bound.discretisation * (1 + 1e-9)


def test_mixtures_cost_less_than_the_bound():
    rng = np.random.default_rng(4)
    for _ in range(12):
        law = random_line(rng)
        times = linear_schedule_times(int(rng.integers(2, 30)), time=3.0)
        exact = relative_path_kl(law, times)
        assert exact <= schedule_discretisation(law.facts(), times) + 1e-9


def test_equal_steps_are_those_of_ei_relative():
    facts = Facts(3, 5.0, 4.0, lipschitz=9.0)
    times = np.linspace(0.0, 2.0, 101)
    same = ei_relative(facts, 100, time=2.0, score_error=0.1)
    bound = any_schedule(facts, times, 0.1)
    assert bound.discretisation == pytest.approx(same.discretisation, rel=1e-9)
    assert bound.init == same.init
    # the cross term knows that the relative information falls
    assert 2 * 0.01 < bound.score < same.score


def test_score_errors_are_summed_as_one_by_one():
    """Theorem 2 on a grid: I(t) of every step's start."""
    for facts, first in ((Facts(3, 5.0, 4.0, lipschitz=9.0), 0.0), (Facts(3, 5.0, 4.0), 0.005)):
        times = np.array([first, 0.01, 0.3, 0.5, 2.0])
        h, eps = np.diff(times), 0.2
        information = np.array([facts.fisher(t) for t in times[1:].tolist()])
        one_by_one = np.sum(h * eps**2 + 2 * (h + np.expm1(-h)) * eps * np.sqrt(information))
        assert theorem2_on_grid(facts, times, eps).score == pytest.approx(one_by_one, rel=1e-12)


def test_a_score_error_along_the_relative_score_is_the_cross_term():
    """For N(0, v) and an error e times the relative score, E is exact: theory 2.4."""
    v, e, n, h = 0.2, 0.3, 40, 0.05
    t = h * np.arange(1, n + 1)
    var = 1 + (v - 1) * np.exp(-2 * t)
    root = np.abs(1 - 1 / var) * np.sqrt(var)  # sqrt FI(t), exactly
    eps = e * root
    true = np.sum(h * eps**2 + 2 * (np.expm1(h) - h) * eps * root)
    kl = (v - 1 - np.log(v)) / 2
    facts = Facts(1, v, v, kl=kl, information=1 / v)
    bound = any_schedule(facts, np.concatenate([[0.0], t]), eps)
    assert true * (1 - 1e-9) <= bound.score <= 1.5 * true


def test_mistakes():
    facts = Facts(2, 3.0)
    with pytest.raises(InputError, match="facts: must say more of the data"):
        any_schedule(facts, [0.0, 1.0])
    with pytest.raises(InputError, match=r"times: must be at least two increasing"):
        any_schedule(facts, [1.0, 0.5])
    with pytest.raises(InputError, match="growth: must be from 1"):
        linear_schedule_times(5, time=1.0, growth=0.5)
    with pytest.raises(InputError, match="score_errors: must be >= 0"):
        any_schedule(facts, [0.1, 1.0], [-0.1])
    with pytest.raises(InputError, match=r"time: must be > 0\.5"):
        quoted(facts, 5, time=0.5, stop=0.5)
