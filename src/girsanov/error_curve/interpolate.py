r"""The error curve at levels that were not measured.

Between measured levels s_i < s < s_i+1 the reciprocal of every band's error is linear in s,

    1/M(s) = (1 - w)/M_i + w/M_i+1,     w = (s - s_i)/(s_i+1 - s_i),                      (1)

which is exact for a Gaussian coordinate and keeps the single crossing of error curves (1/M - s
nondecreasing: theory of arXiv 2209.11215 with constants, M' <= -M^2 by Ito and Jensen). (1) is
homogeneous in (M_i, M_i+1), so by Euler's theorem it is its own derivative at the pooled curve,

    M(s) = a M_i + b M_i+1,    a = (1 - w)(M/M_i)^2,  b = w (M/M_i+1)^2,                  (2)

and (2) with the pooled a, b interpolates the mean of every group: their average is the pooled
curve exactly, their spread its standard error, and small groups bring no bias of a harmonic mean.

What (1) misses was measured at random places in every gap and is added: the bends of
between_levels.py. So the integral over a gap is measured, not interpolated, and only its share of
a part of the gap, or the error at one place, is told by the two bumps. Bands that were not
measured there (those of a calibrated denoiser, the full covariance) bend as the sum of all does,
in proportion.

An error that falls steeply is made by fewer and fewer examples (a far mode is told apart), and no
sample holds the last of them in proportion. As the mean of n numbers that are q in k cases and
else 0 has se^2/M = q/n, one mistake more of the size they had at level i would add

    u_i = max( se_i^2 / M_i,  u_i-1 min(1, M_i-1 / M_i-2) )                               (4)

to the error after it: nothing where many err, much where few do (`unseen`). The second term is
for levels where nobody in the sample errs any more: mistakes go on to die out as fast as the error
fell when it was last seen to fall.

Of exact curves nothing is measured between the levels. Where the integral over each gap is known,
(1) only shares it out; single crossing bounds what (1) misses,

    1/M_i + s - s_i  <=  1/M(s)  <=  1/M_i+1 - (s_i+1 - s).                               (3)
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..montecarlo import group_estimate
from .between_levels import Places, bends, bumps
from .curve import Curve, as_error
from .integrals import half_integral, phi

if TYPE_CHECKING:
    from .._typing import Array, Indices, Levels

TINY = 1e-300  # stands for an error of zero, whose reciprocal is not a number
SAME_LEVEL = 1e-9  # relative distance below which two levels are one
POINTS = 8  # of Gauss and Legendre, for a bump over a stretch


def merged(measured: Levels, others: Levels) -> Levels:
    """Return all levels of both, increasing; of two that are one, the measured stays."""
    near = np.searchsorted(measured, others)
    gap = np.minimum(
        np.abs(measured[np.minimum(near, len(measured) - 1)] - others),
        np.abs(measured[np.maximum(near - 1, 0)] - others),
    )
    fresh = np.unique(others[gap > SAME_LEVEL * others])
    fresh = fresh[np.diff(fresh, prepend=0.0) > SAME_LEVEL * fresh]
    return np.sort(np.concatenate([measured, fresh]))


def denser(levels: Levels, between: int) -> Levels:
    """Return `levels` with `between` more in every gap, evenly in log-SNR."""
    logs = np.log(levels)
    steps = np.arange(between + 1) / (between + 1)
    inner = np.exp(logs[:-1, None] + np.diff(logs)[:, None] * steps)
    inner[:, 0] = levels[:-1]
    return np.append(inner.ravel(), levels[-1])


def position(measured: Levels, levels: Levels) -> tuple[Indices, Array]:
    """Return for each of `levels` the i and the w of equation (1); measured: [K+1], from 0."""
    above = np.searchsorted(measured, levels, side="right")
    i = np.clip(above - 1, 0, len(measured) - 2).astype(np.int64)
    w = (levels - measured[i]) / (measured[i + 1] - measured[i])
    return i, np.clip(w, 0.0, 1.0)


def refined_curve(
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
        plain, mean = _plain(curve, name, fine, pick)
        errors[name] = plain + _bent(curve, name, mean, fine)
    total = errors[curve.main] @ curve.sizes[curve.main]
    # E[n . r] and E[x0 . r] equal the error for an exact denoiser; what they differ by is linear
    like = as_error(curve.traces)
    beyond = curve.traces - curve.traces[:, :, :1] * like
    share = w[:, None, None]
    traces = total[:, :, None] * like + (1 - share) * beyond[i] + share * beyond[i + 1]
    if "traces" in curve.bends:
        traces = traces + _bent(curve, "traces", np.ones((len(fine), 1)), fine)
    none: dict[str, Array] = {}
    return replace(
        curve, levels=fine, errors=errors, traces=traces, products=None, full=None, bends=none,
        plain=None, line=None, half=None, finer=None,
    )  # fmt: skip


def _plain(curve: Curve, name: str, fine: Levels, pick: str = "between") -> tuple[Array, Array]:
    """Return (2), or an end of (3), by group [L, B, J] and of all [L, J]."""
    i, w = position(curve.levels, fine)
    measured, mean = curve.errors[name], curve.mean_errors(name)
    a, b = _weights(curve, mean, fine, i, w, pick)
    return a[:, None] * measured[i] + b[:, None] * measured[i + 1], a * mean[i] + b * mean[i + 1]


def _bent(curve: Curve, name: str, mean: Array, fine: Levels) -> Array:
    """Return what the bumps of between_levels.py add at `fine` [L], by group [L, B, J]; mean:
    (1)."""
    if not curve.bends:
        return np.zeros(1)
    c = curve.bends.get(name, curve.bends["total"])
    i, _ = position(curve.levels, fine)
    form = _bumps(curve, fine, i)
    return np.asarray(np.einsum("lq,lbjq->lbj", form, c[i]) * mean[:, None])


def _bumps(curve: Curve, fine: Levels, i: Indices) -> Array:
    """Return the two bumps at `fine` [L] in gaps i, [L, 2]; none in the first, from s = 0."""
    inner = np.maximum(i, 1)
    ends = curve.levels[inner], curve.levels[inner + 1]
    form = bumps(np.clip(fine, *ends)[:, None], *ends)[:, 0]
    return np.where(i[:, None] > 0, form, 0.0)


def stretches(curve: Curve, levels: Levels) -> Array:
    """Return each group's share of 1/2 int M over the stretches between 0 and `levels`, [L, B].

    levels: must hold all the measured ones, or those up to the last of them.
    """
    fine, main, measured = np.concatenate([[0.0], levels]), curve.main, curve.levels
    i, w = position(measured, fine[:-1])
    end = np.clip((levels - measured[i]) / (measured[i + 1] - measured[i]), 0.0, 1.0)
    mean = curve.mean_errors(main)
    a, b = _weights(curve, mean, fine[:-1], i, w, "between")
    c, d = _weights(curve, mean, levels, i, end, "between")
    ratio = np.log(np.maximum(a * mean[i] + b * mean[i + 1], TINY))
    ratio -= np.log(np.maximum(c * mean[i] + d * mean[i + 1], TINY))
    here, there = phi(ratio), phi(-ratio)  # (1) of integrals.py, at both ends
    scale = np.diff(fine)[:, None] * curve.sizes[main] / 2
    errors, out = curve.errors[main], np.empty((len(levels), len(curve.shares)))
    left, right = scale * (here * a + there * c), scale * (here * b + there * d)
    for gap, rows in _gaps(i):
        out[rows] = left[rows] @ errors[gap].T + right[rows] @ errors[gap + 1].T
    if curve.half is not None:
        out *= _gap_ratios(curve)[i][:, None]
        whole = (w == 0) & (end == 1)
        out[whole] = np.diff(curve.half)[i[whole], None]
    if curve.bends:
        _add_bumps(out, curve, fine, i)
    return out


def half_between(curve: Curve, low: float, high: float) -> Array:
    """Return each group's share of 1/2 int M between two SNRs in the measured range, [B]."""
    fine = merged(curve.levels[1:], np.array([low, high]))
    fine = fine[fine <= high * (1 + SAME_LEVEL)]
    return np.asarray(stretches(curve, fine)[fine > low * (1 + SAME_LEVEL)].sum(axis=0))


