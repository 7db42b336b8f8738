"""What one column of a table is held as: numbers or dates, categories, and either with gaps.

A gap is a missing value. Numbers and dates say so by NaN and NaT, so that whole numbers with gaps
are held as fractions, beside the type that they came in; categories have the empty text for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..rows import Index, row_chunks

FRACTION = np.dtype(np.float64)


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


@dataclass(frozen=True, eq=False)
class Gapped:
    """A column [n] of numbers or dates of which some are missing (NaN, NaT).

    of: the type of the values that are there.
    """

    values: NDArray[Any]
    of: np.dtype[Any]

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.values)

    @property
    def dtype(self) -> np.dtype[Any]:
        """One that has room for what is missing."""
        return self.values.dtype


Values = NDArray[Any] | Categories | Gapped  # one column [n]


def roomy(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type itself if it can say that a value is missing, else float64."""
    return dtype if dtype.kind in "fM" else FRACTION


def missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which values [b] are NaN or NaT."""
    kind = values.dtype.kind
    test = np.isnat if kind == "M" else np.isnan if kind == "f" else np.zeros_like
    return np.asarray(test(values), bool)


def with_gaps(values: NDArray[Any], gaps: NDArray[np.bool_]) -> NDArray[Any]:
    """Return values [b] in a type with room for the missing ones, which become NaN or NaT."""
    out = values.astype(roomy(values.dtype))
    out[gaps] = np.datetime64("NaT") if out.dtype.kind == "M" else np.nan
    return out


def stored(values: Values) -> NDArray[Any]:
    """Return the array [n] that holds a column: its codes, numbers or dates."""
    if isinstance(values, Categories):
        return values.codes
    return values.values if isinstance(values, Gapped) else values


def chunks(values: Values, index: Index | None = None) -> Iterator[NDArray[Any]]:
    """Yield what holds a column, rows `index` or all, a bounded part at a time."""
    held = stored(values)
    for rows in row_chunks(len(held), 8, index):
        yield held[rows]


def plain_bytes(values: NDArray[Any]) -> NDArray[Any]:
    """Return values contiguous and as a type that has a buffer, which dates have not."""
    whole = np.ascontiguousarray(values)
    return whole.view(np.int64) if whole.dtype.kind == "M" else whole
