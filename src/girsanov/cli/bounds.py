"""`girsanov bounds`: how many steps theorems ask for, and what was measured beside them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from .._checks import InputError, plural, require
from .options import AsJson, app

if TYPE_CHECKING:
    from ..audited import Audit
    from ..paper.bounds import Facts, Row
    from ..planning.plan import Plan

SURE = 1 - 1e-12  # the largest TV that is asked for
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
    tv: Annotated[
        float | None,
        typer.Option(
            help="Total variation to promise, in (0, 1) (default: what the audit's plan does)."
        ),
    ] = None,
    dimension: Annotated[
        int | None, typer.Option(min=1, help="Numbers in an example (default: the audit's).")
    ] = None,
    second_moment: Annotated[
        float | None,
        typer.Option(help="E|x0|^2 of the data, or more (default: the audit's, standardised)."),
    ] = None,
    lipschitz: Annotated[
        float | None, typer.Option(help="L of the score, at all times (Assumption 1).")
    ] = None,
    radius: Annotated[float | None, typer.Option(help="R with |x0| <= R.")] = None,
    w2: Annotated[
        float | None,
        typer.Option(
            help="Stop early: W2 from there to the data, at most (default: where the audit's plan "
            "stops)."
        ),
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

    A law noised for a short time is the target when --w2 is given, else the data themselves. An
    --audit alone is enough: the theorems are asked for what its own plan promises.
    """
    from ..audited import load_audit
    from ..paper.bounds import compare_bounds
    from . import show

    found = None if audit is None else load_audit(audit)
    facts = _facts(found, dimension, second_moment, {"lipschitz": lipschitz, "radius": radius})
    plan, taken = None, ""
    if found is not None and (tv is None or (w2 is None and lipschitz is None)):
        plan = found.plan() if tv is None else _fewest(found, tv)[0]
        tv, w2, taken = _targets(facts, plan, tv, w2)
    require(tv is not None, "tv", "must be given, or an --audit whose plan promises one")
    assert tv is not None
    rows = compare_bounds(facts, tv=tv, w2=w2, score_error=score_error, paper=paper)
    beside = None if found is None else _measure(found, facts, (tv, w2), plan)
    content = {
        "tv": tv,
        "w2": w2,
        "taken": taken or None,
        "dimension": facts.dimension,
        "second_moment": facts.second_moment,
        "rows": [row.to_json() for row in rows],
        "measured": None if beside is None else beside.to_json(),
    }
    hint = "" if found is None else _radius_hint(facts, found)
    show.result(json, content, lambda: _show(rows, beside, tv, [taken, hint]))


def _facts(
    found: Audit | None,
    dimension: int | None,
    second_moment: float | None,
    known: dict[str, float | None],
) -> Facts:
    """Return what is known of the data: what is given, the rest from the audit."""
    from ..paper.bounds import Facts

    if found is not None:
        dimension = dimension or found.curve.dimension
        measured = float(found.curve.second_moments @ found.curve.shares)
        second_moment = measured if second_moment is None else second_moment
    require(dimension is not None, "dimension", "must be given, or an --audit to read it from")
    require(second_moment is not None, "second-moment", "must be given, or an --audit")
    assert dimension is not None
    assert second_moment is not None
    return Facts(dimension, second_moment, lipschitz=known["lipschitz"], radius=known["radius"])


def _fewest(found: Audit, tv: float, **options: Any) -> tuple[Plan, bool]:
    """Return the plan of fewest steps for `tv`, or the default one and False."""
    try:
        return found.plan(tv=tv, **options), True
    except InputError:
        return found.plan(**options), False


def _most(plan: Plan) -> float:
    """Return what start and steps of a plan cost at most, in nats, at 95 % confidence."""
    return sum(e.high or 0.0 for e in plan.ledger if e.name in ("init", "discretisation"))


