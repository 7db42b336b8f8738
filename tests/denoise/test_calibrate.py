"""The calibrated denoiser: equation (1) of denoise/calibrate.py."""

import numpy as np
import pytest
import torch

from girsanov._checks import InputError
from girsanov.denoise.base import Denoiser
from girsanov.denoise.calibrate import (
    RAW,
    CalibratedDenoiser,
    Calibration,
    calibration_from_tensors,
)
from girsanov.denoise.exact import ExactDenoiser
from girsanov.law import Gaussian, GaussianMixture
from girsanov.moments import moments_from_covariance

LAW = GaussianMixture(
    [0.25, 0.75],
    [[-1.0, 2.0, 0.3], [1.5, 0.5, 0.0]],
    [[[0.5, 0.3, 0], [0.3, 0.4, 0.1], [0, 0.1, 0.2]], np.diag([0.05, 0.2, 1.0])],
)
MOMENTS = moments_from_covariance(LAW.mean, LAW.covariance())
LEVELS = np.array([0.1, 1.0, 10.0])
BANDS = np.array([0, 1, 1])
X = torch.as_tensor(np.random.default_rng(0).normal(size=(7, 3)) * 2)


def calibration(*weights, levels=LEVELS, bands=BANDS, moments=MOMENTS):
    """The same weights at every level and band, or the weights [K, P, 3] given."""
    given = np.array(weights if len(weights) > 1 else weights[0], dtype=np.float64)
    shape = (len(levels), int(bands.max()) + 1, 3)
    return Calibration(levels, np.broadcast_to(given, shape).copy(), bands, moments)


def test_raw_weights_leave_the_denoiser_alone():
    model = CalibratedDenoiser(ExactDenoiser(LAW), calibration(RAW))
    assert torch.equal(model(X, 0.7), ExactDenoiser(LAW)(X, 0.7))
    assert isinstance(model, Denoiser)
    assert calibration(RAW).share == 0
    assert not model.exact
    assert model.standardisation is model.denoiser.standardisation


@pytest.mark.parametrize("snr", [0.1, 0.4, 10.0, 300.0, 1e-3])
def test_the_linear_weights_give_the_wiener_denoiser_at_any_level(snr):
    # one band a coordinate, so that lambda is the variance itself
    linear = calibration((0.0, 1.0, 0.0), bands=np.arange(3))
    wiener = ExactDenoiser(Gaussian(LAW.mean, LAW.covariance()))
    got = CalibratedDenoiser(ExactDenoiser(LAW), linear)(X, snr)
    assert torch.allclose(got, wiener(X, snr), atol=1e-10)


def test_equation_1_by_hand_on_and_between_levels():
    weights = np.random.default_rng(1).normal(size=(3, 2, 3))
    model = CalibratedDenoiser(ExactDenoiser(LAW), calibration(weights))
    u, mean = np.asarray(MOMENTS.basis.factors[0]), MOMENTS.mean
    lam = np.array([MOMENTS.variances[0], *[MOMENTS.variances[1:].mean()] * 2])
    for snr, of_weights in ((1.0, weights[1]), (10**-0.25, weights[0] / 4 + 3 * weights[1] / 4)):
        a, w, c = of_weights[BANDS].T
        keep = lam * snr / (1 + lam * snr)
        m = ExactDenoiser(LAW)(X, snr).numpy()
        expected = mean + (a * ((m - mean) @ u) + w * keep * ((X.numpy() - mean) @ u) + c) @ u.T
        assert model(X, snr).numpy() == pytest.approx(expected, rel=1e-10, abs=1e-10)


def test_a_level_for_each_example():
    model = CalibratedDenoiser(
        ExactDenoiser(LAW), calibration(np.random.default_rng(2).normal(size=(3, 2, 3)))
    )
    snr = torch.tensor([0.05, 0.2, 0.9, 1.0, 4.0, 11.0, 99.0], dtype=torch.float64)
    one_by_one = torch.cat([model(X[i : i + 1], float(s)) for i, s in enumerate(snr)])
    assert torch.allclose(model(X, snr), one_by_one, atol=1e-12)


def test_saved_weights_are_the_same_and_named_by_what_they_do():
    made = calibration(np.random.default_rng(3).normal(size=(3, 2, 3)))
    again = calibration_from_tensors(made.tensors(), MOMENTS)
    assert again.fingerprint == made.fingerprint
    assert made.share == 1
    other = calibration(made.weights + 1e-9)
    assert other.fingerprint != made.fingerprint
    raw = ExactDenoiser(LAW)
    assert CalibratedDenoiser(raw, made).fingerprint not in (
        raw.fingerprint,
        CalibratedDenoiser(raw, other).fingerprint,
    )


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match=r"calibration: must have weights of shape \(3, 2, 3\)"):
        Calibration(LEVELS, np.ones((3, 3, 3)), BANDS, MOMENTS)
    with pytest.raises(InputError, match="calibration: must band 3 coordinates"):
        Calibration(LEVELS, np.ones((3, 2, 3)), BANDS[:2], MOMENTS)
    with pytest.raises(InputError, match="calibration: must have finite weights"):
        calibration((np.nan, 0.0, 0.0))
    with pytest.raises(InputError, match="calibration: must be of 1 dimensions"):
        CalibratedDenoiser(ExactDenoiser(Gaussian([0.0], 1.0)), calibration(RAW))
