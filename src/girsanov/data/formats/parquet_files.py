"""Parquet files, through pyarrow (the extra `parquet`), and folders of them.

A row of theirs cannot be read alone, so the files of a folder are unpacked once, a part of a file
at a time, into temporary files (`table/spool.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..._checks import need, require
from ..table.selected_columns import Columns, Wanted
from ..table.spool import gathered
from .arrow_tables import arrow_columns, arrow_table, index_columns, index_notes, whole_file
from .data_format import UNPACK_LIMIT, DataFormat, Loaded, Samples, from_columns, sample_columns

BATCH_ROWS = 2**16  # unpacked of a file in a folder


class Parquet(DataFormat):
    """Named columns of numbers, dates and text."""

    suffix, folders, tables = ".parquet", True, True
    extra = ("pyarrow.parquet", "parquet")

    def read(self, path: Path, wanted: Wanted) -> Loaded:
        """Return the table of a file."""
        with _opened(path) as file:
            index = index_columns(file.schema_arrow)
            kept = wanted.of(file.schema_arrow.names, str(path), index)
            size = 8 * file.metadata.num_rows * sum(kept.values())
            rule = f"must hold at most {UNPACK_LIMIT} bytes of numbers"
            remedy = "Save it as .npy, which is not unpacked"
            require(size <= UNPACK_LIMIT, str(path), rule, size, remedy)
            table = file.read(columns=[name for name in kept if kept[name]])
        loaded = from_columns(arrow_columns(table, str(path), kept), wanted, str(path))
        return loaded._replace(notes=index_notes(index, kept))

    def read_folder(self, files: Sequence[Path], wanted: Wanted, what: str) -> Loaded:
        """Return the tables of files as one; all must have the same columns."""
        batches = (batch for path in files for batch in _batches(path, wanted))
        return from_columns(gathered(batches, what), wanted, what)

    def write(self, samples: Samples, path: Path) -> None:
        """Write a column for every one of the samples."""
        need(*self.extra).write_table(arrow_table(sample_columns(samples)), path)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    parquet = need("pyarrow.parquet", "parquet")
    with whole_file(path, "Parquet"), parquet.ParquetFile(path) as file:
        yield file


def _batches(path: Path, wanted: Wanted) -> Iterator[Columns]:
    require(path.stat().st_size > 0, str(path), "must not be empty", "0 bytes")
    with _opened(path) as file:
        index = index_columns(file.schema_arrow)
        kept = wanted.of(file.schema_arrow.names, str(path), index)
        names = [name for name in kept if kept[name]]
        for batch in file.iter_batches(BATCH_ROWS, columns=names):
            yield arrow_columns(need("pyarrow", "parquet").table(batch), str(path), kept)
