"""Figures of a series: nats against training, and where on the noise axis the gain was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..ledger.numbers import number
from ..reporting.figures.svg import (
    LEFT,
    NARROW,
    RIGHT,
    TOP,
    Axis,
    dots,
    el,
    frame,
    polyline,
    responsive,
    ribbon,
    rounded_up,
    svg,
)

if TYPE_CHECKING:
    from markupsafe import Markup

    from .._typing import Array
    from .series import Snapshot, TrainingSeries

TINIEST = 1e-9  # nats that an axis reaches at least
BARELY = 0.02  # of an axis, below which what is under zero is not shown


def training_figure(series: TrainingSeries, ident: str = "training") -> Markup:
    """Return the nats beyond the best checkpoint against training, with paired intervals."""
    best, rows = series.best(), series.checkpoints
    places = [float(k if c.step is None else c.step) for k, c in enumerate(rows)]
    known = all(c.step is not None for c in rows) and len(set(places)) == len(places)
    x = np.array(places if known else np.arange(len(rows)), dtype=float)
    beyond = [series.gain(c, best) for c in rows]
    ends = np.array([[*e.interval(), e.value] for e in beyond])
    label = "training step" if known else "checkpoint, in the order given"
    return responsive(ident, lambda name, width: _line(name, width, x, ends, label))


def _line(ident: str, width: float, at: Array, ends: Array, label: str) -> Markup:
    low, high, value = ends.T
    tall = 200.0 if width > NARROW else 180.0
    span = at if np.ptp(at) > 0 else np.array([at[0] - 1, at[0] + 1])
    x = Axis(float(span.min()), float(span.max()), LEFT, width - RIGHT, whole=True)
    y = _vertical(low, high, tall)
    order = np.argsort(at, kind="stable")
    px, py = x(at[order]), y(value[order])
    return svg(
        ident, (width, tall + TOP + 46), "Nats beyond the best checkpoint",
        f"From {number(float(value[order][0]))} to {number(float(value[order][-1]))} nats.",
        frame(x, y, label, "nats beyond the best checkpoint"),
        el("path", d=ribbon(px, y(low[order]), y(high[order])), class_="band"),
        el("path", d=polyline(px, py), class_="line model"),
        el("path", d=dots(px, py), class_="dots model"),
    )  # fmt: skip


def gain_by_level_figure(
    series: TrainingSeries, before: Snapshot, after: Snapshot, ident: str = "gain"
) -> Markup:
    """Return where on the noise axis training gained between two checkpoints."""
    gain = series.gain_by_level(before, after)
    words = f"nats gained from {before.name} to {after.name}, per level"
    low, high = gain.interval()
    rows = np.stack([low, high, gain.value])
    return responsive(ident, lambda name, width: _by_level(name, width, series, rows, words))


def overfit_figure(
    series: TrainingSeries, which: Snapshot, ident: str = "overfit"
) -> Markup | None:
    """Return by how much held-out examples are harder than training ones, None without these."""
    gap = series.overfit_by_level(which)
    if gap is None:
        return None
    words = f"nats more on held-out than on training examples, {which.name}, per level"
    rows = np.stack([*gap.interval(), gap.value])
    return responsive(ident, lambda name, width: _by_level(name, width, series, rows, words))


def _by_level(ident: str, width: float, series: TrainingSeries, rows: Array, words: str) -> Markup:
    noise, tall = series.levels**-0.5, 160.0
    x = Axis(float(noise[-1]), float(noise[0]), LEFT, width - RIGHT, log=True)
    low, high, value = rows
    y = _vertical(low, high, tall)
    at = x(noise)
    return svg(
        ident, (width, tall + TOP + 46), words,
        f"Most at noise level {number(float(noise[np.argmax(value)]))}.",
        frame(x, y, "noise level σ", words),
        el("path", d=ribbon(at, y(low), y(high)), class_="band"),
        el("path", d=polyline(at, y(value)), class_="line model thin"),
        el("path", d=f"M{x.start:.1f} {y(0.0):.1f}H{x.end:.1f}", class_="axis"),
    )  # fmt: skip


def _vertical(low: Array, high: Array, tall: float) -> Axis:
    """Return an axis with room for intervals and for 0, that ends at round numbers."""
    least, most = -float(low.min()), max(float(high.max()), TINIEST)
    bottom = -rounded_up(least) if least > BARELY * most else 0.0
    return Axis(bottom, rounded_up(most), TOP + tall, TOP)
