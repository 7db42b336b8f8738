"""`girsanov compare`: how close samples are to data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import DATA, AsJson, Drop, Labels, Seed, app, require_measures
from .tables import number

if TYPE_CHECKING:
    from ..comparison.compare import Comparison, Row

MEASURES = "sliced-w2, gaussian-w2, mmd, classifier, frechet or memorisation"


@app.command()
def compare(
    samples: Annotated[str, typer.Argument(help="What `girsanov sample` wrote, or any data.")],
    data: Annotated[str, typer.Argument(help=f"Data to compare with: {DATA}, or law.json.")],
    by: Annotated[
        list[str] | None, typer.Option(help=f"{MEASURES} (may be repeated; default: all).")
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
    drop: Drop = None,
    rows: Annotated[int, typer.Option(min=1, help="Use at most so many rows of each.")] = 10_000,
    seed: Seed = 0,
    json: AsJson = False,
) -> None:
    """Say how close SAMPLES are to DATA, each measure with its interval and its floor.

    The floor is the same distance between two halves of DATA.
    """
    from ..comparison.compare import MEASURES as KNOWN
    from ..comparison.compare import compare as measure
    from . import show

    require_measures(by or [], KNOWN)
    drawn, real, train = _sets(samples, data, train_data, model, labels, drop or [])
    with show.progress("compare") as tick:
        found = measure(
            drawn,
            real,
            by=by,
            features=features,
            train=train,
            rows=rows,
            seed=seed,
            progress=tick,
        )
    show.result(json, found.to_json(), lambda: compared(found))


def _sets(
    samples: str,
    data: str,
    train_data: str | None,
    model: str | None,
    labels: str | None,
    drop: Sequence[str] = (),
) -> tuple[Any, Any, Any]:
    """Return samples, data and training data (or None) as `compare` takes them."""
    from ..data import Dataset, load_data
    from ..denoise.load import load_model
    from ..reporting.pictures import alike
    from .origin import read_origin
    from .sources import left_out, parts, read_source

    origin = read_origin(samples)
    denoiser = None if model is None else load_model(model)
    like = denoiser if denoiser is not None else left_out(origin)
    real, train = read_source(data, labels, drop, like), None
    if denoiser is not None and isinstance(real, Dataset):
        real, train = parts(denoiser, real, data, labelled=True)
    if train_data is not None:
        train = load_data(train_data, labels=labels, drop=drop, like=like)
    drawn = load_data(samples, labels=origin.get("label_column"), like=like)
    return alike(drawn, real) if isinstance(real, Dataset) else drawn, real, train


def compared(found: Comparison) -> None:
    """Print a comparison as a table, and below it what each measure is."""
    from rich.console import Console
    from rich.table import Table

    about, console = found.about, Console(highlight=False)
    samples, data = (
        f"{about[n]}" + (f" of {about[g]}" if about[g] > about[n] else "")
        for n, g in (("samples", "samples_given"), ("data", "data_given"))
    )  # groups of equal size are compared, and at most --rows
    console.print(
        f"{samples} samples and {data} examples of {about['dimension']} numbers, in "
        f"{about['units']}"
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("measure")
    headings = (
        "distance", f"{100 * about['confidence']:.3g} % interval", "computed", "halves", "p",
    )  # fmt: skip
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in found.rows:
        floor = "-" if row.floor is None else number(row.floor[0])
        interval = f"{number(row.low)} .. {number(row.high)}"
        cells = (number(row.value), interval, number(row.computed), floor, number(row.p_value))
        table.add_row(row.name, *cells)
    console.print(table)
    console.print(
        "[dim]distance: of the two laws; computed: of these rows, larger by chance alone; "
        f"halves: the same of two halves of the data, {about['data'] // 2} rows each[/]"
    )
    for row in found.rows:
        console.print(f"[dim]{row.name}: {row.note}; {verdict(row)}[/]")


def verdict(row: Row) -> str:
    """Return in words whether a measure tells the samples from the data, by test and interval.

    The test is exact, one-sided where only one side is asked about. The interval is two-sided
    and, of a distance, wider than need be near 0 (`comparison/jackknife.py`).
    """
    chance = 0.5 if row.name in ("memorisation", "classifier") else 0.0
    apart = row.low > chance
    sure = apart if row.p_value is None else row.p_value <= 0.05
    if row.name == "memorisation":
        if apart != sure:
            return (
                "too close to call: its one-sided test and its two-sided interval disagree about "
                "chance, 1/2"
            )
        return "samples repeat training examples" if sure else "no sign of repeated examples"
    told = "it tells samples from data" if sure else "it cannot tell samples from data"
    if apart == sure:
        return told
    return (
        f"{told}, by its test, which is exact (p {number(row.p_value)}); so close to chance its "
        f"interval is {'wider' if sure else 'narrower'} than that"
    )
