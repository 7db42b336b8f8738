"""`girsanov bounds`: how many steps theorems ask for, and what was measured beside them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import console
from .options import AsJson, app

if TYPE_CHECKING:
    from ..paper.beside_audit import Asked

PAPERS = "chen2023, conforti2025, benton2024, chen-lee-lu2022 or li-yan2024"


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
    from ..paper.beside_audit import ask_theorems, facts_beside, radius_hint

    record = None if audit is None else load_audit(audit)
    facts = facts_beside(record, dimension, second_moment, lipschitz=lipschitz, radius=radius)
    asked = ask_theorems(facts, record, tv=tv, w2=w2, score_error=score_error, paper=paper)
    hint = "" if record is None else radius_hint(facts, record)
    console.result(json, asked.to_json(), lambda: _show(asked, hint))


def _show(asked: Asked, hint: str) -> None:
    """Print one line a theorem, the assumptions below, and what was measured."""
    from rich.markup import escape
    from rich.table import Table

    from ..paper.beside_audit import theorem_title

    rows = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("theorem", "steps N", "KL (nats)", "W2 to data", "the paper's rate, constants 1"):
        rows.add_column(name, justify="left" if name[0] == "t" else "right")
    for row in asked.rows:
        b = row.bound
        rate = "; ".join(f"{r.value:.2g}" for r in row.rates) or "-"
        if b is None:
            rows.add_row(theorem_title(row), "-", "-", "-", rate)
        else:
            rows.add_row(b.theorem, f"{b.steps:.3g}", f"{b.kl:.3g}", f"{b.w2:.3g}", rate)
    terminal = console.console_of()
    for words in filter(None, (asked.taken, hint)):
        terminal.print(f"[dim]{escape(words)}[/]")
    terminal.print(
        f"steps that promise a total variation of {asked.tv:.4g}, for every law that fits"
    )
    terminal.print(rows)
    for words, names in asked.notes().items():
        terminal.print(f"[dim]{', '.join(names)}: {words}[/]")
    if asked.measured is not None:
        terminal.print(asked.in_words(), markup=False)
