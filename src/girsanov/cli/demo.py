"""`girsanov demo`, all of it on real data, and `girsanov doctor`."""

from __future__ import annotations

import typer
from typer import Option

from .. import workflow
from . import console
from .options import AsJson, app, command
from .print_plan import print_plan


@command(
    workflow.DemoRequest,
    out="Folder for everything it makes.",
    steps=Option(min=1, help="Training steps: as many everywhere, so that the numbers agree."),
    network="auto, mlp, conv or unet.",
)
def demo(request: workflow.DemoRequest, *, json: AsJson = False) -> None:
    """Do all of it on scikit-learn's digits: fit, audit, plan, sample, report.

    Run again with the same options, it goes on where it was stopped.
    """
    with console.stages() as stage:
        done = workflow.demo(request, stage=stage)
    from ..ledger.verdict import plan_verdict

    def view() -> None:
        print_plan(done.plan)
        terminal = console.console_of()
        terminal.print(f"took {done.seconds:.0f} s")
        for name, path in done.files.items():
            terminal.print(f"{name:8s} {path}", soft_wrap=True, markup=False)

    console.result(json, done.to_json(), view, [plan_verdict(done.plan)])


@app.command()
def doctor(json: AsJson = False) -> None:
    """Say what is installed and what is wrong with it; exit 1 if something is."""
    findings = workflow.doctor()

    def view() -> None:
        from rich.markup import escape

        colours = {"ok": "green", "absent": "yellow", "broken": "red"}
        for f in findings:
            line = f"[{colours[f.state]}]{f.state:6s}[/]  {f.name:12s}  {escape(f.detail)}"
            console.console_of().print(line, soft_wrap=True)  # so that it can be copied

    console.result(json, {"findings": [f._asdict() for f in findings]}, view)
    if any(f.state == "broken" for f in findings):
        raise typer.Exit(1)
