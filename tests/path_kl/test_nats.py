"""The error in nats of audits with few levels: what lies between them is measured, not guessed."""

from __future__ import annotations

import numpy as np
import pytest

import girsanov as gv
from girsanov.error_curve.interpolate import half_between
from girsanov.reporting.two_models import difference

LAW = gv.GaussianMixture([0.3, 0.7], [[-1.0], [1.5]], 0.01)  # s M has two peaks
LEVELS = np.geomspace(0.02, 2000.0, 5)


class Scaled(gv.ExactDenoiser):
    """c times the exact denoiser, which an audit does not know."""

    exact = False

    def __init__(self, scale):
        super().__init__(LAW)
        self.scale = scale

    def __call__(self, x, snr, label=None):
        return self.scale * super().__call__(x, snr, label)


def truth(low, high):
    """1/2 int M ds of the exact denoiser, from its curve at many levels."""
    s = np.geomspace(low, high, 600)
    return np.trapezoid(s * LAW.curve(s).value, np.log(s)) / 2


@pytest.fixture(scope="module")
def audits():
    data = gv.load_data(LAW.sample(1500, seed=4))
    return [gv.audit(Scaled(c), data, levels=LEVELS, seed=2) for c in (1.0, 0.9)]


def test_the_error_in_nats_is_that_of_all_levels(audits):
    scaled, ends = audits[1], (LEVELS[0], LEVELS[-1])
    found, true = scaled.nats(), truth(*ends) + worse(*ends)
    assert abs(found.value - true) < 4 * found.se
    ruled = np.trapezoid(LEVELS * scaled.total().value, np.log(LEVELS)) / 2  # between the levels
    assert abs(ruled - true) > 8 * found.se


def test_parts_add_up_to_the_whole(audits):
    curve, middle = audits[1].curve, 1.3
    parts = [half_between(curve, *ends) for ends in ((LEVELS[0], middle), (middle, LEVELS[-1]))]
    assert sum(parts) == pytest.approx(half_between(curve, LEVELS[0], LEVELS[-1]), rel=1e-6)
    own = curve.shares @ half_between(curve, LEVELS[1], LEVELS[3])
    assert own == pytest.approx(truth(LEVELS[1], LEVELS[3]) + worse(LEVELS[1], LEVELS[3]), rel=0.2)


def worse(low, high):
    """1/2 int eps^2 ds of .9 m: eps^2 = .01 E m^2, E m^2 = E x0^2 - M."""
    return 0.01 * (LAW.second_moment * (high - low) / 2 - truth(low, high))


def test_the_difference_of_two_models_is_that_of_all_levels(audits):
    exact, scaled = audits
    found = difference(scaled, exact).nats
    assert abs(found.value - worse(LEVELS[0], LEVELS[-1])) < 4 * found.se
