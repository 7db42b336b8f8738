"""Rows that come one batch after another, kept in temporary files and read as if in memory.

A file has no name (it is gone when the process ends, however it ends), lies in the system's
folder for temporary files (`TMPDIR`), and is memory-mapped, so that memory holds what is read
and the system may take it back. A whole table has the numbers and the fingerprint of one that
held all rows in that order.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._checks import InputError, refuse, require
from ..rows import require_exact
from .selected_columns import Columns, leave_out
from .tables import Coder
from .values import Categories, Gapped, Values, missing, plain_bytes, stored, with_gaps

SPARE = 2**28  # bytes that stay free where temporary files go


class Spool:
    """One column of rows, appended batch by batch; all of one dtype and one shape a row."""

    def __init__(self, what: str) -> None:
        self.what, self.count = what, 0
        self.form: tuple[np.dtype[Any], tuple[int, ...]] | None = None
        self._file = tempfile.TemporaryFile(prefix="girsanov-")  # noqa: SIM115 - lives with its map

    def append(self, rows: NDArray[Any]) -> None:
        """Keep rows [b, ...]; refuse those of another kind, and more than the disk can hold."""
        form = (rows.dtype, rows.shape[1:])
        self.form = form if self.form is None else self.form
        rule = f"must be alike in all rows: {self.form[0]} of shape {self.form[1]}"
        require(form == self.form, self.what, rule, f"{form[0]} of shape {form[1]}")
        free = shutil.disk_usage(tempfile.gettempdir()).free - SPARE
        if rows.nbytes > free:
            refuse(self.what, "does not fit where temporary files go", tempfile.gettempdir(),
                   "Set TMPDIR to a folder on a larger disk")  # fmt: skip
        try:
            self._file.write(plain_bytes(rows).data)
        except OSError as cause:
            raise InputError(f"{self.what}: cannot be kept ({cause.strerror})") from cause
        self.count += len(rows)

    def rows(self) -> NDArray[Any]:
        """Return all rows [n, ...], memory-mapped."""
        self._file.flush()
        if self.form is None or not self.count:
            refuse(self.what, "must have rows", "none")
        dtype, example = self.form
        if not int(np.prod(example, dtype=np.int64)) * dtype.itemsize:
            refuse(self.what, "must not be empty", f"shape {(self.count, *example)}")
        return np.memmap(self._file, dtype, "r+", shape=(self.count, *example))


def gathered(batches: Iterable[Columns], what: str) -> Columns:
    """Return the columns of all batches, which must have the same ones."""
    columns: dict[str, GatheredColumn | None] = {}
    for batch in batches:
        if not columns:
            columns = {n: v if v is None else GatheredColumn(n, what) for n, v in batch.items()}
        rule = "must have the same columns in all parts: " + ", ".join(columns)
        require(list(batch) == list(columns), what, rule, ", ".join(batch))
        for name, values in batch.items():
            column = columns[name]
            if column is not None and values is not None:
                column.append(values)
    require(bool(columns), what, "must have rows", "none")
    return {name: None if column is None else column.finish() for name, column in columns.items()}


class GatheredColumn:
    """One column of numbers, dates or text, in batches."""

    def __init__(self, name: str, what: str) -> None:
        self.name, self.where = name, f"{what} column {name!r}"
        self.spool, self.coder = Spool(self.where), Coder(name, what)
        self.gaps = Spool(self.where)  # of numbers and dates: which are missing
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
