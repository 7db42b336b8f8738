"""One column of a file of text: what its cells are, and how they are to be read.

A column is whole numbers, numbers, dates, times of day, or text. Whole numbers with leading zeros
(post codes) are text. An empty cell is a missing value; in a column of numbers or dates so are
the words that others write for one (`GAP_WORDS`), which in a column of text are words. A column
that is mostly numbers but not all is refused, since one stray "ca. 5" would otherwise make a
thousand categories of it; so is one that is mostly dates. What may mean two things is read as all
cells of the column allow, else as the rest of the file or the user says, and else refused.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._checks import refuse, require
from ..rows import TOO_LONG
from ..table.cell_sorts import GAP_WORDS, SORTS, sorts_of
from ..table.dates import FORM, NANOSECOND_YEARS, ONE_ZONE, RESOLUTIONS, Moment
from ..table.selected_columns import DAY_ORDERS, AsWritten, leave_out
from ..table.tables import NO_VALUES, Coder
from ..table.values import Gapped, Values
from ..table.written_dates import read_date, read_time
from ..table.written_numbers import OTHER_MARK, read_written

SHORT_WHOLES = re.compile(r"(?:[+-]?(?:0|[1-9][0-9]{0,14})\n)*")
SHORT_NUMBERS = re.compile(r"(?:[+-]?[0-9]{1,7}(?:\.[0-9]{1,7})?\n)*")
NAT = np.iinfo(np.int64).min  # NumPy's missing date


class Hints(NamedTuple):
    """What helps to read cells that may mean two things.

    written: what the user says; elsewhere: the decimal marks that columns of the file decide on;
    semicolons: whether the file parts its cells by these.
    """

    written: AsWritten
    elsewhere: tuple[str, ...] = ()
    semicolons: bool = False


class CsvColumn:
    """One column of a file: what its cells are, counted in one pass, and its values in another.

    kind: whole, number, date, time or text; counts, first: of each sort of cell, and of all that
    cells say of their marks and their order, how many, and the first with its line; finest,
    years: resolution and range of dates; empty: whether it may have no value at all.
    """

    def __init__(self, name: str, what: str, *, empty: bool = False) -> None:
        self.empty = empty
        self.name, self.where, self.coder = name, f"{what} column {name!r}", Coder(name, what)
        self.counts = defaultdict[Any, int](int)
        self.first: dict[Any, tuple[int, str]] = {}
        self.finest, self.years = 0, (9999, 0)
        self.kind = ""
        self.decimal: str | None = None  # None: no mark stands in its numbers
        self.dates: str | None = None  # None: every date says itself what is its day

    def count(self, lines: Sequence[int], cells: Sequence[str]) -> None:
        """Count some cells, which stand in these lines."""
        if self._plain_alike(cells):
            return
        first_at = dict(zip(reversed(cells), range(len(cells) - 1, -1, -1), strict=True))
        for cell, times in Counter(cells).items():
            sorts, moment = sorts_of(cell)
            for sort in sorts:
                self.counts[sort] += times
                self.first.setdefault(sort, (lines[first_at[cell]], cell))
            if moment is not None:
                self.finest = max(self.finest, RESOLUTIONS.index(moment.resolution))
                year = int(str(moment.value)[:4])
                self.years = min(self.years[0], year), max(self.years[1], year)

    def _plain_alike(self, cells: Sequence[str]) -> bool:
        """Count cells that are all plain numbers and tell nothing new, in one look."""
        sort, pattern = "whole", SHORT_WHOLES
        if ("decimal", ".") in self.first:
            sort, pattern = "number", SHORT_NUMBERS
        if sort not in self.first:
            return False
        one_a_line = "\n".join((*cells, ""))
        alike = pattern.fullmatch(one_a_line) and one_a_line.count("\n") == len(cells)
        self.counts[sort] += len(cells) if alike else 0
        return bool(alike)

    def settle(self) -> str | None:
        """Decide what the cells are; refuse a mixture.

        Return the decimal mark that these cells alone decide on, None where they do not.
        """
        self.kind, self.gaps = self._kind(), self.counts["gap"] > 0
        n = self.counts
        if self.kind != "number":
            return None
        self.fits = [mark for mark, other in OTHER_MARK.items()
                     if not n["decimal", other] and not n["thousands", mark]]  # fmt: skip
        if not self.fits:
            said = (self.first[k] for k in self.first if k[0] in ("decimal", "thousands"))
            (line, one), *_, (other_line, other) = sorted(said)
            rule = f"must mark decimals alike in every line; line {other_line} does not"
            refuse(self.where, rule, other, f"Line {line} has {one}")
        return self.fits[0] if len(self.fits) == 1 else None

    def present(self) -> int:
        """Return how many cells are not missing."""
        return sum(self.counts[sort] for sort in SORTS)

    def numbers(self) -> tuple[int, str]:
        """Return how many cells are numbers of one unit, and that unit."""
        n, named = self.counts, [unit for unit in self.units() if unit]
        bare = n["whole"] + n["number"] + n["unit", ""]
        if len(named) == 1 and n["unit", named[0]] > bare:
            return n["unit", named[0]], named[0]
        return bare, ""

    def units(self) -> list[str]:
        """Return the units that stand by its numbers, "" among them where there is none."""
        return [sort[1] for sort in self.first if sort[0] == "unit"]

    def _kind(self) -> str:
        n, where = self.counts, self.where
        numbers, unit = self.numbers()
        every = self.present()
        require(every > 0 or self.empty, where, NO_VALUES, None, leave_out(self.name))
        if not every:
            return "text"
        others = every - numbers
        if others and numbers > others:
            line, cell = self._first_but(unit)
            with_unit = f" with the unit {unit}" if unit else ""
            rule = f"must hold numbers{with_unit} in every line, as in most; line {line} has none"
            refuse(where, rule, cell, "Mend the cell, or leave it empty: missing")
        if n["date"] > others / 2 and n["date"]:
            self._require_dates()
            return "date"
        if n["time"] > others / 2:
            rule = "must hold times of day, 00:00 to 23:59, in every line, as in most"
            wrong = [
                first for sort, first in self.first.items() if sort in SORTS and sort != "time"
            ]
            require(not wrong, where, rule, wrong[0][1] if wrong else None, leave_out(self.name))
            return "time"
        if others or (n["padded"] and not n["number"] and not n["written"]):
            return "text"
        if n["broken"]:
            line, cell = self.first["broken"]
            rule = f"must hold finite numbers below 1e150 in size; line {line} does not"
            refuse(where, rule, cell, "Leave the cell empty if its value is missing")
        return "number"

    def _first_but(self, unit: str) -> tuple[int, str]:
        """Return the first cell that is no number with this unit."""
        sorts = ["date", "time", "text", *(("unit", u) for u in self.units() if u != unit)]
        sorts += ["whole", "number"] if unit else []
        return min(self.first[sort] for sort in sorts if sort in self.first)

    def _require_dates(self) -> None:
        """Refuse days that no calendar has, years of two digits, and other cells beside dates."""
        n, rule = self.counts, f"must hold dates {FORM} or as people write them"
        others = ("no day", *(sort for sort in SORTS if sort != "date"))
        wrong = [sort for sort in others if n[sort]]
        if wrong:
            rule += ", with years of four digits" if n["two digits"] else ""
            refuse(self.where, rule, self.first[wrong[0]][1], leave_out(self.name))

    def make_room(self, rows: int, hints: Hints) -> None:
        """Read what may mean two things as `hints` say, or refuse it; make room for the values."""
        if self.kind == "number":
            self.decimal = self._decimal(hints)
            self._require_exact()
        if self.kind == "date":
            self.dates = self._order(hints.written.dates)
        self.unit = f"M8[{self._resolution()}]" if self.kind == "date" else ""
        whole = self.kind == "time" or (self.kind == "number" and not self.fractions())
        self.whole = whole
        number: type = np.int64 if whole and not self.gaps else np.float64
        dtype = {"text": np.int32, "date": np.int64}.get(self.kind, number)
        self.values: NDArray[Any] = np.empty(rows, dtype)
        self._read = self._reader(int if whole and not self.gaps else float)

    def _decimal(self, hints: Hints) -> str | None:
        """Return the decimal mark, by these cells, the user, the file's other columns or its `;`.

        None where no mark stands in any cell.
        """
        comma, point = (self.counts["either", mark] for mark in (",", "."))
        if len(self.fits) == 1:
            return self.fits[0]
        if not (comma or point):
            return None
        mark = hints.written.decimal
        if point and not comma and not hints.semicolons and not self.counts["written"]:
            # as computers write it, unless other columns are written otherwise
            if "." in hints.elsewhere or (mark is None and not hints.elsewhere):
                return "."
        elif mark is None and len(hints.elsewhere) == 1:
            mark = hints.elsewhere[0]
        if mark is None and comma and hints.semicolons and not hints.elsewhere:
            mark = ","
        if mark is None:
            _, cell = self.first["either", "," if comma else "."]
            rule = "must show whether its marks stand before decimals or between thousands"
            refuse(self.where, rule, cell, "Say it with --decimal , or --decimal .")
        return mark

    def fractions(self) -> int:
        n = self.counts
        marked = n["decimal", self.decimal] + n["either", self.decimal]
        return marked + n["exponent", ""] + n["exponent", "."]

    def _require_exact(self) -> None:
        n = self.counts
        if n["long"] and (self.fractions() or n["longest"] or n["gap"]):
            line, cell = self.first["long"]
            refuse(self.where, f"{TOO_LONG}; line {line}", cell, leave_out(self.name))

    def _order(self, asked: str | None) -> str | None:
        """Return whether the day or the month comes first, None where no cell needs it."""
        n, first = self.counts, self.first
        if n[DAY_ORDERS[0]] and n[DAY_ORDERS[1]]:
            (line, one), (other_line, other) = sorted(first[order] for order in DAY_ORDERS)
            rule = f"must have the day first in every line, or the month; line {other_line}"
            refuse(self.where, rule, other, f"Line {line} has {one}")
        if n[DAY_ORDERS[0]] or n[DAY_ORDERS[1]]:
            return DAY_ORDERS[n[DAY_ORDERS[0]] == 0]
        if not n["either order"]:
            return None
        if asked is None and n["points"] < n["either order"]:
            rule = "must show whether the day or the month comes first"
            way = " or ".join(f"--dates {order}" for order in DAY_ORDERS)
            refuse(self.where, rule, first["either order"][1], f"Say it with {way}")
        return asked or DAY_ORDERS[0]

    def _resolution(self) -> str:
        """Return the resolution of dates; refuse some with a zone, and years without room."""
        require(self.counts["zoned"] in (0, self.counts["date"]), self.where, ONE_ZONE)
        resolution = RESOLUTIONS[self.finest]
        first, last = NANOSECOND_YEARS if resolution == "ns" else self.years
        rule = f"must hold dates of the years {first} to {last}, being given to nanoseconds"
        near = first <= self.years[0] and self.years[1] <= last
        require(near, self.where, rule, f"{self.years[0]} to {self.years[1]}")
        return resolution

    def _reader(self, number: Callable[[str], Any]) -> Callable[[str], Any]:
        if self.kind in ("text", "date", "time"):
            return {"text": self.coder.code, "date": self._date, "time": self._time}[self.kind]
        if self.counts["written"] or self.decimal == ",":
            return lambda cell: number(self._plain(cell))
        return number if not self.gaps else lambda cell: number(_or_nan(cell))

    def _plain(self, cell: str) -> str:
        written = read_written(cell)
        return _or_nan(cell) if written is None else written.plain(self.decimal or ".")

    def _date(self, cell: str) -> int:
        dated = read_date(cell)
        if dated is None:
            return int(NAT)
        moment = dated[DAY_ORDERS.index(self.dates or DAY_ORDERS[0])]
        assert isinstance(moment, Moment)
        return int(moment.value.astype(self.unit).astype(np.int64))

    def _time(self, cell: str) -> float:
        time = read_time(cell)
        return math.nan if time is None else time[0] / (1 if self.counts["seconds"] else 60)

    def fill(self, first: int, cells: Sequence[str]) -> None:
        """Read some cells, the values of rows `first` and on."""
        plain = self._read in (int, float)  # faster than to look each up
        read = {} if plain else {cell: self._read(cell) for cell in dict.fromkeys(cells)}
        self.values[first : first + len(cells)] = list(
            map(self._read if plain else read.get, cells)
        )

    def value(self, cell: str) -> str:
        """Return what a cell was read as, in text."""
        if self.kind == "date":
            return str(np.asarray(self._date(cell)).astype(self.unit))
        number = self._time(cell) if self.kind == "time" else float(self._plain(cell))
        return f"{number:.15g}"

    def column(self) -> Values:
        """Return the column, when all cells are read."""
        if self.kind == "text":
            return self.coder.finish(self.values)
        values = self.values.view(self.unit) if self.kind == "date" else self.values
        of = np.dtype(np.int64) if self.whole else values.dtype
        return Gapped(values, of) if self.gaps else values


def _or_nan(cell: str) -> str:
    return "nan" if cell.lower() in GAP_WORDS else cell
