r"""The error curve at levels that were not measured.

Between measured levels s_i < s < s_i+1 the reciprocal of every band's error is linear in s,

    1/M(s) = (1 - w)/M_i + w/M_i+1,     w = (s - s_i)/(s_i+1 - s_i),                      (1)

which is exact for a Gaussian coordinate and keeps the single crossing of error curves (1/M - s
nondecreasing: theory of arXiv 2209.11215 with constants, M' <= -M^2 by Ito and Jensen). (1) is
homogeneous in (M_i, M_i+1), so by Euler's theorem it is its own derivative at the pooled curve,

    M(s) = a M_i + b M_i+1,    a = (1 - w)(M/M_i)^2,  b = w (M/M_i+1)^2,                  (2)

and (2) with the pooled a, b interpolates the mean of every group: their average is the pooled
curve exactly, their spread its standard error, and small groups bring no bias of a harmonic mean.

Single crossing also bounds what (1) can miss when M_i and M_i+1 are exact,

    1/M_i + s - s_i  <=  1/M(s)  <=  1/M_i+1 - (s_i+1 - s);                               (3)

of a measured curve, what (1) misses is judged by leaving out every second level (`thinned`).

A Gaussian coordinate's error falls at most as 1/s. Where the measured one falls faster, a far
mode is being told apart; the last mistakes are few and large, and no small sample holds them in
proportion. So a steep fall is not trusted to go on (`cautious`): at the end of a gap that follows
one steeper than a = `STEEP`, in log M against log s, the error is taken to be at least

    M_i (s_i+1/s_i)^-a.                                                                   (4)
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .._typing import Array, Indices, Levels
from .curve import Curve, as_error

TINY = 1e-300  # stands for an error of zero, whose reciprocal is not a number
SAME = 1e-9  # relative distance below which two levels are one
STEEP = 1.2  # slope of log M against log s; 1 is a Gaussian's, the rest is left to noise
PICKS = ("between", "low", "high")


def merged(measured: Levels, others: Levels) -> Levels:
    """Return all levels of both, increasing; of two that are one, the measured stays."""
    near = np.searchsorted(measured, others)
    gap = np.minimum(
        np.abs(measured[np.minimum(near, len(measured) - 1)] - others),
        np.abs(measured[np.maximum(near - 1, 0)] - others),
    )
    fresh = np.unique(others[gap > SAME * others])
    fresh = fresh[np.diff(fresh, prepend=0.0) > SAME * fresh]
    return np.sort(np.concatenate([measured, fresh]))


def denser(levels: Levels, between: int) -> Levels:
    """Return `levels` with `between` more in every gap, evenly in log-SNR."""
    logs = np.log(levels)
    steps = np.arange(between + 1) / (between + 1)
    inner = np.exp(logs[:-1, None] + np.diff(logs)[:, None] * steps)
    inner[:, 0] = levels[:-1]
    return np.append(inner.ravel(), levels[-1])


def thinned(curve: Curve, first: int) -> Curve:
    """Return the curve with every second level only, from index `first` (1 or 2), and both ends.

    The levels s = 0 and the last stay, so that it speaks of the same stretch.
    """
    top = len(curve.levels) - 1
    kept = np.unique(np.concatenate([[0], np.arange(first, top, 2), [top]]))
    return replace(
        curve,
        levels=curve.levels[kept],
        errors={name: e[kept] for name, e in curve.errors.items()},
        traces=curve.traces[kept],
        products=None,
        full=None if curve.full is None else curve.full[kept],
    )


def steep(curve: Curve) -> NDArray[np.bool_]:
    """Return in which gaps between the levels 1..K the error falls faster than `STEEP`, [K-1]."""
    return np.asarray(_slopes(curve) > STEEP)


def _slopes(curve: Curve) -> Array:
    error = np.maximum(curve.mean_traces()[1:, 0], TINY)
    return np.asarray(-np.diff(np.log(error)) / np.diff(np.log(curve.levels[1:])))


def cautious(curve: Curve) -> Curve:
    """Return the curve raised to (4) where its total lies below it, every band by one factor."""
    slope = _slopes(curve)
    gaps = np.diff(np.log(curve.levels[1:]))
    factor = np.ones(len(curve.levels))
    if len(slope) > 1:
        more = np.where(slope[:-1] > STEEP, (slope[1:] - STEEP) * gaps[1:], 0.0)
        factor[3:] = np.exp(np.maximum(more, 0.0))
    by = factor[:, None, None]
    like = as_error(curve.traces)
    raised = curve.traces + (by - 1) * curve.traces[:, :, :1] * like
    errors = {name: e * by for name, e in curve.errors.items()}
    return replace(curve, errors=errors, traces=raised)


def position(measured: Levels, levels: Levels) -> tuple[Indices, Array]:
    """Return for each of `levels` the i and the w of equation (1); measured: [K+1], from 0."""
    above = np.searchsorted(measured, levels, side="right")
    i = np.clip(above - 1, 0, len(measured) - 2).astype(np.int64)
    w = (levels - measured[i]) / (measured[i + 1] - measured[i])
    return i, np.clip(w, 0.0, 1.0)


def refined(
    curve: Curve, levels: Levels, *, bases: tuple[str, ...] = (), pick: str = "between"
) -> Curve:
    """Return the curve at 0 and `levels`, which must hold all the measured ones.

    bases: names of the bases wanted beside the main one; pick: ``between`` for (1), ``low`` or
    ``high`` for the ends of (3). The covariances by fold (`full`) are left to `covariances`.
    """
    fine = np.concatenate([[0.0], levels])
    i, w = position(curve.levels, fine)
    errors = {}
    for name in dict.fromkeys((curve.main, *bases)):
        measured = curve.errors[name]
        a, b = _weights(curve, curve.mean_errors(name), fine, i, w, pick)
        errors[name] = a[:, None] * measured[i] + b[:, None] * measured[i + 1]
    total = errors[curve.main] @ curve.sizes[curve.main]
    # E[n . r] and E[x0 . r] equal the error for an exact denoiser; what they differ by is linear
    like = as_error(curve.traces)
    beyond = curve.traces - curve.traces[:, :, :1] * like
    share = w[:, None, None]
    traces = total[:, :, None] * like + (1 - share) * beyond[i] + share * beyond[i + 1]
    return replace(curve, levels=fine, errors=errors, traces=traces, products=None, full=None)


def _weights(
    curve: Curve, mean: Array, levels: Levels, i: Indices, w: Array, pick: str
) -> tuple[Array, Array]:
    """Return a, b [L, J] of equation (2), or of an end of (3) in terms of one neighbour."""
    left, right = np.maximum(mean[i], TINY), np.maximum(mean[i + 1], TINY)  # [L, J]
    share = w[:, None]
    zero = np.zeros_like(left)
    if pick == "high":
        a = 1 / (1 + (levels - curve.levels[i])[:, None] * left)
        return np.where(share == 1, 0, a), np.where(share == 1, 1, zero)
    if pick == "low":
        b = 1 / (1 - (curve.levels[i + 1] - levels)[:, None] * right)
        return np.where(share == 0, 1, zero), np.where(share == 0, 0, b)
    with np.errstate(over="ignore"):  # a ratio beyond float64 has weight 0
        a = (1 - share) / ((1 - share) + share * (left / right)) ** 2
        b = share / ((1 - share) * (right / left) + share) ** 2
    return np.where(share == 0, 1, a), np.where(share == 0, 0, b)


def covariances(curve: Curve, levels: Levels) -> Array:
    """Return E[r r^T] by fold at `levels`, [L, F, d, d]: (1) and (2) for matrices.

    With C^-1 linear in s, C = (1 - w) C C_i^-1 C_i C_i^-1 C + w (the same of C_i+1).
    """
    assert curve.full is not None
    i, w = position(curve.levels, levels)
    if not len(levels):
        return np.zeros((0, *curve.full.shape[1:]))
    return np.stack([_covariance(curve.full, int(k), float(x)) for k, x in zip(i, w, strict=True)])


def _covariance(full: Array, i: int, w: float) -> Array:
    if w in (0.0, 1.0):
        return np.asarray(full[i + int(w)])
    left, right = full[i].mean(axis=0), full[i + 1].mean(axis=0)
    # a direction without error has no inverse; so little does not show beside the others
    ridge = 1e-12 * (np.trace(left) + np.trace(right)) * np.eye(len(left)) + TINY
    one, two = np.linalg.inv(left + ridge), np.linalg.inv(right + ridge)
    both = np.linalg.inv((1 - w) * one + w * two)
    p, q = both @ one, both @ two
    return np.asarray((1 - w) * p @ full[i] @ p.T + w * q @ full[i + 1] @ q.T)
