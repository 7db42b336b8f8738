"""The exact denoiser is the law's posterior mean, and says what it is."""

import numpy as np
import pytest
import torch
from catalogue import LAWS, over_laws

from girsanov._checks import InputError
from girsanov.denoise.base import Denoiser
from girsanov.denoise.exact import ExactDenoiser
from girsanov.law import Gaussian, Points


@over_laws
def test_it_is_a_denoiser(law):
    denoiser = ExactDenoiser(law)
    assert isinstance(denoiser, Denoiser)
    assert denoiser.exact
    assert denoiser.classes == 0
    assert denoiser.shape == (law.dimension,)
    assert denoiser.fingerprint == law.fingerprint
    low, high = denoiser.snr_range
    assert 0 < low < high < np.inf


@over_laws
def test_it_predicts_the_posterior_mean(law):
    """E|x0 - m|^2 is the law's curve, and no affine change of m does better."""
    n, snr = 40_000, 2.0
    x0 = law.sample(n, seed=3)
    z = torch.randn(x0.shape, generator=torch.Generator().manual_seed(4)).double()
    m = ExactDenoiser(law)(x0 + z / snr**0.5, snr)
    error = (x0 - m).square().sum(1)
    curve = law.curve([snr], examples=n)
    se = float(error.std() / n**0.5 + curve.se[0])
    assert abs(float(error.mean()) - float(curve.value[0])) < 5 * se
    for other in (torch.ones_like(m), m, x0 + z / snr**0.5):  # orthogonality: E (x0 - m) f(x) = 0
        product = ((x0 - m) * other).sum(1)
        assert abs(float(product.mean())) < 5 * float(product.std() / n**0.5)


def test_rows_may_have_levels_of_their_own():
    denoiser = ExactDenoiser(LAWS["mixture 2-D"])
    x, snr = torch.tensor([[1.0, 0.0], [0.5, 2.0]]).double(), torch.tensor([0.1, 30.0])
    both = denoiser(x, snr)
    for i in range(2):
        torch.testing.assert_close(both[i : i + 1], denoiser(x[i : i + 1], float(snr[i])))


def test_precision_is_that_of_the_state():
    denoiser = ExactDenoiser(LAWS["mixture 2-D"], torch.float32)
    assert denoiser.dtype == torch.float32
    assert denoiser(torch.zeros(3, 2), 1.0).dtype == torch.float32


def test_the_range_follows_the_scale_of_the_law():
    small, large = (ExactDenoiser(Gaussian([0.0], c)).snr_range for c in (1e-4, 1e4))
    assert small[0] / large[0] == pytest.approx(1e8)
    assert ExactDenoiser(Points([[3.0, 4.0]])).snr_range == (1e-3, 1e4)


def test_labels_are_refused():
    with pytest.raises(InputError, match="label: must be None: an exact denoiser has no classes"):
        ExactDenoiser(LAWS["gaussian"])(torch.zeros(2, 3), 1.0, torch.zeros(2))
