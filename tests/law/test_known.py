"""What laws know without sampling: equations (1) and (2) of law/known.py, by independent means."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

from girsanov.law import Gaussian, GaussianMixture, Points, Sphere
from girsanov.law.quadrature import integrals

LEVELS = np.array([1e-3, 0.07, 0.6, 3.0, 40.0, 2e3])
ROOT = np.array([[1.0, 0.0, 0.0], [0.8, 0.5, 0.0], [-0.6, 0.4, 0.3]])
SHARED = ROOT @ ROOT.T
OWN, TURN = np.linalg.eigh(SHARED)
ALONG = TURN[:, 1]  # an eigenvector of SHARED
LINES = {
    "skewed": GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15]),
    "far": GaussianMixture([0.01, 0.99], [[40.0], [0.0]], [0.5, 1e-3]),
    "points": Points([[-1.0], [0.2], [5.0]], [0.5, 0.3, 0.2]),
}
SPLIT = {  # mixtures along one line of R^d
    "two": GaussianMixture([0.3, 0.7], [[1.0, 2.0, 3.0], [0.0, 1.0, -1.0]], 0.2),
    "row": Points([[0.0, 1.0], [1.0, 3.0], [3.0, 7.0]], [0.2, 0.5, 0.3]),
    "diagonal": GaussianMixture([0.3, 0.7], [[1.0, 2.0], [4.0, 2.0]], [[0.1, 0.3], [0.5, 0.3]]),
    "turned": GaussianMixture(
        [0.4, 0.6],
        [2 * ALONG + 1, -ALONG + 1],
        [SHARED + 0.7 * np.outer(ALONG, ALONG), SHARED],
    ),
}
OTHERS = {
    "triangle": Points([[2.0, 0.0], [5.0, 1.0], [1.0, -3.0]]),
    "two spreads": GaussianMixture([0.3, 0.7], [[0.0, 1.0], [2.0, -1.0]], [0.05, 0.4]),
    "unlike beside": GaussianMixture(
        [0.5, 0.5], [[1.0, 2.0], [4.0, 2.0]], [[0.1, 0.3], [0.1, 0.4]]
    ),
    "skew": GaussianMixture([0.5, 0.5], [[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]], [SHARED, SHARED]),
}


def entropy_information(law, snr):
    """I = h(X_s) - h(noise) of a mixture on a line, by scipy's quadrature of the density."""
    wide = np.sqrt(law._variances[:, 0] + 1 / snr)

    def part(x):
        p = float(stats.norm.pdf(x, law.means[:, 0], wide) @ law.weights)
        return -special.xlogy(p, p)

    reach = law.means[:, 0, None] + wide[:, None] * np.linspace(-14, 14, 29)
    edges = np.unique(reach)
    whole = sum(integrate.quad(part, *ends, epsabs=1e-12)[0] for ends in pairwise(edges))
    return whole - math.log(2 * math.pi * math.e / snr) / 2


@pytest.mark.parametrize("law", LINES.values(), ids=LINES)
def test_information_of_a_mixture_is_that_of_its_density(law):
    known = law.known(LEVELS)
    for s, found in zip(LEVELS, known.information, strict=True):
        assert found == pytest.approx(entropy_information(law, s), abs=1e-9)


def half_area(law, known_error, snr):
    """1/2 int_0^s M in log s by Gauss and Legendre, the start as M(0) s."""
    x, w = np.polynomial.legendre.leggauss(20)
    edges = np.linspace(math.log(1e-9), math.log(snr), 61)
    half = np.diff(edges)[:, None] / 2
    s = np.exp(edges[:-1, None] + half * (1 + x)).ravel()
    return known_error(s) * s @ (half * w).ravel() / 2 + law.variance * 1e-9 / 2


EVERY = {
    **LINES,
    **SPLIT,
    "gaussian": Gaussian([3.0, -1.0, 0.5], SHARED),
    "sphere": Sphere([1.0, 2.0, 3.0], 2.0),
    "circle": Sphere([0.0, 1.0], 3.0),
    "many": Sphere(np.ones(60), 5.0),
}


@pytest.mark.parametrize("law", EVERY.values(), ids=EVERY)
def test_information_is_half_the_integral_of_the_error(law):
    def error(s):
        return law.known(s).errors.sum(axis=1)

    known = law.known(LEVELS)
    for k in (1, 3, 4):
        area = half_area(law, error, LEVELS[k])
        assert known.information[k] == pytest.approx(area, rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("law", EVERY.values(), ids=EVERY)
def test_errors_are_those_along_the_axes(law):
    known, count = law.known(LEVELS[1:4]), 40_000
    axes = np.eye(law.dimension) if known.axes is None else known.axes
    np.testing.assert_allclose(axes.T @ axes, np.eye(law.dimension), atol=1e-12)
    np.testing.assert_allclose((axes * known.variances) @ axes.T, law.covariance(), atol=1e-12)
    rng = np.random.default_rng(5)
    for s, errors in zip(LEVELS[1:4], known.errors, strict=True):
        x0 = law.sample(count, seed=3)
        x = x0 + torch.from_numpy(rng.normal(size=x0.shape)) / s**0.5
        rest = ((x0 - law.denoise(x, float(s))).numpy() @ axes) ** 2
        se = rest.std(axis=0) / count**0.5
        assert (np.abs(rest.mean(axis=0) - errors) <= 5 * se + 1e-20).all()


@pytest.mark.parametrize("law", OTHERS.values(), ids=OTHERS)
def test_what_only_sampling_tells_is_not_known(law):
    assert law.known(LEVELS) is None
    assert (law.curve(LEVELS, examples=50).se > 0).all()


def test_points_near_a_line_are_not_on_it_where_it_shows():
    near = Points([[0.0, 0.0], [1.0, 1.0 + 1e-13], [2.0, 2.0]])
    assert near.known([1.0, 1e10]) is not None
    assert near.known([1.0, 1e26]) is None
    assert Points([[0.0, 0.0], [1.0, 1.001], [2.0, 2.0]]).known([1e-6, 1e-5]) is None


def test_integrals_are_taken_together_as_one_by_one():
    edges = [np.linspace(0.0, 2.0 + k, 3) for k in range(70)]
    edges[7] = np.array([1.0])  # no mass between

    def rule(x, of):
        return np.stack([np.exp(-(x**2) * (1 + of)), 1 / (1e-3 + (x - 1) ** 2)])

    found = integrals(rule, edges, np.zeros((2, 70)))
    for k in (0, 7, 63, 64, 69):
        end = edges[k][-1] if k != 7 else 0.0
        root = (1.0 + k) ** 0.5
        one = math.erf(end * root) * math.sqrt(math.pi) / 2 / root
        two = (math.atan((end - 1) / 1e-3**0.5) + math.atan(1 / 1e-3**0.5)) / 1e-3**0.5
        np.testing.assert_allclose(found[:, k], [one, two * (k != 7)], rtol=1e-10)
