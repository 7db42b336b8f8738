"""The upper end of a mean error: what no example showed is allowed for, by exact sums."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest
from scipy.stats import binom, chi2

import girsanov as gv
from girsanov.data.standardise import unchanged
from girsanov.error_curve.unseen_events import RISK, most_error, unshown
from girsanov.measuring.examples import DRAWN, LawExamples, diameter
from girsanov.montecarlo import Estimate, quantile

FAR = gv.GaussianMixture([0.5, 0.5], [[-4.0], [4.0]], 0.0)


class Of(NamedTuple):
    """What `most_error` asks of the record of an audit."""

    examples: int
    diameter: float
    exact: bool
    shape: tuple[int, ...]


def high(k, examples, size=1.0, degrees=15):
    """The upper end where k of the examples have a loss of `size` and the others none."""
    k = np.asarray(k, dtype=float)
    error = Estimate(k * size / examples, np.sqrt(k) * size / examples, degrees)
    of = Of(examples, math.sqrt(size), exact=False, shape=(1,))
    return most_error(error, np.ones_like(k), of)


def test_equation_2_is_above_the_exact_end_of_a_count():
    k = np.arange(3000)
    exact = chi2.ppf(1 - RISK, 2 * (k + 1)) / 2  # of the mean of a Poisson number, seen as k
    assert (high(k, 10_000, degrees=math.inf) * 10_000 >= exact * (1 - 1e-12)).all()
    assert high(0, 10_000, degrees=math.inf) * 10_000 == pytest.approx(
        exact[0]
    )  # no more than due


@pytest.mark.parametrize("examples", [32, 100, 300, 1000])
def test_a_loss_that_is_all_or_nothing_is_covered_whatever_its_probability(examples):
    k = np.arange(examples + 1)
    ends = high(k, examples, size=9.0, degrees=math.inf)
    for q in np.geomspace(1e-5, 0.5, 200):
        covered = binom.pmf(k, examples, q)[ends >= 9 * q].sum()
        assert covered >= 1 - RISK - 1e-12, q
    alone = np.maximum(k + quantile(1 - RISK, math.inf) * np.sqrt(k), 0) * 9 / examples
    q = 1 / examples  # of which the interval alone loses every run without a mistake
    assert binom.pmf(k, examples, q)[alone >= 9 * q].sum() < 0.7


def test_mistakes_that_were_seen_may_be_larger_than_the_data_is_wide():
    found = Estimate(np.array([0.02, 1.0, 0.0]), np.array([0.02, 0.01, 0.0]), 15)
    more = unshown(found, 100, 0.5) * 100 / math.log(1 / RISK)
    # one loss of 2 in 100; losses all alike, which are no mistakes; no loss at all
    assert more == pytest.approx([2.0, 0.25, 0.25])


def test_an_exact_denoiser_is_no_worse_than_what_it_sees():
    of = Of(100, 8.0, exact=True, shape=(3,))
    error, levels = Estimate(np.full(2, 0.1), np.zeros(2), 15), np.array([0.5, 1e3])
    assert most_error(error, levels, of) == pytest.approx([0.1 + 64 * 0.0368888, 3e-3], rel=1e-5)
    assert most_error(error, levels, of._replace(exact=False))[1] > 1


def test_the_reach_of_data_is_found_from_their_mean_in_two_sweeps():
    rng = np.random.default_rng(3)
    rows = np.concatenate([rng.normal(size=(3000, 3)), [[30.0, 0, 0], [-9.0, 1, 0]]])
    data = gv.load_data(rows)
    x = data.batch(slice(0, len(rows))).double().numpy()
    true = np.linalg.norm(x[-1] - x[-2])
    assert diameter(data, np.zeros(3)) == pytest.approx(true, rel=1e-6)
    # of a law many more draws tell than are audited: one in 300 is far away
    rare = gv.GaussianMixture([0.997, 0.003], [[0.0], [50.0]], 0.0)
    assert diameter(LawExamples(rare, 40, 0), rare.mean) == pytest.approx(50.0)
    assert (1 - 0.003) ** DRAWN < 1e-9


def test_examples_that_are_set_aside_tell_how_far_the_data_reach_too():
    for place in range(8):  # a quarter is set aside, at random: some of these are
        rows = np.linspace(0.0, 1.0, 64)[:, None]
        rows[place] = 50.0
        data = gv.load_data(rows).with_standardisation(unchanged(1))
        made = gv.audit(Untold(FAR), data, levels=np.geomspace(0.01, 1, 3), draws=1)
        assert made.facts.examples == 48
        assert made.facts.diameter == pytest.approx(50.0 - (1 / 63 if place == 0 else 0))


class Untold(gv.ExactDenoiser):
    """An exact denoiser of which an audit knows nothing, moments neither."""

    exact = False


def test_an_audit_remembers_how_far_its_examples_reach(tmp_path):
    made = gv.audit(gv.ExactDenoiser(FAR), FAR, levels=np.geomspace(0.01, 1, 5), examples=100)
    assert made.facts.diameter == pytest.approx(8.0)
    made.save(tmp_path / "audit.json")
    assert gv.load_audit(tmp_path / "audit.json").facts.diameter == made.facts.diameter
