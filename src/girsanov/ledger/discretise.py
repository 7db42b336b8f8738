r"""What a cell of a grid costs in path KL, from the measured curve.

For every sampler here the Girsanov KL of a grid s_0 < ... < s_N is

    KL = start + sum of cells - 1/2 int_0^{s_N} M(s) ds,                                  (1)

M the error of the unknown exact denoiser. With measured errors M_j per coordinate and
delta = s' - s a cell costs

    gaussian   1/2 sum_j log(1 + delta M_j)     at v_j = M_j, the best variance;          (2)
               1/2 sum_j [log(1 + delta v_j) + delta (M_j - v_j)/(1 + delta v_j)] at any v; (3)
    x0         1/2 delta sum_j M_j,             (3) at v = 0;                             (4)
    full       1/2 log det(1 + delta C),   C = E[r r^T];                                  (5)
    score      h P - 2(1 - e^-h) Q + d/2 log(s'/s),                                       (6)
    relative   h P' - 2(e^h - 1) Q' + d/2 log(s'/s) + int E|X_t|^2 - 2d dt,               (7)

h the OU time of the step, score^ = (1 + s) alpha (m - x) the frozen drift, P = E|score^|^2 and
Q = E[score^ . score] by Tweedie, P' and Q' the same for score + X.

The integral of a curve between measured levels takes 1/M linear in s, which is exact for a
Gaussian coordinate and keeps the single-crossing property of every error curve:

    int_{s}^{s'} M = delta log(M/M') / (1/M' - 1/M).                                      (8)
"""

from __future__ import annotations

import numpy as np

from .._checks import refuse, require
from .._typing import Array
from ..sampling.holds import ou_time
from .curve import FOLDS, Curve

COVARIANCES = ("scalar", "coordinate", "pca", "dct", "full")


def gaussian_cell(delta: Array, variance: Array, error: Array, sizes: Array) -> Array:
    """Return equation (3): delta [...], variance and error [..., J], sizes [J] -> [...]."""
    gain = 1 + delta[..., None] * variance
    terms = np.log(gain) + delta[..., None] * (error - variance) / gain
    return np.asarray(terms @ sizes / 2)


def errors_for(curve: Curve, covariance: str) -> tuple[Array, Array]:
    """Return group errors [K+1, B, J] and sizes [J] behind a diagonal `covariance`."""
    if covariance == "scalar":
        d = float(curve.dimension)
        return curve.traces[:, :, :1] / d, np.array([d])
    if covariance not in curve.errors:
        refuse(
            "covariance",
            "must be one that the audit measured: scalar, "
            + ", ".join([*curve.errors, *(["full"] if curve.full is not None else [])]),
            covariance,
        )
    return curve.errors[covariance], curve.sizes[covariance]


def cells(curve: Curve, hold: str, covariance: str | None) -> Array:
    """Return the cost of every cell between levels 1..K of `curve`, [K, K], inf below.

    Entry [i, j] is the step from levels[i + 1] to levels[j + 1]; all groups are used, and
    equations (2), (4)-(7).
    """
    s = curve.levels[1:]
    delta = np.maximum(s[None, :] - s[:, None], 0.0)
    if hold == "gaussian" and covariance == "full":
        require(curve.full is not None, "covariance", "full was not measured by this audit")
        assert curve.full is not None
        spectrum = np.linalg.eigvalsh(curve.full[1:].mean(axis=1))  # [K, d]
        cost = np.log1p(delta[..., None] * np.maximum(spectrum, 0)[:, None]).sum(-1) / 2
    elif hold == "gaussian":
        errors, sizes = errors_for(curve, covariance or "scalar")
        mean = np.einsum("kbj,b->kj", errors, curve.shares)[1:]
        cost = np.stack([np.log1p(delta[i][:, None] * mean[i]) @ sizes / 2 for i in range(len(s))])
    else:
        traces, second_moment = curve.mean_traces()[1:], curve.second_moments @ curve.shares
        cost = np.stack(
            [
                trace_cell(
                    hold, s[i], np.maximum(s, s[i]), traces[i], curve.dimension, second_moment
                )
                for i in range(len(s))
            ]
        )
    cost[np.tril_indices(len(s))] = np.inf
    return np.asarray(cost)