def _gap_ratios(curve: Curve) -> Array:
    """Return what the integral over each gap is of what (1) makes of it, [K]: of exact curves."""
    assert curve.half is not None
    plain = half_integral(curve.levels, curve.mean_errors(curve.main), curve.sizes[curve.main])
    positive = plain > TINY
    return np.where(positive, np.diff(curve.half) / np.where(positive, plain, 1.0), 1.0)


def _gaps(i: Indices) -> list[tuple[int, slice]]:
    """Return the gaps that stretches are in, and which are in each; i: of each, increasing."""
    first = np.flatnonzero(np.diff(i, prepend=-1))
    return [
        (int(i[a]), slice(int(a), int(b)))
        for a, b in zip(first, np.append(first[1:], len(i)), strict=True)
    ]


def _add_bumps(out: Array, curve: Curve, fine: Levels, i: Indices) -> None:
    """Add 1/2 the integral of the bumps over stretches from `fine` [L + 1] in gaps i to [L, B]."""
    bend, sizes = curve.bends.get(curve.main, curve.bends["total"]), curve.sizes[curve.main]
    inside = np.flatnonzero(i > 0)  # there are none in the first, from s = 0
    if not len(inside):
        return
    nodes, weights = np.polynomial.legendre.leggauss(POINTS)
    start = np.log(fine[inside])
    length = (np.log(fine[inside + 1]) - start) / 2
    s = np.exp(start[:, None] + length[:, None] * (1 + nodes))  # [L, POINTS]
    k = i[inside]
    form = _bumps(curve, s.ravel(), np.repeat(k, POINTS)).reshape(*s.shape, 2)
    form = form * (weights * s * length[:, None] / 2)[..., None]
    mean = np.maximum(curve.mean_errors(curve.main), TINY)
    low, high = mean[k, None], mean[k + 1, None]
    w = ((s - curve.levels[k, None]) / np.diff(curve.levels)[k, None])[..., None]
    under = np.swapaxes(form, 1, 2) @ (low / ((1 - w) + w * (low / high)))  # [L, 2, J]
    under *= sizes
    if bend.shape[2] < len(sizes):  # one bend for all bands
        under = under.sum(axis=2, keepdims=True)
    under = np.swapaxes(under, 1, 2).reshape(len(k), -1)
    for gap, rows in _gaps(k):
        out[inside[rows]] += under[rows] @ bend[gap].reshape(bend.shape[1], -1).T


