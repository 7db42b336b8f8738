r"""The distance of every column alone: Kolmogorov-Smirnov of numbers, total variation of text.

    D = sup_v |F(v) - G(v)|  of numbers and dates,    D = sum_k |p_k - q_k| / 2  of text,    (1)

a missing number being less than all others, so that the share of missing ones counts. With F^, G^
of the rows, |D^ - D| is at most (1) of (F^ - F) - (G^ - G), whose law is that of rows drawn again
with replacement (Bickel and Freedman 1981; Gine and Zinn 1990): its quantile is half the interval.

The test deals samples and data out again, all columns at once. With z_j a column's distance less
its mean over all deals, over their deviation,

    p_j = share of deals in which the largest z of all columns is at least z_j,               (2)

so that p <= .05 of any column comes once in twenty times when nothing differs, however many
columns there are and however they hang together (Westfall and Young 1993). It is exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..._checks import figure, plural
from ...noise import NoiseSource
from .measure import CUTS, SIGNIFICANT, MeasurePart, MeasureRow, TableMeasure
from .mmd import random_deals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..._typing import Array
    from ..sets import Sets
    from ..tables.three_tables import ThreeTables

COLUMN_DEALS = 199
DRAWN_AGAIN = 200
MOST_NAMED = 5  # columns that a sentence names


class ColumnsMeasure(TableMeasure):
    """The largest of the columns' distances."""

    name = "columns"

    @classmethod
    def of_tables(cls, tables: ThreeTables, sets: Sets) -> MeasureRow:
        """Return the largest distance, with every column's as parts, the farthest off first."""
        found = column_distances(tables, confidence=sets.confidence, seed=sets.seed)
        cuts = found.real.max(axis=0)
        parts = [
            MeasurePart(
                name, "TV" if words else "KS", float(d), max(0.0, float(d - half)),
                min(1.0, float(d + half)), float(real), float(p),
            )
            for name, words, d, half, real, p in zip(
                tables.names, tables.categories, found.distance, found.half,
                found.real.mean(axis=1), found.p_values, strict=True,
            )
        ]  # fmt: skip
        parts.sort(key=lambda part: (part.p_value, part.real - part.value))
        largest = float(found.distance.max())
        note = (
            "largest distance of a column, Kolmogorov-Smirnov (KS) of numbers and dates, total "
            f"variation (TV) of categories, of {plural(len(parts), 'column')}; median "
            f"{figure(float(np.median(found.distance)))}, of real rows "
            f"{figure(float(np.median(found.real.mean(axis=1))))}"
        )
        return MeasureRow(
            cls.name, largest, max(0.0, largest - found.largest_half),
            min(1.0, largest + found.largest_half), largest,
            (float(cuts.mean()), float(cuts.min()), float(cuts.max())),
            float(found.p_values.min()), note, tuple(parts),
        )  # fmt: skip

    @classmethod
    def verdict(cls, row: MeasureRow) -> str:
        """Return in words which columns are off."""
        return columns_off(row.parts)


class ColumnDistances(NamedTuple):
    """Every column's (1) [c], half its interval [c], that of real rows [c, cuts], and (2) [c].

    largest_half: half the interval of the largest distance.
    """

    distance: Array
    half: Array
    real: Array
    p_values: Array
    largest_half: float


def column_distances(
    tables: ThreeTables, *, confidence: float = 0.95, seed: int = 0
) -> ColumnDistances:
    """Return the distances of samples and data, column by column."""
    n, m = len(tables.samples), len(tables.data)
    deals = _two_sided(random_deals(n + m, n, COLUMN_DEALS, seed), n, m)
    again = _drawn_again(n, m, seed)
    cuts = _two_sided(random_deals(len(tables.real) + m, len(tables.real), CUTS - 1, seed),
                      len(tables.real), m)  # fmt: skip
    drawn, apart, real = [], [], []
    for x, r, y, words in zip(
        tables.samples.T, tables.real.T, tables.data.T, tables.categories, strict=True
    ):
        order, starts = _sorted(np.concatenate([x, y]))
        drawn.append(_distance(deals, order, starts, bool(words)))
        apart.append(_distance(again, order, starts, bool(words)))
        real.append(_distance(cuts, *_sorted(np.concatenate([r, y])), bool(words)))
    each, spare = np.stack(drawn), np.stack(apart)
    deviation = each.std(axis=1, keepdims=True)
    # equal deals differ by rounding, which must not decide between them
    z = (each - each.mean(axis=1, keepdims=True)) / np.where(deviation > 1e-12, deviation, 1.0)
    largest = np.where(deviation > 1e-12, z, 0.0).max(axis=0)
    p_values = (largest >= z[:, :1] - 1e-9).mean(axis=1)
    half = np.quantile(spare, confidence, axis=1)
    largest_half = float(np.quantile(spare.max(axis=0), confidence))
    return ColumnDistances(each[:, 0], half, np.stack(real), p_values, largest_half)


def columns_off(parts: Sequence[MeasurePart]) -> str:
    """Return in a sentence which columns are off, by their test."""
    off = [part for part in parts if part.p_value is not None and part.p_value <= SIGNIFICANT]
    if not off:
        return "no column is off, as far as these rows tell"
    named = ", ".join(
        f"{p.name} ({p.kind} {figure(p.value)}; real rows {figure(p.real)})"
        for p in off[:MOST_NAMED]
    )
    more = len(off) - MOST_NAMED
    rest = f" and {plural(more, 'more column')}" if more > 0 else ""
    return f"off: {named}{rest}"


def _two_sided(members: Array, n: int, m: int) -> Array:
    """Return weights [N, B] of members of the first set, 1/n, and of the second, -1/m."""
    return np.where(members > 0, 1 / n, -1 / m)


def _drawn_again(n: int, m: int, seed: int) -> Array:
    """Return the weights [n + m, B] of rows drawn with replacement, less what they were."""
    out = np.empty((n + m, DRAWN_AGAIN))
    source = NoiseSource(seed, "rows drawn again")
    for k in range(DRAWN_AGAIN):
        u = source.uniform(k, 0, n + m)
        first = np.bincount((u[:n] * n).astype(int), minlength=n)
        second = np.bincount((u[n:] * m).astype(int), minlength=m)
        out[:n, k], out[n:, k] = (first - 1) / n, (1 - second) / m
    return out


def _sorted(values: Array) -> tuple[np.ndarray, np.ndarray]:
    """Return the order of values [N], missing ones first, and where in it each value starts."""
    filled = np.where(np.isnan(values), -np.inf, values)
    order = filled.argsort(kind="stable")
    ordered = filled[order]
    return order, np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))


def _distance(weights: Array, order: np.ndarray, starts: np.ndarray, text: bool) -> Array:
    """Return (1) for every column of weights [N, B] of sorted values, [B]."""
    mass = np.add.reduceat(weights[order], starts, axis=0)
    size = np.abs(mass).sum(axis=0) / 2 if text else np.abs(mass.cumsum(axis=0)).max(axis=0)
    return np.asarray(size)
