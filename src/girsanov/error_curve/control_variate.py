r"""A control variate: what chance made of the noise is known, and is taken off the errors.

An audit draws its own noise n, whose law given x0 it knows. Of the residual's linear part,
r ~ a n + b c per coordinate (c = x0 - mean), the means over a run contain

    N = mean n^2 - 1/s,    C = mean n c,    both of expectation 0 given x0,                (1)
    r^2: a^2 N + 2 a b C,    n r: a N + b C,    x0 r: a C,                                 (2)

which chance alone put there: most of an audit's own noise. gamma times (2) is taken off every
group, with a and b of least squares and, since r is not linear,

    gamma = int cov(|r|^2, sum_j (2)) ds / int var sum_j (2) ds,                           (3)

over groups: one number for all levels, so that what cancels between them still does. All three
are fitted without the group, so that no expectation changes, and the plain mean stands wherever
the reduced one disagrees with it (`harmless.py`). In whatever basis a sampler's covariance is,
cells and integral must be of the same noise, or they would not cancel: so every basis is
controlled by its own a, b.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..montecarlo import trapezium
from .curve import FOLDS, Curve
from .harmless import FEW_FOLDS, agrees, divisor, harmless

if TYPE_CHECKING:
    from .._typing import Array
    from ..basis import Basis

LINEAR = ((1, 2), (2, 4), (1, 1), (1, 4))  # n r, r c, n^2, n c: pairs of VECTOR in curve.py
SMALL = 1e-9  # of a determinant beside its diagonal: n and c look alike; of c beside n: dust
MOST_GAMMA = 1.5  # gamma
LIKE = 0.5  # share of a plain second moment that a reduced one has at least, and the other way


def turned(x: Array) -> Array:
    """Return the transposes of matrices [..., d, d]."""
    return np.swapaxes(x, -1, -2)


class Fit(NamedTuple):
    """a and b of the residual's linear part, [..., J]; shape of the moments they come from."""

    a: Array
    b: Array


def slopes(linear: Array, square: Array, whole: Array) -> Fit:
    """Return a and b of least squares; linear [..., 4] as `LINEAR`; square: E c^2 [...].

    whole: E c^2 over all groups, beside which that of the groups of the fit may be nothing.
    """
    nr, rc, nn, nc = np.moveaxis(linear, -1, 0)
    square = divisor(square, whole)
    det = nn * square - nc**2
    both = (det > SMALL * nn * square) & (square > SMALL * nn)
    alone = np.divide(nr, nn, out=np.zeros_like(nr), where=nn > 0)
    a = np.divide(nr * square - rc * nc, det, out=alone, where=both)
    b = np.divide(rc * nn - nr * nc, det, out=np.zeros_like(nr), where=both)
    return Fit(a, b)


def means_without_each(shares: Array) -> Array:
    """Return the weights [B, B] of means over all groups but one, for each."""
    return means_without(np.eye(len(shares), dtype=bool), shares)


def means_without(left_out: NDArray[np.bool_], shares: Array) -> Array:
    """Return the weights [L, B] of means over the groups that are not in left_out [L, B]."""
    weights = shares * ~left_out
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def over(weights: Array, x: Array) -> Array:
    """Return means [K, L, ...] over the groups of x [K, B, ...]."""
    return np.asarray(
        (weights @ x.reshape(*x.shape[:2], -1)).reshape(-1, len(weights), *x.shape[2:])
    )


def chance_of(noise: Array, cross: Array, snr: Array) -> Array:
    """Return N and C of (1), [..., 2], from means of n^2 and n c; snr: s [...]."""
    return np.stack([noise - 1 / snr, cross], axis=-1)


def noise_in_moments(fit: Fit, chance: Array) -> Array:
    """Return (2), of r^2, n r and x0 r, [..., 3]."""
    (a, b), (n, c) = fit, np.moveaxis(chance, -1, 0)
    return np.stack([a * (a * n + 2 * b * c), a * n + b * c, a * c], axis=-1)


def taken_off(rows: Rows, name: str, curve: Curve, gamma: Array) -> Array:
    """Return what is taken off (2) of every group in a basis, [K, B, J, 3]; gamma [B]."""
    linear = rows.linear[name]
    chance = chance_of(linear[..., 2], linear[..., 3], rows.snr[:, :, None])
    by_chance = gamma[:, None, None] * noise_in_moments(fitted(rows, name, curve), chance)
    return harmless(rows.errors[name], by_chance, curve.sizes[name], rows.snr, curve.shares)


def fitted(rows: Rows, name: str, curve: Curve) -> Fit:
    """Return a and b in a basis, without each group, [K, B, J]."""
    return fitted_by(means_without_each(curve.shares), rows.linear[name], curve, name)


def fitted_by(weights: Array, linear: Array, curve: Curve, name: str) -> Fit:
    """Return a and b of means by `weights` [L, B] over the groups, [K, L, J]."""
    spread = curve.errors[name][:1]  # E c^2
    whole = over(curve.shares[None], spread)
    return slopes(over(weights, linear), over(weights, spread), whole)


