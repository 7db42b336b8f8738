"""The two sets that are compared, and the training data, as vectors in the data's units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import InputError
from .._typing import Array
from ..data import Dataset, Standardisation, load_data
from ..law.base import Law
from .vectors import COMPARED_ROWS, vectors


@dataclass(frozen=True)
class Sets:
    """Samples x [n, d], data y [m, d] and training data as vectors, and what is asked of them.

    labels, sample_labels, train_labels: codes into the data's classes; chosen: which rows of
    samples and data these are; given: how many there were; units: in words; names: of the
    columns; seed, confidence, features: as `compare` takes them.
    """

    x: Array
    y: Array
    train: Array | None
    labels: np.ndarray | None
    sample_labels: np.ndarray | None
    train_labels: np.ndarray | None
    chosen: tuple[np.ndarray, np.ndarray]
    given: tuple[int, int]
    units: str
    names: tuple[str, ...]
    seed: int
    confidence: float
    features: Any

    @classmethod
    def of(
        cls,
        samples: Any,
        data: Any,
        train: Any = None,
        *,
        rows: int = COMPARED_ROWS,
        seed: int = 0,
        confidence: float = 0.95,
        features: Any = "builtin",
    ) -> Sets:
        """Return the sets that `compare` is given; InputError where they do not fit together."""
        known = data.sample(rows, seed=seed).numpy() if isinstance(data, Law) else data
        real = _dataset(known)
        drawn = _alike("samples", samples, real.standardisation)
        seen = None if train is None else _alike("train", train, real.standardisation)
        x = vectors(drawn, rows, seed=seed, argument="samples")
        y = vectors(real, rows, seed=seed, argument="data")
        z = None if seen is None else vectors(seen, rows, seed=seed, argument="train")
        both = drawn.labels is not None and real.labels is not None
        coded = drawn.with_label_names(real.label_names).labels if both else None
        return cls(
            x.x, y.x, None if z is None else z.x,
            y.labels, None if coded is None else coded[x.rows], None if z is None else z.labels,
            (x.rows, y.rows), (len(drawn), len(real)), _units(real), _columns(real),
            seed, confidence, features,
        )  # fmt: skip

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
    if data.standardisation.kind == "image":
        return "values of the data mapped to [-1, 1]"
    return "standard deviations of each column of the data"


def _columns(data: Dataset) -> tuple[str, ...]:
    """Return the names of the columns of a table, empty where one is several numbers."""
    columns = getattr(data.standardisation, "columns", ())
    plain = all(column.width == 1 for column in columns)
    return tuple(str(column.name) for column in columns) if plain else ()
