"""The Gaussian law against scipy and against conditioning a joint normal vector."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from girsanov._checks import InputError
from girsanov.law import Gaussian

RNG = np.random.default_rng(1)
ROOT = RNG.normal(size=(3, 3))
FULL = ROOT @ ROOT.T
FORMS = {
    "scalar": (0.7, 0.7 * np.eye(3)),
    "diagonal": ([0.2, 3.0, 0.05], np.diag([0.2, 3.0, 0.05])),
    "full": (FULL, FULL),
    "degenerate": (np.outer([1, 2, 3], [1, 2, 3]), np.outer([1, 2, 3], [1, 2, 3])),
}
MEAN = np.array([4.0, -1.0, 0.5])
X = RNG.normal(size=(20, 3)) * 3 + MEAN
over_forms = pytest.mark.parametrize(("given", "full"), FORMS.values(), ids=FORMS.keys())


@over_forms
@pytest.mark.parametrize("snr", [0.01, 1.0, 300.0])
def test_equations_1_to_3(given, full, snr):
    law = Gaussian(MEAN, given)
    wide = full + np.eye(3) / snr
    gain = np.linalg.solve(wide, full).T
    x = torch.from_numpy(X)
    np.testing.assert_allclose(law.denoise(x, snr), MEAN + (X - MEAN) @ gain.T, rtol=1e-10)
    spread = np.trace(full - gain @ full)
    np.testing.assert_allclose(law.posterior_variance(x, snr), np.full(20, spread), rtol=1e-9)
    log = stats.multivariate_normal(MEAN, wide).logpdf(X)
    np.testing.assert_allclose(law.log_prob(x, snr), log, rtol=1e-10)
    found = law.curve([snr, 2 * snr])
    assert found.value[0] == pytest.approx(spread, rel=1e-9)
    assert (found.se == 0).all()
    assert math.isinf(found.degrees)


def test_moments_are_the_ones_given():
    for given, full in FORMS.values():
        law = Gaussian(MEAN, given)
        np.testing.assert_allclose(law.covariance(), full, rtol=1e-12, atol=1e-12)
        assert law.variance == pytest.approx(np.trace(full))


def test_the_law_itself_has_scipys_density():
    log = stats.multivariate_normal(MEAN, FULL).logpdf(X)
    np.testing.assert_allclose(Gaussian(MEAN, FULL).log_prob(torch.from_numpy(X)), log, rtol=1e-10)


def test_no_digits_are_lost_at_either_end():
    law = Gaussian([0.0], 2.0)
    levels = [1e-12, 1e-3, 1e3, 1e16]
    np.testing.assert_allclose(
        law.curve(levels).value, [2 / (1 + 2 * s) for s in levels], rtol=1e-15
    )
    one = torch.ones(1, 1, dtype=torch.float64)
    assert law.denoise(one, 1e-12).item() == pytest.approx(2e-12, rel=1e-11)
    assert law.posterior_variance(one, 1e16).item() == pytest.approx(1e-16, rel=1e-12)


def test_a_point_mass_is_a_gaussian():
    law = Gaussian(MEAN, 0.0)
    np.testing.assert_array_equal(law.denoise(torch.from_numpy(X), 3.0), np.tile(MEAN, (20, 1)))
    assert (law.sample(4, seed=0).numpy() == MEAN).all()
    assert law.curve([1.0]).value[0] == 0.0
    assert not law.has_density


def test_a_thousand_dimensions():
    d = 1000
    root = RNG.normal(size=(d, d)) / math.sqrt(d)
    law = Gaussian(np.ones(d), root @ root.T)
    x = law.sample(64, seed=0) + 0.1
    values = np.linalg.eigvalsh(root @ root.T)
    expected = (values / (1 + 10 * values)).sum()
    np.testing.assert_allclose(law.posterior_variance(x, 10.0), np.full(64, expected), rtol=1e-9)
    rest = law.denoise(x, 10.0) - 1
    back = rest + rest @ torch.from_numpy(np.linalg.inv(root @ root.T)) / 10
    torch.testing.assert_close(back, x - 1, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("mean", "covariance", "message"),
    [
        ([[1.0]], 1.0, r"mean: must have shape \[d\]; got \(1, 1\)"),
        (1.0, 1.0, r"mean: must have shape \[d\]"),
        ([], 1.0, "mean: must not be empty"),
        ([1.0, math.nan], 1.0, "mean: must be finite.*got nan"),
        ([1.0, 1e200], 1.0, "mean: must be finite, at most 1e.100"),
        (["a", "b"], 1.0, "mean: must be numbers in a rectangular array"),
        ([[1.0], [1.0, 2.0]], 1.0, "mean: must be numbers in a rectangular array"),
        ([True, False], 1.0, "mean: must be numbers"),
        ([1.0, 2.0], -1.0, "covariance: must not be negative; got -1.0"),
        ([1.0, 2.0], [1.0, -0.5], "covariance: must not be negative; got -0.5"),
        (
            [1.0, 2.0],
            [1.0, 1.0, 1.0],
            r"covariance: must be a number or have shape \[2\] or \[2, 2\]",
        ),
        (
            [1.0, 2.0],
            [[1.0, 0.3], [0.2, 1.0]],
            "covariance: must be symmetric; largest asym.*0.0999",
        ),
        ([1.0, 2.0], [[1.0, 2.0], [2.0, 1.0]], "covariance: must have no negative eigenvalue"),
        ([1.0, 2.0], None, "covariance: must be numbers"),
        ([1.0, 2.0], math.inf, "covariance: must be finite"),
    ],
)
def test_refusals(mean, covariance, message):
    with pytest.raises(InputError, match=message):
        Gaussian(mean, covariance)
