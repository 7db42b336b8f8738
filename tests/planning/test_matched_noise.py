"""The pilot's noise where coordinates share it in bands."""

import numpy as np
import pytest

from girsanov.error_curve.bands import Bands
from girsanov.planning.matched_noise import NoiseTarget


def test_coordinates_of_a_band_share_what_they_lack():
    target = NoiseTarget(np.array([4.0, 2.0, 1.0]), Bands(np.array([0, 1, 1])))
    lacks = target.lacks(np.array([3.0, 1.0, 1.0]), 2.0)
    # 4 + .5 - 3; the mean of 2 + .5 - 1 and 1 + .5 - 1
    assert lacks == pytest.approx([1.5, 1.0, 1.0])
    single = NoiseTarget(target.spread, Bands(np.arange(3)))
    assert single.lacks(np.array([3.0, 1.0, 1.0]), 2.0) == pytest.approx([1.5, 1.5, 0.5])
    scalar = NoiseTarget(np.array([2.0]), None)
    assert scalar.lacks(np.array([3.0, 1.0, 1.0]), np.inf) == pytest.approx([2 - 5 / 3])
