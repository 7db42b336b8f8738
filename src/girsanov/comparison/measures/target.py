r"""What samples teach of one column, beside what real rows teach (TSTR and TRTR).

Boosted trees learn to predict the target from the other columns, once from samples and once from
as many real rows; both are tested on the same rows of the data,

    difference = score (learnt from samples) - score (learnt from real rows),                (1)

with the score R2 of numbers and dates, AUC of two classes, the share of right answers of more.
Each model is learnt `LEARNT` times, each time without another fifth of its rows, and the score is
the mean. Its variance is that of the tested rows, from each row's influence on (1), and

    sum over g of (score_g - mean)^2                                                         (2)

of each side, which is at least the variance that the rows learnt from give it (Efron and Stein
1981). The interval is so of models that learn from other rows of the same laws.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..._checks import figure, require
from ...montecarlo import Estimate
from ..jackknife import Interval
from ..tables.rank_tests import placements
from ..tables.trees import BOOSTED_TREES, ENSEMBLE, TreeColumns
from .measure import Lack, MeasurePart, MeasureRow, TableMeasure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..._typing import Array
    from ..sets import Sets
    from ..tables.three_tables import ThreeTables

LEARNT = 5
MOST_CLASSES = 50
TREES_OF_ALL_CLASSES, FEWEST_ROUNDS = 400, 10
FEWEST_TESTED = 10  # rows that have the target


class TargetMeasure(TableMeasure):
    """What samples teach of the target less what real rows do."""

    name, extra = "target", ENSEMBLE

    @classmethod
    def lack(cls, sets: Sets) -> Lack | None:
        """Return that a target is needed that the data have and that varies."""
        if (lack := super().lack(sets)) is not None:
            return lack
        if sets.target is None:
            return "target", "must name the column to predict", "Use --target COLUMN"
        assert sets.tables is not None  # or it lacked something
        return _target_lack(sets.tables, sets.target)

    @classmethod
    def of_tables(cls, tables: ThreeTables, sets: Sets) -> MeasureRow:
        """Return (1), with both scores as parts."""
        assert sets.target is not None  # or it lacked something
        task = Task.of(tables, sets.target)
        ours, real = (task.learnt(rows, sets.seed) for rows in (task.samples, task.real))
        apart = _estimate([ours, real], ours.score - real.score, ours.influence - real.influence)
        low, high = map(float, apart.interval(sets.confidence))
        parts = []
        for name, side in (("learnt from samples", ours), ("learnt from real rows", real)):
            ends = side.interval(task.least, sets.confidence)
            parts.append(MeasurePart(name, task.kind, *ends, real.score))
        note = (
            f"{task.kind} of {sets.target} on real rows, by boosted trees that learnt from "
            f"samples, less that by trees that learnt from {tables.real_words}: "
            f"{figure(ours.score)} and {figure(real.score)}"
        )
        floor = (real.score, parts[1].low, parts[1].high)
        return MeasureRow(
            cls.name, float(apart.value), low, high, ours.score, floor, None, note, tuple(parts)
        )

    @classmethod
    def verdict(cls, row: MeasureRow) -> str:
        """Return in words whether samples teach less."""
        if row.high < 0:
            return "samples teach less than real rows"
        more = "samples teach more than real rows"
        return (
            more if row.low > 0 else "samples teach no less than real rows, as far as these tell"
        )

    @classmethod
    def signs(cls, row: MeasureRow) -> tuple[bool, bool]:
        """Return whether its interval leaves out 0, twice: there is no test."""
        apart = row.high < 0 or row.low > 0
        return apart, apart


def _target_lack(tables: ThreeTables, target: str) -> Lack | None:
    rule = f"must be a column of the data ({', '.join(tables.names)})"
    require(target in tables.names, "target", rule, target)
    if len(tables.names) < 2:
        return "target", "needs other columns to be predicted from", ""
    j = tables.names.index(target)
    there, real = (_there(rows, tables, j) for rows in (tables.data, tables.real))
    if min(len(there), len(real)) < FEWEST_TESTED:
        return "target", f"must have a value in {FEWEST_TESTED} real rows on either side", ""
    values = np.unique(np.concatenate([there, real]))
    if min(len(np.unique(there)), len(values)) < 2:
        return "target", "must take two values or more in the data", ""
    if tables.categories[j] and len(values) > MOST_CLASSES:
        return "target", f"must have at most {MOST_CLASSES} categories", "Group its values"
    return None


def _has_value(rows: Array, tables: ThreeTables, j: int) -> np.ndarray:
    """Return which rows have a value in column j; missing text is the category ""."""
    words, values = tables.categories[j], rows[:, j]
    return ~np.isnan(values) & (values != words.index("")) if "" in words else ~np.isnan(values)


def _there(rows: Array, tables: ThreeTables, j: int) -> Array:
    return np.asarray(rows[_has_value(rows, tables, j), j])


class TargetRows(NamedTuple):
    """Rows [n, c] of the other columns, and the target of each [n]."""

    x: Array
    y: Array


class TargetScore(NamedTuple):
    """A score, its influences of tested rows [m], and the variance (2)."""

    score: float
    influence: Array
    variance: float

    def interval(self, least: float, confidence: float) -> Interval:
        """Return the score with its interval, from the least to the most that it can be."""
        low, high = _estimate([self], self.score, self.influence).interval(confidence)
        return Interval(self.score, max(least, float(low)), min(1.0, float(high)))


def _estimate(sides: Sequence[TargetScore], value: float, influence: Array) -> Estimate:
    """Return a score or a difference with its error; the degrees are Welch's and Satterthwaite's.

    influence: of the tested rows [m] on the value.
    """
    variances = np.array([influence.var() / len(influence), *(side.variance for side in sides)])
    degrees = np.array([len(influence) - 1, *(LEARNT - 1 for _ in sides)])
    total = float(variances.sum())
    spread = float((variances**2 / degrees).sum())
    return Estimate(value, math.sqrt(total), total**2 / spread if spread > 0 else math.inf)


@dataclass(frozen=True, eq=False)
class Task:
    """A column to predict: what its score is, its classes, and rows and answers of all tables."""

    kind: str
    classes: Array
    trees: TreeColumns
    samples: TargetRows
    real: TargetRows
    tested: TargetRows

    @classmethod
    def of(cls, tables: ThreeTables, target: str) -> Task:
        """Return the task of predicting `target`; a number that takes two values is a class."""
        j = tables.names.index(target)
        values = np.unique(
            np.concatenate([_there(t, tables, j) for t in (tables.data, tables.real)])
        )
        classes = values if tables.categories[j] or len(values) == 2 else np.zeros(0)
        kind = {0: "R2", 2: "AUC"}.get(len(classes), "accuracy")
        sets = (tables.samples, tables.real, tables.data)
        others = [words for k, words in enumerate(tables.categories) if k != j]
        trees = TreeColumns(others, np.delete(np.concatenate(sets), j, axis=1))
        answers = []
        for rows in sets:
            kept = rows[_has_value(rows, tables, j)]
            answers.append(TargetRows(trees.seen(np.delete(kept, j, axis=1)), kept[:, j]))
        return cls(kind, classes, trees, *answers)

    @property
    def least(self) -> float:
        """The least that the score can be."""
        return -math.inf if self.kind == "R2" else 0.0

    def learnt(self, rows: TargetRows, seed: int) -> TargetScore:
        """Return the score of models that learn from rows, each without a part of them."""
        parts = [
            self._score(self._predicted(rows.x[kept], rows.y[kept], seed))
            for kept in (np.arange(len(rows.y)) % LEARNT != g for g in range(LEARNT))
        ]
        scores = np.array([score for score, _ in parts])
        influence = np.mean([part for _, part in parts], axis=0)
        return TargetScore(
            float(scores.mean()), influence, float(np.square(scores - scores.mean()).sum())
        )

    def _predicted(self, x: Array, y: Array, seed: int) -> Array:
        """Return predictions of the tested rows, or scores of the second class of two."""
        test, truth = self.tested
        if len(np.unique(y)) < 2:  # nothing can be learnt
            return np.full(len(test), y[0] if len(y) else truth.mean())
        if self.kind == "R2":
            return self.trees.regressor(x, y, seed).answers(test)
        if self.kind == "AUC":
            return self.trees.classifier(x, y == self.classes[1], seed).scores(test)
        rounds = int(
            np.clip(TREES_OF_ALL_CLASSES // len(self.classes), FEWEST_ROUNDS, BOOSTED_TREES)
        )
        return self.trees.classifier(x, y, seed, rounds).answers(test)

    def _score(self, guess: Array) -> tuple[float, Array]:
        """Return the score of predictions, and each tested row's influence on it."""
        truth = self.tested.y
        if self.kind == "R2":
            error, spread = np.square(truth - guess), np.square(truth - truth.mean())
            ratio = float(error.mean() / spread.mean())
            return 1 - ratio, (ratio * spread - error) / spread.mean()
        if self.kind == "accuracy":
            right = (truth == guess).astype(np.float64)
            return float(right.mean()), right - right.mean()
        second = truth == self.classes[1]
        placed = placements(guess[second], guess[~second])
        influence = np.empty(len(truth))
        for side, shares in ((second, placed.first), (~second, placed.second)):
            influence[side] = (shares - placed.auc) * len(truth) / max(1, int(side.sum()))
        return placed.auc, influence
