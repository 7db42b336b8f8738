"""Columns that name rows instead of saying something of them, which no model can learn from."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import numpy as np

from .table.selected_columns import leave_out
from .table.tables import TableRows
from .table.values import Categories, Values, stored

if TYPE_CHECKING:
    from .dataset import Dataset

FEWEST_IDS = 32  # rows; in fewer, whatever is counted may well differ from row to row
LIKE_AN_ID = "looks like an id"
LOOKED_AT = 100_000  # rows of a column of numbers that are looked at


def id_columns(data: Dataset) -> tuple[str, ...]:
    """Return the columns of text or whole numbers in which no value occurs twice.

    Of all rows of the table, whichever of them `data` holds; of numbers the first `LOOKED_AT`.
    """
    rows = data.rows
    if not isinstance(rows, TableRows) or len(rows) < FEWEST_IDS:
        return ()
    return tuple(name for name, values in rows.columns.items() if _all_differ(values))


def id_notes(data: Dataset, fitted: bool = False) -> list[str]:
    """Return a line for each of `id_columns`; fitted: whether a model has learnt it already."""

    def advice(name: str) -> str:
        return f"Fit again with --drop {shlex.quote(name)}" if fitted else leave_out(name)

    return [
        f"column {name!r} {LIKE_AN_ID}: no value in it occurs twice, {_why(data, name)}. "
        f"{advice(name)}"
        for name in id_columns(data)
    ]


def _why(data: Dataset, name: str) -> str:
    """Return what follows: of whole numbers, which may be years or populations, not for sure."""
    assert isinstance(data.rows, TableRows)
    if isinstance(data.rows.columns[name], Categories):
        return "so it says nothing of other rows"
    return "so unless it is a quantity, as a year is, it says nothing of other rows"


def _all_differ(values: Values) -> bool:
    if isinstance(values, Categories):
        return len(values.names) == len(values) and "" not in values.names
    held = stored(values)
    if held.dtype.kind not in "iuf":
        return False
    seen = np.asarray(held[:LOOKED_AT])
    whole = seen.dtype.kind != "f" or bool((seen == np.rint(seen)).all())  # no gap is whole
    return whole and len(np.unique(seen)) == len(seen)
