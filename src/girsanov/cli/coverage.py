"""`girsanov coverage`: whether draws of x given y can be trusted, and if not, why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer import Argument, Option

from .. import workflow
from . import console
from .nexts import after_coverage
from .options import DATA_HELP, AsJson, command
from .tables import table

if TYPE_CHECKING:
    from ..posterior.result import Coverage


@command(
    workflow.CoverageRequest,
    model=Argument(
        help="A model of x given y (`girsanov fit --given`), or one of x, with --operator."
    ),
    plan="What `girsanov plan` wrote.",
    data=f"Pairs (of the training file, the part kept back is used): {DATA_HELP}.",
    operator="Of a model of x alone: how each x is measured, A [q, ...] or a mask (.npy).",
    noise="The standard deviation of the noise of that measurement.",
    rows=Option(min=50, help="The most pairs to use."),
    draws=Option(min=4, help="Draws for each pair."),
    confidence="The chance that draws which can be trusted pass.",
    cause=Option(help="If draws fail, find out whether the steps or the network are to blame."),
    batch_size=Option(min=1, help="Draws per network call. It changes no result."),
)
def coverage(request: workflow.CoverageRequest, *, json: AsJson = False) -> None:
    """Check whether samples of x given y can be trusted.

    Held-out truths are ranked among draws. If the ranks are off, the same pairs are drawn again
    with many more steps. What this puts right was the fault of the steps; the rest is the network.

    With --operator and --noise, held-out truths of a model of x alone are measured (with simulated
    noise), and samples are drawn given that (`girsanov sample --operator`).
    """
    with console.progress("coverage") as tick:
        covered = workflow.coverage(request, progress=tick)

    def view() -> None:
        _print(covered)
        seen = (str(request.operator or ""), request.noise or 0.0)
        console.next_command(after_coverage(str(request.model), str(request.plan), *seen))

    console.result(json, covered.to_json(), view)


def _print(covered: Coverage) -> None:
    """Print the verdict, the counts beside their bands, and the scores."""
    terminal = console.console_of()
    terminal.print(covered.verdict, markup=False)
    rows = table("pairs", "of", "share", "band", "")
    for cells in covered.cells():
        rows.add_row(*cells)
    terminal.print(rows)
    for line in covered.score_lines():
        terminal.print(line, style="dim", markup=False)
