"""Memorisation: chance is 1/2 for any model that has not seen the examples, however poor."""

import numpy as np
import pytest
from comparison.pairs import looks_uniform

from girsanov.comparison.measures.memorisation import memorisation


def test_p_values_are_uniform_for_a_poor_model_without_memory():
    draws, found = np.random.default_rng(0), []
    for seed in range(150):
        # far too narrow: nearly all samples share the same few nearest examples
        x = 0.3 * draws.normal(size=(200, 2))
        held = draws.gamma(2.0, size=(2, 40, 2)) - 2
        found.append(memorisation(x, held[0], held[1], seed=seed))
    assert looks_uniform([f.p_value for f in found])
    shares = np.array([f.share.value for f in found])
    assert abs(shares.mean() - 0.5) < 4 * shares.std() / 150**0.5
    assert np.mean([f.share.se for f in found]) == pytest.approx(shares.std(), rel=0.25)


def test_copies_are_found():
    draws = np.random.default_rng(1)
    train, held_out = draws.normal(size=(60, 3)), draws.normal(size=(50, 3))
    found = memorisation(train + 0.01 * draws.normal(size=train.shape), train, held_out)
    assert found.share.value > 0.85  # 50 of the 60 are among the examples looked at
    assert found.p_value == 1 / 1000
    assert found.share.interval()[0] > 0.6


def test_an_example_in_both_sorts_favours_neither():
    draws = np.random.default_rng(2)
    same = draws.normal(size=(300, 3))
    found = memorisation(same, same, same)
    assert abs(found.share.value - 0.5) < 4 * 0.5 / 300**0.5
