"""`girsanov compare`: how close samples are to data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer import Argument, Option

from .. import workflow
from ..comparison.measures.registry import MEASURES
from . import console
from .nexts import after_compare
from .options import DATA_HELP, AsJson, command, one_of
from .tables import table

if TYPE_CHECKING:
    from ..comparison.result import Comparison


@command(
    workflow.CompareRequest,
    samples=Argument(help="The samples: a file of `girsanov sample`, or any data."),
    data=Argument(
        help=f"The data to compare with: {DATA_HELP}; or a known distribution, law.json (for "
        "tests)."
    ),
    by=f"The measure: {one_of(MEASURES)}. Repeat it for more (default: all that can be had).",
    features="builtin, or a .npz file with your own features of all samples and all data.",
    model="The model. Of the data it was fitted on, only the part kept back is used.",
    train_data="The training data, to look for memorisation.",
    target="The column of a table to predict, learnt from samples and from real rows.",
    out="The .json file to keep the comparison in, for `girsanov report --comparison`.",
    rows=Option(min=1, help="Use at most so many rows of each side."),
)
def compare(request: workflow.CompareRequest, *, json: AsJson = False) -> None:
    """Show how close SAMPLES are to DATA, with an interval and a floor for each measure.

    The floor is the same of real rows: of two halves of DATA, and of tables of training rows where
    they are known (--model, --train-data). Of tables it says which columns and pairs are off.
    """
    with console.progress("compare") as tick:
        compared = workflow.compare(request, progress=tick)

    def view() -> None:
        _print(compared.comparison)
        console.noted(compared.notes)
        if (kept := compared.out) is not None:
            console.wrote(kept)
        then = after_compare(str(request.samples), None if kept is None else str(kept))
        if then:
            console.next_command(then)

    console.result(json, compared.to_json(), view)
    if compared.replaced:
        console.replaced("an older comparison", json)


def _print(comparison: Comparison) -> None:
    """Print a comparison as a table, and below it what each measure is."""
    from ..comparison.result import comparison_table

    shown = comparison_table(comparison)
    terminal = console.console_of()
    terminal.print(shown.title, markup=False)
    rows = table(*shown.heads)
    for row in shown.rows:
        rows.add_row(*row)
    terminal.print(rows)
    for part in shown.parts:
        worst = table(*part.heads)
        for cells in part.cells:
            worst.add_row(*cells)
        terminal.print()
        terminal.print(worst)
    for note in shown.notes:
        terminal.print(note, style="dim", markup=False)
