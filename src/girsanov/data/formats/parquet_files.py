"""Parquet files, through pyarrow (the extra `parquet`), and folders of them.

A row of theirs cannot be read alone, so the files of a folder are unpacked once, a part of a file
at a time, into temporary files (`table/spool.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._checks import InputError, need, require, shown
from ..rows import LARGEST_WHOLE, TOO_LONG
from ..table.selected_columns import Columns, Wanted, in_numbers, leave_out
from ..table.spool import gathered
from ..table.tables import NO_VALUES, USABLE, categorise, column, with_missing
from .data_format import UNPACK_LIMIT, DataFormat, Loaded, Samples, from_columns, sample_columns

if TYPE_CHECKING:
    from ..table.values import Values

BATCH_ROWS = 2**16  # unpacked of a file in a folder


class Parquet(DataFormat):
    """Named columns of numbers, dates and text."""

    suffix, folders, tables = ".parquet", True, True
    extra = ("pyarrow.parquet", "parquet")

    def read(self, path: Path, wanted: Wanted) -> Loaded:
        """Return the table of a file."""
        with _opened(path) as file:
            kept = wanted.of(file.schema_arrow.names, str(path))
            size = 8 * file.metadata.num_rows * sum(kept.values())
            rule = f"must hold at most {UNPACK_LIMIT} bytes of numbers"
            remedy = "Save it as .npy, which is not unpacked"
            require(size <= UNPACK_LIMIT, str(path), rule, size, remedy)
            table = file.read(columns=[name for name in kept if kept[name]])
        return from_columns(arrow_columns(table, str(path), kept), wanted, str(path))

    def read_folder(self, files: Sequence[Path], wanted: Wanted, what: str) -> Loaded:
        """Return the tables of files as one; all must have the same columns."""
        batches = (batch for path in files for batch in _batches(path, wanted))
        return from_columns(gathered(batches, what), wanted, what)

    def write(self, samples: Samples, path: Path) -> None:
        """Write a column for every one of the samples."""
        need(*self.extra).write_table(arrow_table(samples), path)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    parquet = need("pyarrow.parquet", "parquet")
    with whole_file(path, "Parquet"), parquet.ParquetFile(path) as file:
        yield file


@contextmanager
def whole_file(path: Path, kind: str) -> Iterator[None]:
    """Refuse in one line a file of this kind that pyarrow cannot read."""
    arrow = need("pyarrow", "parquet")
    try:
        yield
    except InputError:
        raise
    except (arrow.ArrowException, OSError, ValueError) as cause:
        raise InputError(f"{path}: must be a whole {kind} file; {shown(str(cause))}") from cause


def _batches(path: Path, wanted: Wanted) -> Iterator[Columns]:
    require(path.stat().st_size > 0, str(path), "must not be empty", "0 bytes")
    with _opened(path) as file:
        kept = wanted.of(file.schema_arrow.names, str(path))
        names = [name for name in kept if kept[name]]
        for batch in file.iter_batches(BATCH_ROWS, columns=names):
            yield arrow_columns(need("pyarrow", "parquet").table(batch), str(path), kept)


def arrow_table(samples: Samples) -> Any:
    """Return samples as a table of Arrow, a column for every one of theirs."""
    arrow, columns = need("pyarrow", "parquet"), {}
    # pyarrow takes the machine's own byte order and one-dimensional, unit-stride arrays.
    for name, values in sample_columns(samples).items():
        plain = np.ma.getdata(values)
        unit = "M8[s]" if plain.dtype in ("M8[h]", "M8[m]") else plain.dtype.newbyteorder("=")
        gaps = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
        columns[name] = arrow.array(np.ascontiguousarray(plain.astype(unit)), mask=gaps)
    return arrow.table(columns)


def arrow_columns(table: Any, what: str, kept: dict[str, bool]) -> Columns:
    """Return the columns of an Arrow table: numbers, dates, or text as categories.

    kept: for every column's name, whether it is read.
    """
    return {n: _arrow_column(table[n], n, what) if kept[n] else None for n in kept}


def _arrow_column(values: Any, name: str, what: str) -> Values:
    types, arrow = need("pyarrow.types", "parquet"), need("pyarrow", "parquet")
    where = f"{what} column {name!r}"
    kind = values.type.value_type if types.is_dictionary(values.type) else values.type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return categorise((v.as_py() or "" for v in values), name, what)
    require(not types.is_null(kind), where, NO_VALUES, None, leave_out(name))
    kind = arrow.float64() if types.is_decimal(kind) else kind
    numbers = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
    usable = numbers or types.is_date(kind) or types.is_timestamp(kind)
    spans = types.is_time(kind) or types.is_duration(kind)
    advice = in_numbers(name) if spans else leave_out(name)
    require(usable, where, USABLE, str(kind), advice)
    plain = values if kind == values.type else values.cast(kind)
    if types.is_decimal(values.type):
        ends = need("pyarrow.compute", "parquet").min_max(values).as_py()
        top = max(abs(v or 0) for v in ends.values())
        require(top <= LARGEST_WHOLE, where, TOO_LONG, top, leave_out(name))
    if not values.null_count or not numbers:
        return column(plain.to_numpy(), name, what)
    filled = plain.fill_null(False if types.is_boolean(kind) else 0)
    return with_missing(filled.to_numpy(), plain.is_null().to_numpy(), name, what)
