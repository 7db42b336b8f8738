"""Comma-separated files with a header, read twice: once for the types, once for the values.

A column is whole numbers, numbers, or text. Whole numbers with leading zeros (post codes) are
text. A column that is mostly numbers but not all is refused, since one stray "N/A" would
otherwise make a thousand categories of it; so are empty cells and dates.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._checks import InputError, refuse, require, shown
from .streaming import LARGEST
from .tables import Coder, Values, require_names

WHOLE = re.compile(r"[+-]?[0-9]+")
PADDED = re.compile(r"[+-]?0[0-9]+")
NUMBER = re.compile(
    r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(nan|inf|infinity)", re.I
)
DATE = re.compile(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}.*|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}( .*)?")
Line = tuple[int, list[str]]  # line number from 1, cells


@dataclass
class Tally:
    """What the cells of one column have been so far; `*_at` is the first line of that sort."""

    where: str
    whole: int = 0
    padded: int = 0
    number: int = 0
    text: int = 0
    date: int = 0
    long: int = 0
    text_at: tuple[int, str] = (0, "")
    broken_at: tuple[int, str] = (0, "")

    def add(self, line: int, cell: str) -> None:
        """Count one cell."""
        if WHOLE.fullmatch(cell):
            self.whole += 1
            self.padded += PADDED.fullmatch(cell) is not None
            if len(cell) > 18:  # what int64 cannot hold is read as a fraction
                self.long += not -(2**63) <= int(cell[:40]) < 2**63
                self._require_finite(line, cell)
        elif NUMBER.fullmatch(cell):
            self.number += 1
            self._require_finite(line, cell)
        else:
            require(cell != "", self.where, f"must not have empty cells; line {line} has one")
            self.text_at = self.text_at if self.text else (line, cell)
            self.text += 1
            self.date += DATE.fullmatch(cell) is not None

    def _require_finite(self, line: int, cell: str) -> None:
        # Refused by `kind` only, since "nan" and "inf" may be words of a column of text.
        if not abs(float(cell)) < LARGEST and not self.broken_at[0]:
            self.broken_at = (line, cell)

    def kind(self) -> type:
        """Return int, float or str; InputError if the column is none of them."""
        numbers = self.whole + self.number
        if self.text > 0 or (self.padded and not self.number):
            if numbers > self.text > 0:
                line, cell = self.text_at
                rule = f"must hold numbers in every line, as in most; line {line} has none"
                refuse(self.where, rule, cell, "Mend the cell or drop the line")
            if self.date > self.text / 2:
                refuse(
                    self.where, "must not hold dates", self.text_at[1], "Turn them into numbers"
                )
            return str
        if self.broken_at[0]:
            line, cell = self.broken_at
            rule = f"must hold finite numbers below 1e150 in size; line {line} does not"
            refuse(self.where, rule, cell)
        return float if self.number or self.long else int


def read_csv(path: Path) -> dict[str, Values]:
    """Return the columns of a comma-separated file whose first line names them.

    Memory: 8 bytes a number and 4 a category, whatever the file's text weighs.
    """
    names, count, kinds = _scan(path)
    coders = [Coder(f"{path} column {name!r}") for name in names]
    readers: list[Callable[[str], float]] = [
        coder.code if kind is str else kind for coder, kind in zip(coders, kinds, strict=True)
    ]
    columns: list[NDArray[Any]] = [
        np.empty(count, np.int32 if kind is str else kind) for kind in kinds
    ]
    lines = _lines(path)
    next(lines)
    for row, (_, cells) in enumerate(lines):
        for values, read, cell in zip(columns, readers, cells, strict=True):
            values[row] = read(cell)
    parts = zip(names, columns, coders, kinds, strict=True)
    return {name: coder.finish(v) if kind is str else v for name, v, coder, kind in parts}


def _scan(path: Path) -> tuple[list[str], int, list[type]]:
    """Return the columns' names, the number of rows, and the columns' types."""
    lines = _lines(path)
    first = next(lines, None)
    if first is None:
        refuse(str(path), "must have a first line that names the columns", "no lines")
    names, count = _header(first[1], str(path)), 0
    tallies = [Tally(f"{path} column {name!r}") for name in names]
    for line, cells in lines:
        rule = f"must have {len(names)} cells in every line, as in its header"
        require(len(cells) == len(names), str(path), rule, f"{len(cells)} in line {line}")
        for tally, cell in zip(tallies, cells, strict=True):
            tally.add(line, cell)
        count += 1
    require(count > 1, str(path), "must have at least 2 rows below its header", count)
    return names, count, [tally.kind() for tally in tallies]


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
                if any(cell.strip() for cell in cells) or len(cells) > 1:
                    yield reader.line_num, [cell.strip() for cell in cells]
        except (csv.Error, UnicodeDecodeError) as cause:
            rule = f"must be comma-separated text in UTF-8; line {reader.line_num + 1}"
            raise InputError(f"{path}: {rule}: {shown(str(cause))}") from cause
