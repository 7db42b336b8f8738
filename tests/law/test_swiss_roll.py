"""The swiss roll: against scikit-learn, adaptive quadrature and truncated normals."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from girsanov._checks import InputError
from girsanov.law import SwissRoll

LOW, HIGH = 1.5 * math.pi, 4.5 * math.pi
PLANE = SwissRoll()


def brute(law, x, snr):
    """Mass, mean and spread of the posterior along the curve by scipy's adaptive rule."""
    t = np.linspace(LOW, HIGH, 400_001)
    away = ((law.at(t) - x) ** 2).sum(1)
    best = float(t[away.argmin()])
    floor = away.min()

    def moment(power):
        def rule(u):
            c = law.at(np.array([u]))[0]
            return math.exp(-snr / 2 * (((c - x) ** 2).sum() - floor)) * power(c)

        cuts = [best - 0.5, best - 0.05, best, best + 0.05, best + 0.5]
        cuts = [LOW, *(c for c in cuts if LOW < c < HIGH), HIGH]
        return sum(integrate.quad(rule, a, b, epsabs=0, epsrel=1e-9, limit=400)[0]
                   for a, b in itertools.pairwise(cuts))  # fmt: skip

    mass = moment(lambda c: 1.0)
    mean = np.array([moment(lambda c, i=i: c[i]) / mass for i in (0, 1)])
    spread = moment(lambda c: ((c - mean) ** 2).sum()) / mass
    log = math.log(mass / (HIGH - LOW)) - snr / 2 * floor - math.log(2 * math.pi / snr)
    return log, mean, spread


@pytest.mark.parametrize("snr", [0.05, 2.0, 60.0, 2000.0])
def test_sums_are_integrals_along_the_curve(snr):
    noise = np.random.default_rng(2).normal(size=(4, 2)) / math.sqrt(snr)
    x = PLANE.sample(4, seed=1).numpy() + noise
    rows = torch.from_numpy(x)
    found = (
        PLANE.log_prob(rows, snr),
        PLANE.denoise(rows, snr),
        PLANE.posterior_variance(rows, snr),
    )
    for k in range(4):
        for got, want in zip(found, brute(PLANE, x[k], snr), strict=True):
            np.testing.assert_allclose(got[k], want, rtol=1e-7, atol=1e-10)


def test_the_height_is_a_truncated_normal():
    law, snr = SwissRoll(0.1, 21.0), 30.0
    x = law.sample(50, seed=2) + torch.randn(50, 3, dtype=torch.float64) * 0.4
    sigma, y = snr**-0.5, x[:, 1].numpy()
    cut = stats.truncnorm(-y / sigma, (2.1 - y) / sigma, y, sigma)
    np.testing.assert_allclose(law.denoise(x, snr)[:, 1], cut.mean(), rtol=1e-8)
    flat = SwissRoll(0.1)
    np.testing.assert_allclose(law.denoise(x, snr)[:, [0, 2]], flat.denoise(x[:, [0, 2]], snr))
    more = law.posterior_variance(x, snr) - flat.posterior_variance(x[:, [0, 2]], snr)
    np.testing.assert_allclose(more, cut.var(), rtol=1e-6)


def test_samples_are_those_of_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets")
    theirs, t = datasets.make_swiss_roll(20_000, random_state=0)
    law = SwissRoll(1.0, 21.0)
    ours = law.sample(20_000, seed=0).numpy()
    for axis in range(3):
        assert stats.ks_2samp(ours[:, axis], theirs[:, axis]).pvalue > 1e-5
    np.testing.assert_allclose(law.at(t), theirs[:, [0, 2]], atol=1e-9)


def test_every_sample_is_on_the_roll():
    x = PLANE.sample(200, seed=5).numpy()
    t = np.linalg.norm(x, axis=1) / PLANE.scale
    np.testing.assert_allclose(PLANE.at(t), x, atol=1e-12)
    assert ((t >= LOW) & (t <= HIGH)).all()
    assert np.linalg.norm(x, axis=1).max() <= 1.5


def test_moments_are_integrals():
    t = np.linspace(LOW, HIGH, 1_000_001)
    c = PLANE.at(t)
    np.testing.assert_allclose(PLANE.mean, np.trapezoid(c, t, axis=0) / (HIGH - LOW), atol=1e-9)
    cov = np.cov(c.T, bias=True)
    np.testing.assert_allclose(PLANE.covariance(), cov, rtol=1e-4)
    law = SwissRoll(0.1, 21.0)
    assert law.covariance()[1, 1] == pytest.approx(2.1**2 / 12, rel=1e-12)


def test_fine_levels_are_served_and_finer_ones_refused():
    x = PLANE.sample(5, seed=0)
    fine = PLANE.posterior_variance(x, 1e6)
    np.testing.assert_allclose(fine, 1e-6, rtol=0.02)  # one direction is free
    with pytest.raises(InputError, match=r"snr: must be at most .* for this swiss roll"):
        PLANE.denoise(x, 1e14)


def test_refusals():
    with pytest.raises(InputError, match="scale: must be"):
        SwissRoll(0.0)
    with pytest.raises(InputError, match="height: must be"):
        SwissRoll(1.0, -2.0)
