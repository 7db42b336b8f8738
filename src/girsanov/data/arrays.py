"""Rows of a numeric array, in memory or memory-mapped: vectors, pictures, series or volumes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._checks import require
from .layouts import PICTURE_LAYOUTS, SERIES_LAYOUTS, Layout, layout_of, shape_seen, taken_for
from .rows import (
    Index,
    RowSource,
    column_statistics,
    require_exact,
    require_usable,
    row_chunks,
    value_range,
)
from .standardise import ImageStandardisation, Standardisation, VectorStandardisation


@dataclass(frozen=True, eq=False)
class EndToEnd:
    """Arrays [n_k, ...] one after another as one array, read where they are."""

    arrays: tuple[NDArray[Any], ...]
    ends: NDArray[np.int64]  # rows up to and with each array

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of all arrays."""
        return self.arrays[0].dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, ...)."""
        return (len(self), *self.arrays[0].shape[1:])

    def __len__(self) -> int:
        """The number of rows n."""
        return int(self.ends[-1])

    def __getitem__(self, index: Index) -> NDArray[Any]:
        """Return rows `index` [b] as a copy in memory."""
        out = np.empty((len(index), *self.shape[1:]), self.dtype)
        place = np.searchsorted(self.ends, index, side="right")
        for k in np.unique(place).tolist():
            chosen = place == k
            before = self.ends[k] - len(self.arrays[k])
            out[chosen] = self.arrays[k][index[chosen] - before]
        return out


@dataclass(frozen=True, eq=False)
class SideBySide:
    """Columns [n] as an array [n, L] of their values, put together when rows are asked for."""

    columns: tuple[NDArray[Any], ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """One that holds the numbers of all columns."""
        return np.result_type(*(values.dtype for values in self.columns))

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, L)."""
        return (len(self), len(self.columns))

    def __len__(self) -> int:
        """The number of rows n."""
        return len(self.columns[0])

    def __getitem__(self, index: Index) -> NDArray[Any]:
        """Return rows `index` [b] as a copy in memory."""
        parts = [values[index] for values in self.columns]
        return np.stack(parts, axis=1).astype(self.dtype, copy=False)


Numbers = NDArray[Any] | EndToEnd | SideBySide


@dataclass(frozen=True, eq=False)
class ArrayRows(RowSource):
    """Rows of an array [n, ...]; layout: of its axes, None for vectors.

    names: of the columns that the values of a series were, if any.
    """

    values: Numbers
    layout: Layout | None
    names: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """(d,), or channels and then the other axes."""
        example = self.values.shape[1:]
        return (math.prod(example),) if self.layout is None else shape_seen(example, self.layout)

    @property
    def are_series(self) -> bool:
        """Whether each row is a series."""
        return self.layout in SERIES_LAYOUTS

    @property
    def note(self) -> str | None:
        """What was taken for channels and axes, where a user may have meant others."""
        return taken_for(self.values.shape[1:], self.layout)

    def as_series(self, what: str) -> ArrayRows:
        """Return vectors [n, L] as series, other rows as they are."""
        if self.layout is not None or len(self.values.shape) != 2:
            return self
        return replace(self, layout=layout_of(self.values.shape, what, "series"))

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.values)

    def take(self, index: Index) -> NDArray[Any]:
        """Return rows `index` as a copy in memory."""
        return np.asarray(self.values[index])

    def learn(self, index: Index | None) -> Standardisation:
        """Learn means and deviations, of columns or channels, or the range of pictures."""
        example, dtype = self.values.shape[1:], self.values.dtype
        if self.layout is None:
            columns = column_statistics(self._chunks(index))
            return VectorStandardisation(example, dtype, columns.mean, columns.deviation)
        if self.layout not in PICTURE_LAYOUTS:
            from .channel_units import channel_units  # which arrays of other kinds do without

            return channel_units(self._chunks(index), example, self.layout, dtype, self.names)
        low, high = picture_range(*value_range(self._chunks(index)), dtype)
        return ImageStandardisation(example, self.layout, dtype, low, high)

    def content(self) -> Iterator[bytes | memoryview]:
        """Yield dtype, shape and every number, in chunks."""
        yield f"array {self.values.dtype.str} {self.values.shape}".encode()
        for chunk in self._chunks(None):
            yield np.ascontiguousarray(chunk).data

    def _chunks(self, index: Index | None) -> Iterator[NDArray[Any]]:
        for rows in row_chunks(len(self), math.prod(self.values.shape[1:]), index):
            yield self.take(rows)


def array_rows(
    values: Numbers, what: str, rows: str | None = None, names: tuple[str, ...] = (),
    fewest: int = 2,
) -> ArrayRows:  # fmt: skip
    """Return an array as rows; InputError, naming `what`, unless it is usable numbers.

    rows: ``series`` where they are asked for; names: of the columns that the values were, if any;
    fewest: rows that it must have.
    """
    if isinstance(values, np.ma.MaskedArray):
        require(not np.ma.is_masked(values), what, "must not have masked values")
    plain = values.dtype.kind in "biuf" and values.dtype.itemsize <= 8
    rule = "must hold real numbers of at most 64 bits"
    require(plain, what, rule, f"dtype {values.dtype}", "Convert it with astype")
    require(len(values.shape) > 0, what, "must have rows", "a single number")
    require(math.prod(values.shape) > 0, what, "must not be empty", f"shape {values.shape}")
    rule = f"must have at least {fewest} rows"
    require(len(values) >= fewest, what, rule, f"shape {values.shape}")
    given = np.asarray(values) if isinstance(values, np.ndarray) else values  # no mask by now
    source = ArrayRows(given, layout_of(values.shape, what, rows), names)
    for index in row_chunks(len(values), math.prod(values.shape[1:])) if _unsure(source) else ():
        part = source.take(index)
        require_usable(part, index, what)
        require_exact(part, what)
    return source


def _unsure(rows: ArrayRows) -> bool:
    """Return whether the type has numbers that cannot be used."""
    dtype = rows.values.dtype
    return dtype.kind == "f" or (dtype.kind in "iu" and dtype.itemsize == 8)


def picture_range(low: float, high: float, dtype: np.dtype[Any]) -> tuple[float, float]:
    """Return the range to map to [-1, 1], given the smallest and largest number observed.

    8-bit pictures use 0..255 though none is pure white; integers that stay in the lower half
    (digits are 0..16) and fractions use what was observed.
    """
    if dtype.kind == "b":
        return 0.0, 1.0
    if dtype.kind in "iu" and low >= 0 and 127 < high <= 255:
        return 0.0, 255.0
    return low, high