def trace_cell(
    hold: str, snr: float, snr_next: Array, traces: Array, dimension: int, second_moment: Array
) -> Array:
    """Return equations (4), (6), (7) for steps from `snr` to each of `snr_next`.

    traces: E|r|^2, E[n . r], E[x0 . r], [..., 3], and second_moment: E|x0|^2, [...], broadcast
    against `snr_next`.
    """
    rr, nr, xr = traces[..., 0], traces[..., 1], traces[..., 2]
    d, s, t = dimension, snr, np.asarray(snr_next, dtype=np.float64)
    if hold == "x0":
        return np.asarray((t - s) * rr / 2)
    h = ou_time(s) - ou_time(t)
    # m - x = n - r, E|n|^2 = d/s, and (alpha/sigma^2)^2 = s(1 + s)
    power = s * (1 + s) * (d / s - 2 * nr + rr)
    cross = s * (1 + s) * (d / s - nr)
    length = d / 2 * np.log(t / s)
    if hold == "score":
        return np.asarray(h * power + 2 * np.expm1(-h) * cross + length)
    require(hold == "relative", "hold", "must be score, relative or x0 here", hold)
    alpha2 = s / (1 + s)
    state = d + alpha2 * (second_moment - d)  # E|X|^2
    drift_state = s * (nr - d / s - xr)  # E[score^ . X], with E[n . x0] = 0
    power = power + 2 * drift_state + state
    cross = cross + drift_state - d + state
    walk = (second_moment - d) / 2 * (t / (1 + t) - alpha2) - d * h
    return np.asarray(h * power - 2 * np.expm1(h) * cross + length + walk)


def path_cost(curve: Curve, nodes: Array, hold: str, covariance: str | None) -> Array:
    """Return the cost of visiting levels[nodes], cross-fitted: one number a group, [B] or [F].

    The gaussian hold's variances come from the other groups' examples (3), so the mean over
    groups is an honest estimate of what a sampler with measured variances pays.
    """
    here, there = nodes[:-1], nodes[1:]
    delta = curve.levels[there] - curve.levels[here]
    if hold != "gaussian":
        steps = [
            trace_cell(
                hold,
                curve.levels[i],
                curve.levels[j],
                curve.traces[i],
                curve.dimension,
                curve.second_moments,
            )
            for i, j in zip(here, there, strict=True)
        ]
        return np.asarray(np.sum(steps, axis=0)) if steps else np.zeros(len(curve.shares))
    if covariance == "full":
        return _full_path_cost(curve, here, delta)
    errors, sizes = errors_for(curve, covariance or "scalar")
    measured = errors[here]  # [N, B, J]
    return np.asarray(
        gaussian_cell(delta[:, None], leave_one_out(measured, curve.shares), measured, sizes).sum(
            0
        )
    )


def leave_one_out(measured: Array, shares: Array) -> Array:
    """Return, for each group of [N, B, J], the mean over the other groups."""
    if len(shares) == 1:
        return measured
    w = shares[None, :, None]
    return np.asarray(((measured * w).sum(1, keepdims=True) - w * measured) / (1 - w))


def _full_path_cost(curve: Curve, here: Array, delta: Array) -> Array:
    require(curve.full is not None, "covariance", "full was not measured by this audit")
    assert curve.full is not None
    d, out = curve.dimension, np.zeros(FOLDS)
    total = curve.full[here].sum(axis=1)
    for fold in range(FOLDS):
        other = (total - curve.full[here, fold]) / (FOLDS - 1)
        gain = np.eye(d) + delta[:, None, None] * other
        excess = delta[:, None, None] * (curve.full[here, fold] - other)
        solved = np.linalg.solve(gain, excess)
        out[fold] = (np.linalg.slogdet(gain)[1] + np.trace(solved, axis1=1, axis2=2)).sum() / 2
    return out


def half_integral(levels: Array, errors: Array, sizes: Array) -> Array:
    """Return 1/2 int M ds over each cell by equation (8): errors [K+1, J] -> [K]."""
    here, there = np.maximum(errors[:-1], 1e-300), np.maximum(errors[1:], 1e-300)
    ratio = np.log(here / there)
    # (1 - M'/M) / log(M/M'), by its series where that is 0/0
    close = np.abs(ratio) < 1e-4
    slope = np.where(
        close, 1 - ratio / 2 + ratio**2 / 6, -np.expm1(-ratio) / np.where(close, 1.0, ratio)
    )
    return np.asarray(np.diff(levels) * ((there / slope) @ sizes) / 2)
