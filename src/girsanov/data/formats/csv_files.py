"""Files of text whose first line names columns, read twice: for the types, and for the values.

Cells are parted by commas, semicolons, tabs or bars: by the one that parts the first lines alike.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._checks import InputError, refuse, require, shown
from ..table.cell_sorts import NUMBER
from ..table.columns import NumberColumn, decimals_of
from ..table.dates import DateColumn
from ..table.missing_values import GapColumn
from ..table.selected_columns import CELL_CHOICES, Columns, Wanted
from .csv_columns import CsvColumn, Hints
from .csv_notes import reading_notes, way_of_writing
from .data_format import DataFormat, Loaded, Samples, from_columns, sample_columns

DELIMITERS = (",", ";", "\t", "|")
LOOKED_AT = 20  # lines
NO_NAME = "the first column has no name: taken for names of rows, and left out"
CELLS_READ, FEWEST_LINES = 2**15, 16  # read at once
LINES_AT_ONCE = 2**14  # written


class Csv(DataFormat):
    """Named columns of numbers, dates and text."""

    suffix, tables, delimiter = ".csv", True, ","

    def read(self, path: Path, wanted: Wanted) -> Loaded:
        """Return the table of a file."""
        table = read_csv(path, wanted)
        loaded = from_columns(table.columns, wanted, str(path))
        return loaded._replace(notes=table.notes, reading={**loaded.reading, **table.reading})

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
            writer = csv.writer(file, lineterminator="\n", delimiter=self.delimiter)
            writer.writerow(columns)
            for start in range(0, len(samples.rows), LINES_AT_ONCE):
                rows = slice(start, start + LINES_AT_ONCE)
                cells = [_texts(v[rows], decimals.get(name)) for name, v in columns.items()]
                writer.writerows(zip(*cells, strict=True))


class Tsv(Csv):
    """The same, with tabs between cells."""

    suffix, delimiter = ".tsv", "\t"


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


class TextTable(NamedTuple):
    """Columns of a file of text; notes: of every way of writing that was read; reading: which
    decimal mark and order of dates its columns share, where these are not a computer's."""

    columns: Columns
    notes: tuple[str, ...]
    reading: dict[str, str]


def read_csv(path: Path, wanted: Wanted) -> TextTable:
    """Return the columns of a file of text whose first line names them.

    Memory: 8 bytes a number or a date and 4 a category, whatever the file's text weighs.
    """
    what, form = str(path), _form(path)
    lines = _lines(path, form)
    first = next(lines, None)
    if first is None:
        refuse(what, "must have a first line that names the columns", "no lines")
    names, rows = _header([cell.strip() for cell in first[1]], what), 0
    unnamed = len(names) > 1 and not names[0]  # row names, as R and pandas write them
    kept = wanted.of(names[unnamed:], what)
    columns = {k: CsvColumn(name, what, empty=wanted.given)
               for k, name in enumerate(names) if kept.get(name)}  # fmt: skip
    for numbers, cells in _blocks(lines, len(names), what):
        for place, column in columns.items():
            column.count(numbers, cells[place])
        rows += len(numbers)
    rule = f"must have at least {wanted.fewest} rows below its header"
    require(rows >= wanted.fewest, what, rule, rows)
    marks = {column.settle() for column in columns.values()} - {None}
    hints = Hints(wanted.written, tuple(map(str, marks)), form.delimiter == ";")
    for column in columns.values():
        column.make_room(rows, hints)
    lines = _lines(path, form)
    next(lines)
    row = 0
    for numbers, cells in _blocks(lines, len(names), what):
        for place, column in columns.items():
            column.fill(row, cells[place])
        row += len(numbers)
    notes = ([NO_NAME] if unnamed else []) + reading_notes(columns.values())
    unusual = [column for column in columns.values() if way_of_writing(column) is not None]
    told = {name: {getattr(c, name) for c in unusual} - {None} for name in CELL_CHOICES}
    reading = {name: found.pop() for name, found in told.items() if len(found) == 1}
    every = {n: columns[k].column() if kept[n] else None
             for k, n in enumerate(names) if n in kept}  # fmt: skip
    return TextTable(every, tuple(notes), reading)


def _blocks(
    lines: Iterator[tuple[int, list[str]]], width: int, what: str
) -> Iterator[tuple[tuple[int, ...], list[tuple[str, ...]]]]:
    """Yield the numbers of some lines and their cells, column by column, without outer spaces."""
    while block := list(itertools.islice(lines, max(FEWEST_LINES, CELLS_READ // width))):
        numbers, rows = zip(*block, strict=True)
        if set(map(len, rows)) != {width}:
            line, found = next((n, len(cells)) for n, cells in block if len(cells) != width)
            rule = f"must have {width} cells in every line, as in its header"
            refuse(what, rule, f"{found} in line {line}")
        yield numbers, [tuple(map(str.strip, column)) for column in zip(*rows, strict=True)]


def _header(names: list[str], what: str) -> list[str]:
    shown_names = ",".join(names)
    numeric = all(NUMBER.fullmatch(name) for name in names)
    rule = "must name its columns in its first line"
    require(not numeric, what, rule, shown_names, "Add a line with the columns' names")
    return names


class Form(NamedTuple):
    """How a file is written: its encoding, what parts cells, and lines before the header."""

    encoding: str
    delimiter: str
    before: int = 0


def _form(path: Path) -> Form:
    """Return the form in which most of the first lines have as many cells as the header."""
    with open(path, "rb") as file:
        start = file.read(4)
    encoding = "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    with open(path, encoding=encoding, errors="replace") as file:
        told = re.fullmatch("sep=(.)\\s*", file.readline(10))
    if told is not None:  # Excel's own line
        return Form(encoding, told[1], 1)
    forms = [Form(encoding, delimiter) for delimiter in DELIMITERS]
    return max(forms, key=lambda form: _cells(path, form))


def _cells(path: Path, form: Form) -> tuple[bool, int, bool]:
    """Return whether the first lines are all parted alike, and into how many cells the first is.

    Of two equals the one without commas is meant, which stand in names and numbers too.
    """
    sizes: list[int] = []
    try:
        for _, cells in itertools.islice(_lines(path, form), LOOKED_AT):
            sizes.append(len(cells))
        alike = len(set(sizes)) == 1
    except InputError:
        alike = False
    first = sizes[0] if sizes else 0
    return alike and first > 1, first, first > 1 and form.delimiter != ","


def _lines(path: Path, form: Form) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines that are not blank, with their numbers."""
    with open(path, encoding=form.encoding, newline="") as file:
        reader = csv.reader(file, delimiter=form.delimiter, strict=True)
        try:
            for cells in itertools.islice(reader, form.before, None):
                # a line of one cell, "", is a missing value; one without any is blank
                if len(cells) > 1 or cells == [""] or any(map(str.strip, cells)):
                    yield reader.line_num, cells
        except (csv.Error, UnicodeError) as cause:
            rule = f"must be comma-separated text in UTF-8; line {reader.line_num + 1}"
            saved = ". Save it as UTF-8 (in Excel: CSV UTF-8)"
            remedy = saved if isinstance(cause, UnicodeError) else ""
            raise InputError(f"{path}: {rule}: {shown(str(cause))}{remedy}") from cause
