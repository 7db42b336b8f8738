"""Two models compared: the difference of score errors against what is known of it."""

import dataclasses

import numpy as np
import pytest

from girsanov import InputError
from girsanov.auditing import audit
from girsanov.denoise.exact import ExactDenoiser
from girsanov.reporting.two_models import difference, in_words

from .conftest import Shrunk

GRID = np.geomspace(0.02, 50, 60)


@pytest.fixture(scope="module")
def pair(law):
    """A model that is 0.8 times the exact one, and the exact one, on the same examples."""
    known = Shrunk(law)
    right = Shrunk(law)
    right.__class__ = type("Right", (Shrunk,), {"__call__": lambda self, *a: self.inner(*a)})
    right.fingerprint = "e" * 64
    options = {"levels": GRID, "examples": 2000, "seed": 3}
    return audit(known, law, **options), audit(right, law, **options)


def test_the_difference_is_that_of_the_score_errors(pair, law):
    found = difference(*pair)
    # eps^2 of 0.8 m is 0.04 E|m|^2, and E|m|^2 = E|x0|^2 - M for the exact m
    curve = audit(ExactDenoiser(law), law, levels=GRID, examples=50).total().value
    second = 0.5 * (5 + 0.3) + 0.3 * (4 + 0.35) + 0.2 * (4.25 + 0.45)  # E|x0|^2
    truth = np.trapezoid(0.04 * (second - curve) * GRID, np.log(GRID)) / 2
    assert found.paired
    assert abs(found.nats.value - truth) < 5 * found.nats.se + 0.02 * truth
    assert found.nats.se < 0.2 * truth
    assert found.gain.value.shape == found.noise.shape == GRID.shape


def test_swapping_the_models_turns_the_sign(pair):
    there, back = difference(*pair), difference(*pair[::-1])
    assert there.nats.value == pytest.approx(-back.nats.value)
    assert "Model 2 is the better one" in in_words(there, 2)
    assert "Model 1 is the better one" in in_words(back, 2)


def test_other_examples_widen_the_interval(pair, law):
    again = audit(Shrunk(law), law, levels=GRID, examples=2000, seed=4)
    found = difference(pair[0], again)
    assert not found.paired
    assert "cannot be told apart" in in_words(found, 2)
    assert abs(found.nats.value) < 5 * found.nats.se
    assert difference(pair[0], pair[0]).nats.se == 0


def test_units_do_not_matter(pair):
    """The same curve in units three times as small, at the same noise in the user's units."""
    first = pair[0].with_facts(scale=1.0)
    curve = first.curve
    scaled = dataclasses.replace(
        curve,
        levels=curve.levels / 9,
        traces=curve.traces * 9,
        errors={name: value * 9 for name, value in curve.errors.items()},
    )
    other = dataclasses.replace(first, curve=scaled).with_facts(scale=1 / 3)
    assert difference(first, other).nats.value == pytest.approx(0.0, abs=1e-9)


def test_what_cannot_be_compared_is_refused(pair):
    flat = pair[1].with_facts(shape=(3,))
    with pytest.raises(InputError, match="audit: must be of shape"):
        difference(pair[0], flat)
