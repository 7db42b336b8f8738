"""Parquet files, through pyarrow (the extra `parquet`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .._checks import InputError, need, require, shown
from .numpy_files import UNPACK_LIMIT
from .tables import Values, categorise, column, require_names

BATCH = 2**16  # rows unpacked at a time, of a folder of files


def read_parquet(path: Path) -> dict[str, Values]:
    """Return the columns of a Parquet file (needs pyarrow)."""
    parquet = need("pyarrow.parquet", "parquet")
    arrow = need("pyarrow", "parquet")
    try:
        with parquet.ParquetFile(path) as file:
            size = 8 * file.metadata.num_rows * file.metadata.num_columns
            require(
                size <= UNPACK_LIMIT,
                str(path),
                f"must hold at most {UNPACK_LIMIT} bytes of numbers",
                size,
                "Save it as .npy, which is not unpacked",
            )
            table = file.read()
    except (arrow.ArrowException, OSError, ValueError) as cause:
        if isinstance(cause, InputError):
            raise
        raise InputError(f"{path}: must be a whole Parquet file; {shown(str(cause))}") from cause
    return arrow_columns(table, str(path))


def parquet_batches(path: Path) -> Iterator[dict[str, Values]]:
    """Yield the columns of a Parquet file, at most `BATCH` rows at a time."""
    parquet = need("pyarrow.parquet", "parquet")
    arrow = need("pyarrow", "parquet")
    require(path.stat().st_size > 0, str(path), "must not be empty", "0 bytes")
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH):
                yield arrow_columns(arrow.table(batch), str(path))
    except (arrow.ArrowException, OSError, ValueError) as cause:
        if isinstance(cause, InputError):
            raise
        raise InputError(f"{path}: must be a whole Parquet file; {shown(str(cause))}") from cause


def arrow_columns(table: Any, what: str) -> dict[str, Values]:
    """Return the columns of an Arrow table: numbers, or text as categories."""
    require_names(list(table.column_names), what)
    return {name: _arrow_column(table[name], name, what) for name in table.column_names}


def _arrow_column(values: Any, name: str, what: str) -> Values:
    types = need("pyarrow.types", "parquet")
    where = f"{what} column {name!r}"
    require(
        values.null_count == 0,
        where,
        "must not have missing values",
        f"{values.null_count} missing",
        "Fill or drop those rows",
    )
    kind = values.type.value_type if types.is_dictionary(values.type) else values.type
    if types.is_string(kind) or types.is_large_string(kind):
        return categorise((v.as_py() for v in values), where)
    usable = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
    require(usable, where, "must hold numbers or text", str(kind), "Convert it first")
    return column(values.to_numpy(), name, what)
