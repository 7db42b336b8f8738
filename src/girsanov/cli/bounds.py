"""`girsanov bounds`: how many steps theorems ask for, and what was measured beside them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import console
from .options import AsJson, app

if TYPE_CHECKING:
    from ..paper.beside_audit import Asked

PAPERS = (
    "chen2023, conforti2025, strasman2024, benton2024, own, chen-lee-lu2022 or li-yan2024: one of "
    "them alone"
)
Audited = Annotated[
    Path | None,
    typer.Option(
        help="What `girsanov audit` wrote: what it measured bounds the steps, and its plan stands "
        "beside them."
    ),
]
Stop = Annotated[
    float | None,
    typer.Option(
        help="Stop early: W2 from there to the data, at most (default: where the audit's plan "
        "stops)."
    ),
]
Balls = Annotated[
    list[str] | None,
    typer.Option(help="R:N, N balls of radius R hold the data (may be repeated)."),
]
Drawings = Annotated[
    Path | None, typer.Option(help="A folder for bounds.html: steps against TV, and against d.")
]


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
    points: Annotated[
        int | None, typer.Option(help="How many points hold all the mass: a finite data set.")
    ] = None,
    covering: Balls = None,
    intrinsic: Annotated[
        int | None, typer.Option(help="Intrinsic dimension, for Li and Yan's rate.")
    ] = None,
    w2: Stop = None,
    score_error: Annotated[
        float, typer.Option(help="Root mean square error of the score, at every step.")
    ] = 0.0,
    paper: Annotated[str | None, typer.Option(help=PAPERS + ".")] = None,
    audit: Audited = None,
    figures: Drawings = None,
    json: AsJson = False,
) -> None:
    """Say how many steps each theorem asks for: all constants explicit, before any measurement.

    A law noised for a short time is the target when --w2 is given, else the data themselves. An
    --audit alone is enough: the theorems are asked for what its own plan promises.
    """
    from ..audited import load_audit
    from ..paper.beside_audit import ask_theorems, facts_beside, radius_hint

    coverings = tuple(_covering(text) for text in covering or ())
    record = None if audit is None else load_audit(audit)
    facts = facts_beside(
        record, dimension, second_moment,
        lipschitz=lipschitz, radius=radius, points=points, coverings=coverings,
    )  # fmt: skip
    asked = ask_theorems(
        facts, record, tv=tv, w2=w2, score_error=score_error, paper=paper, intrinsic=intrinsic
    )
    hint = "" if record is None else radius_hint(facts, record)
    page = None if figures is None else _page(asked, figures)
    content = asked.to_json() | ({} if page is None else {"page": str(page)})
    console.result(json, content, lambda: _show(asked, hint, page))


def _covering(text: str) -> tuple[float, float]:
    """Return the radius and the number of balls of R:N."""
    from .._checks import refuse

    try:
        radius, balls = (float(part) for part in text.split(":"))
    except ValueError:
        refuse("covering", "must be R:N, a radius and a number of balls", text)
    return radius, balls


def _page(asked: Asked, folder: Path) -> Path:
    from ..paper.bounds_page import write_bounds_page

    return write_bounds_page(asked, folder)


def _show(asked: Asked, hint: str, page: Path | None) -> None:
    """Print a line a theorem, what is run and assumed below, and what was measured."""
    from textwrap import wrap

    from rich.table import Table

    from ..paper.bounds_words import HEADS, columns, legend, notes

    rows = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    for name in HEADS:
        rows.add_column(name, justify="left" if name == HEADS[0] else "right", no_wrap=True)
    for row in asked.rows:
        if row.bound is not None:
            rows.add_row(*columns(row))
    terminal = console.console_of()
    for words in filter(None, (asked.taken, hint)):
        terminal.print(words, style="dim", markup=False)
    terminal.print(asked.target_in_words(), markup=False)
    terminal.print(rows)
    terminal.print(legend(asked.rows), style="dim", markup=False)
    for head, lines in notes(asked.rows).items():
        terminal.print(f"\n{head}", style="bold", markup=False)
        for line in lines:
            parts = wrap(line, terminal.width - 4, break_on_hyphens=False)
            terminal.print("  " + "\n    ".join(parts), markup=False)
    if asked.measured is not None:
        terminal.print()
        terminal.print(asked.in_words(), markup=False)
    elif promised := asked.for_your_data():
        terminal.print()
        terminal.print(promised, markup=False)
    if page is not None:
        console.wrote(page)
