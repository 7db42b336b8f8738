"""Uniform laws on spheres: against 40 digits, rings of points and closed forms."""

import math

import mpmath as mp
import numpy as np
import pytest
import torch
from scipy import integrate, stats

import girsanov as gv
from girsanov._checks import InputError
from girsanov.law import Points, Sphere
from girsanov.law.bessel import tilt

CENTRE = np.array([2.0, -1.0])


def exact_tilt(d, k):
    """A/k, 1 - A and L - k of law/bessel.py with 40 digits."""
    with mp.workdps(40):
        k, n = mp.mpf(k), mp.mpf(d) / 2 - 1
        low = mp.besseli(n, k)
        a = mp.besseli(n + 1, k) / low
        log = mp.loggamma(n + 1) + n * mp.log(2 / k) + mp.log(low) - k
        return a / k, 1 - a, log


@pytest.mark.parametrize("d", [2, 3, 5, 30, 121, 3072])
@pytest.mark.parametrize("k", [1e-6, 0.1, 3.0, 40.0, 1e3, 1e5])
def test_bessel_functions_to_twelve_digits(d, k):
    square = torch.tensor([k * k], dtype=torch.float64)
    with mp.workdps(40):
        k = mp.sqrt(mp.mpf(float(square)))
    for got, want in zip(tilt(square, d), exact_tilt(d, k), strict=True):
        assert float(got) == pytest.approx(float(want), rel=3e-12, abs=1e-15)


def test_bessel_functions_at_zero():
    gain, lost, log = (float(v) for v in tilt(torch.zeros(1, dtype=torch.float64), 7))
    assert (gain, lost, log) == (pytest.approx(1 / 7, rel=1e-13), 1.0, pytest.approx(0, abs=1e-15))


def test_three_dimensions_are_langevins_function():
    k = np.geomspace(0.1, 30, 20)
    gain, _, log = tilt(torch.from_numpy(k**2), 3)
    np.testing.assert_allclose(gain.numpy() * k, 1 / np.tanh(k) - 1 / k, rtol=1e-12)
    np.testing.assert_allclose(log.numpy() + k, np.log(np.sinh(k) / k), rtol=1e-12)


@pytest.mark.parametrize("snr", [0.01, 1.0, 30.0, 3000.0])
def test_a_circle_is_a_ring_of_points(snr):
    turn = 2 * np.pi * np.arange(4096) / 4096
    ring = Points(CENTRE + 1.5 * np.stack([np.cos(turn), np.sin(turn)], axis=1))
    circle = Sphere(CENTRE, 1.5)
    x = circle.sample(40, seed=0) + torch.randn(40, 2, dtype=torch.float64) / math.sqrt(snr)
    x[0] = torch.from_numpy(CENTRE)  # where all directions are as likely
    for name in ("denoise", "posterior_variance", "log_prob"):
        a, b = getattr(circle, name)(x, snr), getattr(ring, name)(x, snr)
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("d", "snr"), [(2, 0.3), (3, 5.0), (12, 40.0), (3072, 1e4)])
def test_the_curve_is_the_mean_of_the_posterior_variance(d, snr):
    law = Sphere(np.linspace(-1, 1, d), 2.0)
    n = 20_000 if d < 100 else 500
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(n, d, dtype=torch.float64, generator=generator)
    v = law.posterior_variance(law.sample(n, seed=4) + z / math.sqrt(snr), snr).numpy()
    se = v.std(ddof=1) / math.sqrt(n)
    found = law.curve([snr])
    assert found.se == 0
    assert abs(found.value[0] - v.mean()) <= 4.5 * se + 1e-9 * law.variance


def test_the_curve_at_both_ends():
    law = Sphere(np.zeros(4), 3.0)
    low, high = law.curve([1e-6, 1e7]).value
    assert low == pytest.approx(9.0, rel=1e-5)
    assert high == pytest.approx(3 / 1e7, rel=1e-5)  # d - 1 directions are free
    assert (np.diff(law.curve(np.geomspace(1e-3, 1e6, 40)).value) < 0).all()


def test_log_prob_is_a_density():
    law = Sphere([0.0, 0.0, 1.0], 1.2)

    def shell(r):
        at = torch.tensor([[r, 0.0, 1.0]], dtype=torch.float64)
        return 4 * math.pi * r * r * math.exp(law.log_prob(at, 7.0).item())

    assert integrate.quad(shell, 0, 6)[0] == pytest.approx(1.0, rel=1e-9)


def test_samples_are_uniform():
    law = Sphere([1.0, 0.0, -2.0], 2.5)
    x = law.sample(20_000, seed=3).numpy() - law.mean
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 2.5, rtol=1e-12)
    for axis in range(3):  # Archimedes: each coordinate is uniform
        assert stats.kstest(x[:, axis], stats.uniform(-2.5, 5).cdf).pvalue > 1e-5


def test_refusals():
    with pytest.raises(
        InputError, match=r"centre: must have two numbers.*In one dim.* use Points"
    ):
        Sphere([0.0])
    with pytest.raises(InputError, match=r"centre: must have shape \[d\]"):
        Sphere(1.0)
    with pytest.raises(InputError, match="radius: must be"):
        Sphere([0.0, 0.0], -1)
    with pytest.raises(InputError, match="snr: must be at most"):
        Sphere([0.0, 0.0]).denoise(torch.ones(1, 2), 1e200)


def test_a_manifold_is_audited_and_planned_as_any_law():
    law = Sphere([1.0, 0.0, -2.0], 2.0)
    found = gv.audit(gv.ExactDenoiser(law), law, examples=400, levels=33)
    plan = found.plan(steps=12)
    x = gv.sample(gv.ExactDenoiser(law), plan, 400, seed=0)
    away = np.linalg.norm(x - law.mean, axis=1) - law.radius
    assert np.abs(away).max() < 6 * plan.resolution
    assert np.sqrt((away**2).mean()) < plan.resolution  # the last step denoised
