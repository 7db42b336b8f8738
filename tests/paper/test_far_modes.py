"""Far modes in many dimensions, and a score that is hard to learn, against closed forms."""

import math

import numpy as np
import pytest

from girsanov.law import GaussianMixture
from girsanov.ledger.entry import kl_from_tv
from girsanov.paper.output_law import gaussian_kl, gaussian_output
from girsanov.paper.path_kl import discretisation
from girsanov.paper.statements import hard_score, isoperimetry
from girsanov.sampling.grids import log_uniform_grid


@pytest.mark.parametrize("snr", [5.0, 100.0])
def test_the_relaxation_time_of_a_gaussian_is_its_variance(snr):
    assert isoperimetry.relaxation(0.0, snr) == pytest.approx(0.25 + 1 / snr, rel=1e-3)


def test_the_relaxation_time_is_what_a_test_function_says_at_least():
    """1/gap >= Var f / E|f'|^2 for every f, here a step of the mixture's own width."""
    x = np.linspace(-8, 8, 20_001)
    p = isoperimetry.law_density(isoperimetry.law_along(), 100.0, x).p
    f = np.tanh(2 * x / math.sqrt(0.26))
    mean = np.trapezoid(p * f, x)
    quotient = np.trapezoid(p * (f - mean) ** 2, x) / np.trapezoid(p * np.gradient(f, x) ** 2, x)
    found = isoperimetry.relaxation(2.0)
    assert quotient <= found * (1 + 1e-6)
    assert found <= 3 * quotient


def test_the_path_kl_of_many_dimensions_is_a_sum():
    """Against the law in R^5 itself, whose curve is measured in all its directions."""
    d, calls = 5, 32
    e = np.ones(d) / math.sqrt(d)
    whole = GaussianMixture([0.8, 0.2], [-2 * e, 2 * e], 0.25)
    levels = log_uniform_grid(isoperimetry.FIRST, isoperimetry.LAST, calls + 1)
    along, across = isoperimetry.path_kl(calls)
    exact = discretisation(whole, levels, "ddpm")
    assert along + (d - 1) * across == pytest.approx(exact, rel=1e-6)


def test_calls_between_those_computed_are_found_again():
    n = int(isoperimetry.TABLE[3])
    along, across, _ = isoperimetry.outputs(n)
    assert isoperimetry.calls_enough(
        2.0, 7, along + 7 * across, isoperimetry.TABLE
    ) == pytest.approx(n)
    between = isoperimetry.calls_enough(2.0, 0, kl_from_tv(0.1), isoperimetry.TABLE)
    low, high = math.floor(between), math.ceil(between)
    assert isoperimetry.outputs(high)[0] < 1.03 * kl_from_tv(0.1)
    assert isoperimetry.outputs(low - 1)[0] > 0.97 * kl_from_tv(0.1)


def test_across_the_modes_the_output_is_a_gaussian():
    _, cov = gaussian_output(isoperimetry.ACROSS, isoperimetry.plan(16, 0.0))
    expected = gaussian_kl(float(cov[0, 0]), 0.25 + 1 / isoperimetry.LAST)
    assert isoperimetry.outputs(16)[1] == pytest.approx(expected)


def test_what_polynomials_leave_is_what_least_squares_leaves():
    law, s = hard_score.SKEWED, 4.0
    left = hard_score.left_by_degree(law, s, 6)
    x = np.linspace(-6, 6, 6001)
    p = hard_score.law_density(law, s, x).p
    m = hard_score.exact_denoise(law, x, s)

    def error(degree):
        c = np.polynomial.legendre.legfit(x / 6, m, degree, w=np.sqrt(p))
        return p @ (m - np.polynomial.legendre.legval(x / 6, c)) ** 2

    for degree in (2, 4, 6):
        assert left[degree] == pytest.approx(error(degree) / error(1), rel=1e-3)


def test_a_gaussian_denoiser_is_a_straight_line():
    law, slices = hard_score.pancakes(), hard_score.left_by_degree
    assert law.variance == pytest.approx(1.0, abs=1e-3)
    assert abs(law.mean[0]) < 1e-3
    assert (np.diff(slices(law, 16.0, 12)[1:]) <= 1e-15).all()


def test_pancakes_in_any_direction_are_no_easier():
    """Monomials of two coordinates, fitted by least squares, leave what (1) says along w."""
    law, s, degree = hard_score.pancakes(), 16.0, 3
    y, wy = np.polynomial.hermite_e.hermegauss(40)
    z, wz = np.linspace(-5, 5, 2001), None
    wz = hard_score.law_density(law, s, z).p
    m = hard_score.exact_denoise(law, z, s)
    along, across = np.meshgrid(z, y * math.sqrt(1 + 1 / s), indexing="ij")
    u, v = (along + across) / math.sqrt(2), (along - across) / math.sqrt(2)  # w unknown
    root = np.sqrt(np.outer(wz, wy)).ravel()
    powers = [
        (u / 3) ** i * (v / 3) ** j for i in range(degree + 1) for j in range(degree + 1 - i)
    ]
    design = np.stack([f.ravel() * root for f in powers], axis=1)
    target = np.repeat(m[:, None], len(y), axis=1).ravel() * root
    fit = design @ np.linalg.lstsq(design, target, rcond=None)[0]
    design1 = np.stack([np.ones_like(u).ravel() * root, u.ravel() * root, v.ravel() * root], 1)
    line = design1 @ np.linalg.lstsq(design1, target, rcond=None)[0]
    left = ((target - fit) ** 2).sum() / ((target - line) ** 2).sum()
    assert left == pytest.approx(hard_score.left_by_degree(law, s, degree)[degree], abs=1e-6)


def test_the_statements_fail_when_a_law_is_another(monkeypatch):
    wrong = isoperimetry.Row("", 0.2, isoperimetry.outputs(64, 0.6)[2], "=", 0.01)
    assert not wrong.holds  # near modes are not a mass of .2 right of 0
    monkeypatch.setattr(hard_score, "APART", 2.5)  # a distance at which moments tell
    law = hard_score.pancakes()
    assert hard_score.left_by_degree(law, 16.0, 12)[12] < hard_score.LEFT_SHARE
