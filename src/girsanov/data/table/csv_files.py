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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._checks import InputError, refuse, require, shown
from ..streaming import EXACT, LARGEST, TOO_LONG
from .dates import (
    FORM,
    NANOSECOND_YEARS,
    ONE_ZONE,
    RESOLUTIONS,
    Moment,
    read_iso,
)
from .selected_columns import Found, Wanted, leave_out
from .tables import NO_VALUES, Coder, require_names
from .values import Gapped, Values

WHOLE = re.compile(r"[+-]?[0-9]+")
PADDED = re.compile(r"[+-]?0[0-9]+")
NUMBER = re.compile(
    r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(nan|inf|infinity)", re.I
)
DATE = re.compile(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}.*|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}( .*)?")
MARKS = {"na", "n/a", "#n/a", "<na>", "nan", "nat", "null", "none", "?", "-", "."}
NAT = np.iinfo(np.int64).min  # NumPy's missing date
Line = tuple[int, list[str]]  # line number from 1, cells


class Form(NamedTuple):
    """How the cells of a column are read; resolution: of dates; gaps: whether some are missing."""

    kind: Literal["whole", "number", "date", "text"]
    resolution: str = ""
    gaps: bool = False


@dataclass
class Tally:
    """What the cells of one column have been so far; `*_at` is the first line of that sort."""

    name: str
    where: str
    whole: int = 0
    padded: int = 0
    number: int = 0
    marked: int = 0
    empty: int = 0
    text: int = 0
    date: int = 0
    iso: int = 0
    zoned: int = 0
    long: bool = False
    finest: int = 0
    years: tuple[int, int] = (9999, 0)
    text_at: tuple[int, str] = (0, "")
    broken_at: tuple[int, str] = (0, "")
    long_at: tuple[int, str] = (0, "")
    iso_at: tuple[int, str] = (0, "")

    def add(self, line: int, cell: str) -> None:
        """Count one cell."""
        if cell == "":
            self.empty += 1
        elif WHOLE.fullmatch(cell):
            self.whole += 1
            self.padded += PADDED.fullmatch(cell) is not None
            if len(cell) > 15:
                self._measure(line, cell)
        elif cell.lower() in MARKS:
            self.marked += 1
        elif NUMBER.fullmatch(cell):
            self.number += 1
            self._require_finite(line, cell)
        elif (moment := read_iso(cell)) is not None:
            self.iso_at = self.iso_at if self.iso else (line, cell)
            self._add_date(moment, int(cell[:4]))
        else:
            self.text_at = self.text_at if self.text else (line, cell)
            self.text += 1
            self.date += DATE.fullmatch(cell) is not None

    def _measure(self, line: int, cell: str) -> None:
        """Take note of a long whole number: whether float64, and whether int64, can hold it."""
        size = int(cell[:40])
        if abs(size) > EXACT:
            self.long_at = self.long_at if self.long_at[0] else (line, cell)
            self.long |= not -(2**63) <= size < 2**63
        self._require_finite(line, cell)

    def _add_date(self, moment: Moment, year: int) -> None:
        self.iso += 1
        self.zoned += moment.zoned
        self.finest = max(self.finest, RESOLUTIONS.index(moment.resolution))
        self.years = min(self.years[0], year), max(self.years[1], year)

    def _require_finite(self, line: int, cell: str) -> None:
        # Refused by `form` only, since "inf" may be a word of a column of text.
        if not abs(float(cell)) < LARGEST and not self.broken_at[0]:
            self.broken_at = (line, cell)

    def form(self) -> Form:
        """Return how the column is read; InputError if it is neither numbers, dates nor text."""
        numbers, words = self.whole + self.number, self.text + self.iso
        gaps = self.empty + self.marked > 0
        require(numbers + words > 0, self.where, NO_VALUES, None, leave_out(self.name))
        if self.iso and not numbers and not self.text:
            return self._date(gaps)
        if words or (self.padded and not self.number):
            if numbers > words > 0:
                line, cell = self.text_at if self.text else self.iso_at
                rule = f"must hold numbers in every line, as in most; line {line} has none"
                refuse(self.where, rule, cell, "Mend the cell, or leave it empty: missing")
            if self.date + self.iso > words / 2:
                refuse(
                    self.where, f"must hold dates {FORM}", self.text_at[1], leave_out(self.name)
                )
            return Form("text", gaps=gaps)
        if self.broken_at[0]:
            line, cell = self.broken_at
            rule = f"must hold finite numbers below 1e150 in size; line {line} does not"
            refuse(self.where, rule, cell, "Leave the cell empty if its value is missing")
        if self.long_at[0] and (self.number or self.long or gaps):
            line, cell = self.long_at
            refuse(self.where, f"{TOO_LONG}; line {line}", cell, leave_out(self.name))
        return Form("number" if self.number else "whole", gaps=gaps)

    def _date(self, gaps: bool) -> Form:
        require(self.zoned in (0, self.iso), self.where, ONE_ZONE)
        resolution = RESOLUTIONS[self.finest]
        first, last = NANOSECOND_YEARS if resolution == "ns" else self.years
        rule = f"must hold dates of the years {first} to {last}, being given to nanoseconds"
        near = first <= self.years[0] and self.years[1] <= last
        require(near, self.where, rule, f"{self.years[0]} to {self.years[1]}")
        return Form("date", resolution, gaps)


