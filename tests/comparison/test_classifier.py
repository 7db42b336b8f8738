"""The classifier test: exact when nothing differs, and it finds what differs."""

import numpy as np
from comparison.pairs import LAWS, draw, looks_uniform

from girsanov.comparison.measures.classifier import classifier_test


def test_p_values_are_uniform_when_nothing_differs():
    draws, laws = np.random.default_rng(0), LAWS["the same"]
    found = [
        classifier_test(draw(laws[0], 60, draws), draw(laws[1], 50, draws), seed=k, deals=39)
        for k in range(150)
    ]
    assert looks_uniform([told.p_value for told in found])
    accuracies = np.array([told.share.value for told in found])
    assert abs(accuracies.mean() - 0.5) < 4 * accuracies.std() / 150**0.5
    # the standard error stands for the spread of fresh sets, folds and all
    assert np.mean([told.share.se for told in found]) > 0.8 * accuracies.std()


def test_what_a_line_cannot_tell_is_told():
    """Two laws with one mean and one covariance: a ring and a Gaussian."""
    draws = np.random.default_rng(1)
    turn = draws.uniform(0, 2 * np.pi, size=400)
    ring = np.sqrt(2) * np.stack([np.cos(turn), np.sin(turn)], 1)
    told = classifier_test(ring, draws.normal(size=(500, 2)))
    assert told.share.interval()[0] > 0.7
    assert told.p_value == 1 / 200


def test_it_is_the_same_again():
    draws = np.random.default_rng(2)
    x, y = draws.normal(size=(50, 3)), draws.normal(size=(60, 3))
    assert classifier_test(x, y, seed=4, deals=9) == classifier_test(x, y, seed=4, deals=9)
