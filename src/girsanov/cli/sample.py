"""`girsanov sample`: samples of a model by a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer import Option

from .. import workflow
from .._checks import plural
from . import console
from .nexts import after_sample
from .options import DATA_FILES, MODEL, PRECISION, AsJson, command

if TYPE_CHECKING:
    from ..workflow.draw_samples import SampleResult


@command(
    workflow.SampleRequest,
    model=MODEL,
    plan="What `girsanov plan` wrote.",
    count=Option(min=1, help="Samples to draw, of each row of --given."),
    given="A file with the rows of y that a model of x given y is told.",
    out=f"{DATA_FILES}, or FOLDER/ of images.",
    batch_size=Option(
        min=1, help="Samples a network call (default: up to 1000); changes nothing."
    ),
    precision=PRECISION,
    label="The one class to draw, by name.",
    as_drawn=Option("--as-drawn", help="Leave a table's numbers beyond those seen as drawn."),
)
def sample(request: workflow.SampleRequest, *, json: AsJson = False) -> None:
    """Draw samples with a plan, in the data's own units and types.

    In a table, whole numbers are kept to the range of the training data, and columns without
    negative numbers to 0 and above, unless --as-drawn is given.

    A model with classes draws them as often as they occur in its training data, and writes them
    along, unless --label names one. A model of x given y draws --count for every row of --given,
    and writes the row's number along.
    """
    with console.going_on(request.out), console.progress("sample") as tick:
        drawn = workflow.sample(request, progress=tick, say=console.aside)
    if drawn is not None:
        console.result(json, drawn.to_json(), lambda: _print(drawn))


def _print(drawn: SampleResult) -> None:
    """Print what was drawn, and the next command."""
    values, terminal = drawn.values, console.console_of()
    form = f" of shape {values.shape[1:]}" if values.ndim > 1 else ""
    names = values.dtype.names
    kind = f"columns {console.few(names)}" if names else str(values.dtype)
    of = f" for {plural(drawn.rows, 'row')} of --given" if drawn.rows else ""
    terminal.print(f"drew {plural(len(values), 'sample')}{form}{of}, {kind}", markup=False)
    if drawn.bounded:
        columns = console.few(drawn.bounded)
        line = f"kept to numbers that the training data could hold: {columns}"
        terminal.print(f"{line} (--as-drawn leaves them)", markup=False)
    if drawn.tally:
        counts = "  ".join(f"{name}: {n}" for name, n in drawn.tally.items())
        terminal.print(counts, markup=False)
    console.wrote(drawn.out)
    console.next_command(after_sample(drawn.commands, drawn.out))
