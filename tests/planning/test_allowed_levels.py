"""Restricted grids and planned ends: planning/allowed_levels.py, against the rules themselves."""

import numpy as np
import pytest

from girsanov._checks import InputError
from girsanov.auditing import audit
from girsanov.denoise.exact import ExactDenoiser
from girsanov.law import GaussianMixture
from girsanov.planning.make_plan import make_plan

LAW = GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15])
GRID = np.geomspace(0.02, 2000, 17)


@pytest.fixture(scope="module")
def report():
    return audit(ExactDenoiser(LAW), LAW, levels=GRID, examples=2000, seed=1)


def test_only_the_levels_offered_are_visited(report):
    among = np.geomspace(0.05, 1500, 40)
    plan = make_plan(report, steps=6, among=among)
    assert all(np.isclose(among, s, rtol=1e-9).any() for s in plan.levels)
    free = make_plan(report, steps=6, resolution=plan.resolution)
    cost = [sum(e.value for e in p.ledger[:2]) for p in (free, plan)]
    assert cost[0] <= cost[1] + 0.02


def test_kept_levels_are_visited_and_steps_are_no_wider_than_told(report):
    plan = make_plan(report, steps=8, keep=[0.77, 13.0])
    assert [np.isclose(plan.levels, s).sum() for s in (0.77, 13.0)] == [1, 1]
    narrow = make_plan(report, steps=12, widest=1.0)
    assert np.diff(np.log(narrow.levels)).max() <= 1.0 + 1e-6
    assert np.diff(np.log(make_plan(report, steps=4).levels)).max() > 1.0


def test_a_plan_ends_where_the_distance_is_small_enough(report):
    for last, times in (("denoise", 1), ("draw", 2)):  # M, and as much again that is drawn
        plan = make_plan(report, steps=4, w2=0.2, last=last)
        at = times * LAW.curve([plan.levels[-1]]).value[0]
        assert at < 0.2**2 < 1.6 * at
    sampled = make_plan(report, steps=4, w2=0.2, last="sample")
    assert sampled.levels[-1] ** -0.5 <= 0.2  # W2^2 <= d / s


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"w2": 1e-6}, "w2: cannot be reached"),
        ({"w2": 0.1, "resolution": 0.3}, "resolution, w2: only one"),
        ({"keep": [1999.0], "resolution": 0.5}, "keep: must not lie beyond"),
        ({"keep": [0.5], "among": [1.0, 10.0]}, "keep: must be among the levels"),
        ({"widest": 0.01, "sampler": "analytic-dpm"}, "steps: must be at most 1,"),
        ({"widest": 0.01}, "steps: must be 1; got 4"),
        ({"widest": -1.0}, "widest: must be a finite number > 0"),
        ({"weight": -1.0}, "weight: must lie in 0..4"),
        ({"fastest": 1.0}, "option: must be one of "),
    ],
)
def test_limits_that_cannot_be_are_refused(report, limits, message):
    with pytest.raises(InputError, match=message):
        make_plan(report, steps=4, **limits)