def unseen(curve: Curve, name: str, levels: Levels) -> Array:
    """Return what one mistake that no example made would add to the error at `levels`, [L, J].

    name: of a basis, or "total". Equation (4), of the last measured level before each.
    """
    values = curve.traces[:, :, :1] if name == "total" else curve.errors[name]
    if curve.exact or len(curve.shares) < 2:
        return np.zeros((len(levels), values.shape[-1]))
    mean, se, _ = group_estimate(np.moveaxis(values, 1, 0), curve.shares)
    mean = np.maximum(mean, TINY)
    one = np.asarray(se**2 / mean)
    for k in range(2, len(one)):
        one[k] = np.maximum(one[k], one[k - 1] * np.minimum(1.0, mean[k - 1] / mean[k - 2]))
    before = np.searchsorted(curve.levels, levels * (1 - SAME_LEVEL)) - 1
    return one[np.maximum(before, 0)]


def bent(curve: Curve, at: Places, errors: dict[str, Array], traces: Array) -> Curve:
    """Return the curve with its bends; errors: as measured at the places [K, B, J], traces too."""
    share = (at.levels - curve.levels[:-1, None]) / np.diff(curve.levels)[:, None]
    seen = {**errors, "total": traces[:, :, :1]}
    curve_errors = {**curve.errors, "total": curve.traces[:, :, :1]}
    bent_errors = {
        name: bends_of(curve, at, curve_errors[name], value) for name, value in seen.items()
    }
    like, share = as_error(curve.traces), share[:, :, None]
    beyond, inside = (x - x[:, :, :1] * like for x in (curve.traces, traces))
    missed = inside - (1 - share) * beyond[:-1] - share * beyond[1:]
    bent_errors["traces"] = bends(at, curve.levels[1:], missed, np.ones_like(missed), curve.shares)
    return replace(curve, bends=bent_errors)


def between_ends(curve: Curve, levels: Array, ends: Array) -> tuple[Array, Array, Array]:
    """Return a, b of (2) at a level of each gap for each group, [K, B, J], and the mean of ends.

    levels: [K, B]; ends: errors at the curve's levels [K+1, B, J].
    """
    count, groups = levels.shape
    i = np.repeat(np.arange(count), groups)
    w = (levels - curve.levels[:-1, None]) / np.diff(curve.levels)[:, None]
    mean = np.einsum("kbj,b->kj", ends, curve.shares)
    a, b = (
        x.reshape(count, groups, -1)
        for x in _weights(curve, mean, levels.ravel(), i, w.ravel(), "between")
    )
    return a, b, mean


def bends_of(curve: Curve, at: Places, ends: Array, value: Array) -> Array:
    """Return the bends of other errors of a curve, [K, B, J, 2].

    ends: these errors at its levels [K+1, B, J]; value: as measured at the places [K, B, J].
    """
    a, b, mean = between_ends(curve, at.levels, ends)
    missed = value - a * ends[:-1] - b * ends[1:]
    shape = a * mean[:-1, None] + b * mean[1:, None]
    return bends(at, curve.levels[1:], missed, shape, curve.shares)


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
    # a ratio beyond float64 has weight 0; at the end itself, where it is 0 times that, see below
    with np.errstate(over="ignore", invalid="ignore"):
        a = (1 - share) / ((1 - share) + share * (left / right)) ** 2
        b = share / ((1 - share) * (right / left) + share) ** 2
    a, b = np.where(share == 0, 1, a), np.where(share == 0, 0, b)
    return np.where(share == 1, 0, a), np.where(share == 1, 1, b)


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
    left, right = _positive(full[i].mean(axis=0)), _positive(full[i + 1].mean(axis=0))
    # a direction without error has no inverse; so little does not show beside the others
    ridge = 1e-12 * (np.trace(left) + np.trace(right)) * np.eye(len(left)) + TINY
    one, two = np.linalg.inv(left + ridge), np.linalg.inv(right + ridge)
    both = np.linalg.inv((1 - w) * one + w * two)
    p, q = both @ one, both @ two
    return np.asarray((1 - w) * p @ full[i] @ p.T + w * q @ full[i + 1] @ q.T)


def _positive(matrix: Array) -> Array:
    """Return a matrix without the negative eigenvalues that few examples can leave it."""
    values, axes = np.linalg.eigh(matrix)
    return matrix if values[0] >= 0 else np.asarray((axes * np.maximum(values, 0.0)) @ axes.T)
