"""What was read of a file of text otherwise than a computer writes it, a line for every way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..table.selected_columns import DAY_ORDERS
from ..table.written_numbers import BRACKETS, OTHER_MARK

if TYPE_CHECKING:
    from .csv_columns import CsvColumn

FEW_UNITS = 5  # of one column, which are worth a word
MARK_NAMES = {".": "points", ",": "commas", " ": "spaces", "'": "apostrophes"}


def reading_notes(columns: Iterable[CsvColumn]) -> list[str]:
    """Return a line for every way of writing, with the columns that are read by it."""
    ways: dict[str, list[tuple[str, str]]] = {}
    for column in columns:
        found = way_of_writing(column)
        if found is not None:
            ways.setdefault(found[0], []).append((column.name, found[1]))
    return [
        f"column{'s' if len(found) > 1 else ''} {', '.join(repr(name) for name, _ in found)} "
        f"read as {way}: {found[0][1]}"
        for way, found in ways.items()
    ]


def way_of_writing(column: CsvColumn) -> tuple[str, str] | None:
    """Return how cells were read that a computer writes otherwise, in words, with an example."""
    n, units = column.counts, [unit for unit in column.units() if unit]
    if column.kind == "time":
        unit = "seconds" if n["seconds"] else "minutes"
        return f"times of day, in {unit} after midnight", _example(column, ["time"])
    if column.kind == "date" and n["as written"]:
        order = "" if column.dates is None else f", {column.dates.replace('-', ' ')}"
        return f"dates{order}", _example(column, ["either order", *DAY_ORDERS, "date"])
    if column.kind == "number" and (n["written"] or column.decimal == ","):
        return _numbers(column)
    if column.kind == "text" and n["limit"] == n["text"] > 0:
        return "categories, for its numbers are limits", column.first["text"][1]
    alone = n["written"] == column.present() and not n["unit", ""]
    if column.kind == "text" and 1 < len(units) <= FEW_UNITS and alone:
        return "categories, for its numbers have several units", ", ".join(units)
    return None


def _numbers(column: CsvColumn) -> tuple[str, str]:
    n, unit, decimal = column.counts, column.numbers()[1], column.decimal or "."
    between = [mark for mark in (OTHER_MARK[decimal], " ", "'")
               if n["thousands", mark] + n["either", mark]]  # fmt: skip
    words = f"numbers{f' with {unit}' if unit else ''}"
    words += ", with a decimal comma" if decimal == "," and column.fractions() else ""
    words += f", with {MARK_NAMES[between[0]]} between thousands" if between else ""
    words += ", negative in brackets" if n[BRACKETS, ""] else ""
    # the cell that says the most
    sorts: list[Any] = [(word, mark) for word in ("thousands", "either") for mark in between]
    sorts += [("decimal", decimal), (BRACKETS, ""), "written", "number", "whole"]
    return words, _example(column, sorts)


def _example(column: CsvColumn, sorts: list[Any]) -> str:
    cell = next(column.first[sort] for sort in sorts if sort in column.first)[1]
    return f"{cell} is {column.value(cell)}"
