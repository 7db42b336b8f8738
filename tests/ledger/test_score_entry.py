"""The lower bounds on the score error: below the truth for every wrong denoiser, and not idle."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov.denoise.exact import ExactDenoiser
from girsanov.error_curve.integrals import half_integral
from girsanov.ledger.score_entry import corrected_bound, measured_to, score_bound, score_floor
from girsanov.montecarlo import quantile
from girsanov.path_kl.grid_cost import prices
from girsanov.path_kl.ideal_grid import reference_between
from girsanov.sampling.registry import SAMPLERS

LAWS = {
    "line": gv.GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15]),
    "plane": gv.GaussianMixture([0.6, 0.4], [[0.0, 2.0], [1.5, -1.0]], [0.3, 0.1]),
    "gaussian": gv.Gaussian([3.0, -1.0], [[2.0, 0.6], [0.6, 0.5]]),
}
FINEST = 16.0


class Wrong(ExactDenoiser):
    """The exact denoiser with an error added to what it says, a function of (x, s, m)."""

    def __init__(self, law, error):
        super().__init__(law)
        self.error, self.exact = error, False

    def __call__(self, x, snr, label=None):
        m = super().__call__(x, snr, label)
        return m + self.error(x, snr, m)


ERRORS = {
    "scaled": lambda x, s, m: 0.15 * m,
    "shifted": lambda x, s, m: 0.2 + 0 * m,
    "bent": lambda x, s, m: 0.15 * (2 * x).sin(),
    "state": lambda x, s, m: 0.1 * (x - m),
    "none": lambda x, s, m: 0 * m,
}


@cache
def true_half_integral(name):
    law, levels = LAWS[name], np.geomspace(1e-3, FINEST, 80)
    grid = np.concatenate([[0.0], levels])
    errors = np.concatenate([[law.variance], law.curve(levels).value])[:, None] / law.dimension
    return float(half_integral(grid, errors, np.array([1.0 * law.dimension])).sum())


@cache
def priced(name, error, count, seed, examples=600):
    levels = np.geomspace(1e-3, FINEST, count)
    wrong = Wrong(LAWS[name], ERRORS[error])
    report = gv.audit(wrong, LAWS[name], levels=levels, examples=examples, seed=seed)
    return prices(report, SAMPLERS["analytic-dpm"], "pca"), np.array([1, count])


@cache
def truth(name, error):
    """R - 1/2 int M of this denoiser, from more examples."""
    price, nodes = priced(name, error, 33, 99, 5000)
    reference = reference_between(price, 0, 1) + reference_between(price, 1, int(nodes[-1]))
    return price.estimate(reference - true_half_integral(name))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("count", [17, 33])
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("name", LAWS)
def test_both_bounds_are_below_the_truth(name, error, count, seed):
    price, nodes = priced(name, error, count, seed)
    there = truth(name, error)
    for bound in (score_bound(price, nodes), corrected_bound(price, nodes)):
        assert bound.value - 4.5 * math.hypot(bound.se, there.se) <= there.value


@pytest.mark.parametrize("error", ["scaled", "shifted"])
@pytest.mark.parametrize("name", ["line", "plane"])
def test_what_calibration_repairs_is_found(name, error):
    price, nodes = priced(name, error, 33, 1)
    there = truth(name, error)
    for bound in (score_bound(price, nodes), corrected_bound(price, nodes)):
        assert bound.value >= 0.6 * there.value - 4 * math.hypot(bound.se, there.se)
    assert score_floor(price, nodes) > 0.3 * there.value


def test_the_floor_is_the_larger_end_at_half_the_risk():
    price, nodes = priced("line", "scaled", 17, 1)
    ends = [
        b.value - quantile(1 - 0.0125, b.degrees) * b.se
        for b in (score_bound(price, nodes), corrected_bound(price, nodes))
    ]
    unseen = math.log(1 / 0.0125) / 600
    assert score_floor(price, nodes) == pytest.approx(max(ends) - unseen, rel=1e-12)


def test_an_end_inside_a_gap_is_bounded_at_the_level_before():
    """An error that begins beyond the end, but in the same gap, is none of this plan's."""
    law = LAWS["gaussian"]
    levels = np.geomspace(1e-3, FINEST, 9)
    end = levels[6] * (levels[7] / levels[6]) ** 0.3

    def begins(x, s, m):
        level = torch.as_tensor(s, dtype=torch.float64).reshape(-1, 1)
        return torch.where(level > end * 1.001, 1.5, 0.0) + 0 * m

    for seed in range(1, 5):
        report = gv.audit(Wrong(law, begins), law, levels=levels, examples=600, seed=seed)
        made = report.plan(steps=4, sampler="ddpm", weight=0.0, resolution=end**-0.5)
        assert next(e for e in made.ledger if e.name == "score").low < 1e-3
    finer = prices(report, SAMPLERS["analytic-dpm"], "pca", levels=np.array([end]))
    place = int(np.searchsorted(finer.curve.levels, end * (1 - 1e-9)))
    cut = measured_to(finer, np.array([1, place]))
    assert finer.curve.levels[cut].tolist() == [levels[0], levels[6]]


def test_an_exact_denoiser_that_is_not_known_to_be_one_is_not_accused():
    wrong = sum(
        score_floor(*priced(name, "none", 17, seed)) > 1e-3
        for name in LAWS
        for seed in range(1, 9)
    )
    assert wrong <= 3  # of 24, at a risk of 1 in 40 each: 3 or fewer with probability 0.998


def test_other_covariances_have_the_ceiling_alone():
    law = LAWS["plane"]
    report = gv.audit(Wrong(law, ERRORS["scaled"]), law, levels=9, examples=400)
    price = prices(report, SAMPLERS["analytic-dpm"], "full")
    assert corrected_bound(price, np.array([1, 9])) is None
    assert math.isfinite(score_floor(price, np.array([1, 9])))
