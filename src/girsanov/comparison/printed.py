"""A comparison in words: a table of its measures, and below it what each is and says.

A measure tells samples from data where its test has p <= SURE or, without a test, where its
interval lies above chance. With samples of the very law, a test says so once in twenty times.
"""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

from .._checks import figure, plural

if TYPE_CHECKING:
    from .compare import Comparison, Row

SURE = 0.05
ROUNDING = 1e-12  # below which a number is what adding up in float64 leaves
WIDTH = 88


def printed(found: Comparison) -> str:
    """Return the table and the words of a comparison, as `girsanov compare` prints them."""
    rows = [headings(found), *map(cells, found.rows)]
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = [
        "  ".join(
            [row[0].ljust(wide[0]), *(c.rjust(w) for c, w in zip(row[1:], wide[1:], strict=True))]
        )
        for row in rows
    ]
    lines = [line.rstrip() for line in table]
    return "\n".join(
        [fill(heading(found), WIDTH), *lines, *(fill(n, WIDTH) for n in notes(found))]
    )


def heading(found: Comparison) -> str:
    """Return what was compared, and why not all of it."""
    from .jackknife import GROUPS  # and scipy with it, which the commands do without

    samples, data = (
        f"{taken}" + (f" of {given}" if given > taken else "")
        for taken, given in (
            (found.samples, found.samples_given), (found.data, found.data_given),
        )
    )  # fmt: skip
    said = f"{samples} samples and {data} examples of {plural(found.dimension, 'number')}, "
    said += f"in {found.units}"
    if " of " in samples + data:
        said += (
            f" (a multiple of {GROUPS}, for groups of equal size, and at most --rows are taken)"
        )
    return said


def headings(found: Comparison) -> tuple[str, ...]:
    """Return the heads of the table's columns."""
    interval = f"{100 * found.confidence:.3g} % interval"
    return ("measure", "distance", interval, "computed", "halves", "p")


def cells(row: Row) -> tuple[str, ...]:
    """Return the cells of one measure."""
    floor = None if row.floor is None else row.floor[0]
    interval = f"{number(row.low)} .. {number(row.high)}"
    known = (number(v) for v in (row.computed, floor, row.p_value))
    return (row.name, number(row.value), interval, *known)


def notes(found: Comparison) -> list[str]:
    """Return what the columns are, and of each measure what it is and says."""
    half = plural(found.data // 2, "row")
    said = (
        "distance: of the two laws; computed: of these rows, larger by chance alone; halves: the "
        f"same of two halves of the data, {half} each; p: of a test that "
        f"nothing tells them apart, which {SURE:g} or less counts against (once in "
        f"{1 / SURE:.0f} times by chance alone); without a test, an interval above chance does"
    )
    return [
        said,
        *(f"{row.name}: {row.note}; {verdict(row)}" for row in found.rows),
        spread(found),
    ]


def spread(found: Comparison) -> str:
    """Return how much of the data's variance the samples keep, in all and by direction."""
    from .spread import words  # and scipy with it

    first = ", ".join(
        f"{one.name} {one.ratio:.2f} ({one.low:.2f} .. {one.high:.2f})" for one in found.spread
    )
    said = "variance of the samples over that of the data, along its principal directions"
    return f"spread: {said}: {first}; {words(found.spread)}"


def verdict(row: Row) -> str:
    """Return in words whether a measure tells the samples from the data, by test and interval.

    The test is exact, one-sided where only one side is asked about. The interval is two-sided
    and, of a distance, wider than need be near 0 (`comparison/jackknife.py`).
    """
    if row.name == "labels":
        fewer = row.p_value is not None and row.p_value <= SURE
        keep = "samples than rows of data keep their label"
        return f"fewer {keep}" if fewer else f"no fewer {keep}, as far as these tell"
    chance = 0.5 if row.name in ("memorisation", "classifier") else 0.0
    apart = row.low > chance
    sure = apart if row.p_value is None else row.p_value <= SURE
    if row.name == "memorisation":
        if apart != sure:
            return (
                "too close to call: its one-sided test and its two-sided interval disagree about "
                "chance, 1/2"
            )
        return "samples repeat training examples" if sure else "no sign of repeated examples"
    told = "it tells samples from data" if sure else "it cannot tell samples from data"
    if apart == sure:
        return told
    return (
        f"{told}, by its test, which is exact (p {number(row.p_value)}); so close to chance its "
        f"interval is {'wider' if sure else 'narrower'} than that"
    )


def number(value: float | None) -> str:
    """Return a value in three significant digits, or a dash."""
    if value is None:
        return "-"
    return "0" if abs(value) < ROUNDING else figure(value)
