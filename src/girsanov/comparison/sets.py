"""What is compared: at most so many rows of a set, in random order, as vectors in one unit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._checks import InputError, require, require_count
from ..data import Dataset, load_data
from ..data.as_vectors import as_vectors
from ..law.base import Law
from ..noise import NoiseSource
from .jackknife import JACKKNIFE_GROUPS
from .tables.three_tables import Chosen, ThreeTables

if TYPE_CHECKING:
    from .._typing import Array
    from ..data.standardise import Standardisation

COMPARED_ROWS = 10_000  # of each set
COMPARED_NUMBERS = 2**24  # of each set: 128 MiB
FEWEST_COMPARED = 2 * JACKKNIFE_GROUPS
FEWEST_GROUPS = 10  # of sets that are smaller
ROWS_AT_ONCE = 1024


class ChosenRows(NamedTuple):
    """Rows x [n, d] of a data set, their numbers in it [n], and their labels [n], if any."""

    x: Array
    rows: np.ndarray
    labels: np.ndarray | None


def vectors(
    data: Dataset,
    rows: int = COMPARED_ROWS,
    *,
    seed: int = 0,
    argument: str = "data",
    groups: int = JACKKNIFE_GROUPS,
) -> ChosenRows:
    """Return rows chosen by `seed` in random order, n a multiple of the groups."""
    chosen = chosen_rows(data, rows, seed=seed, argument=argument, groups=groups)
    starts = range(0, len(chosen), ROWS_AT_ONCE)
    x = np.concatenate([flat_rows(data, chosen[a : a + ROWS_AT_ONCE]) for a in starts])
    return ChosenRows(x, chosen, None if data.labels is None else data.labels[chosen])


def flat_rows(data: Dataset, rows: slice | np.ndarray) -> Array:
    """Return these rows in standardised units, float64 [b, d]."""
    batch = data.batch(rows)
    return np.asarray(batch.reshape(len(batch), -1).double().numpy())


def chosen_rows(
    data: Dataset, rows: int, *, seed: int, argument: str, groups: int = JACKKNIFE_GROUPS
) -> np.ndarray:
    """Return which rows `vectors` takes, in its order."""
    most = min(require_count("rows", rows), COMPARED_NUMBERS // math.prod(data.shape), len(data))
    count = most - most % groups
    rule = f"must hold at least {2 * groups} rows to be compared"
    require(count >= 2 * groups, argument, rule, len(data))
    keys = NoiseSource(seed, "rows " + argument).uniform(0, 0, len(data))
    return keys.argsort(kind="stable")[:count]


def halves(y: Array, turn: int, seed: int) -> tuple[Array, Array]:
    """Return two halves of y [m, d] at random, of equal size, another division for each turn."""
    order = NoiseSource(seed, "halves").uniform(turn, 0, len(y)).argsort(kind="stable")
    size = len(y) // 2
    return y[order[:size]], y[order[size : 2 * size]]


@dataclass(frozen=True)
class Sets:
    """Samples x [n, d], data y [m, d] and training data as vectors, and what is asked of them.

    labels, sample_labels, train_labels: codes into the data's classes; chosen: of which samples,
    data and training data these are which rows; given: how many there were; units: in words;
    names: of the columns; seed, confidence, features, target: as `compare` takes them.
    """

    x: Array
    y: Array
    train: Array | None
    labels: np.ndarray | None
    sample_labels: np.ndarray | None
    train_labels: np.ndarray | None
    chosen: tuple[Chosen, Chosen, Chosen | None]
    given: tuple[int, int]
    units: str
    names: tuple[str, ...]
    seed: int
    confidence: float
    features: Any
    target: str | None = None

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
        from ..data.table.joined_units import joined_units

        drawn_data = data.sample(rows, seed=seed).numpy() if isinstance(data, Law) else data
        real = _dataset(drawn_data)
        drawn = as_vectors(_dataset(samples), real)
        seen = None if train is None else as_vectors(_dataset(train), real)
        # samples may have categories that the data lack, and miss values where they do not
        units = joined_units(real, [one for one in (drawn, seen) if one is not None])
        real = real.with_standardisation(units)
        drawn = _alike("samples", drawn, units)
        seen = None if seen is None else _alike("train", seen, units)
        sizes = (len(s) for s in (drawn, real, seen) if s is not None)
        fewest = min(*sizes, require_count("rows", rows))
        groups = max(FEWEST_GROUPS, min(JACKKNIFE_GROUPS, fewest // 2))

        def taken(part: Dataset, argument: str) -> ChosenRows:
            return vectors(part, rows, seed=seed, argument=argument, groups=groups)

        x, y = taken(drawn, "samples"), taken(real, "data")
        z = None if seen is None else taken(seen, "train")
        both = drawn.labels is not None and real.labels is not None
        coded = drawn.with_label_names(real.label_names).labels if both else None
        return cls(
            x.x, y.x, None if z is None else z.x,
            y.labels, None if coded is None else coded[x.rows], None if z is None else z.labels,
            (Chosen(drawn, x.rows), Chosen(real, y.rows),
             None if seen is None or z is None else Chosen(seen, z.rows)),
            (len(drawn), len(real)), _units(real), _columns(real),
            seed, confidence, features,
        )  # fmt: skip

    @cached_property
    def tables(self) -> ThreeTables | None:
        """The columns as they are, None where the data have none."""
        return ThreeTables.of(*self.chosen) if self.chosen[1].data.is_table else None

    def learnt(self) -> tuple[Array, np.ndarray | None]:
        """Return what features are learnt from: labelled training data, or else the data."""
        if self.train is not None and self.train_labels is not None:
            return self.train, self.train_labels
        return self.y, self.labels


def _dataset(source: Any) -> Dataset:
    return source if isinstance(source, Dataset) else load_data(source)


def _alike(argument: str, source: Dataset, units: Standardisation) -> Dataset:
    try:
        return source.with_standardisation(units)
    except InputError as cause:
        raise InputError(f"{argument}: does not fit the data; {cause}") from cause


def _units(data: Dataset) -> str:
    if data.standardisation.kind == "image":
        return "values of the data mapped to [-1, 1]"
    if data.standardisation.kind == "channels":
        return "standard deviations of each channel of the data"
    if data.standardisation.mixtures:
        return "normal scores of each column of the data"
    return "standard deviations of each column of the data"


def _columns(data: Dataset) -> tuple[str, ...]:
    """Return the names of the columns of a table, empty where one is several numbers."""
    columns = getattr(data.standardisation, "columns", ())
    plain = all(column.width == 1 for column in columns)
    return tuple(str(column.name) for column in columns) if plain else ()
