r"""The path KL of one step in phase space, critically damped Langevin diffusion, from the same
curve.

With rho = (1 + s) m* - s x, m* = E[x0 | x], which is a martingale towards the data, the score of
Z = (X, V) is S = a rho - Z, and its expectation a step u later known (Z at the noisier time):

    E[S' | Z] = e^{u F^T} S,     E[rho' | Z] = rho.                                        (1)

A model gives rho^ = (1 + s) m - s x instead. Girsanov's KL of a frozen velocity score, with the
drift 4 S_v and the noise 2 dB, is 2 int E|S^_v - S'_v|^2 dt, so that a step of length h costs

    ei-score      2 h E|S^_v|^2 - 4 [h e^-h E S^_v.S_v - c E S^_v.S_x]
                  + 2 d h + d/2 log((1 + s')/(1 + s)),    c = 1 - (1 + h) e^-h,               (2)
    ei-relative   2 h a_v^2 E|rho^|^2 - 4 a_v A E rho^.rho + (m2^2 - d)(r' - r)/2
                  + d/2 log((1 + s')/(1 + s)),            A = int_t'^t a_v,  r = s/(1 + s),   (3)

less 1/2 int M ds, as every step. With E|x0 - x|^2 = d/s and Tweedie's formula,

    E|rho^|^2 = m2^2 + s d + (1+s)^2 E|r|^2 - 2 (1+s) (E x0.r + s E n.r),
    E rho^.rho = m2^2 + s d - (1+s) (E x0.r + s E n.r),
    E rho^.x = m2^2 - d - (1+s) (E x0.r - E n.r),   E rho^.w = -(1+s) E w.r.               (4)

For an exact denoiser (2) and (3) sum to the integrals of its Fisher information. E w.r vanishes
for a denoiser of x alone; a model of phase space brings it as a fourth trace. ddpm and
analytic-dpm cost what they cost in any process on the same SNRs, and so does the start.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special

from .._typing import Array
from ..process import CriticallyDampedLangevin

CLD = CriticallyDampedLangevin()
Times = tuple[Array, Array]


class _Products(NamedTuple):
    """The expectations (4)."""

    square: Array
    exact: Array
    state: Array
    across: Array


def _products(s: Array, traces: Array, d: int, second_moment: Array) -> _Products:
    rr, nr, xr = traces[..., 0], traces[..., 1], traces[..., 2]
    wr = traces[..., 3] if traces.shape[-1] > 3 else np.zeros_like(rr)
    both, gain = xr + s * nr, 1 + s
    power = second_moment + s * d
    return _Products(
        power + gain**2 * rr - 2 * gain * both,
        power - gain * both,
        second_moment - d - gain * (xr - nr),
        -gain * wr,
    )


def cld_ei_score_kl(
    snr: Array, snr_next: Array, traces: Array, dimension: int, second_moment: Array,
    times: Times | None = None,
) -> Array:  # fmt: skip
    """Return equation (2) for steps from `snr` to `snr_next`, [...].

    traces: E|r|^2, E[n . r], E[x0 . r] and, of a model of phase space, E[w . r], [..., 3 or 4];
    second_moment: E|x0|^2, [...]; times: of `snr` and `snr_next`, if they are known.
    """
    t, t_next = times or (CLD.time(snr), CLD.time(snr_next))
    h, d, p = t - t_next, dimension, _products(snr, traces, dimension, second_moment)
    (ax, av), (bx, bv) = np.moveaxis(CLD.mean(t), -1, 0), _across(t)
    velocity = d + av**2 * (second_moment - d)  # E|V|^2
    power = av**2 * p.square - 2 * av * (av * p.state + bv * p.across) + velocity
    with_x = av * (ax * (p.exact - p.state) - bx * p.across)
    with_v = av * (av * (p.exact - p.state) - bv * p.across) + d
    later = h * np.exp(-h) * with_v - special.gammainc(2, h) * with_x
    return np.asarray(2 * h * power - 4 * later + 2 * d * h + _length(snr, snr_next, d))


def cld_ei_relative_kl(
    snr: Array, snr_next: Array, traces: Array, dimension: int, second_moment: Array,
    times: Times | None = None,
) -> Array:  # fmt: skip
    """Return equation (3) for steps from `snr` to `snr_next`, [...]; arguments as for (2)."""
    t, t_next = times or (CLD.time(snr), CLD.time(snr_next))
    h, d, p = t - t_next, dimension, _products(snr, traces, dimension, second_moment)
    av = t * np.exp(-t)
    area = np.exp(-t_next) * (-t_next * np.expm1(-h) + special.gammainc(2, h))
    gained = (snr_next - snr) / ((1 + snr) * (1 + snr_next))  # r' - r
    drift = 2 * h * av**2 * p.square - 4 * av * area * p.exact
    return np.asarray(drift + (second_moment - d) * gained / 2 + _length(snr, snr_next, d))


def _across(t: Array) -> tuple[Array, Array]:
    """Return the unit vector b across a_t."""
    size = np.sqrt(1 + 2 * t + 2 * t**2)
    return -t / size, (1 + t) / size


def _length(s: Array, t: Array, d: int) -> Array:
    return np.asarray(d / 2 * np.log1p((t - s) / (1 + s)))
