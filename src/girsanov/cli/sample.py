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
    plan="The plan: a file of `girsanov plan`.",
    count=Option(
        min=1, help="How many samples to draw, of each row of --given, --measured or --fill."
    ),
    given="A file with the rows of y, for a model of x given y.",
    operator="A measurement of the sample: A [q, ...] or a mask of true and false (.npy), in the "
    "data's own units. Needs --measured and --noise.",
    measured="What was measured: y (.npy) [q], or [R, q] for R samples, NaN for a gap.",
    noise="The standard deviation of the noise of y.",
    fix="A cell of a table that is known: column=value. Repeat it for more.",
    fill="A table with gaps (empty cells, missing columns), to fill --count times.",
    out=f"The file to write: {DATA_FILES}, or FOLDER/ for images.",
    batch_size=Option(
        min=1, help="Samples per network call (default: up to 1000). The samples stay the same."
    ),
    precision=PRECISION,
    label="Draw only this class. For a model that reads text: the prompt.",
    as_drawn=Option(
        "--as-drawn",
        help="Keep a table's numbers as drawn, even outside the range of the training data.",
    ),
)
def sample(request: workflow.SampleRequest, *, json: AsJson = False) -> None:
    """Draw samples with a plan, in the data's own units and types.

    In a table, whole numbers stay in the range of the training data, and columns without negative
    numbers stay at 0 or above. Use --as-drawn to see the raw values.

    A model with classes draws each class as often as it occurs in the training data, and writes
    the labels too. Use --label to draw one class. A model of x given y draws --count samples for
    each row of --given, and writes the number of the row.

    Samples given a measurement y = A x + noise, or given cells of a table, need a plan of
    analytic-dpm. The plan's certificate is for samples without it.
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
    of = f" for {plural(drawn.rows, 'row')} of {drawn.given}" if drawn.rows else ""
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
