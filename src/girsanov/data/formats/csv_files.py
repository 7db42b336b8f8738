"""Comma-separated files with a header, read twice: once for the types, once for the values.

A column is whole numbers, numbers, dates in ISO 8601, or text. Whole numbers with leading zeros
(post codes) are text. An empty cell is a missing value; in a column of numbers or dates so are
the words that others write for one (`MARKS`), which in a column of text are words. A column that
is mostly numbers but not all is refused, since one stray "ca. 5" would otherwise make a thousand
categories of it; so are dates in other forms.
"""

from __future__ import annotations

import csv
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._checks import InputError, refuse, require, shown
from ..rows import LARGEST_NUMBER, LARGEST_WHOLE, TOO_LONG
from ..table.columns import NumberColumn, decimals_of
from ..table.dates import FORM, NANOSECOND_YEARS, ONE_ZONE, RESOLUTIONS, DateColumn, read_iso
from ..table.missing_values import GapColumn
from ..table.selected_columns import Columns, Wanted, leave_out
from ..table.tables import NO_VALUES, Coder
from ..table.values import Gapped, Values
from .data_format import DataFormat, Loaded, Samples, from_columns, sample_columns

WHOLE_CELL = re.compile(r"[+-]?(0(?=[0-9]))?[0-9]+")  # its group: that zeros lead it
NUMBER = re.compile(
    r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(nan|inf|infinity)", re.I
)
DATE = re.compile(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}.*|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}( .*)?")
MARKS = {"", "na", "n/a", "#n/a", "<na>", "nan", "nat", "null", "none", "?", "-", "."}
NAT = np.iinfo(np.int64).min  # NumPy's missing date
LINES_AT_ONCE = 2**14  # written


class Csv(DataFormat):
    """Named columns of numbers, dates and text."""

    suffix, tables = ".csv", True

    def read(self, path: Path, wanted: Wanted) -> Loaded:
        """Return the table of a file."""
        return from_columns(read_csv(path, wanted), wanted, str(path))

    def write(self, samples: Samples, path: Path) -> None:
        """Write a line of names and one for every sample, as the data's own were written.

        Fractions to as many decimals (0.00, 3.50), dates as coarse as they are given.
        """
        columns, decimals = sample_columns(samples), {}
        for column in getattr(samples.units, "columns", ()):
            inner = column.inner if isinstance(column, GapColumn) else column
            if isinstance(inner, NumberColumn) and inner.dtype.kind == "f" and inner.decimals:
                decimals[inner.name] = inner.decimals
            if isinstance(inner, DateColumn) and inner.unit not in ("D", "m", "s"):
                # ISO 8601 has no times of hours alone
                unit = inner.resolution if inner.resolution not in ("h", "m") else "m"
                columns[inner.name] = columns[inner.name].astype(f"M8[{unit}]")
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            for start in range(0, len(samples.rows), LINES_AT_ONCE):
                rows = slice(start, start + LINES_AT_ONCE)
                cells = [_texts(v[rows], decimals.get(name)) for name, v in columns.items()]
                writer.writerows(zip(*cells, strict=True))


def _texts(values: NDArray[Any], decimals: int | None) -> list[str]:
    # NumPy writes a float32 with as few digits as bring it back; Python would write a float64.
    plain = values.astype(np.int8) if values.dtype.kind == "b" else values
    held = np.ma.getdata(plain)
    if decimals is None or decimals_of(held[~np.isnan(held)], decimals) != decimals:
        texts = [str(text) for text in held.astype(np.str_)]
    else:
        texts = [f"{v + 0.0:.{decimals}f}" for v in held.tolist()]  # no -0.0
    if not isinstance(values, np.ma.MaskedArray):
        return texts
    return ["" if gap else t for t, gap in zip(texts, np.ma.getmaskarray(values), strict=True)]


