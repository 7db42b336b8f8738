r"""One pass over rows that do not fit in memory: what a source of rows is, and its statistics.

A chunk of b rows with column means a and sums of squares Q joins the n rows seen so far by

    mean <- mean + (a - mean) b / (n + b),                                                (1)
    M2   <- M2 + Q + (a - mean)^2 n b / (n + b),                                          (2)

with the old mean on the right, and the deviation is sqrt(M2 / n): T. F. Chan, G. H. Golub and
R. J. LeVeque, "Algorithms for computing the sample variance" (1983).
"""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._checks import refuse, require

if TYPE_CHECKING:
    from .._typing import Array
    from .standardise import Standardisation

Index = NDArray[np.int64]  # [b], row numbers
CHUNK_VALUES = 2**19  # numbers held at a time: 4 MiB in float64, and a few such at once
LARGEST_WHOLE = 2**53  # whole numbers up to here, and not all beyond, are numbers of float64
LABEL_READING = ("labels", "after_labels")  # their name, and the column that they stand before
TOO_LONG = "must hold whole numbers of at most 2^53 in size: longer ones lose their last digits"
LARGEST_NUMBER = 1e150  # its square is the largest that float64 can still add up


class RowSource(ABC):
    """Where a data set's rows live; nothing but the rows asked for is read."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape of one encoded row."""

    @abstractmethod
    def __len__(self) -> int:
        """The number of rows."""

    @abstractmethod
    def take(self, index: Index) -> NDArray[Any]:
        """Return rows `index` [b] in the user's units, type and layout."""

    @abstractmethod
    def learn(self, index: Index | None) -> Standardisation:
        """Learn a standardisation from rows `index`, or from all of them."""

    tabular: ClassVar[bool] = False  # whether rows are of named columns, which have scores

    def learn_scores(self, index: Index | None) -> Standardisation:
        """Learn the normal scores of a table's columns."""
        raise NotImplementedError

    def as_series(self, what: str) -> RowSource:
        """Return vectors as series, other rows as they are; what: names them in a refusal."""
        return self

    @abstractmethod
    def content(self) -> Iterator[bytes | memoryview]:
        """Yield all that tells these rows from others, piece by piece."""

    def representatives(self) -> Index:
        """Return rows that between them show every kind of row a standardisation may refuse."""
        return np.zeros(1, np.int64)

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of the rows' content, in hex."""
        digest = hashlib.sha256()
        for piece in self.content():
            digest.update(piece)
        return digest.hexdigest()


class ColumnStatistics(NamedTuple):
    """Smallest, largest, mean and standard deviation (over n, not n - 1) of each column, [d]."""

    low: Array
    high: Array
    mean: Array
    deviation: Array


def row_chunks(count: int, width: int, index: Index | None = None) -> Iterator[Index]:
    """Yield the row numbers of `index` (all `count` if None) in increasing, bounded chunks.

    width: numbers in a row; a chunk has at most `CHUNK_VALUES` numbers, and at least one row.
    """
    # Increasing, because a memory-mapped file is read fastest from front to back.
    rows = None if index is None else np.sort(index)
    total = count if rows is None else len(rows)
    step = max(1, CHUNK_VALUES // max(width, 1))
    for start in range(0, total, step):
        stop = min(start + step, total)
        yield np.arange(start, stop) if rows is None else rows[start:stop]


def column_statistics(chunks: Iterable[NDArray[Any]]) -> ColumnStatistics:
    """Return the statistics of the columns of `chunks`, each [b, ...], by equations (1), (2)."""
    seen = 0
    low = high = mean = squares = np.zeros(0)
    for chunk in chunks:
        x = chunk.reshape(len(chunk), -1).astype(np.float64)
        here, b = x.mean(axis=0), len(x)
        if not seen:
            low, high, mean, squares = x.min(axis=0), x.max(axis=0), here, np.zeros(len(here))
        shift = here - mean
        low, high = np.minimum(low, x.min(axis=0)), np.maximum(high, x.max(axis=0))
        mean = mean + shift * (b / (seen + b))
        x -= here
        squares = squares + np.square(x, out=x).sum(axis=0) + shift**2 * (seen * b / (seen + b))
        seen += b
    # A mean of equal numbers is rounded; a constant column must be given back as it came.
    constant = low == high
    spread = np.where(constant, 0.0, np.sqrt(squares / max(seen, 1)))
    # Columns finer than 1e-160 have squares of zero; half their range serves as a scale.
    spread = np.where(~constant & (spread == 0), high / 2 - low / 2, spread)
    return ColumnStatistics(low, high, np.where(constant, low, mean), spread)


def value_range(chunks: Iterable[NDArray[Any]]) -> tuple[float, float]:
    """Return the smallest and largest number in `chunks`."""
    low, high = math.inf, -math.inf
    for chunk in chunks:
        low, high = min(low, float(chunk.min())), max(high, float(chunk.max()))
    return low, high


def require_exact(values: NDArray[Any], what: str, remedy: str = "") -> None:
    """Refuse whole numbers [b, ...] that float64, in which all is computed, has no room for."""
    if values.dtype.kind not in "iu" or values.dtype.itemsize < 8 or not values.size:
        return
    for end in (int(values.min()), int(values.max())):
        require(abs(end) <= LARGEST_WHOLE, what, TOO_LONG, end, remedy)


def require_usable(chunk: NDArray[Any], rows: Index, what: str, *, gaps: bool = False) -> None:
    """Refuse a chunk [b, ...] with NaN, infinity or a number above 1e150, by row and place.

    gaps: whether NaN is let through, as a missing value.
    """
    if chunk.dtype.kind != "f" or not chunk.size:
        return
    bad = np.isinf(chunk) if gaps else ~np.isfinite(chunk)
    if chunk.dtype.itemsize == 8:  # smaller floats end before the limit
        bad |= np.abs(chunk) >= LARGEST_NUMBER
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        place = f"row {rows[first[0]]}" + (f", column {list(first[1:])}" if first[1:] else "")
        rule = "must hold finite numbers below 1e150 in size"
        refuse(what, rule, f"{chunk[first]} at {place}", "Rows and columns count from 0")
