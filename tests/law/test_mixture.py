"""The mixture against a dense computation that shares no line with it."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy import special, stats

from girsanov._checks import InputError
from girsanov.law import Gaussian, GaussianMixture
from girsanov.law import mixture as module

RNG = np.random.default_rng(2)
K, D = 5, 3
ROOTS = RNG.normal(size=(K, D, D)) * RNG.uniform(0.1, 1.5, (K, 1, 1))
WEIGHTS = np.array([0.05, 0.4, 0.1, 0.15, 0.3])
MEANS = RNG.normal(size=(K, D)) * 2 + [5.0, 0.0, -3.0]
DIAGONALS = RNG.uniform(0.0, 1.5, (K, D))
FORMS = {
    "shared": (0.3, np.tile(0.3 * np.eye(D), (K, 1, 1))),
    "isotropic": (DIAGONALS[:, 0], DIAGONALS[:, 0, None, None] * np.eye(D)),
    "diagonal": (DIAGONALS, DIAGONALS[:, :, None] * np.eye(D)),
    "full": (ROOTS @ ROOTS.transpose(0, 2, 1), ROOTS @ ROOTS.transpose(0, 2, 1)),
}
over_forms = pytest.mark.parametrize(("given", "full"), FORMS.values(), ids=FORMS.keys())


def dense(weights, means, covariances, x, snr):
    """Return log p_s, m and tr Cov by conditioning one component at a time, in numpy."""
    d = means.shape[1]
    logs, guesses, spreads = [], [], []
    for w, mean, covariance in zip(weights, means, covariances, strict=True):
        wide = covariance + np.eye(d) / snr
        logs.append(math.log(w) + stats.multivariate_normal(mean, wide).logpdf(x))
        gain = covariance @ np.linalg.inv(wide)
        guesses.append(mean + (x - mean) @ gain.T)
        spreads.append(covariance - gain @ covariance)
    logs, guesses = np.array(logs), np.array(guesses)
    r = special.softmax(logs, axis=0)
    m = np.einsum("kn,knd->nd", r, guesses)
    own = np.einsum("kn,k->n", r, [np.trace(s) for s in spreads])
    return special.logsumexp(logs, axis=0), m, own + (r * ((guesses - m) ** 2).sum(-1)).sum(0)


@over_forms
@pytest.mark.parametrize("snr", [1e-6, 0.05, 1.0, 20.0, 1e4])
def test_equations_1_to_4(given, full, snr):
    law = GaussianMixture(WEIGHTS, MEANS, given)
    x = law.sample(40, seed=1) + torch.from_numpy(RNG.normal(size=(40, D))) / math.sqrt(snr)
    log, m, spread = dense(WEIGHTS, MEANS, full, x.numpy(), snr)
    np.testing.assert_allclose(law.log_prob(x, snr), log, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(law.denoise(x, snr), m, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(law.posterior_variance(x, snr), spread, rtol=1e-7, atol=1e-12)


@over_forms
def test_moments(given, full):
    law = GaussianMixture(WEIGHTS, MEANS, given)
    mean = WEIGHTS @ MEANS
    second = np.einsum("k,kij->ij", WEIGHTS, full + MEANS[:, :, None] * MEANS[:, None])
    np.testing.assert_allclose(law.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(law.covariance(), second - np.outer(mean, mean), rtol=1e-10)
    assert law.second_moment == pytest.approx(np.trace(second), rel=1e-12)


@pytest.mark.parametrize("snr", [0.1, 30.0])
def test_three_forms_of_one_law_agree(snr):
    values = DIAGONALS[:, 0]
    forms = (values, np.tile(values[:, None], (1, D)), values[:, None, None] * np.eye(D))
    laws = [GaussianMixture(WEIGHTS, MEANS, form) for form in forms]
    x = laws[0].sample(30, seed=2)
    for other in laws[1:]:
        torch.testing.assert_close(other.sample(30, seed=2), x, rtol=1e-12, atol=1e-12)
        for name in ("denoise", "posterior_variance", "log_prob"):
            a, b = getattr(laws[0], name)(x, snr), getattr(other, name)(x, snr)
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@over_forms
def test_one_component_is_the_gaussian(given, full):
    mixture = GaussianMixture([1.0], MEANS[1:2], full[1:2])
    gaussian = Gaussian(MEANS[1], full[1])
    x = gaussian.sample(30, seed=3) + 0.5
    for name in ("denoise", "posterior_variance", "log_prob"):
        a, b = getattr(mixture, name)(x, 4.0), getattr(gaussian, name)(x, 4.0)
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-12)
    levels = np.geomspace(1e-3, 1e5, 9)
    a, b = mixture.curve(levels), gaussian.curve(levels)
    np.testing.assert_allclose(a.value, b.value, rtol=1e-12)
    assert (a.se == 0).all()


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_degenerate_covariances_are_the_limit_of_thin_ones(rank):
    roots = ROOTS[:, :, :rank]
    flat = roots @ roots.transpose(0, 2, 1)
    law = GaussianMixture(WEIGHTS, MEANS, flat)
    thin = GaussianMixture(WEIGHTS, MEANS, flat + 1e-9 * np.eye(D))
    x = law.sample(30, seed=4) + 0.3
    for name in ("denoise", "posterior_variance", "log_prob"):
        a, b = getattr(law, name)(x, 3.0), getattr(thin, name)(x, 3.0)
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)
    assert not law.has_density


@over_forms
@pytest.mark.parametrize("limits", [(8, 32, 2), (64, 96, 1), (2**18, 64, 3)])
def test_blocks_do_not_show(given, full, limits, monkeypatch):
    law = GaussianMixture(WEIGHTS, MEANS, given)
    x = law.sample(100, seed=5) * 1.5
    names = ("denoise", "posterior_variance", "log_prob")
    whole = [getattr(law, name)(x, 2.0) for name in names]
    for name, value in zip(("PAIRS", "BLOCK", "COMPONENTS"), limits, strict=True):
        monkeypatch.setattr(module, name, value)
    for name, expected in zip(names, whole, strict=True):
        torch.testing.assert_close(getattr(law, name)(x, 2.0), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("given", [given for given, _ in FORMS.values()], ids=FORMS.keys())
def test_a_component_of_weight_zero_is_not_there(given):
    weights = np.array([0.0, 0.5, 0.0, 0.5, 0.0])
    law = GaussianMixture(weights, MEANS, given)
    kept = given if np.ndim(given) == 0 else given[[1, 3]]
    other = GaussianMixture([0.5, 0.5], MEANS[[1, 3]], kept)
    x = law.sample(50, seed=6)
    torch.testing.assert_close(law.denoise(x, 2.0), other.denoise(x, 2.0), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(other.sample(50, seed=6), x, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("distance", [1e3, 1e6, 1e9])
def test_far_from_everything_the_posterior_is_still_right(distance):
    """Two equal balls seen from far along an oblique ray: r has the closed form of a logistic."""
    means, weights = np.array([[1.0, 0.0], [0.0, 1.0]]), [0.25, 0.75]
    u = np.array([0.6, 0.8])
    law, snr = GaussianMixture(weights, means, 0.5), 4.0
    x = law.mean + distance * u + np.array([0.8, -0.6]) / 3
    wide = 0.5 + 1 / snr
    # The difference of squared distances, written without squares of the distance.
    gap = (means[0] - means[1]) @ (distance * u + np.array([0.8, -0.6]) / 3) / wide
    gap += ((means[1] - law.mean) @ (means[1] - law.mean)) / (2 * wide)
    gap -= ((means[0] - law.mean) @ (means[0] - law.mean)) / (2 * wide)
    r = special.expit(gap + math.log(weights[0] / weights[1]))
    expected = (0.5 / wide) * x + (1 - 0.5 / wide) * (r * means[0] + (1 - r) * means[1])
    found = law.denoise(torch.from_numpy(x)[None], snr)
    np.testing.assert_allclose(found[0], expected, rtol=1e-12)
    assert torch.isfinite(law.log_prob(torch.from_numpy(x)[None], snr)).all()


def test_far_away_the_widest_component_holds_everything():
    for covariances in ([0.1, 2.0, 0.5], np.diag([0.1, 2.0, 0.5]) @ np.ones((3, 2))):
        law = GaussianMixture(
            [0.98, 0.01, 0.01], [[0.0, 1.0], [2.0, 0.0], [5.0, 5.0]], covariances
        )
        x = torch.tensor([[3e5, -4e6]], dtype=torch.float64)
        expected = Gaussian([2.0, 0.0], 2.0)
        torch.testing.assert_close(
            law.denoise(x, 2.0), expected.denoise(x, 2.0), rtol=1e-12, atol=0
        )
        log = expected.log_prob(x, 2.0) + math.log(0.01)
        torch.testing.assert_close(law.log_prob(x, 2.0), log, rtol=1e-12, atol=0)


@over_forms
@pytest.mark.parametrize("snr", [1e-300, 1e-30, 1e12, 1e30, 1e200])
def test_every_level_gives_finite_numbers(given, full, snr):
    law = GaussianMixture(WEIGHTS, MEANS, given)
    x = law.sample(20, seed=8)
    m, spread = law.denoise(x, snr), law.posterior_variance(x, snr)
    assert torch.isfinite(m).all()
    assert (spread >= 0).all()
    limit, bound = (x, 3 / snr + 1e-13) if snr > 1 else (torch.from_numpy(law.mean), law.variance)
    torch.testing.assert_close(m, limit.expand_as(m), rtol=1e-5, atol=1e-5)
    assert (spread <= bound * (1 + 1e-6)).all()


def test_components_are_chosen_by_their_weights():
    law = GaussianMixture([0.1, 0.0, 0.7, 0.2], [[0.0], [1.0], [2.0], [3.0]], 0.0)
    x = law.sample(50_000, seed=9).numpy()[:, 0]
    counts = np.array([(x == v).sum() for v in range(4)])
    assert counts[1] == 0
    expected = 50_000 * np.array([0.1, 0.7, 0.2])
    assert stats.chisquare(counts[[0, 2, 3]], expected).pvalue > 1e-4


MEMORY = """
import resource, numpy as np, torch
from girsanov.law import GaussianMixture
d, k = 1000, 10_000
rng = np.random.default_rng(0)
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
start = peak()
means = rng.normal(size=(k, d))
law = GaussianMixture(np.full(k, 1 / k), means, rng.uniform(0.01, 0.02, (k, d)))
x = law.sample(64, seed=0)
near = law.denoise(x + 0.01 * torch.from_numpy(rng.normal(size=(64, d))), 1e4)
assert (near - x).abs().max() < 0.1, (near - x).abs().max()
assert torch.isfinite(law.posterior_variance(x, 1.0)).all()
print(peak() - start)
"""


def test_ten_thousand_components_in_a_thousand_dimensions_fit_a_gigabyte():
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1024, "MiB above what importing takes"


@pytest.mark.parametrize(
    ("weights", "means", "covariances", "message"),
    [
        ([0.5, 0.5], [1.0, 2.0], 1.0, r"means: must have shape \[k, d\]; in one dim.*got \(2,\)"),
        ([1.0], [[1.0], [2.0]], 1.0, r"weights: must have shape \[2\], as means do; got \(1,\)"),
        ([0.5, 0.6], [[1.0], [2.0]], 1.0, "weights: must sum to one within 1e-6; got 1.1"),
        ([1.5, -0.5], [[1.0], [2.0]], 1.0, "weights: must not be negative; got -0.5"),
        ([0.5, math.nan], [[1.0], [2.0]], 1.0, "weights: must be finite"),
        ([0.5, 0.5], [[1.0], [2.0]], -1.0, "covariances: must not be negative"),
        ([0.5, 0.5], np.eye(2), [0.1, -0.1], "covariances: must not be negative"),
        (
            [0.5, 0.5],
            np.eye(2),
            [[1, -0.1], [-0.1, 1]],
            "negative; got -0.1. An array .k, d. holds",
        ),
        (
            [0.5, 0.5],
            np.eye(2),
            [[[1.0]], [[1.0]]],
            r"covariances: must be a number or have shape \[2\]",
        ),
        (
            [0.5, 0.5],
            np.eye(2, 3),
            np.eye(3),
            r"\[2\], \[2, 3\] or \[2, 3, 3\]; got \(3, 3\).*each comp",
        ),
        ([0.5, 0.5], np.eye(2, 3), np.ones(3), r"covariances: must be a number.*got \(3,\)"),
        (
            [0.5, 0.5],
            np.eye(2),
            [np.eye(2), [[1, 2], [2, 1]]],
            "covariances: must have no negative",
        ),
        ([0.5, 0.5], np.eye(2), [np.eye(2), [[1, 2], [0, 9]]], "covariances: must be symmetric"),
    ],
)
def test_refusals(weights, means, covariances, message):
    with pytest.raises(InputError, match=message):
        GaussianMixture(weights, means, covariances)


def test_weights_are_made_to_sum_to_one_once():
    law = GaussianMixture([0.3, 0.7000005], [[0.0], [1.0]], 1.0)
    assert math.fsum(law.weights) == pytest.approx(1.0, abs=1e-15)
    for seed in range(20):
        given = np.random.default_rng(seed).uniform(size=9)
        once = GaussianMixture(given / given.sum() + 1e-8, np.eye(9), 1.0).weights
        np.testing.assert_array_equal(GaussianMixture(once, np.eye(9), 1.0).weights, once)


def test_parameters_cannot_be_changed_under_the_fingerprint():
    given = np.array([[0.0], [1.0]])
    law = GaussianMixture([0.5, 0.5], given, 1.0)
    given[0] = 9.0
    assert law.means[0, 0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        law.means[0] = 3.0
