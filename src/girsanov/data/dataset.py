"""A data set: rows read when asked for, their labels, and their standardisation.

A split is a seeded permutation cut in two. Both parts are views; the first part teaches the
standardisation, the second shares it, so that nothing of held-out rows leaks into a model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._checks import refuse, require, require_count, require_number
from .._files import sha256_of
from .lineage import cut
from .rows import LABEL_READING, Index, RowSource, row_chunks

if TYPE_CHECKING:
    from .._typing import Json, Tensor
    from .conditions import Conditions
    from .standardise import Standardisation

Selection = slice | Index  # which rows of a data set, counted within it

CLASS_ORDERS = ("number", "text")  # by which folders and digits are classes


@dataclass(eq=False, repr=False)
class Dataset:
    """Rows in the model's units, x [n, *shape], and labels [n].

    rows: those of the whole file, of which this may be a part; labels: [n] codes into
    `label_names`; class_order: of labels that are numbers, for a model whose classes are; index:
    which rows, in which order (None: all); given: a standardisation that replaces the learnt one;
    beside: the rows y of conditions, one a row; told: the conditions of a model, in whose units x
    is what y does not say of it; teacher: the data set whose standardisation this one shares;
    splits: how this part was split off the whole; notes: of how the whole was read; reading: what
    a model remembers of that. Made by `load_data` and `split`.
    """

    rows: RowSource
    name: str
    _: KW_ONLY
    labels: NDArray[np.int64] | None = None
    label_names: tuple[str, ...] = ()
    class_order: str = "number"
    index: Index | None = None
    given: Standardisation | None = None
    beside: Dataset | None = None
    told: Conditions | None = None
    teacher: Dataset | None = None
    splits: tuple[Json, ...] = ()
    notes: tuple[str, ...] = ()
    reading: Json = field(default_factory=dict)

    def __len__(self) -> int:
        """The number of rows n."""
        return len(self.rows) if self.index is None else len(self.index)

    def __repr__(self) -> str:
        labels = f", {len(self.label_names)} labels" if self.labels is not None else ""
        return f"Dataset({self.name!r}, {len(self)} rows of shape {self.shape}{labels})"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one encoded row."""
        return self.rows.shape if self.given is None else self.given.shape

    @cached_property
    def standardisation(self) -> Standardisation:
        """The map to the model's units, learnt on first use (one pass over the rows)."""
        if self.given is not None:
            return self.given
        return self.teacher.standardisation if self.teacher else self.rows.learn(self.index)

    @property
    def is_table(self) -> bool:
        """Whether the rows are of named columns."""
        return self.rows.tabular

    @cached_property
    def scored_units(self) -> Standardisation:
        """The units of a table's normal scores, learnt on first use."""
        if self.given is not None and self.given.mixtures:
            return self.given
        teacher = self.teacher or self
        return teacher.rows.learn_scores(teacher.index)

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of the rows' content, the labels, and which rows in which order."""
        labels = () if self.labels is None else (self.labels, repr(self.label_names))
        index = () if self.index is None else (self.index,)
        beside = () if self.beside is None else ("given", self.beside.rows.fingerprint)
        return sha256_of("dataset", self.rows.fingerprint, *labels, *index, *beside)

    @cached_property
    def lineage(self) -> Json:
        """Which rows of which file these are: its fingerprint, length and the splits since.

        of, fraction, seed, part: of the last split (fraction and part None for a whole file).
        """
        last = self.splits[-1] if self.splits else {"of": self.fingerprint, "seed": 0}
        return {
            "root": self.rows.fingerprint,
            "rows": len(self.rows),
            "splits": [[s["fraction"], s["seed"], s["part"]] for s in self.splits],
            **{k: last.get(k) for k in ("of", "fraction", "seed", "part")},
        }

    def raw(self, rows: Selection) -> NDArray[Any]:
        """Return rows in the user's own units, type and layout, [b, ...]."""
        if self.index is not None:
            return self.rows.take(self.index[rows])
        whole = np.arange(*rows.indices(len(self))) if isinstance(rows, slice) else rows
        return self.rows.take(whole)

    def batch(self, rows: Selection) -> Tensor:
        """Return rows in the model's units, float32 [b, *shape].

        rows: a slice, or row numbers [b] counted within this data set.
        """
        import torch  # a data set is read and written without it

        x = self.standardisation.encode(self.raw(rows))
        return torch.from_numpy(x if self.told is None else self.told.residual(x, self._y(rows)))

    def _y(self, rows: Selection) -> NDArray[np.float32]:
        """Return the conditions of rows in the units of the model, or their own, [b, p]."""
        assert self.beside is not None
        raw = self.beside.raw(rows)
        if self.told is not None:
            return self.told.encode(raw)
        return self.beside.standardisation.encode(raw).reshape(len(raw), -1)

    def batch_labels(self, rows: Selection) -> Tensor | None:
        """Return the labels of rows, int64 [b], or None if there are none.

        Of data with conditions these are the numbers y, float32 [b, p].
        """
        import torch

        if self.beside is not None:
            return torch.from_numpy(self._y(rows))
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
        split: Json = {"of": self.fingerprint, "fraction": fraction, "seed": seed}
        chosen, others = cut(n, fraction, seed)
        first = self._part(
            chosen, f"{self.name} ({fraction:g}, seed {seed})", {**split, "part": 0}
        )
        name = f"{self.name} (rest of {fraction:g}, seed {seed})"
        rest = self._part(others, name, {**split, "part": 1})
        # A part of held-out rows keeps the teacher of the whole.
        rest.teacher = self.teacher or first
        if rest.beside is not None:
            rest.beside.teacher = rest.teacher.beside
        return first, rest

    def _part(self, order: Index, name: str, split: Json) -> Dataset:
        labels = None if self.labels is None else self.labels[order]
        index = order if self.index is None else self.index[order]
        splits = (*self.splits, split)
        beside = None if self.beside is None else self.beside._part(order, name, split)
        return replace(
            self, name=name, labels=labels, index=index, splits=splits, beside=beside
        )  # fmt: skip

    def with_standardisation(self, standardisation: Standardisation) -> Dataset:
        """Return the same rows in the units of `standardisation`, such as a trained model's.

        Raises InputError when the rows' shape, type or categories are not those learnt from.
        """
        standardisation.encode(self.rows.take(self.rows.representatives()))
        return replace(self, given=standardisation)

    def learn_conditions(
        self, units: Standardisation | None = None, *, scaled: bool = True
    ) -> Conditions:
        """Return the units of y, and the regression of x on y over these rows.

        units: of y, None for those learnt of it; scaled: whether what y does not say of x is
        brought to deviation 1.
        """
        from .conditions import KEPT, learn_conditions

        assert self.beside is not None
        own = units or self.beside.standardisation

        def y_of(rows: Index) -> NDArray[np.float32]:
            return own.encode(self.beside.raw(rows)).reshape(len(rows), -1)  # type: ignore[union-attr]

        plain, n = replace(self, told=None), len(self)
        width = math.prod(self.shape) + math.prod(own.shape)
        pairs = ((plain.batch(r).numpy(), y_of(r)) for r in row_chunks(n, width))
        few = min(n, KEPT, max(2, KEPT**2 // math.prod(own.shape)))
        kept = y_of(np.sort(cut(n, few / n, 0)[0]))
        return learn_conditions(pairs, own, kept, scaled=scaled)

    def with_conditions(self, conditions: Conditions) -> Dataset:
        """Return the same rows in the units of a model of x given y.

        Raises InputError when there is no y, or it is not as the model was told it.
        """
        what = conditions.title
        if self.beside is None:
            refuse(self.name, f"must come with what the model was given ({what})", None,
                   "Load it with load_data(..., given=), or name it with --given")  # fmt: skip
        conditions.encode(self.beside.rows.take(self.beside.rows.representatives()))
        return replace(self, told=conditions)

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
        return replace(self, labels=table[self.labels], label_names=tuple(names))

    def as_series(self) -> Dataset:
        """Return vectors [n, L] of an array as series of L values, other rows as they are."""
        rows = self.rows.as_series(self.name)
        if rows is self.rows or self.given is not None:
            return self
        teacher = None if self.teacher is None else self.teacher.as_series()
        return replace(
            self, rows=rows, teacher=teacher, reading={**self.reading, "rows": "series"}
        )

    def with_labels(self, codes: NDArray[np.int64], names: Sequence[str]) -> Dataset:
        """Return the same rows with these labels: codes [n] into `names`."""
        good = codes.shape == (len(self),) and bool((codes < len(names)).all())
        require(good, "labels", f"must be {len(self)} codes below {len(names)}", codes.shape)
        return replace(self, labels=codes, label_names=tuple(names))

    def without_conditions(self) -> Dataset:
        """Return the same rows x alone, without what they come given."""
        return self if self.beside is None else replace(self, beside=None, told=None)

    def without_labels(self) -> Dataset:
        """Return the same rows with their labels forgotten."""
        reading = {name: of for name, of in self.reading.items() if name not in LABEL_READING}
        return replace(self, labels=None, label_names=(), reading=reading)
