"""Tables of a plan for a terminal: the ledger, the certificate, the cost of every number of
steps, and a tournament. They fit 80 columns and say as much without colour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .._checks import figure, plural, three_digits

if TYPE_CHECKING:
    from ..ledger.certificate import Certificate
    from ..ledger.plan_records import Standing, Tournament
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

    grid = Table(box=None, pad_edge=False, header_style="bold")
    grid.add_column(first)
    for name in others:
        grid.add_column(name, justify="right", no_wrap=True)
    return grid


def labelled(rows: Sequence[tuple[str, str]]) -> Any:
    """Return lines of words, each after its label."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=LABEL, no_wrap=True)
    grid.add_column()
    for name, words in rows:
        grid.add_row(Text(name, style="bold"), Text(words))
    return grid


def ledger_table(plan: Plan) -> Any:
    """Return the ledger as a table, with what init and discretisation are together."""
    whose = "" if plan.calibration is None else ", calibrated"
    grid = table(f"ledger (nats){whose}", "value", "95 % interval")
    grid.add_column("kind")
    for e in plan.ledger:
        if e.kind == "unknown":
            value, interval = "unknown", "none"
        elif e.kind == "lower bound":
            value, interval = f">= {three_digits(e.low)}", "unknown above"
        else:
            value, interval = three_digits(e.value), interval_cell(e.low, e.high)
        grid.add_row(e.name, value, interval, e.kind_in_words)
        if e.name == "discretisation":
            _subtotal(grid, plan)
    return grid


def _subtotal(grid: Any, plan: Plan) -> None:
    from ..ledger.verdict import sampler_share

    share = sampler_share(plan)
    if share.value is not None and math.isfinite(share.high):
        both = interval_cell(share.low, share.high)
        total = three_digits(share.value)
        grid.add_row("  = sampler", total, both, "both together", style="bold")


def interval_cell(low: float | None, high: float | None) -> str:
    """Return the ends of an interval, once where they look the same."""
    first, last = three_digits(low), three_digits(high)
    return first if first == last else f"{first} .. {last}"


def certificate_table(certificate: Certificate) -> Any:
    """Return total variation at every level, coarse to fine."""
    from ..ledger.certificate import VACUOUS

    grid = table("at noise level", "KL at most", "TV at most")
    for width in (BAR // 2, 11):
        grid.add_column("", width=width)
    for at in certificate.levels:
        tv = 1.0 if at.tv.high is None else at.tv.high
        words = "says little" if tv > VACUOUS else ""
        bar, nats = "█" * round(BAR * tv / 2), three_digits(at.kl.high)
        cells = (f"{at.noise:.3g}", nats, f"{tv:.3g}", bar)
        grid.add_row(*cells, words, style="dim" if words else None)
    return grid


def frontier_line(plan: Plan) -> str:
    """Return what more steps cost, "" where it is not known: a sparkline of logarithms."""
    rows = plan.frontier
    if len(rows) < 3:
        return ""
    from ..ledger.verdict import cheapest, enough

    most = max(float(r["above_best"]) for r in rows)
    if most <= max(FLAT, 2 * max(float(r["standard_error"]) for r in rows)):
        return f"the same from {rows[0]['steps']} to {plural(rows[-1]['steps'], 'step')}"
    best = min(rows, key=lambda r: float(r["above_best"]))["steps"]
    least = max(1e-6, 1e-4 * most)
    few = [r for r in rows if r["steps"] <= 32 or r["steps"] % 8 == 0 or r is rows[-1]]  # one line
    logs = [math.log(max(least, float(r["above_best"]))) for r in few]
    ends = f"{rows[0]['steps']} .. {plural(rows[-1]['steps'], 'step')}"
    words = "still falling" if enough(rows) == rows[-1]["steps"] else f"flat from {enough(rows)}"
    words = words if cheapest(plan) is None else f"cheapest {best}"
    return f"{sparkline(logs)} {ends}, {words}"


def frontier_table(plan: Plan) -> Any:
    """Return what every number of steps costs above the cheapest."""
    rows = plan.frontier
    best = min(rows, key=lambda r: float(r["above_best"]))["steps"]
    most = max(float(r["above_best"]) for r in rows) or 1.0
    grid = table("steps", "nats above the cheapest", "± 95 %")
    grid.add_column("")
    for row in rows:
        above, half = float(row["above_best"]), 2 * float(row["standard_error"])
        marks = [
            n for n, s in (("this plan", plan.steps), ("cheapest", best)) if s == row["steps"]
        ]
        bar = "█" * round(BAR * max(0.0, above) / most)
        words = " ".join(filter(None, (bar, ", ".join(marks))))
        cells = (str(row["steps"]), figure(above), figure(half, 2), words)
        grid.add_row(*cells, style="bold" if marks else None)
    return grid


def noise_levels(plan: Plan, whole: bool) -> str:
    """Return all noise levels of a plan, or the first and the last one."""
    if whole:
        return " ".join(f"{s**-0.5:.3g}" for s in plan.levels)
    return f"{plan.levels[0] ** -0.5:.3g} down to {plan.resolution:.3g}"


def tournament_table(tournament: Tournament) -> Any:
    """Return the candidates of a tournament, those that stayed longest first, the closest on top.

    How far each is behind the chosen one is told from as many samples of both; the
    distances themselves are printed of the last round alone, whose samples are equally many.
    """
    rows = table("candidate", "behind", "samples", tournament.by, "95 % interval")
    most = max(row.samples for row in tournament.table)
    for row in tournament.table:
        rows.add_row(row.candidate, *_standing(row, most), style="bold" if row.won else None)
    return rows


def _standing(row: Standing, most: int) -> tuple[str, ...]:
    """Return a candidate's cells; most: the samples of the last round."""
    if row.failure:
        return ("failed", "", "", "")
    half = (row.behind_high - row.behind_low) / 2
    behind = "chosen" if row.won else f"{figure(row.behind, 2)} ± {figure(half, 1)}"
    if row.samples < most:
        return (behind, str(row.samples), "", "")
    interval = f"{figure(row.low, 2)} .. {figure(row.high, 2)}"
    return (behind, str(row.samples), figure(row.value), interval)


def tournament_footnote(tournament: Tournament) -> str:
    """Return in words what the table of a tournament shows, and what it cost."""
    paths, cost = tournament.trajectories, tournament.trajectory_calls
    calls, of = plural(tournament.calls, "network call"), plural(paths, "trajectory")
    spent = f", {cost} of them for {of} of the calibrated network" if paths else ""
    left_out = f"; left out: {tournament.left_out}" if tournament.left_out else ""
    return (
        "behind: squared distance beyond that of the chosen one, with as many samples of both; "
        "candidates with fewer samples were knocked out earlier, which a pipeline's own never is. "
        f"{tournament.by} {tournament.note}, to "
        f"{tournament.examples} held-out examples; {calls}{spent}; the chosen one's "
        f"own figure is flattered by the choice{left_out}"
    )
