"""Rows of named columns, from structured arrays, data frames and the files that hold tables.

Numbers stay where they are (a memory-mapped structured `.npy` is not read whole); text becomes
a category code per row. A column of text is a category: at most 1000 distinct values of at most
256 characters. Dates, missing values, NaN and infinity are refused, by column and row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._checks import refuse, require
from .columns import (
    CategoryColumn,
    Column,
    NumberColumn,
    TableStandardisation,
    decimals_of,
)
from .streaming import Index, Rows, column_statistics, require_usable, row_chunks

CATEGORY_LIMIT = 1000  # distinct values; each is a coordinate of the model
TEXT_LIMIT = 256  # characters


@dataclass(frozen=True, eq=False)
class Categories:
    """A column of text: codes [n] into the sorted names [K]."""

    codes: NDArray[np.int32]
    names: tuple[str, ...]

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.codes)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Text of the longest name's length."""
        return np.dtype(f"<U{max(1, *map(len, self.names))}")


Values = NDArray[Any] | Categories  # one column [n]


@dataclass(frozen=True, eq=False)
class TableRows(Rows):
    """Rows of named columns, each of numbers or of categories."""

    columns: Mapping[str, Values]

    @property
    def shape(self) -> tuple[int, ...]:
        """(d,): one for each column of numbers, K for each column of K categories."""
        widths = (len(v.names) if isinstance(v, Categories) else 1 for v in self.columns.values())
        return (sum(widths),)

    @cached_property
    def _dtype(self) -> np.dtype[Any]:
        return np.dtype([(name, values.dtype) for name, values in self.columns.items()])

    def __len__(self) -> int:
        """The number of rows."""
        return len(next(iter(self.columns.values())))

    def take(self, index: Index) -> NDArray[Any]:
        """Return rows `index` as a structured array."""
        rows = np.empty(len(index), self._dtype)
        for name, values in self.columns.items():
            if isinstance(values, Categories):
                rows[name] = np.asarray(values.names)[values.codes[index]]
            else:
                rows[name] = values[index]
        return rows

    def learn(self, index: Index | None) -> TableStandardisation:
        """Learn the columns' means, deviations and frequencies."""
        columns = [_learn_column(name, self.columns[name], index) for name in self.columns]
        return TableStandardisation(tuple(columns))

    def content(self) -> Iterator[bytes | memoryview]:
        """Yield names, types and values, column by column, in chunks."""
        for name, values in self.columns.items():
            texts = values.names if isinstance(values, Categories) else ()
            numbers = values.codes if isinstance(values, Categories) else values
            yield f"column {name!r} {numbers.dtype.str} {len(numbers)} {texts}".encode()
            for chunk in _chunks(numbers, None):
                yield np.ascontiguousarray(chunk).data

    def representatives(self) -> Index:
        """Return a row for every category of every column."""
        texts = (v for v in self.columns.values() if isinstance(v, Categories))
        firsts = (np.unique(v.codes, return_index=True)[1] for v in texts)
        return np.unique(np.concatenate([np.zeros(1, np.int64), *firsts]))


def table_rows(columns: Mapping[str, Values], what: str) -> TableRows:
    """Return columns as rows; InputError, naming `what`, unless there are 2 rows and 1 column."""
    require(bool(columns), what, "must have at least one column besides the labels")
    count = len(next(iter(columns.values())))
    require(count > 1, what, "must have at least 2 rows", count)
    return TableRows(columns)


def structured_columns(rows: NDArray[Any], what: str) -> dict[str, Values]:
    """Return the fields of a structured array [n] as columns."""
    require(rows.ndim == 1, what, "must be a flat array of records", f"shape {rows.shape}")
    return {name: column(rows[name], name, what) for name in rows.dtype.names or ()}


def frame_columns(frame: Any, what: str) -> dict[str, Values]:
    """Return the columns of a data frame (pandas, polars or alike)."""
    names = [str(name) for name in frame.columns]
    require_names(names, what)
    pairs = zip(names, frame.columns, strict=True)
    return {name: column(frame[key].to_numpy(), name, what) for name, key in pairs}


def require_names(names: list[str], what: str) -> None:
    """Refuse columns without a name or with one name."""
    for place, name in enumerate(names):
        if not name.strip():
            remedy = "Name every column (in pandas: to_csv(..., index=False))"
            refuse(what, f"must name column {place + 1}", "an empty name", remedy)
        require(name not in names[:place], what, "must not repeat a column's name", name)


