r"""What the error curve does between its levels: measured, at random places.

In every gap between neighbouring levels s_i < s_i+1 each of the B groups of examples is shown one
more level t_b = s_i (s_i+1/s_i)^u_b, u_b = (a permutation of 0..B-1 + a uniform)/B, so that

    int_gap f ds = E sum_b w_b t_b log(s_i+1/s_i) f(t_b)      (w_b the groups' shares)       (1)

for any f. Of the error M, f is what interpolation between the levels misses. Two bumps take it up,

    M(s) = M0(s) [1 + u (1 - u) (c_0 + c_1 (2u - 1))],    M0: (1) of interpolate.py,      (2)

u the place in the gap in log-SNR, with c such that the sums (1) of what is still missed, and of it
times 2u - 1, vanish. So the integral of (2) over a gap estimates that of M without bias whatever
the curve's shape, up to what both bumps miss times the chance of where the B places fell, one in
each sixteenth; and that rest is in the standard errors, since with y_b = M_b(t_b) - M0_b(t_b)

    c_b = c + A^-1 t_b log(s_i+1/s_i) (1, 2u_b - 1) (y_b - bumps(t_b)) sqrt(B/(B - 2))       (3)

is kept by group: its mean is c and its spread, that of an estimate of two numbers, A the matrix
that c solves. A model that knows some levels only is shown one of those in the gap, each with the
length that it stands for; a gap without any is left to interpolation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from .._typing import Array, Levels


class Places(NamedTuple):
    """Where groups look; levels: t_b [K, B]; weights: the length each stands for [K, B].

    Row k is the gap that ends at level k + 1. Nobody looks into the first, from s = 0, where the
    error hardly falls and no network was trained; weights are 0 there, and where nobody can.
    """

    levels: Array
    weights: Array

    @property
    def gaps(self) -> int:
        """The number of gaps that are looked into."""
        return int(self.weights.any(axis=1).sum())


def places_between(grid: Levels, groups: int, seed: int, trained: Levels | None = None) -> Places:
    """Return where `groups` look in the gaps of `grid` [K]; trained: the levels a model knows."""
    from ..noise import NoiseSource  # brings torch, which planning needs not

    source = NoiseSource(seed, "audit between")
    levels, weights = np.tile(grid[:, None], groups), np.zeros((len(grid), groups))
    for k in range(1, len(grid)):
        order = np.argsort(source.uniform(2 * k, 0, groups), kind="stable")
        u = (order + source.uniform(2 * k + 1, 0, groups)) / groups
        low, high = grid[k - 1], grid[k]
        if trained is None:
            levels[k] = low * (high / low) ** u
            weights[k] = levels[k] * np.log(high / low)
            continue
        between = trained[(trained > low * (1 + 1e-6)) & (trained < high * (1 - 1e-6))]
        if len(between):
            length = np.convolve(np.concatenate([[low], between, [high]]), [0.5, 0, -0.5], "valid")
            pick = (u * len(between)).astype(int)
            levels[k], weights[k] = between[pick], length[pick] * len(between)
    return Places(levels, weights)


def bumps(levels: Array, low: Array, high: Array) -> Array:
    """Return u (1 - u) and u (1 - u)(2u - 1) of (2) at `levels` [K, B] of gaps low, high [K]."""
    u = np.log(levels / low[:, None]) / np.log(high / low)[:, None]
    return np.stack([u * (1 - u), u * (1 - u) * (2 * u - 1)], axis=-1)


def bends(at: Places, grid: Levels, missed: Array, shape: Array, shares: Array) -> Array:
    """Return c of (2) by group as (3), [K, B, J, 2].

    missed: y of each group at its places [K, B, J]; shape: M0 there [K, B, J].
    """
    out = np.zeros((*missed.shape, 2))
    if len(grid) < 2:
        return out
    size = np.maximum(np.abs(shape).max(axis=1, keepdims=True), 1e-300)[1:]
    y, m = missed[1:] / size, shape[1:] / size
    form = bumps(at.levels[1:], grid[:-1], grid[1:])[:, :, None] * m[..., None]  # [K-1, B, J, 2]
    u = np.log(at.levels[1:] / grid[:-1, None]) / np.log(grid[1:] / grid[:-1])[:, None]
    tests = at.weights[1:, :, None] * np.stack([np.ones_like(u), 2 * u - 1], axis=-1)
    tests = tests / grid[1:, None, None]
    mean = shares[:, None] * tests
    inverse = _inverse(np.einsum("kbp,kbjq->kjpq", mean, form, optimize=True))
    c = (inverse @ np.einsum("kbq,kbj->kjq", mean, y, optimize=True)[..., None])[..., 0]
    rest = y - np.einsum("kbjq,kjq->kbj", form, c)
    spread = (len(shares) / max(len(shares) - 2, 1)) ** 0.5
    apart = np.einsum("kjpq,kbq->kbjp", inverse, tests * spread)
    apart *= rest[..., None]
    np.add(apart, c[:, None], out=out[1:])
    return out


def _inverse(matrix: Array) -> Array:
    """Return the pseudo-inverse of each 2 x 2 matrix, [..., 2, 2]; quickly where it is plain."""
    (a, b), (c, d) = np.moveaxis(matrix, (-2, -1), (0, 1))
    det = a * d - b * c
    plain = np.abs(det) > 1e-4 * (a**2 + b**2 + c**2 + d**2)
    out = np.stack([d, -b, -c, a], axis=-1).reshape(matrix.shape)
    out[plain] /= det[plain][:, None, None]
    out[~plain] = np.linalg.pinv(matrix[~plain], rcond=1e-6)
    return out
