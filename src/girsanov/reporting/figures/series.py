"""Series as lines: a box for each of a few, all boxes on one scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from ...ledger.numbers import number
from .svg import Axis, el, polyline, svg

if TYPE_CHECKING:
    from ..._typing import Array

BOXES, ACROSS = 12, 3
BOX = (110.0, 60.0)  # pixels
GAP = 8.0
LINES = 4  # channels drawn
POINTS = 220  # of a line, at most: two a pixel
TAIL = 0.001  # share of the numbers on either side that the scale may leave out


@dataclass(frozen=True)
class SeriesFigure:
    """Series of one set: its caption and its figure."""

    caption: str
    figure: Markup


def series_figures(sets: dict[str, Array]) -> tuple[tuple[SeriesFigure, ...], str]:
    """Return a figure for each set of series [n, C, L] by name, and what all of them show."""
    low, high = _scale(list(sets.values()))
    figures = tuple(
        SeriesFigure(name, _figure(name, rows[:BOXES], low, high)) for name, rows in sets.items()
    )
    _, channels, length = next(iter(sets.values())).shape
    words = (
        f"Each box is one series of {length} values, and all boxes reach from {number(low)} to "
        f"{number(high)}."
    )
    if channels > 1:
        shown = "in one box" if channels <= LINES else f"of which the first {LINES} are drawn"
        words += f" A series has {channels} channels, {shown}."
    return figures, words


def _scale(sets: list[Array]) -> tuple[float, float]:
    pooled = np.concatenate([rows[:BOXES, :LINES].ravel() for rows in sets])
    pooled = pooled[np.isfinite(pooled)]
    low, high = np.quantile(pooled, [TAIL, 1 - TAIL]).tolist() if len(pooled) else (0.0, 1.0)
    edge = 0.04 * (high - low) or max(abs(low), 1.0) / 2
    return low - edge, high + edge


def _figure(name: str, rows: Array, low: float, high: float) -> Markup:
    """Return the boxes of series [n, C, L]."""
    down = -(-len(rows) // ACROSS)
    parts: list[Markup] = []
    for k, channels in enumerate(rows):
        left = (k % ACROSS) * (BOX[0] + GAP) + 1
        top = (k // ACROSS) * (BOX[1] + GAP) + 1
        parts.append(
            el("rect", x=left, y=top, width=BOX[0], height=BOX[1], class_="panel"),
        )
        x = Axis(0.0, max(1.0, channels.shape[1] - 1.0), left + 2, left + BOX[0] - 2)
        y = Axis(low, high, top + BOX[1] - 2, top + 2)
        for c, values in enumerate(channels[:LINES]):
            parts.append(
                el("path", d=_path(values, x, y), class_=f"line hair level-{(c + 1) % 4}")
            )
    size = (ACROSS * (BOX[0] + GAP) - GAP + 2, down * (BOX[1] + GAP) - GAP + 2)
    return svg(f"series-{name}", size, f"Series of the {name}", f"{len(rows)} series.", *parts)


def _path(values: Array, x: Axis, y: Axis) -> str:
    """Return the line of one channel [L], broken where there is no number."""
    at = np.unique(np.linspace(0, len(values) - 1, min(len(values), POINTS)).round().astype(int))
    at = at[np.isfinite(values[at])]
    return polyline(x(at), y(values[at])) if len(at) else ""
