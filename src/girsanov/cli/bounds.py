"""`girsanov bounds`: how many steps theorems ask for, and what was measured beside them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import console
from .options import AsJson, plain_command

if TYPE_CHECKING:
    from ..paper.beside_audit import Asked

PAPERS = (
    "Show one of them alone: chen2023, conforti2025, strasman2024, benton2024, own, "
    "chen-lee-lu2022 or li-yan2024"
)
Audited = Annotated[
    Path | None,
    typer.Option(
        help="The audit, a file of `girsanov audit`. What it measured bounds the steps, and its "
        "plan is shown beside them."
    ),
]
Points = Annotated[
    float | None,
    typer.Option(help="The number of points that hold all the mass, for a finite data set."),
]
Stop = Annotated[
    float | None,
    typer.Option(
        help="Stop early, at most this W2 distance from the data (default: where the audit's plan "
        "stops)."
    ),
]
Balls = Annotated[
    list[str] | None,
    typer.Option(
        help="R:N says that N balls of radius R hold the data. Repeat it for more radii."
    ),
]
Drawings = Annotated[
    Path | None,
    typer.Option(help="The folder for bounds.html, with steps against TV and against dimension."),
]


@plain_command
def bounds(
    tv: Annotated[
        float | None,
        typer.Option(
            help="The total variation to promise, in (0, 1) (default: what the audit's plan does)."
        ),
    ] = None,
    dimension: Annotated[
        int | None,
        typer.Option(min=1, help="How many numbers an example has (default: the audit's)."),
    ] = None,
    second_moment: Annotated[
        float | None,
        typer.Option(
            help="The data's E|x0|^2, or more (default: the audit's, standardised, or radius^2)."
        ),
    ] = None,
    lipschitz: Annotated[
        float | None,
        typer.Option(help="The Lipschitz constant of the score at all times (Assumption 1)."),
    ] = None,
    radius: Annotated[
        float | None, typer.Option(help="The radius R of the data: |x0| <= R.")
    ] = None,
    points: Points = None,
    covering: Balls = None,
    intrinsic: Annotated[
        int | None, typer.Option(help="The intrinsic dimension, for Li and Yan's rate.")
    ] = None,
    w2: Stop = None,
    score_error: Annotated[
        float, typer.Option(help="The root mean square error of the score at every step.")
    ] = 0.0,
    paper: Annotated[str | None, typer.Option(help=PAPERS + ".")] = None,
    audit: Audited = None,
    figures: Drawings = None,
    json: AsJson = False,
) -> None:
    """Show how many steps each theorem asks for, with all constants, before any measurement.

    With --w2 the target is the data noised for a short time, and otherwise the data themselves.
    An --audit alone is enough: the theorems then get the target that its own plan promises.
    """
    from ..audited import load_audit
    from ..paper.beside_audit import ask_theorems, facts_beside, radius_hint

    coverings = tuple(_covering(text) for text in covering or ())
    record = None if audit is None else load_audit(audit)
    facts = facts_beside(
        record, dimension, second_moment,
        lipschitz=lipschitz, radius=radius, points=_whole(points), coverings=coverings,
    )  # fmt: skip
    asked = ask_theorems(
        facts,
        record,
        tv=tv,
        w2=w2,
        score_error=score_error,
        paper=paper and paper.lower(),
        intrinsic=intrinsic,
    )
    hint = "" if record is None else radius_hint(facts, record)
    page = None if figures is None else _page(asked, figures)
    content = asked.to_json() | ({} if page is None else {"page": str(page)})
    console.result(json, content, lambda: _show(asked, hint, page))


def _whole(points: float | None) -> int | None:
    """Return a number of points that may have been written as 1e6."""
    from .._checks import require

    require(points is None or points.is_integer(), "points", "must be a whole number", points)
    return None if points is None else int(points)


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
    if rows.rows:
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
