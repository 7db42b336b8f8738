"""`girsanov report`: one page for an audit and its plans, or for several models side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .._checks import plural
from . import outputs
from .options import AsJson, Drop, Force, Labels, app

NO_BROWSER = "no chromium was found, which draws the PNG and PDF files: wrote SVG only"


@app.command()
def report(
    context: typer.Context,
    audit: Annotated[
        list[Path],
        typer.Argument(help="What `girsanov audit` wrote; with several, models are compared."),
    ],
    plan: Annotated[list[Path] | None, typer.Option(help="A plan (may be repeated).")] = None,
    samples: Annotated[str | None, typer.Option(help="What `girsanov sample` wrote.")] = None,
    data: Annotated[
        str | None, typer.Option(help="Data, or law.json, to show beside the samples.")
    ] = None,
    labels: Labels = None,
    drop: Drop = None,
    figures: Annotated[
        Path | None, typer.Option(help="A folder for every figure: SVG, and PNG and PDF.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where to write.")] = Path("report.html"),
    force: Force = False,
    json: AsJson = False,
) -> None:
    """Write one self-contained page with the ledger, the curve, the plans and the samples.

    In it a slider moves the first plan to any number of steps. PNG and PDF figures need a
    Chromium on this machine; without one they are left out.
    """
    replaced = outputs.require_page(out, force)
    if figures is not None:
        outputs.require_place(figures, folder=True, option="--figures")
    from ..reporting.figure_files import browser
    from ..workflow import commands as work
    from . import show

    command = outputs.typed(context, "force", "json")
    with show.progress("figures") as tick:
        models, notes = work.report_command(
            audit,
            plan or [],
            samples,
            data,
            labels=labels,
            drop=drop or [],
            out=out,
            figures=figures,
            command=command,
            progress=tick if figures is not None else None,
        )
    drawn = [] if figures is None else sorted(p for p in figures.iterdir() if p.suffix == ".svg")
    content: dict[str, object] = {
        "report": str(out), "replaced": replaced, "models": models, "notes": notes,
    }  # fmt: skip
    if figures is not None:
        content["figures"] = [str(p) for p in drawn]
        content["formats"] = ["svg", "png", "pdf"] if browser() else ["svg"]

    def told() -> None:
        show.noted(notes)
        show.wrote(out)
        if figures is not None:
            typer.echo(f"wrote {plural(len(drawn), 'figure')} to {figures}/")
            if not browser():
                typer.echo(NO_BROWSER)

    show.result(json, content, told)
    outputs.say_replaced(replaced, "an older page", json)
