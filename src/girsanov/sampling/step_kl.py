r"""The path KL of one step, from the measured errors of the denoiser.

With errors M_j per coordinate, delta = s' - s, and r = x0 - m, n = x0 - x, a step from s to s' of
each stochastic sampler costs

    analytic-dpm   1/2 sum_j [log(1 + delta v_j) + delta (M_j - v_j)/(1 + delta v_j)];        (1)
    ddpm           1/2 delta sum_j M_j,             (1) at v = 0;                             (2)
    ei-score       h P - 2(1 - e^-h) Q + d/2 log(s'/s),                                       (3)
    ei-relative    h P' - 2(e^h - 1) Q' + d/2 log(s'/s) + int E|X_t|^2 - 2d dt,               (4)

less 1/2 int_s^s' M of the unknown exact denoiser, which all share. v_j is the variance that the
step adds, best at v_j = M_j; h is the OU time of the step, score^ = (1 + s) alpha (m - x) the
frozen drift, P = E|score^|^2 and Q = E[score^ . score] by Tweedie, P' and Q' the same for
score + X. In phase space (3) and (4) have forms of their own, `step_kl_cld.py`; (1) and (2) depend
on SNRs alone, and so on no process (theory 6.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .._typing import Array


def analytic_dpm_kl(delta: Array, variance: Array, error: Array, sizes: Array) -> Array:
    """Return equation (1): delta [...], variance and error [..., J], sizes [J] -> [...]."""
    gain = 1 + delta[..., None] * variance
    terms = np.log(gain) + delta[..., None] * (error - variance) / gain
    return np.asarray(terms @ sizes / 2)


def ddpm_kl(
    snr: Array, snr_next: Array, traces: Array, dimension: int, second_moment: Array,
    times: object = None,
) -> Array:  # fmt: skip
    """Return equation (2) for steps from `snr` to `snr_next`, [...], traces [..., 3].

    times: of phase space, on which it does not depend.
    """
    return np.asarray((snr_next - snr) * traces[..., 0] / 2)


def ei_score_kl(
    snr: Array, snr_next: Array, traces: Array, dimension: int, second_moment: Array
) -> Array:
    """Return equation (3); traces: E|r|^2, E[n . r], E[x0 . r], [..., 3]."""
    power, cross, length, h = _drift(snr, snr_next, traces, dimension)
    return np.asarray(h * power + 2 * np.expm1(-h) * cross + length)


def ei_relative_kl(
    snr: Array, snr_next: Array, traces: Array, dimension: int, second_moment: Array
) -> Array:
    """Return equation (4); traces as in (3), second_moment: E|x0|^2, [...]."""
    power, cross, length, h = _drift(snr, snr_next, traces, dimension)
    d, alpha2 = dimension, snr / (1 + snr)
    state = d + alpha2 * (second_moment - d)  # E|X|^2
    # E[score^ . X], with E[n . x0] = 0
    drift_state = snr * (traces[..., 1] - d / snr - traces[..., 2])
    power, cross = power + 2 * drift_state + state, cross + drift_state - d + state
    walk = (second_moment - d) / 2 * (snr_next / (1 + snr_next) - alpha2) - d * h
    return np.asarray(h * power - 2 * np.expm1(h) * cross + length + walk)


def _drift(s: Array, t: Array, traces: Array, d: int) -> tuple[Array, Array, Array, Array]:
    """Return P, Q, d/2 log(s'/s) and h of equation (3)."""
    h = np.log1p((t - s) / (s * (1 + t))) / 2
    # m - x = n - r, E|n|^2 = d/s, and (alpha/sigma^2)^2 = s(1 + s)
    power = s * (1 + s) * (d / s - 2 * traces[..., 1] + traces[..., 0])
    cross = s * (1 + s) * (d / s - traces[..., 1])
    return power, cross, d / 2 * np.log(t / s), h
