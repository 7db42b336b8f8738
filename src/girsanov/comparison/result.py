"""What `compare` returns: the row of every measure, and the words that it is printed in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from textwrap import fill
from typing import TYPE_CHECKING, NamedTuple

from .._checks import plural, require, require_choice, three_digits
from .._files import read_format, write_json
from .._notebook import notebook_card
from .._records import from_json
from .measures.measure import SIGNIFICANT, MeasureRow
from .measures.registry import MEASURES, measure_of
from .spread import Spread, spread_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._typing import Json, PathLike

WIDTH_OF_TEXT = 88


SHOWN_PARTS = 8  # of a measure of tables, the worst
INSTALL = 'Install it with: pip install "girsanov[compare]"'
KIND = "comparison"
FORMAT = f"girsanov/{KIND}/1"
AGAIN = "Run girsanov compare again"


@dataclass(frozen=True)
class Compared:
    """How many rows and numbers were compared, of how many given, in which units.

    real: of tables, what was held against what, None of arrays.
    """

    samples: int
    data: int
    dimension: int
    units: str
    confidence: float
    seed: int
    samples_given: int
    data_given: int
    real: str | None = None


@dataclass(frozen=True)
class Comparison:
    """The rows of every measure, what was compared, and how much variance the samples keep.

    left_out: the measures that could not be had without an extra; command, content: of a file,
    what made it, and the SHA-256 of the samples.
    """

    rows: tuple[MeasureRow, ...]
    compared: Compared
    spread: tuple[Spread, ...] = ()
    left_out: tuple[str, ...] = ()
    command: str = ""
    content: str = ""

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
        shown = comparison_table(self)
        return notebook_card([shown.title], shown.heads, shown.rows, shown.notes)

    def __str__(self) -> str:
        """Return the table of the measures and what each is and says, as the command prints."""
        shown = comparison_table(self)
        lines = _aligned([shown.heads, *shown.rows])
        for part in shown.parts:
            lines += ["", *_aligned([part.heads, *part.cells])]
        texts = (fill(text, WIDTH_OF_TEXT) for text in shown.notes)
        return "\n".join([fill(shown.title, WIDTH_OF_TEXT), *lines, *texts])

    def to_json(self) -> Json:
        """Return everything as JSON values."""
        measures = [asdict(row) for row in self.rows]
        spread = [asdict(one) for one in self.spread]
        content = {**asdict(self.compared), "measures": measures, "spread": spread}
        return {**content, "left_out": list(self.left_out)}

    @classmethod
    def from_json(cls, content: Json, where: str) -> Comparison:
        """Return what `to_json` wrote; where: its file, which a refusal names."""
        compared = from_json(Compared, content, where, AGAIN)
        lists = [content.get(name, []) for name in ("measures", "spread", "left_out")]
        rule = "must have lists of measures, spread and left_out"
        require(all(isinstance(one, list) for one in lists), where, rule, None, AGAIN)
        rows = tuple(from_json(MeasureRow, row, f"{where}: measures", AGAIN) for row in lists[0])
        for row in rows:
            require_choice(f"{where}: name", row.name, MEASURES)
        spread = tuple(from_json(Spread, one, f"{where}: spread", AGAIN) for one in lists[1])
        told = (str(content.get(name, "")) for name in ("command", "content"))
        return cls(rows, compared, spread, tuple(map(str, lists[2])), *told)

    def save(self, path: PathLike) -> None:
        """Write it to a .json file, which `load_comparison` reads."""
        of = {"format": FORMAT, "command": self.command, "content": self.content}
        write_json(path, {**of, **self.to_json()})


def load_comparison(path: PathLike) -> Comparison:
    """Return what `Comparison.save` or `girsanov compare --out` wrote; refuse a damaged file."""
    return Comparison.from_json(read_format(path, KIND), str(path))


def _aligned(table: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows of cells as lines, the first column to the left and the others to the right."""
    first, *wide = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(
            [name.ljust(first), *(c.rjust(w) for c, w in zip(cells, wide, strict=True))]
        ).rstrip()
        for name, *cells in table
    ]


