"""Columns of samples beside columns of data: histograms, bars of categories, pairs of columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from ...ledger.numbers import number
from .svg import NARROW, Axis, dots, el, responsive, svg

if TYPE_CHECKING:
    from ..._typing import Array

BARS_UP_TO = 12  # whole numbers with at most so many values are drawn as bars, one a value
MOST_BARS = 10
TAIL = 0.001  # share of the numbers on either side that the axis may leave out
LONG = 6  # letters of a label from which only the two outer ones fit
POINTS = 400
DAY = 86_400.0  # seconds
MISSING = "missing"  # a category of its own, whose name is empty
CELL = (224.0, 120.0)  # pixels of one histogram


@dataclass(frozen=True)
class Column:
    """A named column [n] of numbers, dates or text."""

    name: str
    values: NDArray[Any]

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers, or dates, which are shown as such."""
        return self.values.dtype.kind in "biufM"

    @property
    def dated(self) -> bool:
        """Whether it holds dates."""
        return self.values.dtype.kind == "M"

    def numbers(self) -> Array:
        """Return numbers, of dates the seconds since 1970; NaN where there is none."""
        if not self.dated:
            return self.values.astype(np.float64)
        seconds = self.values.astype("M8[s]").astype(np.int64).astype(np.float64)
        return np.where(np.isnat(self.values), np.nan, seconds)

    def finite(self) -> Array:
        """Return the numbers that are numbers."""
        values = self.numbers()
        return np.asarray(values[np.isfinite(values)])


def histogram(pair: Sequence[Column | None], index: int) -> Markup:
    """Return one column's histogram: samples filled, data as an outline.

    pair: the samples' column and the data's, either may be None; index: makes the id unique.
    """
    columns = [c for c in pair if c is not None]
    ident = f"column-{index}"
    if not columns[0].numeric or _countable(columns):
        return _bars(pair, columns[-1].name, ident)
    numbers = [None if c is None else c.finite() for c in pair]
    pooled = np.concatenate([v for v in numbers if v is not None])
    if not len(pooled):
        return svg(ident, CELL, columns[-1].name, "No finite numbers.", _title(columns[-1].name))
    low, high = (float(v) for v in np.quantile(pooled, [TAIL, 1 - TAIL]))
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        low, high = low - max(abs(low), 1.0) / 2, high + max(abs(high), 1.0) / 2
    edges = np.linspace(low, high, int(np.clip(len(pooled) ** 0.5 / 2, 8, 36)) + 1)
    shares = [None if v is None else np.histogram(v, edges)[0] / max(len(v), 1) for v in numbers]
    top = max(float(s.max()) for s in shares if s is not None) or 1.0
    x = Axis(low, high, 6.0, CELL[0] - 6)
    y = Axis(0.0, top, CELL[1] - 22, 26.0)
    dated = columns[-1].dated
    parts = [_title(columns[-1].name), _base(x, y, _dates(low, high) if dated else x.ticks(5))]
    for share, kind in zip(shares, ("sample-area", "data-line"), strict=True):
        if share is not None:
            parts.append(el("path", d=_stairs(x(edges), y(share), y.start), class_=kind))
    words = _summary(numbers, dated)
    return svg(ident, CELL, f"Histogram of {columns[-1].name}", words, *parts)


def _countable(columns: Sequence[Column]) -> bool:
    whole = all(c.values.dtype.kind in "biu" for c in columns)
    return whole and len(np.unique(np.concatenate([c.values for c in columns]))) <= BARS_UP_TO


def _title(name: str) -> Markup:
    return el("text", _short(name, 28), x=6.0, y=14.0, class_="name")


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def _date(seconds: float) -> str:
    return str(np.datetime64(round(seconds / DAY), "D"))


def _dates(low: float, high: float) -> list[tuple[float, str]]:
    """Return the ends of an axis of dates with their labels."""
    return [(low, _date(low)), (high, _date(high))]


def _base(x: Axis, y: Axis, ticks: list[tuple[float, str]]) -> Markup:
    parts = [el("path", d=f"M{x.start:.1f} {y.start:.1f}H{x.end:.1f}", class_="axis")]
    if max((len(label) for _, label in ticks), default=0) > LONG:
        ticks = ticks[:: len(ticks) - 1] if len(ticks) > 1 else ticks
    for value, label in ticks:
        edge = 3.3 * len(label)  # half of its width
        at = min(max(x(value), edge), CELL[0] - edge)
        parts.append(el("text", label, x=at, y=y.start + 16, class_="mid tick"))
    return el("g", *parts, aria_hidden="true")


def _stairs(edges: Array, heights: Array, base: float) -> str:
    steps = "".join(
        f"V{h:.1f}H{e:.1f}" for h, e in zip(heights.tolist(), edges[1:].tolist(), strict=True)
    )
    return f"M{edges[0]:.1f} {base:.1f}{steps}V{base:.1f}"


def _summary(numbers: Sequence[Array | None], dated: bool) -> str:
    parts = []
    for name, v in zip(("Samples", "Data"), numbers, strict=True):
        if v is not None and len(v):
            mean, deviation = float(v.mean()), float(v.std())
            words = number(mean), number(deviation)
            words = (_date(mean), f"{number(deviation / DAY)} days") if dated else words
            parts.append(f"{name}: mean {words[0]}, deviation {words[1]}.")
    return " ".join(parts)