def column(values: NDArray[Any], name: str, what: str) -> Values:
    """Return numbers or text [n] as a column; InputError for what is neither."""
    where = f"{what} column {name!r}"
    require(values.ndim == 1, where, "must hold one value per row", f"shape {values.shape}")
    if values.dtype.kind == "O":
        return _from_objects(values, name, what)
    if values.dtype.kind in "UT":
        return categorise((str(v) for part in _chunks(values, None) for v in part), where)
    require(
        values.dtype.kind not in "mM",
        where,
        "must not hold dates or times",
        str(values.dtype),
        "Turn them into numbers first",
    )
    plain = values.dtype.kind in "biuf" and values.dtype.itemsize <= 8
    require(plain, where, "must hold real numbers of at most 64 bits, or text", str(values.dtype))
    for index in row_chunks(len(values), 1):
        require_usable(values[index], index, where)
    return values


def _from_objects(values: NDArray[Any], name: str, what: str) -> Values:
    """Return Python objects [n] that are all text or all numbers as a column."""
    where = f"{what} column {name!r}"
    for row, value in enumerate(values):
        # The missing values of every library: None, NaN (unequal to itself), pandas' NA and NaT.
        named = value is None or type(value).__name__ in ("NAType", "NaTType")
        missing = named or (isinstance(value, float) and value != value)
        require(not missing, where, f"must not have missing values; row {row} has one")
    kinds = {type(value) for value in values}
    if kinds == {str}:
        return categorise(values, where)
    if all(issubclass(kind, bool | int | float | np.number) for kind in kinds):
        return column(np.asarray(values.tolist()), name, what)
    found = ", ".join(sorted(kind.__name__ for kind in kinds))
    refuse(where, "must hold numbers or text", found, "Dates must be turned into numbers first")


def categorise(texts: Iterable[str], where: str) -> Categories:
    """Return a column of text as codes into its sorted distinct values."""
    coder = Coder(where)
    return coder.finish(np.fromiter((coder.code(text) for text in texts), np.int32))


class Coder:
    """Gives each distinct text of a column a code, in the order they come."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._codes: dict[str, int] = {}

    def code(self, text: str) -> int:
        """Return the code of `text`; InputError if it cannot be one more category."""
        if text not in self._codes:
            self._require_category(text)
            self._codes[text] = len(self._codes)
        return self._codes[text]

    def finish(self, codes: NDArray[np.int32]) -> Categories:
        """Return codes [n] renumbered so that they index the sorted texts."""
        rank, names = self.ranked()
        return Categories(rank[codes], names)

    def ranked(self) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """Return the place of each code among the sorted texts, and these."""
        names = sorted(self._codes)
        rank = np.empty(len(names), np.int32)
        rank[[self._codes[name] for name in names]] = np.arange(len(names), dtype=np.int32)
        return rank, tuple(names)

    def _require_category(self, text: str) -> None:
        where = self._where
        require(text.strip() != "", where, "must not have empty text; it counts as missing")
        rule = f"must have text of at most {TEXT_LIMIT} characters"
        require(len(text) <= TEXT_LIMIT, where, rule, text)
        rule = f"is text, so a category, which may have at most {CATEGORY_LIMIT} values"
        remedy = "Drop the column or group its values"
        require(len(self._codes) < CATEGORY_LIMIT, where, rule, text, remedy)


def _chunks(values: NDArray[Any], index: Index | None) -> Iterator[NDArray[Any]]:
    for rows in row_chunks(len(values), 8, index):
        yield values[rows]


def _learn_column(name: str, values: Values, index: Index | None) -> Column:
    if isinstance(values, Categories):
        codes = values.codes if index is None else values.codes[index]
        counts = np.bincount(codes, minlength=len(values.names))
        return CategoryColumn(name, values.names, tuple((counts / len(codes)).tolist()))
    found = column_statistics(_chunks(values, index))
    mean, deviation = float(found.mean[0]), float(found.deviation[0])
    # of all rows, as categories are: the form of the table, nothing learnt from it
    decimals = _decimals(values) if values.dtype.kind == "f" else None
    low, high = float(found.low[0]), float(found.high[0])
    return NumberColumn(name, values.dtype, mean, deviation, decimals, low, high)


def _decimals(values: NDArray[Any]) -> int | None:
    most: int | None = 0
    for chunk in _chunks(values, None):
        if most is not None:
            most = decimals_of(chunk, most)
    return most
