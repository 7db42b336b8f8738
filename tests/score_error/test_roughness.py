"""Roughness in the noise level: none in an exact denoiser, and as much as was put in."""

import math

import numpy as np
import pytest
import torch

from girsanov._checks import InputError
from girsanov.denoise.exact import ExactDenoiser
from girsanov.law import GaussianMixture
from girsanov.score_error.roughness import roughness

LAW = GaussianMixture(
    [0.25, 0.75],
    [[-1.0, 2.0], [1.5, 0.5]],
    [[[0.5, 0.3], [0.3, 0.4]], [[0.05, -0.02], [-0.02, 0.2]]],
)
SIGMAS = np.array([0.05, 0.3, 1.0, 4.0])
SIZE = 0.02  # of the jitter put in, in units of sigma
EXAMPLES = torch.from_numpy(np.random.default_rng(0).normal(size=(600, 2)))


class Jittery(ExactDenoiser):
    """The exact denoiser with a sine of log sigma added to every coordinate."""

    def __init__(self, period):
        super().__init__(LAW)
        self.period = period

    def __call__(self, x, snr, label=None):
        u = -torch.as_tensor(snr, dtype=torch.float64).log().reshape(-1, 1) / 2
        wave = SIZE * u.exp() * torch.sin(2 * math.pi / self.period * u + torch.arange(2))
        return super().__call__(x, snr) + wave


def test_an_exact_denoiser_has_none():
    value, se, _ = roughness(ExactDenoiser(LAW), EXAMPLES, SIGMAS**-2)
    assert value.shape == se.shape == (4,)
    assert (value < 1e-2 * SIZE**2 / 2).all()


@pytest.mark.parametrize("period", [0.05, 0.025, 0.01, 0.003])
def test_what_was_put_in_is_found(period):
    value, se, _ = roughness(Jittery(period), EXAMPLES, SIGMAS**-2, spacing=0.05)
    assert (se < 0.1 * value).all()
    assert (abs(value - SIZE**2 / 2) < 4 * se).all()


def test_slow_waves_are_no_jitter():
    value, _, _ = roughness(Jittery(1.0), EXAMPLES, SIGMAS**-2, spacing=0.05)
    assert (value < 1e-2 * SIZE**2 / 2).all()


def test_the_same_by_seed_and_whatever_stands_in_one_call(monkeypatch):
    once = roughness(Jittery(0.01), EXAMPLES[:40], SIGMAS**-2)
    monkeypatch.setattr("girsanov.score_error.roughness.CALL", 7)
    parts = roughness(Jittery(0.01), EXAMPLES[:40], SIGMAS**-2)
    np.testing.assert_allclose(once.value, parts.value)
    other = roughness(Jittery(0.01), EXAMPLES[:40], SIGMAS**-2, seed=1)
    assert (once.value != other.value).all()


def test_refuses_one_example_and_no_spacing():
    with pytest.raises(InputError, match="x0: must hold at least 2 examples; got 1"):
        roughness(ExactDenoiser(LAW), EXAMPLES[:1], SIGMAS**-2)
    with pytest.raises(InputError, match="spacing"):
        roughness(ExactDenoiser(LAW), EXAMPLES, SIGMAS**-2, spacing=0.0)
