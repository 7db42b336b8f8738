r"""How far the dependence of pairs of columns is off (`comparison/tables/dependence.py`).

    T = mean over pairs of |C_s - C_d|_F^2                                                   (1)

is a squared distance, so that its bias is removed and its error known by the jackknife over
groups of rows (`comparison/jackknife.py`), without each of which ranks and shares are computed
anew. Its root is shown.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..._checks import figure, plural
from ..jackknife import Squared, group_count, groups_of, pseudo_values, squared_interval
from ..tables.dependence import Blocks
from .measure import Lack, MeasurePart, MeasureRow, TableMeasure

if TYPE_CHECKING:
    from ..._typing import Array
    from ..sets import Sets
    from ..tables.three_tables import ThreeTables

PAIR_CUTS = 3  # of real rows
KEPT_PAIRS = 20  # that are listed


class PairsMeasure(TableMeasure):
    """The root mean square difference of dependence over all pairs of columns."""

    name = "pairs"

    @classmethod
    def lack(cls, sets: Sets) -> Lack | None:
        """Return that two columns are needed that take several values."""
        if sets.tables is not None and not len(Blocks.of(sets.tables).pairs[0]):
            return "data", "must have two columns that vary to be compared by pairs", ""
        return super().lack(sets)

    @classmethod
    def of_tables(cls, tables: ThreeTables, sets: Sets) -> MeasureRow:
        """Return (1), with the pairs that are farthest off as parts."""
        blocks = Blocks.of(tables)
        squares, strengths = pair_squares(blocks, tables.samples, tables.data)
        cuts = np.stack([
            pair_squares(blocks, dealt.real, dealt.data, jackknife=False)[0][0]
            for dealt in (tables.dealt(turn, sets.seed) for turn in range(PAIR_CUTS))
        ])  # fmt: skip
        whole = _squared(squares.mean(axis=1))
        value, low, high = map(math.sqrt, squared_interval(whole.estimate(), sets.confidence))
        own = np.sqrt(cuts.mean(axis=1))
        worst = np.argsort(-squares[0], kind="stable")[:KEPT_PAIRS]
        parts = []
        for k in worst:
            first, second = (blocks.names[side[k]] for side in blocks.pairs)
            at = _squared(squares[:, k]).distance(sets.confidence)
            parts.append(MeasurePart(
                f"{first} and {second}", "", math.sqrt(squares[0, k]), at.low, at.high,
                float(np.sqrt(cuts[:, k].mean())), None, *map(float, strengths[:, k]),
            ))  # fmt: skip
        note = (
            "root mean square difference of dependence over "
            f"{plural(squares.shape[1], 'pair')} of columns (Spearman's correlation of numbers, "
            "the like of categories and of what is missing)"
        )
        return MeasureRow(
            cls.name, value, low, high, math.sqrt(squares[0].mean()),
            (float(own.mean()), float(own.min()), float(own.max())), None, note, tuple(parts),
        )  # fmt: skip

    @classmethod
    def verdict(cls, row: MeasureRow) -> str:
        """Return in words whether pairs are certainly off, and which is most."""
        if row.low <= 0:
            return "it cannot tell samples from data"
        part = row.parts[0]
        strengths = (
            f"{figure(part.in_data or 0.0, 2)} in the data, {figure(part.in_samples or 0.0, 2)}"
        )
        return f"it tells samples from data, most by {part.name} ({strengths} in the samples)"


def pair_squares(
    blocks: Blocks, samples: Array, data: Array, *, jackknife: bool = True
) -> tuple[Array, Array]:
    """Return every pair's squared difference, and without each group [1 + B, pairs]; strengths.

    samples [n, c], data [m, c]; strengths: of samples and of data, [2, pairs].
    """
    x, y = samples[: _fit(blocks, samples)], data[: _fit(blocks, data)]
    count = group_count(len(x), len(y)) if jackknife else 0
    both = [
        blocks.covariances(part, groups_of(len(part), max(1, count)), count) for part in (x, y)
    ]
    squares = np.stack([blocks.norms(a - b) for a, b in zip(*both, strict=True)])
    return squares, np.stack([blocks.strengths(matrices[0]) for matrices in both])


def _fit(blocks: Blocks, table: Array) -> int:
    """Return how many rows of a table are looked at: whole tens, or all of fewer than ten."""
    most = min(len(table), blocks.rows)
    return most - most % 10 if most >= 10 else most


def _squared(values: Array) -> Squared:
    return Squared(float(values[0]), pseudo_values(values[0], values[1:]))
