"""Rows that come one batch after another, kept in a temporary file and read as if in memory.

The file has no name (it is gone when the process ends, however it ends), lies in the system's
folder for temporary files (`TMPDIR`), and is memory-mapped, so that memory holds what is read
and the system may take it back.
"""

from __future__ import annotations

import shutil
import tempfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._checks import InputError, refuse, require
from .values import plain_bytes

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
