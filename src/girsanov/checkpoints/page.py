"""The page of a series: what to keep, nats against training, and where the gain was."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from markupsafe import Markup

from .._files import write_text
from ..ledger.numbers import number
from .advice import interval_words, series_advice
from .figures import gain_by_level_figure, overfit_figure, training_figure

if TYPE_CHECKING:
    from .._typing import Json, PathLike
    from .series import TrainingSeries


def write_page(series: TrainingSeries, path: PathLike, *, refresh: int | None = None) -> None:
    """Write the page of a series with at least one checkpoint.

    refresh: seconds after which a browser that shows it reads it again, None for never.
    """
    write_text(path, render_series(series, refresh))


def render_series(series: TrainingSeries, refresh: int | None = None) -> str:
    """Return the page as text."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = files("girsanov.reporting").joinpath("style.css").read_text(encoding="utf-8")
    text = files(__package__).joinpath("page.html.j2").read_text(encoding="utf-8")
    rows, said = series.checkpoints, series_advice(series)
    before = rows[max(0, len(rows) - 2)]
    figures = [training_figure(series)]
    if len(rows) > 1:
        figures.append(gain_by_level_figure(series, before, rows[-1], "gain-last"))
    if len(rows) > 2:
        figures.append(gain_by_level_figure(series, rows[0], rows[-1], "gain-all"))
    overfits = overfit_figure(series, rows[-1])
    figures += [] if overfits is None else [overfits]
    return environment.from_string(text).render(
        style=Markup(style), refresh=refresh, sentences=said.sentences, figures=figures,
        rows=[_row(series, k) for k in range(len(rows))], keep=said.keep,
        levels=len(series.levels), seen=series.seen_shares is not None,
    )  # fmt: skip


def _row(series: TrainingSeries, k: int) -> Json:
    """Return a checkpoint as the table has it."""
    one, rows = series.checkpoints[k], series.checkpoints
    gap = series.overfit(one)
    return {
        "name": one.name, "step": "–" if one.step is None else str(one.step),
        "nats": number(float(series.nats(one).value), 4),
        "gain": "–" if k == 0 else interval_words(series.gain(rows[k - 1], one)),
        "gap": "–" if gap is None else interval_words(gap),
    }  # fmt: skip
