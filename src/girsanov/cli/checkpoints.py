"""`girsanov checkpoints`: models of one training run, measured on the same noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer import Argument, Option

from .. import workflow
from . import console
from .options import DATA_HELP, AsJson, command
from .tables import table

if TYPE_CHECKING:
    from ..checkpoints.series import TrainingSeries


@command(
    workflow.CheckpointsRequest,
    model=Argument(
        help="Model folders, in the order of their training. EMA copies may be among them."
    ),
    data=f"Held-out data: {DATA_HELP}, or law.json.",
    train_data="Training data, to see overfitting.",
    examples=Option(min=16, help="The most examples to use."),
    levels=Option(min=2, help="Noise levels to measure."),
    out="The file for the series, .jsonl.",
    page="The file for the page, .html.",
)
def checkpoints(request: workflow.CheckpointsRequest, *, json: AsJson = False) -> None:
    """Measure checkpoints of one run on the same examples and noise, and say which to keep.

    Differences are paired, so they are much surer than those of separate audits. The last number
    in a name is its training step. The last fifth of the training decides whether to go on.
    """
    with console.progress("measure") as tick:
        found = workflow.checkpoints(request, progress=tick)

    def view() -> None:
        _print(found.series)
        console.wrote(found.out)
        console.wrote(found.page)

    console.result(json, found.to_json(), view, found.advice.sentences)


def _print(series: TrainingSeries) -> None:
    """Print a line a checkpoint."""
    from ..checkpoints.advice import interval_words

    rows = series.checkpoints
    seen = series.seen_shares is not None
    grid = table("model", "nats", "gain (nats)",
                 *(["held-out - training"] if seen else []))  # fmt: skip
    for k, one in enumerate(rows):
        gain = "-" if k == 0 else interval_words(series.gain(rows[k - 1], one), unit="")
        gap = series.overfit(one)
        more = [] if gap is None else [interval_words(gap, unit="")]
        grid.add_row(one.name, f"{float(series.nats(one).value):.5g}", gain, *more)
    console.console_of().print(grid)
