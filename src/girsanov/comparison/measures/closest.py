r"""How close samples lie to the closest real row, beside rows that are held out.

With d(x) the distance of x to the closest of the real rows, which are training rows if given,

    share = P(d(sample) < d(held-out row)) + P(equal) / 2,                                   (1)

1/2 for samples of the data's own law that know nothing of the very rows, more where samples repeat
them (or are too narrow), less where samples lie where no rows are. Given the real rows, the
distances of either set are independent, so that dealing them out again is an exact test. The
distance of two rows is the root of a sum over columns (J. C. Gower 1971, squared),

    (F(a) - F(b))^2 of numbers, F the share of real rows below,    1 of two categories,      (2)

and 3/4 to 1 of a missing and another value: no unit and no heavy tail counts more than others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...montecarlo import mean_estimate
from ..tables.rank_tests import auc_interval, dealt_p_value, share_below
from .labels import share_kept
from .measure import SIGNIFICANT, MeasurePart, MeasureRow, TableMeasure
from .mmd import square_distances

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..._typing import Array
    from ..sets import Sets
    from ..tables.three_tables import ThreeTables

LOOKED_AT = 2000  # samples, and held-out rows, whose closest row is found
MOST_WORDS = 100  # of a column; others are one more
SAME = 1e-6  # distances below are of rows that are equal


class ClosestMeasure(TableMeasure):
    """The share of pairs in which a sample is closer to a real row than a held-out row is."""

    name, chance = "closest", 0.5

    @classmethod
    def of_tables(cls, tables: ThreeTables, sets: Sets) -> MeasureRow:
        """Return (1), with distances and copies as parts."""
        ours, held = closest_distances(tables)
        blocks = [(-ours, -held)]
        value, low, high = auc_interval(blocks, sets.confidence)
        parts = (_distance(ours, held, sets), _copies(ours, held, sets))
        note = (
            "share of pairs in which a sample lies closer to its closest row of "
            f"{tables.real_words} than a held-out row does (1/2: as real rows; more: repeats)"
        )
        p_value = dealt_p_value(blocks, sets.seed)
        return MeasureRow(cls.name, value, low, high, value, None, p_value, note, parts)

    @classmethod
    def verdict(cls, row: MeasureRow) -> str:
        """Return in words whether samples lie too close to real rows."""
        if row.p_value is not None and row.p_value <= SIGNIFICANT:
            return "samples lie closer to these rows than held-out rows do: repeats, or too narrow"
        return "samples lie no closer to these rows than held-out rows do"


def _distance(ours: Array, held: Array, sets: Sets) -> MeasurePart:
    low, high = mean_estimate(ours).interval(sets.confidence)
    low = max(0.0, float(low))
    mean = float(ours.mean())
    return MeasurePart("mean distance", "", mean, low, float(high), float(held.mean()))


def _copies(ours: Array, held: Array, sets: Sets) -> MeasurePart:
    same = [int((d < SAME).sum()) for d in (ours, held)]
    share = share_kept(same[0], len(ours), sets.confidence)
    return MeasurePart("share of copies", "", *share, same[1] / len(held))


def closest_distances(tables: ThreeTables) -> tuple[Array, Array]:
    """Return the distances (2) of samples and of held-out rows to their closest real row."""
    places = [_places(tables.real[:, j], words) for j, words in enumerate(tables.categories)]
    real, ours, held = (
        np.concatenate([place(rows[:, j]) for j, place in enumerate(places)], axis=1)
        for rows in (tables.real, tables.samples[:LOOKED_AT], tables.data[:LOOKED_AT])
    )
    first, second = (
        np.concatenate([square.min(axis=1) for _, square in square_distances(rows, real)])
        for rows in (ours, held)
    )
    return np.sqrt(first), np.sqrt(second)


def _places(real: Array, words: tuple[str, ...]) -> Callable[[Array], Array]:
    """Return what puts values [n] of a column where (2) is a squared distance, [n, w]."""
    if words:
        often = np.bincount(real.astype(int), minlength=len(words)).argsort(kind="stable")[::-1]
        code = np.full(len(words), min(len(words), MOST_WORDS))
        code[often[:MOST_WORDS]] = np.arange(len(often[:MOST_WORDS]))
        corners = np.eye(code.max() + 1) / np.sqrt(2)
        return lambda values: corners[code[values.astype(int)]]
    ordered = np.sort(real[~np.isnan(real)])

    def place(values: Array) -> Array:
        gap = np.isnan(values)
        share = share_below(values, ordered) if len(ordered) else np.zeros(len(values))
        # 1/4 from the middle and 3/4 for the mark: at most 1 in all
        mark = np.where(gap, np.sqrt(3) / 2, 0.0)
        return np.stack([np.where(gap, 0.5, share), mark], axis=1)

    return place