def _bars(pair: Sequence[Column | None], name: str, ident: str) -> Markup:
    texts = [None if c is None else c.values for c in pair]
    reference = next(v for v in reversed(texts) if v is not None)
    values, counts = np.unique(reference, return_counts=True)
    others = [v for v in texts if v is not None]
    if reference.dtype.kind in "biu":
        values = np.unique(np.concatenate(others))
    else:
        values = values[np.argsort(-counts, kind="stable")]
    shares = [None if v is None else [float(np.mean(v == u)) for u in values] for v in texts]
    values = values[:MOST_BARS]
    top = max(max(s[: len(values)]) for s in shares if s is not None) or 1.0
    y = Axis(0.0, top, CELL[1] - 22, 26.0)
    wide = (CELL[0] - 12) / len(values)
    parts = [_title(name)]
    base = f"M6 {y.start:.1f}H{CELL[0] - 6:.1f}"
    parts.append(el("path", d=base, class_="axis"))
    for k, value in enumerate(values.tolist()):
        left, box = 6 + wide * k + wide * 0.12, wide * 0.76
        for share, kind in zip(shares, ("sample-area", "data-line"), strict=True):
            if share is not None:
                d = f"M{left:.1f} {y.start:.1f}V{y(share[k]):.1f}h{box:.1f}V{y.start:.1f}"
                parts.append(el("path", d=d, class_=kind))
        room = max(1, int(wide / 7.5))
        text = str(value) or MISSING
        text = text if len(text) <= room else text[: max(1, room - 1)] + "…"
        middle = left + box / 2
        parts.append(el("text", text, x=middle, y=y.start + 16, class_="mid tick"))
    words = "; ".join(
        f"{value if value != '' else MISSING}: "
        + ", ".join(
            f"{who} {number(100 * s[k])} %"
            for who, s in zip(("samples", "data"), shares, strict=True)
            if s is not None
        )
        for k, value in enumerate(values.tolist())
    )
    return svg(ident, CELL, f"Shares of {name}", words, *parts)


def pair_figure(samples: Sequence[Column], data: Sequence[Column]) -> Markup:
    """Return scatter plots of every pair of columns, the samples' dots over the data's."""
    return responsive("pairs", lambda name, width: _pairs(samples, data, name, width))


def _pairs(samples: Sequence[Column], data: Sequence[Column], ident: str, width: float) -> Markup:
    first = list(data or samples)
    n = len(first) - 1
    side = min((width - 24 * n) / n, 300.0)
    limits = [_limits([s[j] for s in (data, samples) if s]) for j in range(len(first))]
    parts = []
    for row in range(1, n + 1):
        for column in range(row):
            left, top = 20 + column * (side + 24), (row - 1) * (side + 24)
            x = Axis(*limits[column], left, left + side)
            y = Axis(*limits[row], top + side, top)
            box = el("rect", x=left, y=top, width=side, height=side, class_="panel")
            parts.append(box)
            for kind, source in (("data-dots", data), ("sample-dots", samples)):
                if source:
                    parts.append(_scatter(source[column], source[row], x, y, kind))
            parts.append(_pair_labels(first, row, column, n, (left, top, side)))
    caption = "Pairs of " + ", ".join(c.name for c in first)
    total = (width, n * (side + 24))
    small = " small" if width <= NARROW else ""
    words = "Samples are drawn over data, at most 400 dots each."
    return svg(ident, total, caption, words, el("g", *parts, class_=f"pairs{small}"))


def _limits(columns: Sequence[Column]) -> tuple[float, float]:
    pooled = np.concatenate([c.finite() for c in columns])
    if not len(pooled):
        return 0.0, 1.0
    low, high = (float(v) for v in np.quantile(pooled, [TAIL, 1 - TAIL]))
    edge = 0.04 * (high - low) or max(abs(low), 1.0) / 2
    return low - edge, high + edge


def _scatter(across: Column, up: Column, x: Axis, y: Axis, kind: str) -> Markup:
    a, b = across.numbers(), up.numbers()
    rows = np.unique(np.linspace(0, len(a) - 1, min(len(a), POINTS)).astype(np.int64))
    a, b = a[rows], b[rows]
    inside = (a >= x.low) & (a <= x.high) & (b >= y.low) & (b <= y.high)  # and so finite
    return el("path", d=dots(x(a[inside]), y(b[inside])), class_=kind)


def _pair_labels(
    columns: Sequence[Column], row: int, column: int, n: int, box: tuple[float, float, float]
) -> Markup:
    left, top, side = box
    parts = []
    most = max(3, int(side / 7))
    if row == n:
        text = _short(columns[column].name, most)
        parts.append(el("text", text, x=left + side / 2, y=top + side + 16, class_="mid tick"))
    if column == 0:
        at = f"translate({left - 7:.1f} {top + side / 2:.1f}) rotate(-90)"
        parts.append(el("text", _short(columns[row].name, most), transform=at, class_="mid tick"))
    return el("g", *parts, aria_hidden="true")
