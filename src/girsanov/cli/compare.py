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
    by=f"The measure: {one_of(MEASURES)}. Repeat it for more (default: all).",
    features="builtin, or a .npz file with your own features of all samples and all data.",
    model="The model. Of the data it was fitted on, only the part kept back is used.",
    train_data="The training data, to look for memorisation.",
    rows=Option(min=1, help="Use at most so many rows of each side."),
)
def compare(request: workflow.CompareRequest, *, json: AsJson = False) -> None:
    """Show how close SAMPLES are to DATA, with an interval and a floor for each measure.

    The floor is the same distance between two halves of DATA.
    """
    with console.progress("compare") as tick:
        compared = workflow.compare(request, progress=tick)

    def view() -> None:
        _print(compared.comparison)
        console.noted(compared.notes)
        then = after_compare(str(request.samples))
        if then:
            console.next_command(then)

    console.result(json, compared.to_json(), view)


def _print(comparison: Comparison) -> None:
    """Print a comparison as a table, and below it what each measure is."""
    from ..comparison.result import table_cells, table_heads, table_notes, table_title

    terminal = console.console_of()
    terminal.print(table_title(comparison), markup=False)
    rows = table(*table_heads(comparison))
    for row in comparison.rows:
        rows.add_row(*table_cells(row))
    terminal.print(rows)
    for note in table_notes(comparison):
        terminal.print(note, style="dim", markup=False)
