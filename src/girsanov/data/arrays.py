"""Rows of a numeric array, in memory or memory-mapped: vectors or images.

[n] and [n, d] are vectors; [n, H, W], [n, H, W, C] and [n, C, H, W] with C in 1, 3, 4 are
images. Where both four-axis layouts fit, the shorter axis is C, then the first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._checks import refuse, require
from .rows import (
    Index,
    RowSource,
    column_statistics,
    require_exact,
    require_usable,
    row_chunks,
    value_range,
)
from .standardise import (
    CHANNELS,
    ImageStandardisation,
    Layout,
    Standardisation,
    VectorStandardisation,
)


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
class ArrayRows(RowSource):
    """Rows of an array [n, ...]; layout None for vectors, else that of the images."""

    values: NDArray[Any] | EndToEnd
    layout: Layout | None

    @property
    def shape(self) -> tuple[int, ...]:
        """(d,) or (C, H, W)."""
        example = self.values.shape[1:]
        if self.layout is None:
            return (math.prod(example),)
        return ImageStandardisation(example, self.layout, self.values.dtype, 0.0, 1.0).shape

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.values)

    def take(self, index: Index) -> NDArray[Any]:
        """Return rows `index` as a copy in memory."""
        return np.asarray(self.values[index])

    def learn(self, index: Index | None) -> Standardisation:
        """Learn columns' means and deviations, or the images' range."""
        example, dtype = self.values.shape[1:], self.values.dtype
        if self.layout is None:
            columns = column_statistics(self._chunks(index))
            return VectorStandardisation(example, dtype, columns.mean, columns.deviation)
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


def array_rows(values: NDArray[Any] | EndToEnd, what: str, fewest: int = 2) -> ArrayRows:
    """Return an array as rows; InputError, naming `what`, unless it is usable numbers.

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
    rows = ArrayRows(given, layout_of(values.shape, what))
    for index in row_chunks(len(values), math.prod(values.shape[1:])) if _unsure(rows) else ():
        part = rows.take(index)
        require_usable(part, index, what)
        require_exact(part, what)
    return rows


def _unsure(rows: ArrayRows) -> bool:
    """Return whether the type has numbers that cannot be used."""
    dtype = rows.values.dtype
    return dtype.kind == "f" or (dtype.kind in "iu" and dtype.itemsize == 8)


def layout_of(shape: tuple[int, ...], what: str) -> Layout | None:
    """Return the image layout of an array of this shape, None for vectors."""
    if len(shape) <= 2:
        return None
    if len(shape) == 3:
        return "hw"
    remedy = "Reshape it, or use [n, d] for vectors"
    rule = "must be [n, d], [n, H, W], [n, H, W, C] or [n, C, H, W] with C in 1, 3, 4"
    if len(shape) != 4:
        refuse(what, rule, f"shape {shape}", remedy)
    first, last = shape[1] in CHANNELS, shape[3] in CHANNELS
    require(first or last, what, rule, f"shape {shape}", remedy)
    if first and last:
        return "hwc" if shape[3] < shape[1] else "chw"
    return "chw" if first else "hwc"


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