class CsvColumn:
    """One column of a file: what its cells are, counted in one pass, and its values in another.

    kind: whole, number, date or text; counts, first: of each sort of cell how many, and the first
    with its line; finest, years: resolution and range of dates.
    """

    def __init__(self, name: str, what: str) -> None:
        self.name, self.where, self.coder = name, f"{what} column {name!r}", Coder(name, what)
        self.counts = defaultdict[str, int](int)
        self.first: dict[str, tuple[int, str]] = {}
        self.finest, self.years = 0, (9999, 0)

    def count(self, line: int, cell: str) -> None:
        """Count one cell."""
        if (whole := WHOLE_CELL.fullmatch(cell)) is not None:
            self._note("whole", line, cell)
            self.counts["padded"] += whole[1] is not None
            if len(cell) > 15:
                size = int(cell[:40])
                if abs(size) > LARGEST_WHOLE:  # which float64 cannot hold, or not even int64
                    self._note("long", line, cell)
                    self.counts["longest"] += not -(2**63) <= size < 2**63
                self._note_if_broken(line, cell)
        elif cell.lower() in MARKS:
            self.counts["gap"] += 1
        elif NUMBER.fullmatch(cell):
            self._note("number", line, cell)
            self._note_if_broken(line, cell)
        elif (moment := read_iso(cell)) is not None:
            self._note("iso", line, cell)
            self.counts["zoned"] += moment.zoned
            self.finest = max(self.finest, RESOLUTIONS.index(moment.resolution))
            self.years = min(self.years[0], int(cell[:4])), max(self.years[1], int(cell[:4]))
        else:
            self._note("text", line, cell)
            self.counts["date"] += DATE.fullmatch(cell) is not None

    def _note(self, sort: str, line: int, cell: str) -> None:
        self.counts[sort] += 1
        self.first.setdefault(sort, (line, cell))

    def _note_if_broken(self, line: int, cell: str) -> None:
        # Refused by `_kind` only, since "inf" may be a word of a column of text.
        if not abs(float(cell)) < LARGEST_NUMBER:
            self._note("broken", line, cell)

    def make_room(self, rows: int) -> None:
        """Decide what the cells are, and make room for so many values; refuse a mixture."""
        self.kind, self.gaps = self._kind(), self.counts["gap"] > 0
        self.unit = f"M8[{self._resolution()}]" if self.kind == "date" else ""
        dtypes = {"text": np.int32, "date": np.int64, "number": np.float64}
        whole = np.float64 if self.gaps else np.int64
        self.values: NDArray[Any] = np.empty(rows, dtypes.get(self.kind, whole))
        number: Callable[[str], Any] = float if self.kind == "number" else int
        self.read: Callable[[str], Any] = {"text": self.coder.code, "date": self._date}.get(
            self.kind, _number if self.gaps else number
        )

    def _kind(self) -> str:
        n, where = self.counts, self.where
        numbers, words = n["whole"] + n["number"], n["text"] + n["iso"]
        require(numbers + words > 0, where, NO_VALUES, None, leave_out(self.name))
        if n["iso"] and not numbers and not n["text"]:
            return "date"
        if words or (n["padded"] and not n["number"]):
            if numbers > words > 0:
                line, cell = self.first["text" if n["text"] else "iso"]
                rule = f"must hold numbers in every line, as in most; line {line} has none"
                refuse(where, rule, cell, "Mend the cell, or leave it empty: missing")
            if n["date"] + n["iso"] > words / 2:
                other = next(s for s in ("text", "whole", "number") if n[s])  # the first no date
                rule, (_, cell) = f"must hold dates {FORM}", self.first[other]
                refuse(where, rule, cell, leave_out(self.name))
            return "text"
        if n["broken"]:
            line, cell = self.first["broken"]
            rule = f"must hold finite numbers below 1e150 in size; line {line} does not"
            refuse(where, rule, cell, "Leave the cell empty if its value is missing")
        if n["long"] and (n["number"] or n["longest"] or n["gap"]):
            line, cell = self.first["long"]
            refuse(where, f"{TOO_LONG}; line {line}", cell, leave_out(self.name))
        return "number" if n["number"] else "whole"

    def _resolution(self) -> str:
        """Return the resolution of dates; refuse some with a zone, and years without room."""
        require(self.counts["zoned"] in (0, self.counts["iso"]), self.where, ONE_ZONE)
        resolution = RESOLUTIONS[self.finest]
        first, last = NANOSECOND_YEARS if resolution == "ns" else self.years
        rule = f"must hold dates of the years {first} to {last}, being given to nanoseconds"
        near = first <= self.years[0] and self.years[1] <= last
        require(near, self.where, rule, f"{self.years[0]} to {self.years[1]}")
        return resolution

    def _date(self, cell: str) -> int:
        moment = read_iso(cell)
        return int(NAT if moment is None else moment.value.astype(self.unit).astype(np.int64))

    def column(self) -> Values:
        """Return the column, when all cells are read."""
        if self.kind == "text":
            return self.coder.finish(self.values)
        values = self.values.view(self.unit) if self.kind == "date" else self.values
        of = np.dtype(np.int64) if self.kind == "whole" else values.dtype
        return Gapped(values, of) if self.gaps else values


def _number(cell: str) -> float:
    return math.nan if cell.lower() in MARKS else float(cell)


def read_csv(path: Path, wanted: Wanted) -> Columns:
    """Return the columns of a comma-separated file whose first line names them.

    Memory: 8 bytes a number or a date and 4 a category, whatever the file's text weighs.
    """
    what, lines = str(path), _lines(path)
    first = next(lines, None)
    if first is None:
        refuse(what, "must have a first line that names the columns", "no lines")
    names, rows = _header(first[1], what), 0
    kept = wanted.of(names, what)
    columns = {k: CsvColumn(name, what) for k, name in enumerate(names) if kept[name]}
    for line, cells in lines:
        rule = f"must have {len(names)} cells in every line, as in its header"
        require(len(cells) == len(names), what, rule, f"{len(cells)} in line {line}")
        for place, column in columns.items():
            column.count(line, cells[place])
        rows += 1
    require(rows > 1, what, "must have at least 2 rows below its header", rows)
    for column in columns.values():
        column.make_room(rows)
    lines = _lines(path)
    next(lines)
    for row, (_, cells) in enumerate(lines):
        for place, column in columns.items():
            column.values[row] = column.read(cells[place])
    return {n: columns[k].column() if kept[n] else None for k, n in enumerate(names)}


def _header(names: list[str], what: str) -> list[str]:
    shown_names = ",".join(names)
    numeric = all(NUMBER.fullmatch(name) for name in names)
    rule = "must name its columns in its first line"
    require(not numeric, what, rule, shown_names, "Add a line with the columns' names")
    split = len(names) > 1 or not any(mark in names[0] for mark in ";\t")
    require(split, what, "must separate its cells by commas", shown_names)
    return names


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines that are not blank, with their numbers, cells without outer spaces."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            for cells in reader:
                # a line of one cell, "", is a missing value; one without any is blank
                if any(cell.strip() for cell in cells) or len(cells) > 1 or cells == [""]:
                    yield reader.line_num, [cell.strip() for cell in cells]
        except (csv.Error, UnicodeDecodeError) as cause:
            rule = f"must be comma-separated text in UTF-8; line {reader.line_num + 1}"
            remedy = ". Save it as UTF-8" if isinstance(cause, UnicodeDecodeError) else ""
            raise InputError(f"{path}: {rule}: {shown(str(cause))}{remedy}") from cause
