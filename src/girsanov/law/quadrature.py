"""Integrals of smooth functions of one number, many at once, to a known precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from .._typing import Array

HALVINGS = 50  # of a panel, at most: then it is as short as rounding
GAUSS_NODES = 16  # of Gauss and Legendre on a panel
LEAST_NATS = 0.01  # of information, which is told to 1e-11 of it and of so much
TOGETHER = 64  # integrals whose panels are held in memory at once

# x [n] and which integral each is of [n] to the values of R functions there, [R, n]
Functions = Callable[[Array, NDArray[np.int64]], Array]


def integrals(rule: Functions, edges: Sequence[Array], known: Array) -> Array:
    """Return the integrals [R, K] of R functions >= 0, each to 1e-11 of it + `known` [R, K].

    rule: see `Functions`; edges: of the panels of integral k, from its one end to the other. An
    integral below 1e-250 is not resolved further: its digits are subnormal numbers.

    Gauss-Legendre on each panel between edges, compared with its two halves, which replace it
    until they agree.
    """
    parts = []
    for first in range(0, len(edges), TOGETHER):
        some = slice(first, first + TOGETHER)

        def shifted(x: Array, of: NDArray[np.int64], first: int = first) -> Array:
            return rule(x, of + first)

        parts.append(_integrals(shifted, edges[some], known[:, some]))
    return np.concatenate(parts, axis=1)


def _integrals(rule: Functions, edges: Sequence[Array], known: Array) -> Array:
    nodes, weights = np.polynomial.legendre.leggauss(GAUSS_NODES)
    # one edge alone: all the mass is closer together than rounding
    of = np.repeat(np.arange(len(edges)), [max(len(e) - 1, 0) for e in edges])
    ends = np.stack(
        [np.concatenate([e[:-1] for e in edges]), np.concatenate([e[1:] for e in edges])]
    )

    def panels(left: Array, right: Array, of: NDArray[np.int64]) -> Array:
        half = (right - left)[:, None] / 2
        x = (right + left)[:, None] / 2 + half * nodes
        values = rule(x.ravel(), np.repeat(of, GAUSS_NODES)).reshape(-1, *x.shape)
        return np.asarray(half[:, 0] * (values @ weights))

    def summed(values: Array, of: NDArray[np.int64]) -> Array:
        return np.stack([np.bincount(of, row, len(edges)) for row in values])

    done = np.zeros_like(known)
    if not len(of):
        return done
    rough = panels(ends[0], ends[1], of)
    for _ in range(HALVINGS):
        middle = ends.mean(axis=0)
        halves = np.stack([[ends[0], middle], [middle, ends[1]]], axis=-1)  # [2, panels, 2]
        left, right = halves.reshape(2, -1)
        fine = panels(left, right, np.repeat(of, 2)).reshape(len(rough), -1, 2)
        total = fine.sum(axis=2)
        limit = 1e-11 * (done + summed(total, of) + known + 1e-250)
        bad = (np.abs(total - rough) > limit[:, of]).any(axis=0)
        done = done + summed(total[:, ~bad], of[~bad])
        ends, rough = halves[:, bad].reshape(2, -1), fine[:, bad].reshape(len(rough), -1)
        of = np.repeat(of[bad], 2)
        if not len(of):
            break
    return np.asarray(done + summed(rough, of))
