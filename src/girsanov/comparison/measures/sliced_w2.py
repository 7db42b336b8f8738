r"""Sliced W2: the distance of the two sets seen along a line, over many lines.

    SW2^2 = E_u W2^2(u.x, u.y),    W2^2 of the line = int_0^1 (F^-1(p) - G^-1(p))^2 dp,   (1)

u uniform on the sphere of R^d, F and G the two distribution functions along it (Rabin et al.
2011; Bonneel et al. 2015). With sorted samples (1) is a finite sum over the union of the points
k/n and l/m. Directions come in orthonormal frames, which are independent of each other: their
spread is the standard error of the mean over u, and a frame of d covers all of R^d at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..._checks import plural, require_count
from ...noise import NoiseSource
from ..jackknife import Squared, group_count, groups_of, pseudo_values
from .measure import SquaredDistance

if TYPE_CHECKING:
    from ..._typing import Array

MOST_DIRECTIONS = 256
PER_COORDINATE = 32  # directions, where that is fewer
FRAME = 16  # directions in a frame, or d when that is less
ALONG = 32  # directions looked along at a time


class SlicedW2(SquaredDistance):
    """Sliced W2 over at most `count` fixed directions of R^d drawn with `seed`."""

    name = "sliced-w2"

    def __init__(self, dimension: int, count: int = MOST_DIRECTIONS, seed: int = 0) -> None:
        wanted = min(require_count("directions", count), PER_COORDINATE * dimension)
        self.width = min(dimension, FRAME, wanted)
        self.directions = directions(dimension, -(-wanted // self.width), self.width, seed)
        self.note = f"over {plural(self.directions.shape[1], 'direction')}"
        if dimension == 1:
            self.directions, self.note = np.ones((1, 1)), "of one coordinate"
        self._seen: tuple[Array, int, list[Lines]] | None = None

    @classmethod
    def fit(cls, data: Array, labels: np.ndarray | None = None, seed: int = 0) -> SlicedW2:
        """Return it for rows of as many numbers as data [m, d] have."""
        return cls(data.shape[1], seed=seed)

    def squared(self, x: Array, y: Array) -> Squared:
        """Return equation (1) squared for x [n, d] and y [m, d]."""
        groups = group_count(len(x), len(y))
        if self._seen is None or self._seen[0] is not y or self._seen[1] != groups:
            # candidates share their data
            self._seen = (y, groups, [sorted_lines(y @ u, groups) for u in self._blocks()])
        pairs = zip(self._blocks(), self._seen[2], strict=True)
        each = np.concatenate(
            [_replicates(sorted_lines(x @ u, groups), seen, groups) for u, seen in pairs], axis=1
        )
        pseudo = pseudo_values(each[0], each[1:])
        frames = pseudo.mean(axis=0).reshape(-1, self.width).mean(axis=1)
        spread = frames.std(ddof=1) / len(frames) ** 0.5 if len(frames) > 1 else 0.0
        return Squared(float(each[0].mean()), pseudo.mean(axis=1), float(spread))

    def plugin(self, x: Array, y: Array) -> float:
        """Return equation (1) squared as computed."""
        coupling = Coupling(len(x), len(y))
        parts = [coupling.squared(np.sort((x @ u).T), np.sort((y @ u).T)) for u in self._blocks()]
        return float(np.concatenate(parts).mean())

    def _blocks(self) -> list[Array]:
        """Return the directions, so many at a time as keep projections of 10,000 rows small."""
        return np.split(self.directions, range(ALONG, self.directions.shape[1], ALONG), axis=1)


class Lines(NamedTuple):
    """One set seen along lines: sorted values and the group of each, [L, n]."""

    values: Array
    groups: np.ndarray


class Coupling:
    """How mass moves between n and m sorted points on a line: which to which, and how much."""

    def __init__(self, n: int, m: int) -> None:
        # whole numbers of 1/(n m), so that k/n and l/m that are equal are found equal
        ends = np.union1d(np.arange(n + 1) * m, np.arange(m + 1) * n)
        self.shares = np.diff(ends) / (n * m)
        self.of_x, self.of_y = ends[:-1] // m, ends[:-1] // n

    def squared(self, x: Array, y: Array) -> Array:
        """Return W2^2 of each line for sorted x [L, n] and y [L, m], [L]."""
        gap = np.take(x, self.of_x, axis=1)
        gap -= np.take(y, self.of_y, axis=1)
        return np.asarray(np.square(gap, out=gap) @ self.shares)


def directions(dimension: int, frames: int, width: int, seed: int) -> Array:
    """Return `frames` independent uniform orthonormal frames of `width` directions, [d, L]."""
    source = NoiseSource(seed, "directions")
    draws = (source.normal(k, 0, dimension, width).double().numpy() for k in range(frames))
    return np.concatenate([np.linalg.qr(draw)[0] for draw in draws], axis=1)


def sorted_lines(projected: Array, groups: int) -> Lines:
    """Return projections [n, L] sorted along each line."""
    order = np.argsort(projected.T, axis=1)
    group = groups_of(len(projected), groups).astype(np.int8)
    return Lines(np.take_along_axis(projected.T, order, axis=1), group[order])


def _replicates(x: Lines, y: Lines, groups: int) -> Array:
    """Return W2^2 of each line with all rows and without each group, [1 + B, L]."""
    count, n, m = len(x.values), x.values.shape[1], y.values.shape[1]
    squares = [Coupling(n, m).squared(x.values, y.values)]
    rest = Coupling(n - n // groups, m - m // groups)
    for g in range(groups):
        # the same number of rows leaves every line, so what stays is again a rectangle
        kept = (s.values[s.groups != g].reshape(count, -1) for s in (x, y))
        squares.append(rest.squared(*kept))
    return np.stack(squares)
