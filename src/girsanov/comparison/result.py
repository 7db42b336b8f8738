"""What `compare` returns: the row of every measure, and the words that it is printed in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from textwrap import fill
from typing import TYPE_CHECKING, NamedTuple

from .._checks import plural, three_digits
from .._notebook import notebook_card
from .measures.measure import SIGNIFICANT, MeasureRow
from .measures.registry import measure_of
from .spread import Spread, spread_words

if TYPE_CHECKING:
    from .._typing import Json

WIDTH_OF_TEXT = 88


class Compared(NamedTuple):
    """How many rows and numbers were compared, of how many given, in which units."""

    samples: int
    data: int
    dimension: int
    units: str
    confidence: float
    seed: int
    samples_given: int
    data_given: int


@dataclass(frozen=True)
class Comparison:
    """The rows of every measure, what was compared, and how much variance the samples keep."""

    rows: tuple[MeasureRow, ...]
    compared: Compared
    spread: tuple[Spread, ...] = ()

    def __getitem__(self, name: str) -> MeasureRow:
        """Return the row of a measure."""
        return next(row for row in self.rows if row.name == name)

    def __repr__(self) -> str:
        """Return in a line what was compared, and every measure's value."""
        values = ", ".join(f"{row.name} {row.value:.3g}" for row in self.rows)
        return (
            f"Comparison({self.compared.samples} samples, {self.compared.data} examples: {values})"
        )

    def _repr_html_(self) -> str:
        """Return the table and its notes, for a notebook."""
        rows = [table_cells(row) for row in self.rows]
        return notebook_card([table_title(self)], table_heads(self), rows, table_notes(self))

    def __str__(self) -> str:
        """Return the table of the measures and what each is and says, as the command prints."""
        table = [table_heads(self), *map(table_cells, self.rows)]
        first, *wide = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join([name.ljust(first), *(c.rjust(w) for c, w in zip(cells, wide, strict=True))])
            for name, *cells in table
        ]
        texts = (fill(text, WIDTH_OF_TEXT) for text in table_notes(self))
        title = fill(table_title(self), WIDTH_OF_TEXT)
        return "\n".join([title, *(line.rstrip() for line in lines), *texts])

    def to_json(self) -> Json:
        """Return everything as JSON values."""
        measures = [asdict(row) for row in self.rows]
        spread = [asdict(one) for one in self.spread]
        return {**self.compared._asdict(), "measures": measures, "spread": spread}


def table_title(comparison: Comparison) -> str:
    """Return what was compared, and why not all of it."""
    compared = comparison.compared
    samples, data = (
        str(count) + (f" of {given}" if given > count else "")
        for count, given in (
            (compared.samples, compared.samples_given),
            (compared.data, compared.data_given),
        )
    )
    numbers = plural(compared.dimension, "number")
    title = f"{samples} samples and {data} examples of {numbers}, in {compared.units}"
    some = " of " in samples + data
    why = " (in groups of equal size, and at most --rows are taken)" if some else ""
    return title + why


def table_heads(comparison: Comparison) -> tuple[str, ...]:
    """Return the heads of the table's columns."""
    interval = f"{100 * comparison.compared.confidence:.3g} % interval"
    return ("measure", "distance", interval, "computed", "halves", "p")


def table_cells(row: MeasureRow) -> tuple[str, ...]:
    """Return the cells of one measure."""
    floor = None if row.floor is None else row.floor[0]
    interval = f"{three_digits(row.low)} .. {three_digits(row.high)}"
    others = map(three_digits, (row.computed, floor, row.p_value))
    return (row.name, three_digits(row.value), interval, *others)


def table_notes(comparison: Comparison) -> list[str]:
    """Return what the columns are, and of each measure what it is and says."""
    half, once = (
        plural(comparison.compared.data // 2, "row"),
        f"once in {1 / SIGNIFICANT:.0f} times",
    )
    directions = ", ".join(
        f"{s.name} {s.ratio:.2f} ({s.low:.2f} .. {s.high:.2f})" for s in comparison.spread
    )
    return [
        "distance: of the two laws; computed: of these rows, larger by chance alone; halves: the "
        f"same of two halves of the data, {half} each; p: of a test that nothing tells them "
        f"apart, which {SIGNIFICANT:g} or less counts against ({once} by chance alone); without "
        "a test, an interval above chance does",
        *(f"{r.name}: {r.note}; {measure_of(r.name).verdict(r)}" for r in comparison.rows),
        "spread: variance of the samples over that of the data, along its principal directions: "
        f"{directions}; {spread_words(comparison.spread)}",
    ]
