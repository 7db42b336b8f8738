"""Boosted trees of scikit-learn on tables as they are: text as categories, gaps as gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..._checks import need

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..._typing import Array

MOST_CATEGORIES = 250  # that trees take of a column; rarer ones are one more
BOOSTED_TREES = 100  # trees
LEAVES = 8  # of a tree, at most: more learn few rows by heart
FEWEST_A_LEAF, MOST_A_LEAF = 3, 20  # rows
ENSEMBLE = ("sklearn.ensemble", "compare")


class TreeColumns:
    """Columns as the trees take them.

    categories: the words of each column, () of numbers; like: rows [n, c] whose categories are
    counted, to put rare ones together.
    """

    def __init__(self, categories: Sequence[tuple[str, ...]], like: Array) -> None:
        self.text = np.asarray([bool(words) for words in categories])
        self.tables = [
            _few(like[:, j], len(words)) if words else None for j, words in enumerate(categories)
        ]

    def seen(self, rows: Array) -> Array:
        """Return rows [n, c] with rare categories as one."""
        parts = [
            column if table is None else table[column.astype(int)]
            for column, table in zip(rows.T, self.tables, strict=True)
        ]
        return np.stack(parts, axis=1) if parts else np.zeros((len(rows), 0))

    def classifier(
        self, rows: Array, answers: Array, seed: int, rounds: int = BOOSTED_TREES
    ) -> Trees:
        """Return trees that tell classes apart, learnt from rows [n, c] and answers [n]."""
        return self._learnt("HistGradientBoostingClassifier", rows, answers, (seed, rounds))

    def regressor(
        self, rows: Array, answers: Array, seed: int, rounds: int = BOOSTED_TREES
    ) -> Trees:
        """Return trees that predict numbers, learnt from rows [n, c] and answers [n]."""
        return self._learnt("HistGradientBoostingRegressor", rows, answers, (seed, rounds))

    def _learnt(self, kind: str, rows: Array, answers: Array, how: tuple[int, int]) -> Trees:
        empty = np.asarray(np.isnan(rows).all(axis=0))  # which no threshold can be found in
        model = getattr(need(*ENSEMBLE), kind)(
            max_iter=how[1], max_leaf_nodes=LEAVES, early_stopping=False,
            random_state=how[0] % 2**32,
            categorical_features=self.text if self.text.any() else None,
            min_samples_leaf=int(np.clip(len(rows) // 10, FEWEST_A_LEAF, MOST_A_LEAF)),
        )  # fmt: skip
        return Trees(model.fit(_filled(rows, empty), answers), empty)


class Trees(NamedTuple):
    """Trees that have learnt; empty: the columns that had no value."""

    model: Any
    empty: np.ndarray

    def scores(self, rows: Array) -> Array:
        """Return what tells the second class of two from the first, [n]."""
        return np.asarray(self.model.decision_function(_filled(rows, self.empty)))

    def answers(self, rows: Array) -> Array:
        """Return the predicted class or number of each row, [n]."""
        return np.asarray(self.model.predict(_filled(rows, self.empty)))


def _filled(rows: Array, empty: np.ndarray) -> Array:
    return np.where(empty, 0.0, rows)


def _few(codes: Array, count: int) -> Array:
    """Return the code of each of `count` categories, at most `MOST_CATEGORIES` and one more."""
    often = np.bincount(codes.astype(int), minlength=count).argsort(kind="stable")[::-1]
    table = np.full(count, float(min(count, MOST_CATEGORIES)))
    kept = often[:MOST_CATEGORIES]
    table[kept] = np.arange(len(kept))
    return table
