"""A data set: rows read when asked for, their labels, and their standardisation.

A split is a seeded permutation cut in two. Both parts are views; the first part teaches the
standardisation, the second shares it, so that nothing of held-out rows leaks into a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .._checks import refuse, require, require_count, require_number
from .._files import sha256_of
from .._typing import Json, Tensor
from .lineage import cut
from .standardise import Standardisation
from .streaming import Index, Rows

Selection = slice | Index  # which rows of a data set, counted within it


class Dataset:
    """Rows in the model's units, x [n, *shape], and labels [n].

    rows: where the rows live; labels: [n] codes into `label_names`; index: which rows, in which
    order (None: all); given: a standardisation that replaces the learnt one; teacher: the data
    set whose standardisation this one shares.
    Made by `load_data` and `split`.
    """

    _splits: tuple[Json, ...] = ()  # how this part was split off the whole
    class_order: str = "number"  # of labels that are numbers, for a model whose classes are

    def __init__(
        self,
        rows: Rows,
        name: str,
        *,
        labels: NDArray[np.int64] | None = None,
        label_names: tuple[str, ...] = (),
        index: Index | None = None,
        given: Standardisation | None = None,
        teacher: Dataset | None = None,
    ) -> None:
        self.name, self.labels, self.label_names = name, labels, label_names
        self._rows, self._index, self._given, self._teacher = rows, index, given, teacher

    def __len__(self) -> int:
        """The number of rows n."""
        return len(self._rows) if self._index is None else len(self._index)

    def __repr__(self) -> str:
        labels = f", {len(self.label_names)} labels" if self.labels is not None else ""
        return f"Dataset({self.name!r}, {len(self)} rows of shape {self.shape}{labels})"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one encoded row."""
        return self._rows.shape

    @property
    def rows(self) -> Rows:
        """The rows of the whole file, of which this may be a part."""
        return self._rows

    @cached_property
    def standardisation(self) -> Standardisation:
        """The map to the model's units, learnt on first use (one pass over the rows)."""
        if self._given is not None:
            return self._given
        return self._teacher.standardisation if self._teacher else self._rows.learn(self._index)

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of the rows' content, the labels, and which rows in which order."""
        labels = () if self.labels is None else (self.labels, repr(self.label_names))
        index = () if self._index is None else (self._index,)
        return sha256_of("dataset", self._rows.fingerprint, *labels, *index)

    @cached_property
    def lineage(self) -> Json:
        """Which rows of which file these are: its fingerprint, length and the splits since.

        of, fraction, seed, part: of the last split (fraction and part None for a whole file).
        """
        last = self._splits[-1] if self._splits else {"of": self.fingerprint, "seed": 0}
        return {
            "root": self._rows.fingerprint,
            "rows": len(self._rows),
            "splits": [[s["fraction"], s["seed"], s["part"]] for s in self._splits],
            **{k: last.get(k) for k in ("of", "fraction", "seed", "part")},
        }

    def raw(self, rows: Selection) -> NDArray[Any]:
        """Return rows in the user's own units, type and layout, [b, ...]."""
        if self._index is not None:
            return self._rows.take(self._index[rows])
        whole = np.arange(*rows.indices(len(self))) if isinstance(rows, slice) else rows
        return self._rows.take(whole)

    def batch(self, rows: Selection) -> Tensor:
        """Return rows in the model's units, float32 [b, *shape].

        rows: a slice, or row numbers [b] counted within this data set.
        """
        return torch.from_numpy(self.standardisation.encode(self.raw(rows)))

    def batch_labels(self, rows: Selection) -> Tensor | None:
        """Return the labels of rows, int64 [b], or None if there are none."""
        return None if self.labels is None else torch.from_numpy(self.labels[rows].copy())

    def split(self, fraction: float, *, seed: int = 0) -> tuple[Dataset, Dataset]:
        """Return two disjoint views: round(fraction n) rows chosen by `seed`, and the others.

        Raises InputError unless 0 < fraction < 1 leaves each part at least one row.
        """
        fraction = require_number("fraction", fraction)
        require(0 < fraction < 1, "fraction", "must lie strictly between 0 and 1", fraction)
        seed, n = require_count("seed", seed, 0), len(self)
        if not 0 < round(fraction * n) < n:
            refuse("fraction", f"must leave rows in both parts of {n} rows", fraction)
        chosen, others = cut(n, fraction, seed)
        first = self._part(chosen, f"{self.name} ({fraction:g}, seed {seed})", None)
        rest = self._part(others, f"{self.name} (rest of {fraction:g}, seed {seed})", first)
        split = {"of": self.fingerprint, "fraction": fraction, "seed": seed}
        first._splits = (*self._splits, {**split, "part": 0})
        rest._splits = (*self._splits, {**split, "part": 1})
        return first, rest

    def _part(self, order: Index, name: str, teacher: Dataset | None) -> Dataset:
        part = Dataset(
            self._rows,
            name,
            labels=None if self.labels is None else self.labels[order],
            label_names=self.label_names,
            index=order if self._index is None else self._index[order],
            given=self._given,
            # A part of held-out rows keeps the teacher of the whole.
            teacher=self._teacher or teacher,
        )
        part.class_order = self.class_order
        return part

    def with_standardisation(self, standardisation: Standardisation) -> Dataset:
        """Return the same rows in the units of `standardisation`, such as a trained model's.

        Raises InputError when the rows' shape, type or categories are not those learnt from.
        """
        standardisation.encode(self._rows.take(self._rows.representatives()))
        return self._copy(self.labels, self.label_names, standardisation)

    def with_label_names(self, names: Sequence[str]) -> Dataset:
        """Return the same rows with labels coded by `names`, such as a trained model's.

        Raises InputError when there are no labels or one is not among `names`.
        """
        if self.labels is None:
            refuse(self.name, "must have labels")
        code = {name: k for k, name in enumerate(names)}
        for name in self.label_names:
            require(name in code, self.name, "must have labels among " + ", ".join(names), name)
        table = np.asarray([code[name] for name in self.label_names], np.int64)
        return self._copy(table[self.labels], tuple(names), self._given)

    def with_labels(self, codes: NDArray[np.int64], names: Sequence[str]) -> Dataset:
        """Return the same rows with these labels: codes [n] into `names`."""
        good = codes.shape == (len(self),) and bool((codes < len(names)).all())
        require(good, "labels", f"must be {len(self)} codes below {len(names)}", codes.shape)
        return self._copy(codes, tuple(names), self._given)

    def without_labels(self) -> Dataset:
        """Return the same rows with their labels forgotten."""
        return self._copy(None, (), self._given)

    def _copy(
        self,
        labels: NDArray[np.int64] | None,
        label_names: tuple[str, ...],
        given: Standardisation | None,
    ) -> Dataset:
        copy = Dataset(
            self._rows,
            self.name,
            labels=labels,
            label_names=label_names,
            index=self._index,
            given=given,
            teacher=self._teacher,
        )
        copy._splits, copy.class_order = self._splits, self.class_order
        return copy