def gammas(curve: Curve, linear: Array, left_out: NDArray[np.bool_] | None = None) -> Array:
    """Return (3) without the groups of left_out [L, B] (None: each), [L].

    linear: of the main basis, [K, B, J, 4].
    """
    left_out = np.eye(len(curve.shares), dtype=bool) if left_out is None else left_out
    weights, errors = means_without(left_out, curve.shares), curve.errors[curve.main]
    s, sizes = curve.levels[1:], curve.sizes[curve.main]
    a, b = fitted_by(weights, linear, curve, curve.main)
    n, c = np.moveaxis(chance_of(linear[..., 2], linear[..., 3], s[:, None, None]), -1, 0)
    # what (2) of each group is, of all coordinates, by the fit without those left out
    z = (sizes * a**2) @ turned(n) + (2 * sizes * a * b) @ turned(c)  # [K, L, B]
    return slope(errors[1:] @ sizes, z, weights, trapezium(np.log(s)) * s)


def slope(value: Array, chance: Array, weights: Array, length: Array) -> Array:
    """Return the slope of `value` [K, B] on `chance` [K, L, B] over groups, of all rows, [L].

    chance: of each group, by the fit of each of L; weights: of the groups [L, B]; length: what a
    row stands for in s [K].
    """
    z = chance - (weights * chance).sum(axis=-1, keepdims=True)
    top = length**2 @ ((weights * z) @ value[..., None])[..., 0]
    bottom = length**2 @ (weights * z**2).sum(axis=-1)
    slopes = np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
    return np.asarray(np.clip(slopes, 0.0, MOST_GAMMA))


class Rows(NamedTuple):
    """What was measured at rows of levels or places: errors by basis and traces, [K, B, ...].

    linear: the moments `LINEAR`, by basis [K, B, J, 4]; snr [K, B].
    """

    errors: dict[str, Array]
    traces: Array
    linear: dict[str, Array]
    snr: Array

    def controlled(self, curve: Curve, gamma: Array) -> Rows:
        """Return these with (2) taken off, gamma [B] times."""
        errors, traces = dict(self.errors), self.traces.copy()
        for name, error in self.errors.items():
            taken = taken_off(self, name, curve, gamma)
            errors[name] = error - taken[..., 0]
            if name == curve.main:
                traces[:, :, :3] -= np.einsum("kbjt,j->kbt", taken, curve.sizes[name])
        return self._replace(errors=errors, traces=traces)


def controlled_full(
    full: Array, curve: Curve, linear: Array, basis: Basis, stands: NDArray[np.bool_]
) -> Array:
    """Return E[r r^T] by fold [K, F, d, d] with (2) taken off, from the main basis to R^d.

    full: E[r r^T], E[n n^T] and E[n c^T] in the main basis, [K, 3, F, d, d], of the levels but
    level 0; linear: [K, B, d, 4]; stands: where the errors have (2) taken off, [K, d].
    """
    groups = np.arange(len(curve.shares)) % FOLDS
    left_out = np.equal.outer(np.arange(FOLDS), groups)
    weights = means_without(left_out, curve.shares)
    fit = fitted_by(weights, linear, curve, curve.main)
    shares = np.array([curve.shares[groups == f].sum() for f in range(FOLDS)])
    gamma, out = gammas(curve, linear, left_out)[:, None, None], np.empty_like(full[:, 0])
    for k, (own, noise, cross) in enumerate(full):  # a level's matrices stay in a cache
        a, b = (x[k, ..., None] for x in fit)  # [F, d, 1]
        noise = noise - np.eye(full.shape[-1]) / curve.levels[k + 1]
        mixed = a * cross * turned(b)
        taken = gamma * (a * noise * turned(a) + mixed + turned(mixed))
        trace, off = (np.trace(x, axis1=-2, axis2=-1) for x in (own, taken))
        plain, less = in_data(own, basis), in_data(own - taken, basis)
        # all of it or nothing: a thin direction is a difference of others, which must be alike
        good = bool(stands[k].all()) and bool(agrees(trace, off, shares, FEW_FOLDS))
        good = good and moments_like(np.tensordot(shares, plain, 1), np.tensordot(shares, less, 1))
        out[k] = less if good else plain
    return out


def moments_like(plain: Array, less: Array) -> bool:
    """Return whether `less` [d, d] can be second moments, and has nearly those of `plain`."""
    before, after = np.diag(plain), np.diag(less)
    near = (after >= LIKE * before) & (LIKE * after <= before)
    return bool(near.all()) and bool(np.linalg.eigvalsh(less)[0] >= 0)


def in_data(full: Array, basis: Basis) -> Array:
    """Return matrices [..., d, d] of a basis' coordinates in those of the data."""
    d = full.shape[-1]
    half = basis.from_coordinates(full.reshape(-1, d)).reshape(full.shape)
    whole = basis.from_coordinates(turned(half).reshape(-1, d))
    return np.ascontiguousarray(whole.reshape(full.shape))


def with_levels(curve: Curve, rows: Rows) -> Curve:
    """Return the curve with the controlled errors and traces of all levels but level 0."""
    errors = {k: np.concatenate([v[:1], rows.errors[k]]) for k, v in curve.errors.items()}
    return replace(curve, errors=errors, traces=np.concatenate([curve.traces[:1], rows.traces]))