class PartTable(NamedTuple):
    """The worst parts of one measure: heads, cells, and how many more there are."""

    heads: tuple[str, ...]
    cells: list[tuple[str, ...]]
    more: int


class ComparisonTable(NamedTuple):
    """A comparison as people read it: its title, its table, the worst parts, and its notes."""

    title: str
    heads: tuple[str, ...]
    rows: list[tuple[str, ...]]
    parts: list[PartTable]
    notes: list[str]


def comparison_table(comparison: Comparison) -> ComparisonTable:
    """Return the words and cells that the command line, the report and notebooks show."""
    return ComparisonTable(
        _title(comparison),
        _heads(comparison),
        [_cells(row) for row in comparison.rows],
        _parts(comparison),
        _notes(comparison),
    )


def _parts(comparison: Comparison) -> list[PartTable]:
    """Return what the measures of tables are made of, a table each."""
    interval = _heads(comparison)[2]
    out = []
    for row in comparison.rows:
        shown, first = row.parts[:SHOWN_PARTS], row.parts[0] if row.parts else None
        if first is None:
            continue
        kinds, tested, signed = first.kind, first.p_value is not None, first.in_data is not None
        heads = [row.name, *(["what"] if kinds else []), "value", interval, "real rows"]
        heads += [*(["p"] if tested else []), *(["in data", "in samples"] if signed else [])]
        cells = [
            (
                p.name, *([p.kind] if kinds else []), three_digits(p.value),
                f"{three_digits(p.low)} .. {three_digits(p.high)}", three_digits(p.real),
                *([three_digits(p.p_value)] if tested else []),
                *([three_digits(p.in_data), three_digits(p.in_samples)] if signed else []),
            )
            for p in shown
        ]  # fmt: skip
        out.append(PartTable(tuple(heads), cells, len(row.parts) - len(shown)))
    return out


def _title(comparison: Comparison) -> str:
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


def _heads(comparison: Comparison) -> tuple[str, ...]:
    """Return the heads of the table's columns."""
    interval = f"{100 * comparison.compared.confidence:.3g} % interval"
    return ("measure", "distance", interval, "computed", "real rows", "p")


def _cells(row: MeasureRow) -> tuple[str, ...]:
    """Return the cells of one measure."""
    floor = None if row.floor is None else row.floor[0]
    interval = f"{three_digits(row.low)} .. {three_digits(row.high)}"
    others = map(three_digits, (row.computed, floor, row.p_value))
    return (row.name, three_digits(row.value), interval, *others)


def _notes(comparison: Comparison) -> list[str]:
    """Return what the columns are, and of each measure what it is and says."""
    compared, once = comparison.compared, f"once in {1 / SIGNIFICANT:.0f} times"
    half = plural(compared.data // 2, "row")
    tables = [row.name for row in comparison.rows if measure_of(row.name).tabular]
    real = f" ({', '.join(tables)}: {compared.real})" if tables else ""
    directions = ", ".join(
        f"{s.name} {s.ratio:.2f} ({s.low:.2f} .. {s.high:.2f})" for s in comparison.spread
    )
    notes = [
        "distance: of the two laws; computed: of these rows, larger by chance alone; real rows: "
        f"the same of two halves of the data, {half} each{real}; p: of a test that nothing tells "
        f"them apart, which {SIGNIFICANT:g} or less counts against ({once} by chance alone); "
        "without a test, an interval above chance does",
        *(f"{r.name}: {r.note}; {measure_of(r.name).verdict(r)}" for r in comparison.rows),
        "spread: variance of the samples over that of the data, along its principal directions: "
        f"{directions}; {spread_words(comparison.spread)}",
    ]
    if comparison.left_out:
        names = ", ".join(comparison.left_out)
        notes.append(f"not measured, for want of scikit-learn: {names}. {INSTALL}")
    return notes
