"""What is printed of a plan: the sampler, the ledger, the certificate and what steps cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._checks import three_digits
from . import console
from .tables import (
    certificate_table,
    frontier_line,
    frontier_table,
    labelled,
    ledger_table,
    noise_levels,
    tournament_footnote,
    tournament_table,
)

if TYPE_CHECKING:
    from ..planning.plan import Plan


def print_plan(plan: Plan, *, whole: bool = False, frontier: bool = False) -> None:
    """Print a plan, after the table of the tournament that it won.

    whole: with its levels, notes and every level's certificate; frontier: with the cost of every
    number of steps.
    """
    terminal = console.console_of()
    if plan.tournament is not None:
        terminal.print(tournament_table(plan.tournament))
        terminal.print(f"[dim]{tournament_footnote(plan.tournament)}[/]")
    levels = noise_levels(plan, whole)
    rows = [("plan", _sampler(plan)), ("noise levels", levels), *_distance(plan)]
    terminal.print(labelled(rows))
    if plan.distance is None or whole:
        terminal.print()
        terminal.print(ledger_table(plan))
        for e in plan.ledger if whole else ():
            terminal.print(f"[dim]{e.name}: {e.note}[/]")
        terminal.print()
    if whole and plan.promised is not None and not plan.audit.untrained:
        terminal.print(certificate_table(plan.promised))
        terminal.print()
    below = {
        "certificate": plan.certified(short=not whole),
        "cost": "" if frontier else frontier_line(plan),
    }
    terminal.print(labelled([(label, words) for label, words in below.items() if words]))
    if frontier and plan.frontier:
        terminal.print(frontier_table(plan))


def _sampler(plan: Plan) -> str:
    from ..planning.options import GIVEN  # which whoever gave it knows

    why = plan.why
    words = plan.in_words().removesuffix(", calibrated" if why.startswith("calibrated") else "")
    words += "" if why == GIVEN else f": {why}"
    if plan.calibration is not None:
        share = 100 * plan.calibration.share
        words += f"; calibrated at {share:.0f} % of coordinates and levels"
    return words


def _distance(plan: Plan) -> list[tuple[str, str]]:
    """Return what an ODE sampler has in the place of a ledger in nats."""
    entry = plan.distance
    if entry is None:
        return []
    ends = f"95 % interval {three_digits(entry.low)} to {three_digits(entry.high)}"
    words = (
        f"{three_digits(entry.value)} ({ends}; {plan.audit.in_units}, not nats), {entry.kind}: "
    )
    lows = [three_digits(e.low) for e in plan.ledger if e.kind == "lower bound"]
    return [
        ("distance", words + entry.note),
        *(("score error", f">= {low} nats of the path") for low in lows),
    ]
