"""Rows of named columns, from structured arrays, data frames and the files that hold tables.

Numbers and dates stay where they are (a memory-mapped structured `.npy` is not read whole); text
becomes a category code per row. A column of text is a category: at most 1000 distinct values of
at most 256 characters. Missing values (None, NaN, NaT, empty text) are let through, but not a
column of nothing else; infinity and durations are refused, by column and row.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..._checks import refuse, require
from ..rows import (
    LARGEST_WHOLE,
    TOO_LONG,
    Index,
    RowSource,
    require_exact,
    require_usable,
    row_chunks,
)
from .dates import from_dates, require_dates
from .selected_columns import Columns, Wanted, in_numbers, leave_out
from .table_units import TableStandardisation, learn_column
from .values import Categories, Gapped, Values, chunks, missing, plain_bytes, stored, with_gaps

USABLE = "must hold numbers, dates or text"
NO_VALUES = "must have values, and all of them are missing"
CATEGORY_LIMIT = 1000  # distinct values; each is a coordinate of the model
TEXT_LIMIT = 256  # characters


@dataclass(frozen=True, eq=False)
class TableRows(RowSource):
    """Rows of named columns, each of numbers, dates or categories; and the names left out."""

    columns: Mapping[str, Values]
    left_out: tuple[str, ...] = ()
    tabular: ClassVar[bool] = True

    @property
    def shape(self) -> tuple[int, ...]:
        """(d,): one for a column of numbers or dates, K for K categories, one more for gaps."""
        return (sum(_width(values) for values in self.columns.values()),)

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
                rows[name] = stored(values)[index]
        return rows

    def learn(self, index: Index | None) -> TableStandardisation:
        """Learn the columns' means, deviations and frequencies."""
        return self._learn(index, scored=False)

    def learn_scores(self, index: Index | None) -> TableStandardisation:
        """Learn the columns' normal scores and frequencies."""
        return self._learn(index, scored=True)

    def _learn(self, index: Index | None, *, scored: bool) -> TableStandardisation:
        columns = self.columns.items()
        learnt = (learn_column(name, values, index, scored=scored) for name, values in columns)
        return TableStandardisation(tuple(learnt), self.left_out)

    def content(self) -> Iterator[bytes | memoryview]:
        """Yield names, types and values, column by column, in chunks."""
        for name, values in self.columns.items():
            texts: Any = values.names if isinstance(values, Categories) else ()
            texts = values.of.str if isinstance(values, Gapped) else texts
            held = stored(values)
            yield f"column {name!r} {held.dtype.str} {len(held)} {texts}".encode()
            for chunk in chunks(values):
                yield plain_bytes(chunk).data

    def representatives(self) -> Index:
        """Return a row for every category of every column, and one for its gaps."""
        firsts = [_firsts(values) for values in self.columns.values()]
        return np.unique(np.concatenate([np.zeros(1, np.int64), *firsts]))


def _width(values: Values) -> int:
    if isinstance(values, Categories):
        return len(values.names)
    return 2 if isinstance(values, Gapped) else 1


def _has_values(values: Values) -> bool:
    if isinstance(values, Categories):
        return values.names != ("",)
    if not isinstance(values, Gapped):
        return True
    return any(not missing(part).all() for part in chunks(values))


def _firsts(values: Values) -> Index:
    """Return the first row of every category, or the first gap."""
    if isinstance(values, Categories):
        return np.unique(values.codes, return_index=True)[1]
    seen = 0
    for part in chunks(values) if isinstance(values, Gapped) else ():
        gaps = np.flatnonzero(missing(part))
        if len(gaps):
            return gaps[:1] + seen
        seen += len(part)
    return np.zeros(0, np.int64)


def table_rows(every: Columns, what: str, fewest: int = 2) -> TableRows:
    """Return columns as rows; InputError, naming `what`, unless there are 2 rows and 1 column.

    fewest: another number of rows that will do.
    """
    columns = {name: values for name, values in every.items() if values is not None}
    require(bool(columns), what, "must have at least one column besides the labels")
    count = len(next(iter(columns.values())))
    require(count >= fewest, what, f"must have at least {fewest} rows", count)
    for name, values in columns.items():
        require(
            fewest < 2 or _has_values(values),
            f"{what} column {name!r}",
            NO_VALUES,
            None,
            leave_out(name),
        )
        for part in chunks(values) if isinstance(values, np.ndarray) else ():
            require_exact(part, f"{what} column {name!r}", leave_out(name))
    return TableRows(columns, tuple(name for name in every if name not in columns))


def structured_columns(rows: NDArray[Any], what: str, wanted: Wanted) -> Columns:
    """Return the fields of a structured array [n] as columns."""
    require(rows.ndim == 1, what, "must be a flat array of records", f"shape {rows.shape}")
    kept = wanted.of(rows.dtype.names or (), what)
    return {n: column(rows[n], n, what) if k else None for n, k in kept.items()}


def frame_columns(frame: Any, what: str, wanted: Wanted) -> Columns:
    """Return the columns of a data frame (pandas, polars or alike)."""
    kept = wanted.of([str(name) for name in frame.columns], what)
    pairs = zip(kept.items(), frame.columns, strict=True)
    return {n: _frame_column(frame[key], n, what) if k else None for (n, k), key in pairs}