def _targets(
    facts: Facts, plan: Plan, tv: float | None, w2: float | None
) -> tuple[float, float | None, str]:
    """Return TV and W2, those that are not given as the plan has them, and what was taken."""
    from ..ledger.entry import tv_from_kl
    from ..paper.bounds.chen2023_support import early_stopping_w2

    taken = []
    if tv is None:
        nats = _most(plan)
        tv = min(tv_from_kl(nats), SURE)
        taken.append(f"--tv {tv:.4g}, which {nats:.3g} nats certify and the plan promises")
    if w2 is None and facts.lipschitz is None:
        w2 = early_stopping_w2(facts, math.log1p(plan.resolution**2) / 2)
        at = f"that stops the theorems at noise level {plan.resolution:.3g}, as the plan"
        taken.append(f"--w2 {w2:.4g}, {at}")
    return tv, w2, "taken from the audit: " + "; ".join(taken)


def _radius_hint(facts: Facts, found: Audit) -> str:
    """Return in words what a radius would add, and what it is for pixels."""
    if facts.radius is not None or facts.lipschitz is not None:
        return ""
    root = f"{math.sqrt(facts.dimension):.3g}"
    pixels = f" (pixels in [-1, 1]: {root})" if len(found.facts.shape) > 1 else ""
    return f"with --radius{pixels}, (2a), (4a) and the paper's own rate apply too"


def _measure(
    found: Audit, facts: Facts, target: tuple[float, float | None], plan: Plan | None
) -> Measured:
    """Return the plan for the same target, or the default one, and how it compares."""
    from ..ledger.entry import tv_from_kl
    from ..paper.bounds.chen2023_support import delta_for_w2, snr_at

    tv, w2 = target
    options: dict[str, Any] = {}
    if w2 is not None and math.isfinite(delta := delta_for_w2(facts, w2)):
        sigma, noise = snr_at(delta) ** -0.5, found.levels**-0.5
        if noise[-1] * (1 - 1e-9) <= sigma <= noise[0]:
            options["resolution"] = float(max(sigma, noise[-1]))
    if plan is None:
        plan, same = _fewest(found, tv, **options)
    else:
        same = tv_from_kl(_most(plan)) <= tv * (1 + 1e-9) or tv == SURE
    high = _most(plan)
    promise = "which promises this TV" if same else "the default plan: this TV cannot be certified"
    words = (
        f"measured: {plural(plan.steps, 'step')} ({promise}), at noise level "
        f"{plan.resolution:.3g}. The theorems hold for every law that meets their "
        f"assumptions; the plan for this model on this data, where start and steps cost at most "
        f"{high:.3g} nats (TV {tv_from_kl(high):.3g})"
    )
    words += "" if found.curve.exact else " at 95 % confidence"
    if not found.facts.exact:
        words += ", up to the model's score error, which no number of steps mends"
    if "resolution" not in options:
        words += ". The theorems' target is " + (
            "the data themselves, with no noise left"
            if w2 is None
            else "at a noise level that was not measured"
        )
    return Measured(plan, words)


def _show(rows: list[Row], beside: Measured | None, tv: float, said: list[str]) -> None:
    """Print one line a theorem, the assumptions below, and what was measured."""
    from rich.console import Console
    from rich.markup import escape
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
    for words in filter(None, said):
        console.print(f"[dim]{escape(words)}[/]")
    console.print(f"steps that promise a total variation of {tv:.4g}, for every law that fits")
    console.print(table)
    for words, names in _notes(rows).items():
        console.print(f"[dim]{', '.join(names)}: {words}[/]")
    if beside is not None:
        console.print(_asked(rows) + beside.words, markup=False)


def _asked(rows: list[Row]) -> str:
    """Return in words how many steps the theorems ask for, and the paper's rate."""
    steps = sorted(row.bound.steps for row in rows if row.bound is not None)
    if not steps:
        return ""
    own = [
        r.value for row in rows if row.paper == "chen2023" for r in row.rates if r.unit == "steps"
    ]
    rate = f", the paper's own rate with constants 1 for {own[0]:.2g}" if own else ""
    return f"the theorems ask for N = {steps[0]:.2g} to {steps[-1]:.2g} steps{rate}; "


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
