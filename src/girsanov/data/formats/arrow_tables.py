"""Tables of Arrow, through pyarrow (the extra `parquet`): their columns as ours, and back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..._checks import InputError, need, require, shown
from ..rows import LARGEST_WHOLE, TOO_LONG
from ..table.selected_columns import Columns, in_numbers, leave_out
from ..table.tables import NO_VALUES, USABLE, categorise, column, with_missing

if TYPE_CHECKING:
    from ..table.values import Values

UNNAMED = re.compile(r"__index_level_\d+__")


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


def arrow_table(columns: dict[str, NDArray[Any]]) -> Any:
    """Return columns [n] by name as a table of Arrow."""
    arrow, of_arrow = need("pyarrow", "parquet"), {}
    # pyarrow takes the machine's own byte order and one-dimensional, unit-stride arrays.
    for name, values in columns.items():
        plain = np.ma.getdata(values)
        unit = "M8[s]" if plain.dtype in ("M8[h]", "M8[m]") else plain.dtype.newbyteorder("=")
        gaps = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
        of_arrow[name] = arrow.array(np.ascontiguousarray(plain.astype(unit)), mask=gaps)
    return arrow.table(of_arrow)


def arrow_columns(table: Any, what: str, kept: dict[str, bool]) -> Columns:
    """Return the columns of an Arrow table: numbers, dates, or text as categories.

    kept: for every column's name, whether it is read.
    """
    return {n: _arrow_column(table[n], n, what) if kept[n] else None for n in kept}


def index_columns(schema: Any) -> list[str]:
    """Return the columns that hold the index of a data frame, as pandas says in the metadata.

    An index without a name is known by that of its column, where the metadata is gone.
    """
    try:
        told = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))["index_columns"]
        named = [name for name in told if isinstance(name, str)]
    except (ValueError, KeyError, TypeError, RecursionError):  # somebody else's
        named = []
    return [name for name in schema.names if name in named or UNNAMED.fullmatch(name)]


def index_notes(index: list[str], kept: dict[str, bool]) -> tuple[str, ...]:
    """Return a line for every index that is left out and has a name."""
    named = [name for name in index if not kept[name] and not UNNAMED.fullmatch(name)]
    return tuple(
        f"column {name!r} is the index of a data frame and left out, as pandas does; "
        "reset_index() before saving makes it a column"
        for name in named
    )


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
