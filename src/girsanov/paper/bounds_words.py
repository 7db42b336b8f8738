"""What theorems ask for, in words and columns that fit a terminal of 80 characters."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from .bounds.result import GEOMETRIC
from .bounds.table import RATES_ALONE

if TYPE_CHECKING:
    from .bounds import Bound, TheoremRow

HEADS = ("theorem", "steps N", "T", "h, ratio", "stop", "init", "disc.", "score", "KL")
GRIDS = {
    "equal steps": "h: equal steps of time",
    "equal ratios": "×: the ratio of neighbouring SNRs",
    "linear schedule": "lin.: equal steps of a linear noise schedule",
    "as given": "times as given",
}


def short_number(value: float | None, digits: int = 3) -> str:
    """Return a number in at most seven characters: 0.0041, 13864, 1.44e7; a dash for none."""
    if value is None or not math.isfinite(value):
        return "-"
    if float(value).is_integer() and abs(value) < 1e6:
        return f"{value:.0f}"
    text = f"{value:.{digits}g}"
    if "e" in text:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        text = f"{float(mantissa):g}e{int(exponent)}"
    return text


def columns(row: TheoremRow) -> tuple[str, ...]:
    """Return the cells of a bound under HEADS: N, T, the grid, delta, and the KL's parts."""
    b = row.bound
    assert b is not None
    numbers = (b.stop, b.init, b.discretisation, b.score, b.kl)
    few = [short_number(x, 2) for x in numbers]
    return (
        row.theorem,
        short_number(float(b.steps)),
        short_number(b.time, 2),
        step_words(b),
        *few,
    )


def step_words(bound: Bound) -> str:
    """Return the step or the ratio of a grid in a few characters."""
    if bound.step is None:
        return "lin."
    if bound.grid != GEOMETRIC:
        return short_number(bound.step, 2)
    more = bound.widening
    return f"×{1 + more:.3g}" if more >= 0.01 else f"×1+{short_number(more, 1)}"


def grids_in_words(rows: Iterable[TheoremRow]) -> str:
    """Return what the column of steps means in these rows."""
    used = dict.fromkeys(row.bound.grid for row in rows if row.bound is not None)
    return "; ".join(GRIDS[grid] for grid in used)


def legend(rows: Iterable[TheoremRow]) -> str:
    """Return what the columns of HEADS mean in these rows."""
    grids = grids_in_words(rows)
    if not grids:
        return "no theorem promises this"
    return (
        "T: the time at which the sampler starts, of dX = -X dt + √2 dB (theorem6: of "
        f"CLD); {grids}; stop: the time at which it ends; init, disc., score: "
        "what the start, the steps and the score's error add to the KL, in nats; KL: their sum, "
        "which certifies the total variation"
    )


def notes(rows: Sequence[TheoremRow]) -> dict[str, list[str]]:
    """Return by heading what is to be said of rows, each text once with the rows it is of."""
    known = [row for row in rows if row.bound is not None]
    names = [row.theorem for row in known]
    runs = _gathered(known, lambda b: [b.sampler])
    needs = _gathered(known, lambda b: list(b.assumptions))
    silent = {r.theorem: r.why_not for r in rows if r.bound is None and r.paper not in RATES_ALONE}
    rates = {
        f"{rate.paper}: {rate.statement}": short_number(rate.value) + f" {rate.unit}"
        for row in rows
        for rate in row.rates
    }
    sections = {
        "what is run": [f"{text}: {_of(who, names)}" for text, who in runs.items()],
        "what is assumed": [f"{text}: {_of(who, names)}" for text, who in needs.items()],
        "what says nothing here": [_why(name, text) for name, text in silent.items()],
        "rates of papers, whose constants are unknown (taken as 1)": [
            f"{text} = {value}" for text, value in rates.items()
        ],
    }
    return {head: lines for head, lines in sections.items() if lines}


def _why(name: str, text: str) -> str:
    """Return why a theorem says nothing, with its name once."""
    plain = text.removeprefix("tv: ").removeprefix(f"cannot be promised by {name}: ")
    return f"{name}: {plain.removeprefix(f'{name}: ').split('; got')[0]}"


def _gathered(
    rows: Sequence[TheoremRow], texts: Callable[[Bound], list[str]]
) -> dict[str, list[str]]:
    """Return every text of the bounds with the theorems that it belongs to."""
    gathered: dict[str, list[str]] = {}
    for row in rows:
        assert row.bound is not None
        for text in texts(row.bound):
            gathered.setdefault(text, []).append(row.theorem)
    return gathered


def _of(names: Sequence[str], every: Sequence[str]) -> str:
    """Return names in a line, or that it is all of them."""
    if len(names) == len(every) > 1:
        return "all"
    missing = [name for name in every if name not in names]
    if len(every) > 4 and len(missing) <= 2:
        return f"all but {' and '.join(missing)}"
    return ", ".join(names)
