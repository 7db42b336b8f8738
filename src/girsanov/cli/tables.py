"""Tables of a plan for a terminal: the ledger, the certificate, and the cost of every number of
steps. They fit 80 columns and say as much without colour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .._checks import figure, plural, three_digits

if TYPE_CHECKING:
    from ..planning.plan import Plan

BLOCKS = "▁▂▃▄▅▆▇█"
BAR = 24  # columns of the longest bar
FLAT = 1e-6  # nats: what is no more than this is rounding
LABEL = 14  # columns of a label, as many as the ledger's first column takes


def sparkline(values: Sequence[float]) -> str:
    """Return values as a line of block characters, low to high."""
    low, high = float(min(values)), float(max(values))
    span = (high - low) or 1.0
    return "".join(BLOCKS[min(7, int(8 * (float(v) - low) / span))] for v in values)


def table(first: str, *others: str) -> Any:
    """Return an empty table with one column of words and others of numbers."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, header_style="bold")
    made.add_column(first)
    for name in others:
        made.add_column(name, justify="right", no_wrap=True)
    return made


def labelled(rows: Sequence[tuple[str, str]]) -> Any:
    """Return lines of words, each after its label."""
    from rich.table import Table
    from rich.text import Text

    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(width=LABEL, no_wrap=True)
    made.add_column()
    for name, words in rows:
        made.add_row(Text(name, style="bold"), Text(words))
    return made


def ledger_table(plan: Plan) -> Any:
    """Return the ledger as a table, with what init and discretisation are together."""
    whose = "" if plan.calibration is None else ", calibrated"
    made = table(f"ledger (nats){whose}", "value", "95 % interval")
    made.add_column("kind")
    for e in plan.ledger:
        if e.kind == "unknown":
            value, interval = "unknown", "none"
        elif e.kind == "lower bound":
            value, interval = f">= {three_digits(e.low)}", "unknown above"
        else:
            value, interval = three_digits(e.value), ends(e.low, e.high)
        made.add_row(e.name, value, interval, e.said)
        if e.name == "discretisation":
            _subtotal(made, plan)
    return made


def _subtotal(made: Any, plan: Plan) -> None:
    from ..reporting.words.verdict import sampler_share

    share = sampler_share(plan)
    if share.value is not None and math.isfinite(share.high):
        both = ends(share.low, share.high)
        made.add_row("  = sampler", three_digits(share.value), both, "both together", style="bold")


def ends(low: float | None, high: float | None) -> str:
    """Return the ends of an interval, once where they look the same."""
    first, last = three_digits(low), three_digits(high)
    return first if first == last else f"{first} .. {last}"


def certificate_table(plan: Plan) -> Any | None:
    """Return total variation at every level, coarse to fine; None without a certificate."""
    if plan.promised is None:
        return None
    from ..ledger.certificate import VACUOUS

    made = table("at noise level", "KL at most", "TV at most")
    for width in (BAR // 2, 11):
        made.add_column("", width=width)
    for at in plan.promised.levels:
        tv = 1.0 if at.tv.high is None else at.tv.high
        words = "says little" if tv > VACUOUS else ""
        cells = (
            f"{at.noise:.3g}",
            three_digits(at.kl.high),
            f"{tv:.3g}",
            "█" * round(BAR * tv / 2),
        )
        made.add_row(*cells, words, style="dim" if words else None)
    return made


def frontier_line(plan: Plan) -> str:
    """Return what more steps cost, "" where it is not known: a sparkline of logarithms."""
    rows = plan.frontier
    if len(rows) < 3:
        return ""
    from ..reporting.words.verdict import cheapest, enough

    most = max(float(r["above_best"]) for r in rows)
    if most <= max(FLAT, 2 * max(float(r["standard_error"]) for r in rows)):
        return f"the same from {rows[0]['steps']} to {plural(rows[-1]['steps'], 'step')}"
    best = min(rows, key=lambda r: float(r["above_best"]))["steps"]
    least = max(1e-6, 1e-4 * most)
    logs = [math.log(max(least, float(r["above_best"]))) for r in rows]
    ends = f"{rows[0]['steps']} .. {plural(rows[-1]['steps'], 'step')}"
    told = "still falling" if enough(rows) == rows[-1]["steps"] else f"flat from {enough(rows)}"
    told = told if cheapest(plan) is None else f"cheapest {best}"
    return f"{sparkline(logs)} {ends}, {told}"


def frontier_table(plan: Plan) -> Any | None:
    """Return what every number of steps costs above the cheapest, None where there is none."""
    rows = plan.frontier
    if not rows:
        return None
    best = min(rows, key=lambda r: float(r["above_best"]))["steps"]
    most = max(float(r["above_best"]) for r in rows) or 1.0
    made = table("steps", "nats above the cheapest", "± 95 %")
    made.add_column("")
    for row in rows:
        above, half = float(row["above_best"]), 2 * float(row["standard_error"])
        marks = [
            n for n, s in (("this plan", plan.steps), ("cheapest", best)) if s == row["steps"]
        ]
        bar = "█" * round(BAR * max(0.0, above) / most)
        words = " ".join(filter(None, (bar, ", ".join(marks))))
        cells = (str(row["steps"]), figure(above), figure(half, 2), words)
        made.add_row(*cells, style="bold" if marks else None)
    return made


def noise_levels(plan: Plan) -> str:
    """Return all noise levels of a plan."""
    return " ".join(f"{s**-0.5:.3g}" for s in plan.levels)
