"""What `girsanov plan` prints after its verdict: what a user needs first, all of it if asked.

By default the sampler, the ledger, one line of certificate, one of cost and the next command; with
--verbose the levels, the notes of the ledger and the certificate level by level as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .._checks import three_digits
from .nexts import after_plan
from .show import console_of, next_command, wrote
from .tables import (
    certificate_table,
    frontier_line,
    frontier_table,
    labelled,
    ledger_table,
    noise_levels,
)

if TYPE_CHECKING:
    from ..planning.plan import Plan

MORE = "(--verbose prints the levels, the ledger's notes and the certificate level by level)"


def planned(plan: Plan, out: Path | None, *, whole: bool = False, frontier: bool = False) -> None:
    """Print a plan; whole: and its levels, notes and every level's certificate; frontier: and
    the cost of every number of steps."""
    console = console_of()
    console.print(labelled([("plan", _sampler(plan)), *_levels(plan, whole), *_distance(plan)]))
    if plan.distance is None or whole:
        console.print()
        console.print(ledger_table(plan))
        for e in plan.ledger if whole else ():
            console.print(f"[dim]{e.name}: {e.note}[/]")
        console.print()
    if whole and plan.promised is not None and not plan.untrained:
        console.print(certificate_table(plan))
        console.print()
    console.print(labelled([*_promise(plan), *_cost(plan, frontier)]))
    if frontier and plan.frontier:
        console.print(frontier_table(plan))
    if out is not None:
        wrote(out)
        next_command(after_plan(plan, str(out)))
        if not whole:
            console.print(f"[dim]{MORE}[/]")


def _sampler(plan: Plan) -> str:
    from ..planning.solvers.plan_solver import GIVEN  # which whoever gave it knows

    why = str(plan.about["why"])
    said = plan.in_words().removesuffix(", calibrated" if why.startswith("calibrated") else "")
    said += "" if why == GIVEN else f": {why}"
    if plan.calibration is not None:
        share = 100 * plan.calibration.share
        said += f"; calibrated at {share:.0f} % of coordinates and levels"
    return said


def _levels(plan: Plan, whole: bool) -> list[tuple[str, str]]:
    if whole:
        return [("noise levels", noise_levels(plan))]
    first, last = plan.levels[0] ** -0.5, plan.resolution
    return [("noise levels", f"{first:.3g} down to {last:.3g}")]


def _distance(plan: Plan) -> list[tuple[str, str]]:
    """Return what a deterministic solver has in the place of a ledger in nats."""
    found = plan.distance
    if found is None:
        return []
    ends = f"95 % interval {three_digits(found.low)} to {three_digits(found.high)}"
    said = f"{three_digits(found.value)} ({ends}; standardised units, not nats), {found.kind}: "
    said += found.note
    lows = [three_digits(e.low) for e in plan.ledger if e.kind == "lower bound"]
    return [("distance", said), *(("score error", f">= {low} nats of the path") for low in lows)]


def _promise(plan: Plan) -> list[tuple[str, str]]:
    return [("certificate", plan.certified())] if plan.certified() else []


def _cost(plan: Plan, table: bool) -> list[tuple[str, str]]:
    line = "" if table else frontier_line(plan)
    return [("cost", line)] if line else []
