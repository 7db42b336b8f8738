"""Isotonic regression, which a search for levels is made on."""

import numpy as np
import pytest
from scipy.optimize import isotonic_regression

from girsanov.error_curve.smooth import isotonic

RNG = np.random.default_rng(8)
CASES = {
    "noisy": (np.arange(66.0) + 20 * RNG.normal(size=66), RNG.gamma(1.0, size=66)),
    "falling": (-np.geomspace(1e-3, 1e4, 30), np.geomspace(1e-8, 1e8, 30)),
    "rising": (np.geomspace(1e-3, 1e4, 30), np.ones(30)),
    "level": (np.ones(5), np.ones(5)),
    "one": (np.array([3.0]), np.ones(1)),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_what_scipy_says(name):
    values, weights = CASES[name]
    want = isotonic_regression(values, weights=weights).x
    np.testing.assert_allclose(isotonic(values, weights), want, rtol=1e-12)


def test_of_nothing_there_is_nothing():
    assert isotonic(np.zeros(0), np.zeros(0)).shape == (0,)
