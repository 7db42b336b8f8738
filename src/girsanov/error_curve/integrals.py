"""The integral of a measured error curve between its levels.

Between measured levels 1/M is taken to be linear in s, which is exact for a
Gaussian coordinate and keeps the single-crossing property of every error curve:

    int_{s}^{s'} M = delta log(M/M') / (1/M' - 1/M) = delta (phi M + phi' M'),            (1)
    phi = (e^l - 1 - l)/(e^l - 1)^2,  l = log(M/M'),  phi' the same at -l:

(1) is homogeneous in (M, M'), so the pooled phi carry every group's mean to its share of the
integral (Euler), as in interpolate.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .._typing import Array


def leave_one_out(measured: Array, shares: Array) -> Array:
    """Return, for each group of [N, B, J], the mean over the other groups."""
    if len(shares) == 1:
        return measured
    w = shares[None, :, None]
    return np.asarray(((measured * w).sum(1, keepdims=True) - w * measured) / (1 - w))


def half_integral(levels: Array, errors: Array, sizes: Array) -> Array:
    """Return 1/2 int M ds over each cell by equation (1): errors [K+1, J] -> [K]."""
    return np.asarray(half_integrals(levels, errors[:, None], np.ones(1), sizes)[:, 0])


def half_integrals(levels: Array, errors: Array, shares: Array, sizes: Array) -> Array:
    """Return each group's share of 1/2 int M ds over each cell, [K, B], by equation (1).

    errors: [K+1, B, J] with `shares` [B]; the shares of the groups average to the integral of
    the pooled curve.
    """
    mean = np.maximum(np.einsum("kbj,b->kj", errors, shares), 1e-300)
    ratio = np.log(mean[:-1] / mean[1:])
    left = phi(ratio)[:, None] * errors[:-1] + phi(-ratio)[:, None] * errors[1:]
    return np.asarray(np.diff(levels)[:, None] * (left @ sizes) / 2)


def phi(ratio: Array) -> Array:
    """Return phi(l) of equation (1), by its series where the closed form is 0/0."""
    close = np.abs(ratio) < 1e-3
    x = np.where(close, 1.0, ratio)
    small = np.exp(-np.abs(x))  # e^l itself can exceed float64
    square = np.expm1(-np.abs(x)) ** 2
    closed = np.where(x > 0, small - (1 + x) * small**2, small - 1 - x) / square
    return np.where(close, 0.5 - ratio / 3 + ratio**2 / 12, closed)