def _frame_column(series: Any, name: str, what: str) -> Values:
    """Return one column of a data frame; some libraries give whole numbers with gaps as floats."""
    values = series.to_numpy()
    whole = "int" in str(getattr(series, "dtype", "")).lower()
    if whole and values.dtype.kind == "f" and len(values):
        top = float(np.nan_to_num(np.abs(values)).max())
        require(top < LARGEST_WHOLE, f"{what} column {name!r}", TOO_LONG, top, leave_out(name))
    return column(values, name, what)


def column(values: NDArray[Any], name: str, what: str) -> Values:
    """Return numbers, dates or text [n] as a column; InputError for what is none of them."""
    where = f"{what} column {name!r}"
    require(values.ndim == 1, where, "must hold one value per row", f"shape {values.shape}")
    if isinstance(values, np.ma.MaskedArray):
        return with_missing(np.ma.getdata(values), np.ma.getmaskarray(values), name, what)
    if values.dtype.kind == "O":
        return _from_objects(values, name, what)
    if values.dtype.kind in "UT":
        return categorise((str(v) for part in chunks(values) for v in part), name, what)
    duration = values.dtype.kind == "m"
    require(not duration, where, "must not hold durations", str(values.dtype), in_numbers(name))
    plain = values.dtype.kind in "biufM" and values.dtype.itemsize <= 8
    rule = "must hold real numbers of at most 64 bits, dates or text"
    require(plain, where, rule, str(values.dtype))
    gaps = 0
    for index in row_chunks(len(values), 1):
        part = values[index]
        if part.dtype.kind == "M":
            require_dates(part, where)
        require_usable(part, index, where, gaps=True)
        gaps += int(missing(part).sum())
    return Gapped(values, values.dtype) if gaps else values


def with_missing(values: NDArray[Any], gaps: NDArray[np.bool_], name: str, what: str) -> Values:
    """Return a column of numbers, dates or text [n] where `gaps` [n] says what is missing."""
    if values.dtype.kind in "UT":
        return column(np.where(gaps, "", values.astype(str)), name, what)
    if not gaps.any() or values.dtype.kind not in "biufM":
        return column(values, name, what)
    require_exact(values[~gaps], f"{what} column {name!r}", leave_out(name))
    held = column(with_gaps(values, gaps), name, what)
    return replace(held, of=values.dtype) if isinstance(held, Gapped) else held


def _from_objects(values: NDArray[Any], name: str, what: str) -> Values:
    """Return Python objects [n] that are all text, all numbers or all dates as a column."""
    where = f"{what} column {name!r}"
    # The missing values of every library: None, NaN (unequal to itself), pandas' NA and NaT.
    absent = (v is None or type(v).__name__ in ("NAType", "NaTType") or _is_nan(v) for v in values)
    gaps = np.fromiter(absent, bool, len(values))
    there = values[~gaps]
    kinds = {type(value) for value in there}
    if kinds == {str}:
        texts = ("" if gap else v for v, gap in zip(values, gaps, strict=True))
        return categorise(texts, name, what)
    if all(issubclass(kind, bool | int | float | np.number) for kind in kinds):
        plain = np.asarray(there.tolist(), None if kinds else np.float64)
        _require_same(there, plain, where, name)
    elif all(issubclass(kind, datetime.date) for kind in kinds):
        plain = from_dates(there, where)
    else:
        listed = ", ".join(sorted(kind.__name__ for kind in kinds))
        spans = all(issubclass(kind, datetime.time | datetime.timedelta) for kind in kinds)
        refuse(where, USABLE, listed, in_numbers(name) if spans else leave_out(name))
    filled: NDArray[Any] = np.zeros(len(values), plain.dtype)
    filled[~gaps] = plain
    return with_missing(filled, gaps, name, what)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and value != value


def _require_same(there: NDArray[Any], plain: NDArray[Any], where: str, name: str) -> None:
    """Refuse Python's whole numbers [n] that are others in the one type for all of them."""
    if plain.dtype.kind in "iu":
        return
    for value in there:
        whole = isinstance(value, int | np.integer) and abs(int(value)) > LARGEST_WHOLE
        require(not whole, where, TOO_LONG, value, leave_out(name))


def categorise(texts: Iterable[str], name: str, what: str) -> Categories:
    """Return a column of text as codes into its sorted distinct values."""
    coder = Coder(name, what)
    return coder.finish(np.fromiter((coder.code(text) for text in texts), np.int32))


class Coder:
    """Gives each distinct text of a column a code, in the order they come."""

    def __init__(self, name: str, what: str) -> None:
        self._name, self._where = name, f"{what} column {name!r}"
        self._codes: dict[str, int] = {}

    def code(self, text: str) -> int:
        """Return the code of `text`; InputError if it cannot be one more category."""
        text = text if text.strip() else ""  # which is that of a missing value
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
        rule = f"must have text of at most {TEXT_LIMIT} characters"
        require(len(text) <= TEXT_LIMIT, where, rule, text)
        rule = f"is text, so a category, which may have at most {CATEGORY_LIMIT} values"
        remedy = f"Group its values, or l{leave_out(self._name)[1:]}"
        require(len(self._codes) < CATEGORY_LIMIT, where, rule, text, remedy)
