"""`girsanov verify`: the paper's statements, one by one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import console
from .options import AsJson, Force, Seed, plain_command
from .tables import table

if TYPE_CHECKING:
    from ..paper.outcome import Verification

RESULTS = "results.json"
SECONDS = 5.0  # between two lines about progress
YES, NO = "[green]yes[/]", "[bold red]no[/]"


@plain_command
def verify(
    statements: Annotated[
        list[str] | None,
        typer.Argument(
            help="Which statements, by name or as in the paper: theorem9, corollary5 (default: "
            "all)."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder for the page and the results.")] = Path(
        "verify"
    ),
    quick: Annotated[
        bool, typer.Option("--quick", help="Check fewer cases, within a minute.")
    ] = False,
    names: Annotated[
        bool, typer.Option("--list", help="List the statements and run none.")
    ] = False,
    tables: Annotated[
        bool,
        typer.Option(
            "--tables",
            help="Also print the paper's published figures beside ours, table by table.",
        ),
    ] = False,
    seed: Seed = 0,
    force: Force = False,
    json: AsJson = False,
) -> None:
    """Check the statements of arXiv 2209.11215 on distributions whose truth is known.

    Writes OUT/index.html and OUT/results.json. The exit code is 1 if a statement fails.
    """
    if names:
        return _list(json)
    from ..paper import verify as paper

    _require_ours(out, force)
    with console.stages() as stage:
        bar, said = stage("verify"), _now_and_then()
        drawn = console.console_of(stderr=True).is_terminal

        def progress(done: int, total: int, name: str) -> None:
            if drawn:
                bar(done, total)
            else:
                said(done, total, name)

        done = paper.verify(statements or (), quick=quick, seed=seed, progress=progress)
    files = paper.save(done, out)
    content = {**paper.verification_json(done), "files": files}
    console.result(json, content, lambda: _show(done, files, tables))
    if not done.holds:
        raise typer.Exit(1)


def _now_and_then() -> Callable[[int, int, str], None]:
    """Return what says on stderr how far the run is, and which statement is being checked."""
    last = time.monotonic()

    def say(done: int, total: int, name: str) -> None:
        nonlocal last
        if name and time.monotonic() - last >= SECONDS:
            last = time.monotonic()
            console.aside(f"verify: {done} of {total} statements checked, now {name}")

    return say


def _require_ours(out: Path, force: bool) -> None:
    from .._checks import refuse
    from ..paper.verify import VERIFY_FORMAT
    from ..workflow.shared.destinations import format_of, require_place

    require_place(out, folder=True)
    results = out / RESULTS
    for path in (out / "index.html", results):
        if path.exists() and not force and format_of(results) != VERIFY_FORMAT:
            refuse(str(path), "exists and is not of girsanov verify", None, "Use --force")


def _list(as_json: bool) -> None:
    from ..paper.verify import statements

    listed = statements()
    content = {"statements": [{"name": n, "title": s.title} for n, s in listed.items()]}

    def view() -> None:
        for name, s in listed.items():
            typer.echo(f"{name:22s} {s.title} ({s.paper})")

    console.result(as_json, content, view)


def _show_tables(run: Verification) -> None:
    """Print every figure in print beside the one of this run."""
    from ..paper.tables import reproduced

    terminal = console.console_of()
    for printed, lines in reproduced(run):
        rows = table(f"theory {printed.number}", "in print", "measured", "allowed")
        rows.columns[0].overflow = "fold"
        rows.add_column("holds?", no_wrap=True)
        for _, row in lines:
            sign = "" if row.relation == "=" else row.relation + " "
            figures = f"{sign}{row.claimed:.5g}", f"{row.measured:.5g}", f"{row.tolerance:.2g}"
            rows.add_row(row.what, *figures, YES if row.holds else NO)
        terminal.print(f"\n[bold]{printed.number} {printed.title}[/]")
        terminal.print(rows)
        for note in printed.notes:
            terminal.print(f"[dim]{note}[/]")


def _show(run: Verification, files: dict[str, str], tables: bool) -> None:
    signs = {"=": "", "<=": "<= ", ">=": ">= "}
    summary = table("statement", "shown by", "claimed", "measured", "allowed")
    summary.columns[0].no_wrap = True
    summary.columns[1].no_wrap, summary.columns[1].justify = False, "left"
    summary.add_column("holds?", no_wrap=True)
    for outcome in run.outcomes:
        result, head = outcome.result, outcome.result.headline
        summary.add_row(
            outcome.statement.name,
            head.what,
            f"{signs[head.relation]}{head.claimed:.3g}",
            f"{head.measured:.3g}",
            f"{head.tolerance:.2g}" if head.tolerance else "-",
            YES if result.holds else NO,
        )
    terminal = console.console_of()
    terminal.print(summary)
    if tables:
        _show_tables(run)
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
        console.wrote(path)
