"""What one cell of text is, and what it says of the marks and the order of all cells like it.

A sort is a word (`SORTS`, of which a cell is one, and others it is besides), or a pair of what a
cell says of its marks (`written_numbers.py`), of its unit or its order of day and month.
"""

from __future__ import annotations

import re
from typing import Any

from ..rows import LARGEST_NUMBER, LARGEST_WHOLE
from .dates import Moment
from .selected_columns import DAY_ORDERS
from .written_dates import Dated, read_date, read_time
from .written_numbers import GROUPED, Written, read_written

SORTS = ("text", "time", "date", "whole", "number", "written")
WHOLE_CELL = re.compile(r"[+-]?(0(?=[0-9]))?[0-9]+")  # its group: that zeros lead it
NUMBER = re.compile(
    r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(nan|inf|infinity)", re.I
)
DIGIT = re.compile("[0-9]")
GAP_WORDS = {"", "na", "n/a", "#n/a", "<na>", "nan", "nat", "null", "none", "?", "-", "."}
LIMITS = "<>≤≥~= "


def sorts_of(cell: str) -> tuple[list[Any], Moment | None]:
    """Return of which sorts a cell is, what it says of marks and order, and the date it gives."""
    if (whole := WHOLE_CELL.fullmatch(cell)) is not None:
        return ["whole", *(["padded"] if whole[1] is not None else []), *_sizes(cell)], None
    if cell.lower() in GAP_WORDS:
        return ["gap"], None
    if NUMBER.fullmatch(cell):
        either = len(cell) < 9 and GROUPED.fullmatch(cell.lstrip("+-")) is not None
        says = "either" if either else "decimal" if "." in cell else "exponent"
        return ["number", (says, "."), *_sizes(cell)], None
    if DIGIT.search(cell) is None:
        return ["text"], None
    if (dated := read_date(cell)) is not None:
        return _sorts_of_date(cell, dated), dated.day_first or dated.month_first
    if (time := read_time(cell)) is not None:
        return ["time", *(["seconds"] if time[1] else [])], None
    if (number := read_written(cell)) is not None:
        return ["written", ("unit", number.unit), *number.says, *_sizes_as_written(number)], None
    limit = cell[0] in LIMITS and read_written(cell.lstrip(LIMITS)) is not None
    return ["text", *(["limit"] if limit else [])], None


def _sorts_of_date(cell: str, dated: Dated) -> list[Any]:
    day, month = dated.day_first, dated.month_first
    moment = day or month
    if moment is None:
        return ["date", "no day", *(["two digits"] if dated.short else [])]
    order: list[Any] = []
    if day is None or month is None:
        order = [DAY_ORDERS[day is None]]
    elif day != month:
        order = ["either order", *(["points"] if "." in cell[:3] else [])]
    iso = cell[4:5] == "-" == cell[7:8]
    return ["date", *order, *([] if iso else ["as written"]), *(["zoned"] * moment.zoned)]


def _sizes(plain: str) -> list[Any]:
    """Return whether a number is longer than float64 or int64 can hold, or none that is finite.

    Refused later, since "inf" may be a word of a column of text.
    """
    if len(plain) <= 15 and plain[-1].isdecimal() and "e" not in plain.lower():
        return []
    sorts: list[Any] = []
    if WHOLE_CELL.fullmatch(plain):
        size = int(plain[:40])
        sorts += ["long"] if abs(size) > LARGEST_WHOLE else []
        sorts += [] if -(2**63) <= size < 2**63 else ["longest"]
    return sorts if abs(float(plain)) < LARGEST_NUMBER else [*sorts, "broken"]


def _sizes_as_written(number: Written) -> list[Any]:
    decimal = next((mark for word, mark in number.says if word == "decimal"), None)
    if "e" in number.body.lower():
        return [("exponent", ""), *_sizes(number.plain(decimal or "."))]
    return _sizes(re.sub("[^-0-9]", "", number.body)) if decimal is None else []
