"""`girsanov bounds`: how many steps theorems ask for, and what was measured beside them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from .._checks import InputError, require
from .options import AsJson, app

if TYPE_CHECKING:
    from ..bounds import Facts, Row
    from ..ledger.audit import Audit
    from ..plan.plan import Plan

PAPERS = "chen2023, conforti2025, benton2024, chen-lee-lu2022 or li-yan2024"


class Measured(NamedTuple):
    """A plan set beside the theorems, and in words how the two compare."""

    plan: Plan
    words: str

    def to_json(self) -> dict[str, Any]:
        """Return the plan's steps, resolution and ledger with the words."""
        made = self.plan.summary()
        kept = ("sampler", "covariance", "steps", "resolution", "ledger")
        return {**{name: made[name] for name in kept}, "words": self.words}


@app.command()
def bounds(
    tv: Annotated[float, typer.Option(help="Total variation to promise, in (0, 1).")],
    dimension: Annotated[
        int | None, typer.Option(min=1, help="Numbers in an example (default: the audit's).")
    ] = None,
    second_moment: Annotated[
        float | None, typer.Option(help="E|x0|^2 of the data, or more (default: the audit's).")
    ] = None,
    lipschitz: Annotated[
        float | None, typer.Option(help="L of the score, at all times (Assumption 1).")
    ] = None,
    radius: Annotated[float | None, typer.Option(help="R with |x0| <= R.")] = None,
    w2: Annotated[
        float | None, typer.Option(help="Stop early: W2 from there to the data, at most.")
    ] = None,
    score_error: Annotated[
        float, typer.Option(help="Root mean square error of the score, at every step.")
    ] = 0.0,
    paper: Annotated[str | None, typer.Option(help=PAPERS + ".")] = None,
    audit: Annotated[
        Path | None, typer.Option(help="What `girsanov audit` wrote: shows what was measured.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Say how many steps each theorem asks for: all constants explicit, before any measurement.

    A law noised for a short time is the target when --w2 is given, else the data themselves.
    """
    from ..bounds import Facts, compare_bounds
    from ..ledger.audit import load_audit
    from . import show

    found = None if audit is None else load_audit(audit)
    if found is not None:
        dimension = dimension or found.curve.dimension
        measured = float(found.curve.second_moments @ found.curve.shares)
        second_moment = measured if second_moment is None else second_moment
    require(dimension is not None, "dimension", "must be given, or an --audit to read it from")
    require(second_moment is not None, "second-moment", "must be given, or an --audit")
    assert dimension is not None
    assert second_moment is not None
    facts = Facts(dimension, second_moment, lipschitz=lipschitz, radius=radius)
    rows = compare_bounds(facts, tv=tv, w2=w2, score_error=score_error, paper=paper)
    beside = None if found is None else _measure(found, facts, tv, w2)
    content = {
        "tv": tv,
        "w2": w2,
        "dimension": dimension,
        "second_moment": second_moment,
        "rows": [row.to_json() for row in rows],
        "measured": None if beside is None else beside.to_json(),
    }
    show.result(json, content, lambda: _show(rows, beside, tv))


def _measure(found: Audit, facts: Facts, tv: float, w2: float | None) -> Measured:
    """Return the plan for the same target, or the default one, and how it compares."""
    from ..bounds.chen2023_support import delta_for_w2, snr_at
    from ..ledger.certificate import tv_from_kl

    options: dict[str, Any] = {}
    if w2 is not None and math.isfinite(delta := delta_for_w2(facts, w2)):
        sigma, noise = snr_at(delta) ** -0.5, found.levels**-0.5
        if noise[-1] <= sigma <= noise[0]:
            options["resolution"] = float(sigma)
    try:
        plan, same = found.plan(tv=tv, **options), True
    except InputError:
        plan, same = found.plan(**options), False
    high = sum(e.high or 0.0 for e in plan.ledger if e.name in ("init", "discretisation"))
    target = "the fewest for this TV" if same else "the default plan: this TV cannot be certified"
    words = (
        f"measured: {plan.steps} steps ({target}), at noise level {plan.resolution:.3g}. The "
        f"theorems hold for every law that meets their assumptions; the plan for this model on "
        f"this data, where start and steps cost at most {high:.3g} nats (TV "
        f"{tv_from_kl(high):.3g}) at 95 % confidence"
    )
    if not found.about["exact"]:
        words += ", up to the model's score error, which no number of steps mends"
    if "resolution" not in options:
        words += ". The theorems' target is " + (
            "the data themselves, with no noise left"
            if w2 is None
            else "at a noise level that was not measured"
        )
    return Measured(plan, words)


def _show(rows: list[Row], beside: Measured | None, tv: float) -> None:
    """Print one line a theorem, the assumptions below, and what was measured."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("theorem", "steps N", "KL (nats)", "W2 to data", "the paper's rate, constants 1"):
        table.add_column(name, justify="left" if name[0] == "t" else "right")
    for row in rows:
        b = row.bound
        rate = "; ".join(f"{r.value:.2g}" for r in row.rates) or "-"
        if b is None:
            table.add_row(_name(row), "-", "-", "-", rate)
        else:
            table.add_row(b.theorem, f"{b.steps:.3g}", f"{b.kl:.3g}", f"{b.w2:.3g}", rate)
    console = Console(highlight=False)
    console.print(f"steps that promise a total variation of {tv:g}, for every law that fits")
    console.print(table)
    for words, names in _notes(rows).items():
        console.print(f"[dim]{', '.join(names)}: {words}[/]")
    if beside is not None:
        asked = min((r.bound.steps for r in rows if r.bound is not None), default=None)
        most = max((r.bound.steps for r in rows if r.bound is not None), default=None)
        if asked is not None:
            console.print(f"the theorems ask for N = {asked:.2g} to {most:.2g} steps; ", end="")
        console.print(beside.words)


def _name(row: Row) -> str:
    return f"{row.paper}, {row.theorem}" if row.bound is None else row.bound.theorem


def _notes(rows: list[Row]) -> dict[str, list[str]]:
    """Return what is to be said of rows, each text once with the rows it belongs to."""
    notes: dict[str, list[str]] = {}
    for row in rows:
        if row.bound is None:
            notes.setdefault(row.why_not, []).append(_name(row))
            continue
        notes.setdefault("is for " + row.bound.sampler, []).append(_name(row))
    for row in rows:
        if row.bound is not None:
            text = "assumes that " + "; ".join(row.bound.assumptions)
            notes.setdefault(text, []).append(_name(row))
    for row in rows:
        for rate in row.rates:
            text = f"{rate.statement} (a rate: its constants are unknown)"
            if rate.paper not in notes.setdefault(text, []):
                notes[text].append(rate.paper)
    return notes
