"""The empirical measure: the mixture with zero covariances, and the softmax over its points."""

import numpy as np
import pytest
import torch
from scipy import special

from girsanov._checks import InputError
from girsanov.law import GaussianMixture, Points

RNG = np.random.default_rng(5)
PLACES = RNG.normal(size=(40, 6)) + 3
WEIGHTS = RNG.dirichlet(np.ones(40))


@pytest.mark.parametrize("snr", [1e-4, 0.5, 50.0, 1e5])
def test_equation_1(snr):
    law = Points(PLACES, WEIGHTS)
    x = law.sample(30, seed=0).numpy() + RNG.normal(size=(30, 6)) / np.sqrt(snr)
    squares = ((x[:, None] - PLACES) ** 2).sum(-1)
    r = special.softmax(np.log(WEIGHTS) - snr * squares / 2, axis=1)
    m = r @ PLACES
    spread = (r * ((PLACES[None] - m[:, None]) ** 2).sum(-1)).sum(1)
    np.testing.assert_allclose(law.denoise(torch.from_numpy(x), snr), m, rtol=1e-9)
    found = law.posterior_variance(torch.from_numpy(x), snr)
    np.testing.assert_allclose(found, spread, rtol=1e-8, atol=1e-12)


def test_points_are_the_mixture_without_covariance():
    law, mixture = Points(PLACES, WEIGHTS), GaussianMixture(WEIGHTS, PLACES, np.zeros((40, 6)))
    x = law.sample(30, seed=1) + 0.2
    assert torch.equal(mixture.sample(30, seed=1) + 0.2, x)
    for name in ("denoise", "posterior_variance", "log_prob"):
        a, b = getattr(law, name)(x, 3.0), getattr(mixture, name)(x, 3.0)
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)
    assert law.fingerprint != mixture.fingerprint


@pytest.mark.parametrize("snr", [1e10, 1e16, 1e100, 1e300])
def test_at_a_one_hot_posterior_the_nearest_point_comes_back(snr):
    law = Points(PLACES)
    x = torch.from_numpy(PLACES) + 1e-9
    torch.testing.assert_close(law.denoise(x, snr), x - 1e-9, rtol=1e-13, atol=0)
    spread = law.posterior_variance(x, snr)
    assert ((spread >= 0) & (spread <= 1e-12)).all()
    far = law.denoise(torch.full((1, 6), 1e4, dtype=torch.float64), min(snr, 1e290))
    assert (np.abs(PLACES - far.numpy()).max(axis=1) < 1e-10).any()


def test_points_weigh_the_same_unless_told():
    law = Points(PLACES.tolist())
    np.testing.assert_allclose(law.mean, PLACES.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(law.covariance(), np.cov(PLACES.T, bias=True), rtol=1e-10)
    assert law.points.shape == (40, 6)
    assert not law.has_density
    x = law.sample(100, seed=0).numpy()
    assert (x[:, None] == PLACES).all(-1).any(1).all()


def test_refusals():
    with pytest.raises(InputError, match=r"points: must have shape \[n, d\]; in one dimension"):
        Points([1.0, 2.0])
    with pytest.raises(InputError, match=r"weights: must have shape \[2\]"):
        Points([[1.0], [2.0]], [1.0])
    with pytest.raises(InputError, match="points: must be finite"):
        Points([[1.0], [np.inf]])
    with pytest.raises(
        InputError, match=r"snr: must be finite; got inf\. This law has no density"
    ):
        Points([[1.0], [2.0]]).log_prob(torch.ones(1, 1))
