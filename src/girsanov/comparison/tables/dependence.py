r"""How columns hang together, two by two: one measure for numbers, dates, categories and gaps.

A column becomes a block of features of mean 0 and of total variance 1:

    of numbers      their ranks, 0 where missing,                                            (1)
    of K categories (1[value is k] - p_k) / c,   c = sqrt(1 - sum_k p_k^2),                   (2)

and of each column with gaps a block more, the mark of what is missing, as a category of two. With
C the covariances of the features of two blocks, C_s of the samples and C_d of the data,

    strength = |C|_F,    difference = |C_s - C_d|_F,                                         (3)

F the Frobenius norm. Of two columns of numbers C is Spearman's correlation, of two categories of
two values the size of phi, which is then Cramer's V; rare categories weigh little. Strength is at
most 1, and a difference sees which categories go together, not only how strongly any do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..._typing import Array
    from .three_tables import ThreeTables

MOST_FEATURES, ALL_FEATURES = 20, 1000  # categories of a column, of all; others are one more
WORK = 2**32  # multiplications


@dataclass(frozen=True, eq=False)
class Blocks:
    """Which features tables are compared by.

    names: of the blocks; columns: of which column each block is; levels: the values whose
    features it has, None of ranks.
    """

    names: tuple[str, ...]
    columns: tuple[int, ...]
    levels: tuple[Array | None, ...]

    @classmethod
    def of(cls, tables: ThreeTables) -> Blocks:
        """Return the blocks of columns that are not the same in all rows."""
        parts: list[tuple[str, int, Array | None]] = []
        both = np.concatenate([tables.real, tables.data])
        every = np.concatenate([tables.samples, both])
        most = int(np.clip(ALL_FEATURES // len(tables.names), 2, MOST_FEATURES))
        for j, (name, words) in enumerate(zip(tables.names, tables.categories, strict=True)):
            values, counts = np.unique(both[:, j], return_counts=True, equal_nan=True)
            gaps = np.isnan(every[:, j])
            if words:
                if len(np.unique(every[:, j])) > 1:
                    parts.append((name, j, values[np.argsort(-counts, kind="stable")[:most]]))
                continue
            if len(np.unique(every[~gaps, j])) > 1:
                parts.append((name, j, None))
            if gaps.any() and not gaps.all():
                parts.append((f"{name} missing", j, np.array([np.nan])))
        names, columns, levels = zip(*parts, strict=True) if parts else ((), (), ())
        return cls(names, columns, levels)

    @property
    def widths(self) -> tuple[int, ...]:
        """How many features each block has; the last of categories are all others."""
        return tuple(
            1 if values is None or len(values) == 1 else len(values) + 1 for values in self.levels
        )

    @property
    def rows(self) -> int:
        """How many rows are looked at, at most."""
        return max(1, WORK // max(1, sum(self.widths)) ** 2)

    @property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of the two blocks of every pair, of two columns."""
        first, second = np.triu_indices(len(self.names), 1)
        of = np.asarray(self.columns, dtype=int)
        two = of[first] != of[second]
        return first[two], second[two]

    def covariances(self, table: Array, groups: np.ndarray, count: int) -> list[Array]:
        """Return C of all features [F, F] of a table's rows [n], and without each group."""
        columns = [
            _Coded.of(table[:, j], v) for j, v in zip(self.columns, self.levels, strict=True)
        ]
        out = []
        for g in [None, *range(count)]:
            kept = np.ones(len(table), bool) if g is None else groups != g
            features = np.concatenate([c.features(kept) for c in columns], axis=1)
            out.append(features.T @ features / len(features))
        return out

    def norms(self, matrix: Array) -> Array:
        """Return (3) squared of every pair, from a matrix [F, F]."""
        starts = np.cumsum((0, *self.widths[:-1]))
        square = np.add.reduceat(np.add.reduceat(matrix**2, starts, axis=0), starts, axis=1)
        return np.asarray(square[self.pairs])

    def strengths(self, matrix: Array) -> Array:
        """Return the strength of every pair, with its sign where both are of one feature."""
        starts, widths = np.cumsum((0, *self.widths[:-1])), np.asarray(self.widths)
        first, second = self.pairs
        size = np.sqrt(self.norms(matrix))
        signed = (widths[first] == 1) & (widths[second] == 1)
        return np.where(signed, matrix[starts[first], starts[second]], size)


@dataclass(frozen=True, eq=False)
class _Coded:
    """One block's values as places [n] among the distinct ones, and what is missing [n]."""

    places: np.ndarray
    count: int
    missing: np.ndarray | None  # of ranks alone

    @classmethod
    def of(cls, values: Array, levels: Array | None) -> _Coded:
        if levels is None:
            distinct, places = np.unique(values, return_inverse=True)
            return cls(places, len(distinct), np.isnan(values))
        places = np.full(len(values), len(levels))
        for k, level in enumerate(levels):
            places[np.isnan(values) if np.isnan(level) else values == level] = k
        return cls(places, len(levels) + 1, None)

    def features(self, kept: np.ndarray) -> Array:
        """Return (1) or (2) of the rows that are kept."""
        places = self.places[kept]
        counts = np.bincount(places, minlength=self.count)
        if self.missing is None:
            p = counts / len(places)
            c = np.sqrt(float((p * (1 - p)).sum())) or 1.0
            out = -np.broadcast_to(p, (len(places), len(p))) / c
            out[np.arange(len(places)), places] += 1 / c
            # a mark says as much as what is no mark, and alone it has a sign
            return out[:, :1] * np.sqrt(2) if self.count == 2 else out
        there = ~self.missing[kept]
        # values of equal places share the middle of their ranks; missing ones are sorted last
        ranks = (counts.cumsum() - counts / 2)[places]
        centre = ranks[there].mean() if there.any() else 0.0
        x = np.where(there, ranks - centre, 0.0)
        scale = np.sqrt(np.square(x).mean()) or 1.0
        return np.asarray(x / scale)[:, None]
