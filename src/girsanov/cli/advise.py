"""`girsanov advise`: which noise levels to train on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer import Argument

from .. import workflow
from . import console
from .options import DATA_HELP, AsJson, command
from .tables import labelled

if TYPE_CHECKING:
    from ..advice.advise import Advice


@command(
    workflow.AdviseRequest,
    data=Argument(help=f"The data to train on: {DATA_HELP}."),
    audit="What `girsanov audit` wrote of a model that was fitted to this file: says where the "
    "model is underfit, and where overfit.",
    minutes="Train for so long, and measure at which levels the gradient varies most.",
    nats="What a start from noise may cost, in nats, which decides sigma_max.",
)
def advise(request: workflow.AdviseRequest, *, json: AsJson = False) -> None:
    """Say which noise levels to train on, from the data alone, for EDM, flows and DDPM.

    Every number has a reason beside it. Nothing is trained, unless --minutes asks for it.
    """
    with console.progress("trial") as tick:
        done = workflow.advise(request, progress=tick)
    console.result(json, done.to_json(), lambda: _print(done.advice))


def _print(advice: Advice) -> None:
    """Print what to type in each choice of units, why, and what was noticed."""
    terminal = console.console_of()
    for units, lines in advice.rows():
        terminal.print(f"in {units}", style="bold", markup=False)
        terminal.print(labelled(lines))
        terminal.print()
    terminal.print(f"why, in {advice.measured.levels.units}", style="bold", markup=False)
    terminal.print(labelled(list(advice.measured.reasons().items())))
    if advice.fit is not None:
        terminal.print()
        terminal.print("the audited model", style="bold", markup=False)
        for line in advice.fit.lines():
            terminal.print(line, markup=False)
    if advice.trial is not None:
        terminal.print()
        terminal.print("the trial", style="bold", markup=False)
        terminal.print(advice.trial.line(), markup=False)
    console.noted(advice.notes)
