r"""Line charts for the statements: what is claimed dashed, what is measured solid or as dots."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from .._checks import require_choice
from ..reporting.figures.svg import (
    LEFT,
    NARROW,
    RIGHT,
    TOP,
    Axis,
    dots,
    el,
    frame,
    linear_ticks,
    polyline,
    responsive,
    ribbon,
    svg,
)

if TYPE_CHECKING:
    from .._typing import Array

KINDS = ("line", "dashed", "dots", "both")
DECADES = 12.0  # of a log axis at most; what is below is held at its end
MARGIN = 0.06  # of an axis beyond the data


@dataclass(frozen=True)
class Series:
    """One curve: values y over x, in the colour of number `tone` (1 to 5).

    kind: ``line``, ``dashed`` (a claim or a bound), ``dots`` or ``both``; low, high: a band.
    """

    label: str
    x: Any
    y: Any
    tone: int = 1
    kind: str = "line"
    low: Any = None
    high: Any = None

    def __post_init__(self) -> None:
        require_choice("kind", self.kind, KINDS)

    def values(self) -> Array:
        """Return everything that is drawn, for the axis."""
        parts = [v for v in (self.y, self.low, self.high) if v is not None]
        return np.concatenate([np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in parts])


def chart(
    ident: str,
    title: str,
    series: Sequence[Series],
    labels: tuple[str, str],
    *,
    log: str = "",
    y_range: tuple[float, float] | None = None,
) -> Markup:
    """Return a chart with its legend; labels: of both axes; log: which are, "", "x", "y", "xy"."""

    def draw(name: str, width: float) -> Markup:
        return _draw(name, width, title, series, labels, log, y_range)

    keys = [
        el("span", el("i", class_=f"key t{s.tone} {s.kind}"), s.label) for s in series if s.label
    ]
    return el("p", Markup(" ").join(keys), class_="legend") + el("figure", responsive(ident, draw))


def _draw(
    ident: str,
    width: float,
    title: str,
    series: Sequence[Series],
    labels: tuple[str, str],
    log: str,
    y_range: tuple[float, float] | None,
) -> Markup:
    tall = 290.0 if width > NARROW else 230.0
    x = _axis([np.asarray(s.x, dtype=np.float64) for s in series], "x" in log, LEFT, width - RIGHT)
    y = _axis([s.values() for s in series], "y" in log, TOP + tall, TOP)
    if y_range is not None:
        y = Axis(*y_range, TOP + tall, TOP, log="y" in log)
    parts = [frame(x, y, *labels)]
    for s in series:
        parts += _curve(s, x, y)
    return svg(ident, (width, tall + TOP + 46), title, _in_words(series, labels), *parts)


def _curve(s: Series, x: Axis, y: Axis) -> list[Markup]:
    at, tone = x(np.atleast_1d(s.x)), f"t{s.tone}"
    parts = []
    if s.low is not None:
        parts.append(el("path", d=ribbon(at, y(s.low), y(s.high)), class_=f"band {tone}"))
    if s.kind != "dots":
        parts.append(el("path", d=polyline(at, y(s.y)), class_=f"line {tone} {s.kind}"))
    if s.kind in ("dots", "both"):
        parts.append(el("path", d=dots(at, y(np.atleast_1d(s.y))), class_=f"dots small {tone}"))
    return parts


def _axis(values: Sequence[Array], log: bool, start: float, end: float) -> Axis:
    every = np.concatenate([np.atleast_1d(v).ravel() for v in values])
    every = every[np.isfinite(every)]
    if log:
        every = every[every > 0]
        high, low = float(every.max()), float(every.min())
        low = max(low, high * 10.0**-DECADES)
        room = (high / low) ** MARGIN if high > low else 2.0
        return Axis(low / room, high * room, start, end, log=True)
    low, high = float(every.min()), float(every.max())
    if low >= 0 and low < 0.5 * high:
        low = 0.0
    room = MARGIN * (high - low) or 1.0
    ends = (low if low == 0 else low - room, high + room)
    ticks = linear_ticks(*ends, 5)
    return Axis(ends[0], max(ends[1], ticks[-1]), start, end)


def _in_words(series: Sequence[Series], labels: tuple[str, str]) -> str:
    """Return the chart in words, for those who do not see it."""
    from ..ledger.numbers import number

    sentences = [f"{labels[1]} against {labels[0]}."]
    for s in series:
        x, y = np.atleast_1d(s.x), np.atleast_1d(np.asarray(s.y, dtype=np.float64))
        if s.label and len(y) and math.isfinite(float(y[0])):
            ends = (float(x[0]), float(y[0]), float(x[-1]), float(y[-1]))
            a, b, c, d = (number(v) for v in ends)
            sentences.append(f"{s.label}: {b} at {a}, {d} at {c}.")
    return " ".join(sentences)
