r"""The Bessel functions that a uniform law on a sphere needs, at any order and argument.

For a unit vector w uniform on the sphere of R^d, a unit vector u and k >= 0, with n = d/2 - 1,

    E exp(k u.w) = Gamma(n + 1) (2/k)^n I_n(k) =: exp L_n(k),                             (1)
    E[w exp(k u.w)] / E exp(k u.w) = A_n u,    A_n = I_{n+1}(k) / I_n(k) = L_n'(k).        (2)

At orders m >= LARGE Olver's uniform expansion in U_j(p) m^-j is exact to rounding, with z = k/m,
w = sqrt(1 + z^2) and p = 1/w (DLMF 10.41(ii); the V there are written in U),

    A_m = z/(1 + w) - z p S,    S = sum (p U_{j-1}/2 + p^2 U'_{j-1}) m^-j / sum U_j m^-j,   (3)
    L_m - k = m (w - z - 1 - log((1 + w)/2)) - log(w)/2
              + log( sum U_j(p) m^-j / sum U_j(1) m^-j ).                                  (4)

Lower orders follow from higher ones, in which rounding errors shrink:

    A_n = k / (2(n + 1) + k A_{n+1}),    1 - A_n = (2(n + 1) - k (1 - A_{n+1})) / (same),   (5)
    L_n = L_{n+1} + log1p( k A_{n+1} / 2(n + 1) ).                                         (6)

None of them loses digits at small or at large k, where quotients of Bessel functions do.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.polynomial import Polynomial

if TYPE_CHECKING:
    from .._typing import Tensor

LARGE = 60.0  # order from which (3) and (4) are good to 1e-14
TERMS = 8  # of the expansions


class Tilt(NamedTuple):
    """What exp(k u.w) does to a uniform w: equations (1) and (2)."""

    gain: Tensor  # A / k, which is even in k and 1/d at k = 0
    lost: Tensor  # 1 - A
    log: Tensor  # L - k <= 0


def tilt(square: Tensor, dimension: int) -> Tilt:
    """Return (1) and (2) at k = sqrt(`square`) >= 0, float64 of any shape, in R^d, d >= 2.

    Differentiable in `square` everywhere but at 0, where the gradients of `lost` and `log`,
    which are odd in k, are taken as 0.
    """
    order = dimension / 2 - 1
    top = order + max(0, int(np.ceil(LARGE - order)))
    k = square.clamp_min(1e-300).sqrt()
    gain, lost, log = _debye(square, k, top)
    while top > order + 0.5:
        top -= 1
        twice = 2 * (top + 1)
        below = twice + square * gain
        log = log + (square * gain / twice).log1p()
        gain, lost = 1 / below, (twice - k * lost) / below  # (5), (6)
    return Tilt(gain, lost, log)


def _debye(square: Tensor, k: Tensor, m: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return A/k, 1 - A and L - k at a large order m, (3) and (4)."""
    z2, z = square / m**2, k / m
    w = (1 + z2).sqrt()
    p = 1 / w
    u, q = _polynomials()
    total = _sum(u, p, m)
    part = p * _sum(q, p, m) / total
    gain = (1 / (1 + w) - part) / m
    lost = (1 + 1 / (w + z)) / (1 + w) + z * part
    bend = z2 / (1 + w)  # w - 1
    at_one = _sum(u, p.new_ones(()), m)
    # w - z - 1 = -(bend + z)/(w + z), which cancels at no z
    log = -m * ((bend + z) / (w + z) + (bend / 2).log1p())
    log = log - w.log() / 2 + (total / at_one).log()
    return gain, lost, log


def _sum(terms: list[Polynomial], p: Tensor, m: float) -> Tensor:
    """Return sum_j terms_j(p) m^-j by Horner's rule in both."""
    out = p.new_zeros(())
    for term in reversed(terms):
        inner = p.new_zeros(())
        for c in reversed(term.coef.tolist()):
            inner = inner * p + c
        out = out / m + inner
    return out


@cache
def _polynomials() -> tuple[list[Polynomial], list[Polynomial]]:
    """Return U_0.. of DLMF 10.41(ii) and the numerators of S in (3)."""
    p = Polynomial([0.0, 1.0])
    u = [Polynomial([1.0])]
    while len(u) < TERMS:
        more = (1 - 5 * p**2) * u[-1]
        u.append(p**2 * (1 - p**2) * u[-1].deriv() / 2 + more.integ() / 8)
    q = [Polynomial([0.0]), *(p * a / 2 + p**2 * a.deriv() for a in u[:-1])]
    return u, q
