"""Step constants against 50 digits, and the inequalities of their table."""

import mpmath as mp
import numpy as np
import pytest

from girsanov.paper.bounds import steps as of

mp.mp.dps = 50
SIZES = [*np.geomspace(1e-9, 1.59, 60).tolist(), 0.0999999, 0.1, 0.1000001]
A = lambda h: 2 * (1 - mp.exp(-h)) - h  # noqa: E731
C = lambda h: A(h) / (mp.exp(2 * h) - 1)  # noqa: E731
CLOSED = {
    "a": A,
    "b": lambda h: h - 1 + mp.exp(-h),
    "kappa": lambda h: mp.mpf(1) / 2 - C(h),
    "step_phi": lambda h: -mp.log(2 * C(h)) / 2 - mp.mpf(1) / 2 + C(h),
    "square": lambda h: h - 2 * (1 - mp.exp(-h)) + (1 - mp.exp(-2 * h)) / 2,
    "c": lambda h: 1 - (1 + h) * mp.exp(-h),
    "e": lambda h: h - 2 * h * mp.exp(-h),
    "lag": lambda h: (
        h - 2 * h * mp.exp(-h) + mp.mpf(1) / 2 - mp.exp(-2 * h) * (h**2 + mp.mpf(1) / 2)
    ),
    "turn": lambda h: (h - 1 + mp.exp(-2 * h) * (h**2 + h + 1)) / 2,
    "exp_excess": lambda h: mp.exp(h) - 1 - h,
}


@pytest.mark.parametrize("name", CLOSED)
def test_against_fifty_digits(name):
    got = getattr(of, name)(np.array(SIZES))
    true = np.array([float(CLOSED[name](mp.mpf(h))) for h in SIZES])
    # a and e vanish inside the range, where their own size is no measure
    size = np.maximum(np.abs(true), 1e-3 * np.array(SIZES)) if name in "ae" else np.abs(true)
    assert (np.abs(got - true) <= 2e-12 * size).all()


@pytest.mark.parametrize("x", [1e-12, 1e-6, 0.0499, 0.0501, 0.5, 0.999, -0.3, -7.0])
def test_log_excess_against_fifty_digits(x):
    true = float(-mp.log(1 - mp.mpf(x)) - mp.mpf(x))
    assert float(of.log_excess(x)) == pytest.approx(true, rel=1e-12)


def test_integrals_of_critically_damped_steps():
    for h in (0.02, 0.5, 3.0):
        u = h * (np.polynomial.legendre.leggauss(30)[0] + 1) / 2
        w = h * np.polynomial.legendre.leggauss(30)[1] / 2
        late = u**2 * np.exp(-2 * u) + (1 - (1 - u) * np.exp(-u)) ** 2
        assert of.lag(h) == pytest.approx(w @ late, rel=1e-9)
        curve = (h - u) * np.exp(-2 * u) * (u**2 + (1 - u) ** 2)
        assert of.turn(h) == pytest.approx(w @ curve, rel=1e-9)


def test_inequalities_of_the_table():
    h = np.geomspace(1e-8, 1.59, 500)
    assert (of.kappa(h) <= h).all()
    assert (of.kappa(h) >= 0).all()
    short = h[h <= 1.5]  # at 1.55 and beyond it is false
    assert (of.step_phi(short) <= short**2 * (1 + 1e-12)).all()
    assert of.step_phi(1.55) > 1.55**2
    assert np.allclose(h - of.a(h), 2 * of.b(h), rtol=1e-9, atol=1e-16)
    assert of.a(of.LONGEST) > 0 > of.a(of.LONGEST + 1e-3)
    assert np.isinf(of.step_phi(2.0))
    assert of.kappa(500.0) == pytest.approx(0.5)
