"""`girsanov demo`, all of it on real data, and `girsanov doctor`."""

from __future__ import annotations

import typer
from typer import Option

from .. import workflow
from . import console
from .options import AsJson, command, plain_command
from .print_plan import print_plan


@command(
    workflow.DemoRequest,
    out="The folder for everything the demo makes.",
    steps=Option(
        min=1,
        help=(
            "How many training steps. They are the same on every machine, so the numbers are too."
        ),
    ),
    network="The network: auto, mlp, conv or unet.",
)
def demo(request: workflow.DemoRequest, *, json: AsJson = False) -> None:
    """Run everything on scikit-learn's digits: fit, audit, plan, sample, report.

    If you stop it, run it again with the same options and it goes on.
    """
    with console.stages() as stage:
        done = workflow.demo(request, stage=stage)

    def view() -> None:
        print_plan(done.plan)
        terminal = console.console_of()
        terminal.print(f"took {done.seconds:.0f} s")
        for name, path in done.files.items():
            terminal.print(f"{name:8s} {path}", soft_wrap=True, markup=False)

    console.result(json, done.to_json(), view, done.verdict)


@plain_command
def doctor(json: AsJson = False) -> None:
    """Check the installation. The exit code is 1 if something is broken."""
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
