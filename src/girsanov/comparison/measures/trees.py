r"""How well boosted trees tell samples from data, row by row.

The scores of cross-fitted classifiers hang together: what a fold's rows happen to be teaches the
judges of all other folds, so that at chance the folds' AUCs are correlated, by 1/(K - 1) or more,
and an interval of independent scores is too narrow. Here no judge has learnt from rows that come
later. Half of all rows, in random order, teach the first trees; the others are cut into `TESTS`
blocks, each of which is judged by trees that learnt from all rows before it,

    AUC = mean over blocks k of AUC_k,    Cov(AUC_j - A_j, AUC_k - A_k) = 0 for j < k,         (1)

A_k the AUC on more rows of the trees that judge block k: given all rows before block k, its AUC
has the mean A_k, so that errors are martingale differences (A. P. Dawid's prequential analysis,
1984) and their variances add up. Samples and data of one law may be dealt out again within every
block, whatever came before it, so that the p value is exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..tables.rank_tests import Block, auc_interval, dealt_p_value
from ..tables.trees import ENSEMBLE, TreeColumns
from .measure import SIGNIFICANT, MeasureRow, TableMeasure

if TYPE_CHECKING:
    from ..sets import Sets
    from ..tables.three_tables import ThreeTables

TESTS = 5  # blocks of the second half


class TreesMeasure(TableMeasure):
    """The AUC of boosted trees that tell samples from data, beside that of real rows."""

    name, extra, chance = "trees", ENSEMBLE, 0.5

    @classmethod
    def of_tables(cls, tables: ThreeTables, sets: Sets) -> MeasureRow:
        """Return (1) with its interval and exact test; real rows have an interval, too."""
        blocks = judged_blocks(tables, sets.seed)
        value, low, high = auc_interval(blocks, sets.confidence)
        real = auc_interval(judged_blocks(tables.dealt(0, sets.seed), sets.seed), sets.confidence)
        note = (
            "AUC of boosted trees that tell samples from data (1/2: not at all, 1: every row), of "
            f"rows that come after those they learnt from; of real rows {real.value:.3f} "
            f"({real.low:.3f} .. {real.high:.3f})"
        )
        return MeasureRow(
            cls.name, value, low, high, value, real, dealt_p_value(blocks, sets.seed), note
        )

    @classmethod
    def verdict(cls, row: MeasureRow) -> str:
        """Return in words whether samples and data are told apart, by the exact test."""
        apart = row.p_value is not None and row.p_value <= SIGNIFICANT
        return "real and synthetic are told apart" if apart else "real and synthetic look alike"


def judged_blocks(tables: ThreeTables, seed: int) -> list[Block]:
    """Return the scores of samples and of data in every block, high where they look drawn."""
    both = np.concatenate([tables.samples, tables.data])
    columns = TreeColumns(tables.categories, both)
    x, y = columns.seen(tables.samples), columns.seen(tables.data)
    cuts = [_cuts(len(side)) for side in (x, y)]
    out = []
    for k in range(TESTS):
        (a, b), (c, d) = ((cut[k], cut[k + 1]) for cut in cuts)
        rows, labels = np.concatenate([x[:a], y[:c]]), np.repeat([1, 0], [a, c])
        judge = columns.classifier(rows, labels, seed)
        scores = judge.scores(np.concatenate([x[a:b], y[c:d]]))
        out.append((scores[: b - a], scores[b - a :]))
    return out


def _cuts(count: int) -> list[int]:
    """Return where the blocks of `count` rows begin and end."""
    return [round(count * (1 + k / TESTS) / 2) for k in range(TESTS + 1)]
