"""`girsanov coverage`: whether draws of x given y can be trusted, and if not, why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer import Argument, Option

from .. import workflow
from .._checks import figure
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
    data=f"Pairs; of the training file the part kept back is used: {DATA_HELP}.",
    operator="Of a model of x alone: how each x is measured, A [q, ...] or a mask (.npy).",
    noise="The standard deviation of the noise of that measurement.",
    rows=Option(min=50, help="Use at most so many pairs."),
    draws=Option(min=4, help="Draws of each."),
    confidence="That draws which can be trusted are called so.",
    cause=Option(help="Where they cannot be: say whether the steps or the network do it."),
    batch_size=Option(min=1, help="Draws a network call; changes nothing."),
)
def coverage(request: workflow.CoverageRequest, *, json: AsJson = False) -> None:
    """Say whether what a plan draws of x given y can be trusted.

    Held-out truths are ranked among draws. Draws that cannot be trusted are made again with many
    more steps: what is right then was the fault of the steps, the rest is that of the network.

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
    for s in covered.shares:
        band = f"{s.low:.1%} .. {s.high:.1%}"
        rows.add_row(s.what, s.of or "all", f"{s.share:.1%}", band, "" if s.good else "outside")
    terminal.print(rows)
    for score in covered.scores:
        value, excess = (f"{figure(e.value)} ± {figure(1.96 * e.se, 2)}"
                         for e in (score.value, score.excess))  # fmt: skip
        line = f"{score.name} {value}, {excess} more than the draws' own"
        terminal.print(line, style="dim", markup=False)
