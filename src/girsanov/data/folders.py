"""A folder of `.npy` or `.parquet` files as one data set: the rows of all, file after file.

Files are taken in the order of their names. `.npy` files stay where they are, memory-mapped, and
are read when asked for; those of Parquet are unpacked once, a part of a file at a time, into a
temporary file (`spool.py`), since a row of theirs cannot be read alone. A folder has the numbers
and the fingerprint of the one file that held all of its rows in that order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._checks import require
from .arrays import ArrayRows, array_rows
from .numpy_files import read_npy
from .streaming import Index, require_exact
from .table.parquet_files import parquet_batches
from .table.selected_columns import Found, Wanted, leave_out
from .table.spool import Spool
from .table.tables import Coder, require_names
from .table.values import Categories, Gapped, Values, missing, stored, with_gaps

SUFFIXES = (".npy", ".parquet")


@dataclass(frozen=True, eq=False)
class Parts:
    """Arrays [n_k, ...] end to end, read where they are; what `ArrayRows` asks of an array."""

    arrays: tuple[NDArray[Any], ...]
    ends: NDArray[np.int64]  # rows up to and with each array

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of all arrays."""
        return self.arrays[0].dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, ...)."""
        return (int(self.ends[-1]), *self.arrays[0].shape[1:])

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


def data_files(folder: Path) -> list[Path]:
    """Return the `.npy` or `.parquet` files of a folder by name, none if it has neither.

    Raises InputError for a folder with both kinds.
    """
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
    files = [p for p in files if not p.name.startswith(".")]
    kinds = sorted({p.suffix.lower() for p in files})
    require(len(kinds) < 2, str(folder), "must hold data files of one kind", " and ".join(kinds))
    return files


def npy_rows(files: list[Path], what: str) -> ArrayRows:
    """Return the rows of `.npy` files, which must agree in dtype and in the shape of a row."""
    arrays = [read_npy(path) for path in files]
    first = arrays[0]
    for path, array in zip(files, arrays, strict=True):
        require(array.dtype.names is None, str(path), "must hold plain numbers", "named columns",
                "Keep tables as Parquet files")  # fmt: skip
        require(array.ndim > 0, str(path), "must have rows", "a single number")
        same = (array.dtype, array.shape[1:]) == (first.dtype, first.shape[1:])
        rule = f"must be like {files[0].name}, {first.dtype} of shape {first.shape[1:]}"
        require(same, str(path), rule, f"{array.dtype} of shape {array.shape[1:]}")
    kept = tuple(a for a in arrays if len(a)) or (first,)
    return array_rows(Parts(kept, np.cumsum([len(a) for a in kept])), what)


def parquet_columns(files: list[Path], what: str, wanted: Wanted) -> Found:
    """Return the columns of Parquet files that have the same ones, unpacked to a spool each."""
    return gathered((part for path in files for part in parquet_batches(path, wanted)), what)


def gathered(batches: Iterator[Found], what: str) -> Found:
    """Return columns that come in batches of rows as columns on a temporary file each."""
    columns: dict[str, Gathered | None] = {}
    for batch in batches:
        if not columns:
            require_names(list(batch), what)
            columns = {
                name: None if values is None else Gathered(name, what)
                for name, values in batch.items()
            }
        rule = "must have the same columns in all parts: " + ", ".join(columns)
        require(list(batch) == list(columns), what, rule, ", ".join(batch))
        for name, values in batch.items():
            kept = columns[name]
            if kept is not None and values is not None:
                kept.append(values)
    require(bool(columns), what, "must have rows", "none")
    return {name: None if kept is None else kept.finish() for name, kept in columns.items()}


class Gathered:
    """One column of numbers, dates or text, in batches."""

    def __init__(self, name: str, what: str) -> None:
        self.name, self.where = name, f"{what} column {name!r}"
        where = self.where
        self.spool, self.coder = Spool(where), Coder(name, what)
        self.gaps = Spool(where)  # of numbers and dates: which are missing
        self.text: bool | None = None
        self.gapped = False

    def append(self, values: Values) -> None:
        """Keep values [b]; a column is of numbers, of dates or of text in all batches."""
        text = isinstance(values, Categories)
        self.text = text if self.text is None else self.text
        kind = "text" if self.text else "numbers"
        require(text == self.text, self.where, f"must hold {kind} in all parts", None)
        if isinstance(values, Categories):
            codes = np.array([self.coder.code(name) for name in values.names], np.int32)
            self.spool.append(codes[values.codes])
            return
        gaps = missing(stored(values))
        if isinstance(values, Gapped):
            # in their own type, since other batches may have no gaps
            self.gapped = True
            values = np.where(gaps, np.zeros(1, values.dtype), values.values).astype(values.of)
        self.gaps.append(gaps)
        self.spool.append(values)

    def finish(self) -> Values:
        """Return the whole column [n], memory-mapped; text coded by its sorted values."""
        values = self.spool.rows()
        if self.text:
            rank, names = self.coder.ranked()
            for part in _parts(len(values)):
                values[part] = rank[values[part]]
            return Categories(values, names)
        if not self.gapped:
            return values
        gaps, whole = self.gaps.rows(), Spool(self.where)
        for part in _parts(len(values)):
            require_exact(values[part], self.where, leave_out(self.name))
            whole.append(with_gaps(values[part], gaps[part]))
        return Gapped(whole.rows(), values.dtype)


def _parts(count: int) -> Iterator[slice]:
    for first in range(0, count, 2**20):
        yield slice(first, first + 2**20)
