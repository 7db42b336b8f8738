"""The grade of a plan at the edges of its rules, and what so many nats feel like."""

import dataclasses
import math

import numpy as np
import pytest

import girsanov as gv
from girsanov.ledger import grade as room
from girsanov.ledger.distance import Distance
from girsanov.ledger.entry import Entry
from girsanov.ledger.grade import (
    GOOD_NATS,
    USABLE_NATS,
    detector_right,
    detector_words,
    effective_dimension,
    grade_of,
    grade_words,
    word_for,
)
from girsanov.ledger.sentences import plan_sentences
from girsanov.score_error.straight_line import Beaten


@pytest.fixture(scope="module")
def plan():
    law = gv.GaussianMixture([0.3, 0.7], [[-1.5, 4.0], [1.0, 4.5]], [0.04, 0.15])
    return gv.audit(gv.ExactDenoiser(law), law, levels=17).plan(steps=4)


def ledger(init, steps, score):
    """Entries whose upper ends of the sampler, and lower end of the model, are these."""
    return (
        Entry("init", init / 2, 0.0, init, "estimate", ""),
        Entry("discretisation", steps / 2, 0.0, steps, "estimate", ""),
        Entry("score", None, score, None, "lower bound", ""),
    )


def size(plan):
    return effective_dimension(plan.moments.variances, float(plan.levels[-1]))


@pytest.mark.parametrize(
    ("each", "word"),
    [
        (0.0, "good"),
        (GOOD_NATS, "good"),
        (math.nextafter(GOOD_NATS, 1), "usable"),
        (USABLE_NATS, "usable"),
        (math.nextafter(USABLE_NATS, 1), "bad"),
        (9.0, "bad"),
    ],
)
def test_the_edges_belong_to_the_better_word(each, word):
    assert word_for(each) == word


def test_it_shares_the_known_error_out_over_the_effective_dimension(plan):
    d = size(plan)
    assert 1 < d < 2  # two coordinates, of which noise hides a part
    s, v = float(plan.levels[-1]), plan.moments.variances
    assert d == pytest.approx(sum(float(s * x / (1 + s * x)) for x in v))
    for factor, word in ((0.99, "good"), (1.01, "usable"), (4.99, "usable"), (5.01, "bad")):
        total = factor * GOOD_NATS * d
        made = dataclasses.replace(plan, ledger=ledger(0.2 * total, 0.3 * total, 0.5 * total))
        assert grade_of(made).each == pytest.approx(factor * GOOD_NATS)
        assert (grade_of(made).word, made.grade) == (word, word)
        assert f"Grade: {word}." in grade_words(made)
        assert any(f"Grade: {word}." in line for line in plan_sentences(made))


def test_less_than_one_effective_coordinate_counts_as_one(plan, monkeypatch):
    monkeypatch.setattr(room, "effective_dimension", lambda v, s: 0.1)
    made = dataclasses.replace(plan, ledger=ledger(0.01, 0.02, 0.03))
    assert grade_of(made).each == pytest.approx(0.06)


def test_an_ode_sampler_is_graded_by_the_kl_of_a_shift(plan):
    far = Distance(0.1, 0.05, 0.199, "measured", 100.0, "")
    made = dataclasses.replace(plan, ledger=ledger(0, 0, 0.0), distance=far, promised=None)
    assert grade_of(made).each == pytest.approx(0.199**2 / 2)
    assert grade_of(made).word == "good"
    worse = dataclasses.replace(made, ledger=ledger(0, 0, 0.01))
    assert grade_of(worse).each == pytest.approx(0.199**2 / 2 + 0.01 / size(plan))


def test_what_cannot_be_graded_is_not(plan):
    assert grade_of(dataclasses.replace(plan, cannot_tell="This audit cannot tell.")) is None
    guided = dataclasses.replace(plan, audit=dataclasses.replace(plan.audit, guidance=3.0))
    assert (grade_of(guided), guided.grade, grade_words(guided)) == (None, "", "")
    unknown = Entry("init", None, None, None, "unknown", "")
    assert grade_of(dataclasses.replace(plan, ledger=(unknown, *plan.ledger[1:]))) is None


def test_a_model_that_training_did_not_help_is_never_called_good(plan):
    of = dataclasses.replace(plan.audit, learnt_nothing=True)
    graded = dataclasses.replace(plan, ledger=ledger(0.0, 0.0, 0.0))
    assert grade_of(graded).word == "good"
    assert grade_of(dataclasses.replace(graded, audit=of)) is None
    worse = dataclasses.replace(graded, ledger=ledger(9.0, 9.0, 1.0), audit=of)
    assert grade_of(worse).word == "bad"


def test_a_model_that_is_no_better_than_a_gaussian_is_bad(plan):
    facts = dataclasses.replace(plan.audit, beaten=Beaten(9, 1, 17, 0.5, 0.1, 0.9))
    made = dataclasses.replace(plan, audit=facts)
    assert (made.grade, grade_words(made)) == ("bad", "Grade: bad.")


def test_a_perfect_detector_is_right_as_often_as_the_bounds_allow():
    assert detector_right(0.0) == 0.5
    assert detector_right(0.02) == pytest.approx(0.55)  # Pinsker: TV <= 0.1
    assert detector_right(1.0) == pytest.approx((1 + math.sqrt(0.5)) / 2)
    assert detector_right(3.0) == pytest.approx((1 + math.sqrt(1 - math.exp(-3))) / 2)
    assert "at most 55 %" in detector_words(0.02)
    assert "at most 86 %" in detector_words(1.0)  # 85.4, rounded up: it is a bound
    assert detector_words(9.0) == ""


def test_the_bound_holds_for_the_best_detector_of_two_gaussians():
    """Of N(0, 1) and N(delta, 1), KL delta^2/2, the best one is right Phi(delta/2) of the time."""
    for delta in np.linspace(0.0, 4.0, 41):
        right = 0.5 * (1 + math.erf(delta / 2 / math.sqrt(2)))
        assert right <= detector_right(float(delta**2 / 2)) + 1e-12


def test_the_words_speak_of_the_sampler_alone_unless_the_model_is_exact(plan):
    made = dataclasses.replace(plan, ledger=ledger(0.01, 0.01, 0.1))
    assert "With the sampler’s error alone, even a perfect detector" in grade_words(made)
    assert "at most 55 % of the time (50 % is guessing)" in grade_words(made)
    assert "With this error, even a perfect detector" in grade_words(plan)
