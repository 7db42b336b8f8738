"""`girsanov verify`: the paper's statements, one by one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import console
from .options import AsJson, Force, Seed, app

if TYPE_CHECKING:
    from rich.console import Console

    from ..paper.verify import Verification

RESULTS = "results.json"
FORMAT = "girsanov/verify/1"


@app.command()
def verify(
    statements: Annotated[
        list[str] | None,
        typer.Argument(
            help="Which ones, by name or as the paper says (theorem9, corollary5); else all."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the page and the results.")] = Path(
        "verify"
    ),
    quick: Annotated[bool, typer.Option("--quick", help="Fewer cases, within a minute.")] = False,
    names: Annotated[bool, typer.Option("--list", help="List the statements, run none.")] = False,
    tables: Annotated[
        bool, typer.Option("--tables", help="Also print the figures in print, table by table.")
    ] = False,
    seed: Seed = 0,
    force: Force = False,
    json: AsJson = False,
) -> None:
    """Check the statements of arXiv 2209.11215 against laws whose truth is known.

    Writes OUT/index.html and OUT/results.json; exit 1 when a statement fails.
    """
    if names:
        return _list(json)
    from ..paper.verify import verify as run

    _require_ours(out, force)
    with console.stages() as stage:
        bar = stage("verify")
        done = run(statements or (), quick=quick, seed=seed, progress=lambda k, n, _: bar(k, n))
    files = done.save(out)
    content = {**done.to_json(), "files": files}
    console.result(json, content, lambda: _show(done, files, tables))
    if not done.holds:
        raise typer.Exit(1)


def _require_ours(out: Path, force: bool) -> None:
    from .._checks import refuse
    from ..workflow.destinations import format_of, require_place

    require_place(out, folder=True)
    results = out / RESULTS
    for path in (out / "index.html", results):
        if path.exists() and not force and format_of(results) != FORMAT:
            refuse(str(path), "exists and is not of girsanov verify", None, "Use --force")


def _list(as_json: bool) -> None:
    from ..paper.verify import statements

    known = statements()
    content = {"statements": [{"name": n, "title": s.title} for n, s in known.items()]}

    def table() -> None:
        for name, s in known.items():
            typer.echo(f"{name:22s} {s.title} ({s.paper})")

    console.result(as_json, content, table)


def _show_tables(run: Verification, terminal: Console) -> None:
    """Print every figure in print beside the one of this run."""
    from rich.table import Table

    from ..paper.tables import reproduced

    for table, rows in reproduced(run):
        shown = Table(box=None, pad_edge=False, header_style="bold")
        shown.add_column(f"theory {table.number}", overflow="fold")
        for name in ("in print", "measured", "allowed"):
            shown.add_column(name, justify="right", no_wrap=True)
        shown.add_column("holds?", no_wrap=True)
        for _, row in rows:
            said = "[green]yes[/]" if row.holds else "[bold red]no[/]"
            sign = "" if row.relation == "=" else row.relation + " "
            figures = f"{sign}{row.claimed:.5g}", f"{row.measured:.5g}", f"{row.tolerance:.2g}"
            shown.add_row(row.what, *figures, said)
        terminal.print(f"\n[bold]{table.number} {table.title}[/]")
        terminal.print(shown)
        for note in table.notes:
            terminal.print(f"[dim]{note}[/]")


def _show(run: Verification, files: dict[str, str], tables: bool) -> None:
    from rich.table import Table

    signs = {"=": "", "<=": "<= ", ">=": ">= "}
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("statement", no_wrap=True)
    table.add_column("shown by")
    for name in ("claimed", "measured", "ratio"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("holds?", no_wrap=True)
    for outcome in run.outcomes:
        result, head = outcome.result, outcome.result.headline
        table.add_row(
            outcome.statement.name,
            head.what,
            f"{signs[head.relation]}{head.claimed:.3g}",
            f"{head.measured:.3g}",
            "-" if head.ratio is None else f"{head.ratio:.3g}",
            "[green]yes[/]" if result.holds else "[bold red]no[/]",
        )
    terminal = console.console_of()
    terminal.print(table)
    if tables:
        _show_tables(run, terminal)
    rows = sum(len(o.result.rows) for o in run.outcomes)
    for outcome in run.outcomes:
        for row in outcome.result.rows:
            if not row.holds:
                text = (
                    f"{outcome.statement.name}: {row.what}: claimed {signs[row.relation]}"
                    f"{row.claimed:.6g}, measured {row.measured:.6g}, allowed {row.tolerance:.2g}"
                )
                terminal.print(text, style="red", markup=False)
    terminal.print(f"{rows} comparisons took {run.seconds:.0f} s")
    for path in files.values():
        terminal.print(f"wrote {path}", soft_wrap=True, markup=False)
