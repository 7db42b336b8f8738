"""Phase space: equations (1) to (5) against matrix exponentials, quadrature and dense algebra."""

import math

import mpmath
import numpy as np
import pytest
from scipy import integrate, linalg

from girsanov._checks import InputError
from girsanov.process import CriticallyDampedLangevin
from girsanov.sampling.grids import time_grid

CLD = CriticallyDampedLangevin()
F, G = np.array([[0.0, -1.0], [1.0, -2.0]]), np.array([0.0, 2.0])  # equation (1)
TIMES = (1e-4, 0.03, 0.4, 1.7, 6.0)


def test_the_forward_process_leaves_the_normal_law_where_it_is():
    assert np.array_equal(F + F.T + np.outer(G, G), np.zeros((2, 2)))
    for h in TIMES:
        phi = CLD.transition(h)
        np.testing.assert_allclose(phi @ phi.T + CLD.noise(h), np.eye(2), atol=1e-15)
    np.testing.assert_allclose(np.linalg.eigvals(F), [-1, -1], atol=1e-7)


@pytest.mark.parametrize("h", TIMES)
def test_transitions_solve_the_equation_at_any_time(h):  # equation (2)
    np.testing.assert_allclose(CLD.transition(h), linalg.expm(h * F), rtol=1e-12, atol=1e-15)
    x, weight = np.polynomial.legendre.leggauss(40)
    flows = [linalg.expm(h / 2 * (1 + u) * F) @ G for u in x]
    covariance = sum(h / 2 * w * np.outer(f, f) for f, w in zip(flows, weight, strict=True))
    np.testing.assert_allclose(CLD.noise(h), covariance, rtol=1e-9)


def test_transitions_compose():
    one, two = 0.3, 1.1
    phi = CLD.transition(two)
    np.testing.assert_allclose(phi @ CLD.transition(one), CLD.transition(one + two), rtol=1e-13)
    both = phi @ CLD.noise(one) @ phi.T + CLD.noise(two)
    np.testing.assert_allclose(both, CLD.noise(one + two), rtol=1e-13)


@pytest.mark.parametrize("t", TIMES)
def test_the_data_enter_along_a_and_the_velocity_starts_as_noise(t):  # equations (3), (4)
    phi = CLD.transition(t)
    np.testing.assert_allclose(CLD.mean(t), phi[:, 0], rtol=1e-15)
    given = CLD.noise(t) + np.outer(phi[:, 1], phi[:, 1])
    np.testing.assert_allclose(given, np.eye(2) - np.outer(phi[:, 0], phi[:, 0]), atol=1e-15)
    assert CLD.signal(t) == pytest.approx(float(phi[:, 0] @ phi[:, 0]), rel=1e-14)


@pytest.mark.parametrize("t", [0.03, 0.4, 1.7])
def test_the_statistic_is_that_of_dense_least_squares(t):  # equation (5)
    a = CLD.mean(t)
    covariance = np.eye(2) - np.outer(a, a)
    best = np.linalg.solve(covariance, a)
    snr = float(a @ best)
    assert CLD.snr(t) == pytest.approx(snr, rel=1e-10)
    read = CLD.statistics(t)
    np.testing.assert_allclose(read[0], best / snr, rtol=1e-10)
    law = read @ covariance @ read.T
    np.testing.assert_allclose(law, np.diag([1 / snr, 1.0]), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(read @ a, [1.0, 0.0], atol=1e-15)
    np.testing.assert_allclose(CLD.axes(t) @ read, np.eye(2), atol=1e-14)


def test_moments_of_a_simulated_path_are_those_of_the_statistic():
    rng, n, steps, t = np.random.default_rng(0), 40_000, 400, 0.8
    z = np.stack([np.full(n, 1.5), rng.normal(size=n)])
    flow, noise = linalg.expm(t / steps * F), (t / steps) ** 0.5
    for _ in range(steps):  # Euler's noise: an error of order t / steps in the covariance
        z = flow @ z + np.outer(G, noise * rng.normal(size=n))
    u, w = CLD.statistics(t) @ z
    snr = float(CLD.snr(t))
    assert abs(u.mean() - 1.5) < 5 * (n * snr) ** -0.5
    assert abs(w.mean()) < 5 * n**-0.5
    assert u.var() * snr == pytest.approx(1.0, abs=5 * (2 / n) ** 0.5 + 2 * t / steps)
    assert w.var() == pytest.approx(1.0, abs=5 * (2 / n) ** 0.5 + 2 * t / steps)
    assert abs(np.corrcoef(u, w)[0, 1]) < 5 * n**-0.5 + 2 * t / steps


def test_the_clock_is_exact_to_rounding():
    snr = np.geomspace(1e-6, 1e12, 181)
    times = CLD.time(snr)
    assert (np.diff(times) < 0).all()
    np.testing.assert_allclose(CLD.snr(times), snr, rtol=3e-14)
    with mpmath.workdps(60):
        for s, t in zip(snr[::12].tolist(), times[::12].tolist(), strict=True):
            r = mpmath.exp(-2 * mpmath.mpf(t)) * (1 + 2 * mpmath.mpf(t) + 2 * mpmath.mpf(t) ** 2)
            assert float(r / (1 - r)) == pytest.approx(s, rel=3e-14)
    np.testing.assert_allclose(CLD.log_snr(times), np.log(snr), atol=1e-13)


def test_the_clock_falls_as_the_inverse_cube_of_time():
    assert CLD.snr(1e-4) * 4 * 1e-12 / 3 == pytest.approx(1.0, abs=2e-4)
    slope = integrate.quad(lambda t: 4 * t**2 * math.exp(-2 * t), 0, 0.7)[0]  # -dr/dt
    assert CLD.signal(0.7) == pytest.approx(1 - slope, rel=1e-12)


def test_uniform_steps_of_time_make_a_grid():
    grid = time_grid(CLD, 0.01, 1000.0, 9)
    np.testing.assert_allclose(np.diff(CLD.time(grid), n=2), 0, atol=1e-12)


@pytest.mark.parametrize(("call", "rule"), [("snr", "t: must be"), ("time", "snr: must be")])
def test_nothing_is_said_of_time_zero(call, rule):
    with pytest.raises(InputError, match=rule):
        getattr(CLD, call)(0.0)
