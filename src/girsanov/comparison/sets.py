"""The two sets that are compared, and the training data, as vectors in the data's units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import InputError
from .._typing import Array
from ..data import Dataset, Standardisation, load_data
from ..law.base import Law
from .vectors import chosen_rows, vectors


@dataclass(frozen=True)
class Sets:
    """Both sets and the training data as vectors, and the data sets they come from."""

    x: Array
    y: Array
    train: Array | None
    chosen: tuple[np.ndarray, np.ndarray]
    given: tuple[int, int]
    labels: np.ndarray | None
    train_labels: np.ndarray | None
    units: str
    names: tuple[str, ...]
    sample_labels: np.ndarray | None = None

    @property
    def labelled(self) -> bool:
        """Whether samples and data have labels, of two classes or more."""
        if self.labels is None or self.sample_labels is None:
            return False
        return len(np.unique(self.labels)) > 1

    @classmethod
    def of(cls, samples: Any, data: Any, train: Any, rows: int, seed: int) -> Sets:
        known = data.sample(rows, seed=seed).numpy() if isinstance(data, Law) else data
        real = _dataset(known)
        made = _alike("samples", samples, real.standardisation)
        seen = None if train is None else _alike("train", train, real.standardisation)
        chosen = [
            chosen_rows(s, rows, seed=seed, argument=name)
            for s, name in ((made, "samples"), (real, "data"))
        ]
        own = None if real.labels is None else real.labels[chosen[1]]
        train_labels = None
        if seen is not None and seen.labels is not None:
            train_labels = seen.labels[chosen_rows(seen, rows, seed=seed, argument="train")]
        return cls(
            vectors(made, rows, seed=seed, argument="samples"),
            vectors(real, rows, seed=seed, argument="data"),
            None if seen is None else vectors(seen, rows, seed=seed, argument="train"),
            (chosen[0], chosen[1]),
            (len(made), len(real)),
            own,
            train_labels,
            _units(real),
            _columns(real),
            _codes(made, real, chosen[0]),
        )

    def learnt(self) -> tuple[Array, np.ndarray | None]:
        """Return what features are learnt from: labelled training data, or else the data."""
        if self.train is not None and self.train_labels is not None:
            return self.train, self.train_labels
        return self.y, self.labels


def _dataset(source: Any) -> Dataset:
    return source if isinstance(source, Dataset) else load_data(source)


def _alike(argument: str, source: Any, units: Standardisation) -> Dataset:
    try:
        return _dataset(source).with_standardisation(units)
    except InputError as cause:
        raise InputError(f"{argument}: does not fit the data; {cause}") from cause


def _units(data: Dataset) -> str:
    kind = data.standardisation.kind
    if kind == "image":
        return "values of the data mapped to [-1, 1]"
    return "standard deviations of each column of the data"


def _columns(data: Dataset) -> tuple[str, ...]:
    """Return the names of the columns of a table, empty where one is several numbers."""
    columns = getattr(data.standardisation, "columns", ())
    plain = all(column.width == 1 for column in columns)
    return tuple(str(column.name) for column in columns) if plain else ()


def _codes(samples: Dataset, data: Dataset, rows: np.ndarray) -> np.ndarray | None:
    """Return the labels of the samples in `rows` as the data's codes, None where one has none."""
    if samples.labels is None or data.labels is None:
        return None
    coded = samples.with_label_names(data.label_names).labels
    return None if coded is None else np.asarray(coded[rows])
