"""Arrays of an audit that nobody can have measured are refused, whatever their SHA-256."""

import numpy as np
import pytest

from girsanov.error_curve.second_moments import matrices
from girsanov.measuring.record_arrays import _are_moments

RNG = np.random.default_rng(3)


def products(count=40):
    """Upper triangles of second moments of `count` examples of 5 numbers of unlike sizes."""
    v = RNG.gamma(2.0, size=(7, count, 5)) * [1.0, 1e6, 1e-4, 1e-3, 0.0]
    gram = np.einsum("bni,bnj->bij", v, v) / count
    upper = np.triu_indices(5)
    return gram[:, upper[0], upper[1]]


@pytest.mark.parametrize("count", [1, 2, 40])  # fewer examples than numbers: a singular matrix
def test_second_moments_are_taken_for_such(count):
    measured = products(count)
    assert _are_moments(measured)
    assert (np.linalg.eigvalsh(matrices(measured)) >= -1e-3).all()


@pytest.mark.parametrize(("place", "factor"), [(0, -1.0), (1, 1.5), (7, -9.0), (14, -1e300)])
def test_what_no_numbers_have_as_second_moments_is_seen(place, factor):
    bent = products()
    bent[3, place] = bent[3, place] * factor + (factor if place == 14 else 0.0)
    assert not _are_moments(bent)
