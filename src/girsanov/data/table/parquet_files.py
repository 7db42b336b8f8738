"""Parquet files, through pyarrow (the extra `parquet`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..._checks import InputError, need, require, shown
from ..numpy_files import UNPACK_LIMIT
from ..streaming import EXACT, TOO_LONG
from .selected_columns import Found, Wanted, in_numbers, leave_out
from .tables import (
    NO_VALUES,
    USABLE,
    categorise,
    column,
    require_names,
    with_missing,
)
from .values import Values

BATCH = 2**16  # rows unpacked at a time, of a folder of files


def read_parquet(path: Path, wanted: Wanted) -> Found:
    """Return the columns of a Parquet file (needs pyarrow)."""
    parquet = need("pyarrow.parquet", "parquet")
    arrow = need("pyarrow", "parquet")
    try:
        with parquet.ParquetFile(path) as file:
            kept = wanted.of(_names(file, str(path)), str(path))
            size = 8 * file.metadata.num_rows * sum(kept.values())
            require(
                size <= UNPACK_LIMIT,
                str(path),
                f"must hold at most {UNPACK_LIMIT} bytes of numbers",
                size,
                "Save it as .npy, which is not unpacked",
            )
            table = file.read(columns=[name for name in kept if kept[name]])
    except (arrow.ArrowException, OSError, ValueError) as cause:
        if isinstance(cause, InputError):
            raise
        raise InputError(f"{path}: must be a whole Parquet file; {shown(str(cause))}") from cause
    return arrow_columns(table, str(path), kept)


def parquet_batches(path: Path, wanted: Wanted) -> Iterator[Found]:
    """Yield the columns of a Parquet file, at most `BATCH` rows at a time."""
    parquet = need("pyarrow.parquet", "parquet")
    arrow = need("pyarrow", "parquet")
    require(path.stat().st_size > 0, str(path), "must not be empty", "0 bytes")
    try:
        with parquet.ParquetFile(path) as file:
            kept = wanted.of(_names(file, str(path)), str(path))
            for batch in file.iter_batches(BATCH, columns=[name for name in kept if kept[name]]):
                yield arrow_columns(arrow.table(batch), str(path), kept)
    except (arrow.ArrowException, OSError, ValueError) as cause:
        if isinstance(cause, InputError):
            raise
        raise InputError(f"{path}: must be a whole Parquet file; {shown(str(cause))}") from cause


def _names(file: Any, what: str) -> list[str]:
    names = list(file.schema_arrow.names)
    require_names(names, what)
    return names


def arrow_columns(table: Any, what: str, kept: dict[str, bool]) -> Found:
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
        require(top <= EXACT, where, TOO_LONG, top, leave_out(name))
    if not values.null_count or not numbers:
        return column(plain.to_numpy(), name, what)
    filled = plain.fill_null(False if types.is_boolean(kind) else 0)
    return with_missing(filled.to_numpy(), plain.is_null().to_numpy(), name, what)
