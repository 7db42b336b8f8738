"""`girsanov compare`: how close samples are to data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..comparison.measures.registry import MEASURES
from .nexts import after_compare
from .options import (
    DATA,
    AsJson,
    ClassOrder,
    Drop,
    Labels,
    Seed,
    app,
    one_of,
    require_measures,
)
from .tables import table

if TYPE_CHECKING:
    from ..comparison.result import Comparison

OTHER = "another model than --model drew the samples; of --model only the data are used"


@app.command()
def compare(
    samples: Annotated[str, typer.Argument(help="What `girsanov sample` wrote, or any data.")],
    data: Annotated[str, typer.Argument(help=f"Data to compare with: {DATA}, or law.json.")],
    by: Annotated[
        list[str] | None, typer.Option(help=f"{one_of(MEASURES)} (may be repeated; default: all).")
    ] = None,
    features: Annotated[
        str, typer.Option(help="builtin, or a .npz with features of all samples and all data.")
    ] = "builtin",
    model: Annotated[
        str | None,
        typer.Option(help="Of the data this MODEL was fitted on, use the part kept back."),
    ] = None,
    train_data: Annotated[
        str | None, typer.Option(help="Training data, to look for memorisation.")
    ] = None,
    labels: Labels = None,
    class_order: ClassOrder = None,
    drop: Drop = None,
    rows: Annotated[int, typer.Option(min=1, help="Use at most so many rows of each.")] = 10_000,
    seed: Seed = 0,
    json: AsJson = False,
) -> None:
    """Say how close SAMPLES are to DATA, each measure with its interval and its floor.

    The floor is the same distance between two halves of DATA.
    """
    from ..comparison.compare import compare as measured
    from . import show

    require_measures(by or [], MEASURES)
    drawn, real, train, notes = _sets(
        samples, data, train_data, model, labels, drop or [], class_order or "number"
    )  # fmt: skip
    with show.progress("compare") as tick:
        found = measured(
            drawn,
            real,
            by=by,
            features=features,
            train=train,
            rows=rows,
            seed=seed,
            progress=tick,
        )

    def told() -> None:
        compared(found)
        show.noted(notes)
        then = after_compare(samples)
        if then:
            show.next_command(then)

    show.result(json, {**found.to_json(), "notes": notes}, told)


def _sets(
    samples: str,
    data: str,
    train_data: str | None,
    model: str | None,
    labels: str | None,
    drop: Sequence[str] = (),
    class_order: str = "number",
) -> tuple[Any, Any, Any, list[str]]:
    """Return samples, data and training data (or None) as `compare` takes them, and notes."""
    from ..data import Dataset, load_data
    from ..data.origin import drawn_by_another, read_origin
    from ..denoise.classes import class_note
    from ..denoise.load import load_model
    from ..reporting.figures.samples import alike
    from ..workflow.data_sources import left_out, parts, read_source

    origin = read_origin(samples)
    denoiser = None if model is None else load_model(model)
    like = denoiser if denoiser is not None else left_out(origin)
    real, train = read_source(data, labels, drop, like, class_order), None
    if denoiser is not None and isinstance(real, Dataset):
        real, train = parts(denoiser, real, data, labelled=True)
    if train_data is not None:
        train = load_data(train_data, labels=labels, drop=drop, like=like)
    drawn = load_data(samples, labels=origin.get("label_column"), like=like)
    shown = alike(drawn, real) if isinstance(real, Dataset) else drawn
    other = denoiser is not None and drawn_by_another(samples, denoiser.fingerprint)
    note = None if denoiser is None else class_note(denoiser, real)
    return shown, real, train, [*([OTHER] if other else []), *([note] if note else [])]


def compared(found: Comparison) -> None:
    """Print a comparison as a table, and below it what each measure is."""
    from ..comparison.result import table_cells, table_heads, table_notes, table_title
    from .show import console_of

    console = console_of()
    console.print(table_title(found), markup=False)
    made = table(*table_heads(found))
    for row in found.rows:
        made.add_row(*table_cells(row))
    console.print(made)
    for note in table_notes(found):
        console.print(note, style="dim", markup=False)