class Reader:
    """Reads the cells of one column into an array [n]."""

    def __init__(self, name: str, path: Path, form: Form, count: int) -> None:
        self.form, self.coder = form, Coder(name, str(path))
        dtypes = {"text": np.int32, "date": np.int64, "number": np.float64}
        whole = np.float64 if form.gaps else np.int64
        self.values: NDArray[Any] = np.empty(count, dtypes.get(form.kind, whole))
        self.read: Callable[[str], Any] = {
            "text": self.coder.code,
            "date": self._date,
            "number": _number if form.gaps else float,
            "whole": _number if form.gaps else int,
        }[form.kind]

    def _date(self, cell: str) -> int:
        moment = read_iso(cell)
        if moment is None:
            return int(NAT)
        return int(moment.value.astype(f"M8[{self.form.resolution}]").astype(np.int64))

    def column(self) -> Values:
        """Return the column, when all cells are read."""
        values = self.values
        if self.form.kind == "text":
            return self.coder.finish(values)
        if self.form.kind == "date":
            values = values.view(f"M8[{self.form.resolution}]")
        of = np.dtype(np.int64) if self.form.kind == "whole" else values.dtype
        return Gapped(values, of) if self.form.gaps else values


def _number(cell: str) -> float:
    return math.nan if cell == "" or cell.lower() in MARKS else float(cell)


def read_csv(path: Path, wanted: Wanted) -> Found:
    """Return the columns of a comma-separated file whose first line names them.

    Memory: 8 bytes a number or a date and 4 a category, whatever the file's text weighs.
    """
    kept, count, forms = _scan(path, wanted)
    readers = {
        place: Reader(name, path, forms[place], count)
        for place, name in enumerate(kept)
        if kept[name]
    }
    lines = _lines(path)
    next(lines)
    for row, (_, cells) in enumerate(lines):
        for place, reader in readers.items():
            reader.values[row] = reader.read(cells[place])
    return {n: readers[k].column() if kept[n] else None for k, n in enumerate(kept)}


def _where(path: Path, name: str) -> str:
    return f"{path} column {name!r}"


def _scan(path: Path, wanted: Wanted) -> tuple[dict[str, bool], int, dict[int, Form]]:
    """Return which columns are read, the number of rows, and the forms of those by place."""
    lines = _lines(path)
    first = next(lines, None)
    if first is None:
        refuse(str(path), "must have a first line that names the columns", "no lines")
    names, count = _header(first[1], str(path)), 0
    kept = wanted.of(names, str(path))
    tallies = {k: Tally(name, _where(path, name)) for k, name in enumerate(names) if kept[name]}
    for line, cells in lines:
        rule = f"must have {len(names)} cells in every line, as in its header"
        require(len(cells) == len(names), str(path), rule, f"{len(cells)} in line {line}")
        for place, tally in tallies.items():
            tally.add(line, cells[place])
        count += 1
    require(count > 1, str(path), "must have at least 2 rows below its header", count)
    return kept, count, {place: tally.form() for place, tally in tallies.items()}


def _header(names: list[str], what: str) -> list[str]:
    shown_names = ",".join(names)
    numeric = all(NUMBER.fullmatch(name) for name in names)
    rule = "must name its columns in its first line"
    require(not numeric, what, rule, shown_names, "Add a line with the columns' names")
    split = len(names) > 1 or not any(mark in names[0] for mark in ";\t")
    require(split, what, "must separate its cells by commas", shown_names)
    require_names(names, what)
    return names


def _lines(path: Path) -> Iterator[Line]:
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
