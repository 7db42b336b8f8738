r"""What one step of an exponential integrator weighs, without losing digits when it is short.

With h > 0 the time of a step of the Ornstein-Uhlenbeck process dX = -X dt + sqrt(2) dB,

    a_h     = 2 (1 - e^-h) - h,                    the weight of I(t) in an exact path KL,  (1)
    b_h     = h - 1 + e^-h,                        half of what is left, h - a_h = 2 b_h,   (2)
    kappa_h = 1/2 - a_h / (e^2h - 1),              0 <= kappa_h <= h,                       (3)
    phi_h   = -1/2 log(1 - 2 kappa_h) - kappa_h,   <= h^2 for h <= 3/2, and infinite from
                                                   LONGEST on,                              (4)
    square_h = int_0^h (1 - e^-u)^2 du,                                                     (5)
    c_h     = 1 - (1 + h) e^-h,                    of critically damped Langevin steps,     (6)
    e_h     = h - 2 h e^-h,                        likewise: the weight of J_vv,            (7)
    lag_h   = int_0^h u^2 e^-2u + (1 - (1 - u) e^-u)^2 du,      about 5 h^3/3,              (8)
    turn_h  = int_0^h (h - w) e^-2w (w^2 + (1 - w)^2) dw,       about h^2/2.                (9)

The closed forms of all but (1) and (7) are differences that vanish to second or third order:
below 0.1 their Taylor series is summed instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..._typing import Array

LONGEST = 1.5936  # a_h > 0 below it; above, (4) has no meaning
SHORT = 0.1  # the series' first term left out is then below 1e-16 of its sum
TERMS = 16


def _taylor(coefficient: Callable[[int], float], first: int) -> Array:
    """Return c_n = coefficient(n)/n! for n < TERMS as a polynomial, zero below `first`."""
    return np.array(
        [coefficient(n) / math.factorial(n) if n >= first else 0 for n in range(TERMS)]
    )


# each is the closed form's own expansion, term by term
_B = _taylor(lambda n: (-1.0) ** n, 2)
_SQUARE = _taylor(lambda n: 2 * (-1.0) ** n - (-2.0) ** n / 2, 3)
_C = _taylor(lambda n: -((-1.0) ** n) * (1 - n), 2)
_KAPPA = _taylor(lambda n: 2.0 ** (n - 1) + 2 * (-1.0) ** n, 2)
_LAG = _taylor(
    lambda n: -2 * n * (-1.0) ** (n - 1) - (-2.0) ** n / 2 - n * (n - 1) * (-2.0) ** (n - 2), 3
)
_TURN = _taylor(
    lambda n: ((-2.0) ** n + n * (-2.0) ** (n - 1) + n * (n - 1) * (-2.0) ** (n - 2)) / 2, 2
)
_EXP = _taylor(lambda n: 1.0, 2)


def _either(h: Array | float, series: Array, closed: Callable[[Array], Array]) -> Array:
    """Return the series where h is short and the closed form elsewhere."""
    h = np.asarray(h, dtype=np.float64)
    small = np.abs(h) < SHORT
    near = np.polynomial.polynomial.polyval(np.where(small, h, 0.0), series)
    return np.asarray(np.where(small, near, closed(np.where(small, 1.0, h))))


def a(h: Array | float) -> Array:
    """Return equation (1)."""
    return np.asarray(-2 * np.expm1(-np.asarray(h, dtype=np.float64)) - h)


def b(h: Array | float) -> Array:
    """Return equation (2)."""
    return _either(h, _B, lambda x: x + np.expm1(-x))


def kappa(h: Array | float) -> Array:
    """Return equation (3)."""
    # (e^2h - 1)/2 - a_h over e^2h - 1, both sides multiplied by e^-2h so that nothing overflows
    h = np.asarray(h, dtype=np.float64)
    top = _either(
        h, _KAPPA, lambda x: np.exp(2 * np.minimum(x, 300)) / 2 - 0.5 + 2 * np.expm1(-x) + x
    )
    return np.asarray(top / np.expm1(2 * np.minimum(h, 300)))


def step_phi(h: Array | float) -> Array:
    """Return equation (4); infinite where a_h <= 0."""
    x = 2 * kappa(h)
    return np.asarray(np.where(x < 1, log_excess(np.minimum(x, 1 - 1e-16)) / 2, np.inf))


def square(h: Array | float) -> Array:
    """Return equation (5)."""
    return _either(h, _SQUARE, lambda x: x + 2 * np.expm1(-x) - np.expm1(-2 * x) / 2)


def c(h: Array | float) -> Array:
    """Return equation (6)."""
    return _either(h, _C, lambda x: 1 - (1 + x) * np.exp(-x))


def e(h: Array | float) -> Array:
    """Return equation (7)."""
    h = np.asarray(h, dtype=np.float64)
    return np.asarray(h - 2 * h * np.exp(-h))


def lag(h: Array | float) -> Array:
    """Return equation (8)."""
    return _either(h, _LAG, lambda x: x - 2 * x * np.exp(-x) + 0.5 - np.exp(-2 * x) * (x**2 + 0.5))


def turn(h: Array | float) -> Array:
    """Return equation (9)."""
    return _either(h, _TURN, lambda x: (x - 1 + np.exp(-2 * x) * (x**2 + x + 1)) / 2)


def exp_excess(x: Array | float) -> Array:
    """Return e^x - 1 - x."""
    return _either(x, _EXP, lambda y: np.expm1(y) - y)


def log_excess(x: Array | float) -> Array:
    """Return -log(1 - x) - x for x < 1, by its series where that cancels."""
    x = np.asarray(x, dtype=np.float64)
    small = np.abs(x) < 0.05
    series = np.array([0.0, 0.0, *(1 / n for n in range(2, TERMS))])
    near = np.polynomial.polynomial.polyval(np.where(small, x, 0.0), series)
    y = np.where(small, 0.5, x)
    return np.asarray(np.where(small, near, -np.log1p(-y) - y))
