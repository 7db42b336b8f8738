"""The ledger as a waterfall: one bar an entry, each starting where the one above ends.

The script of the page (`live.js`) moves the same bars for other numbers of steps; what both draw
from is `Bar`, in nats, and `reach`, the right end of the axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

from ...ledger.numbers import entry_title, interval_of, nats_of, span
from .svg import (
    NARROW,
    RIGHT,
    Axis,
    el,
    hatch,
    linear_ticks,
    responsive,
    svg,
    tick_labels,
)

if TYPE_CHECKING:
    from ...ledger.entry import Entry

ROW, BEYOND = 58.0, 115.0  # BEYOND: pixels that the words "unknown beyond" take
TICKS = {"wide": 7, "narrow": 4}


class Bar(NamedTuple):
    """Where an entry's bar lies in nats; low, high: its whisker, None where there is none.

    open: whether anything beyond the bar is possible.
    """

    begin: float
    certain: float
    low: float | None
    high: float | None
    open: bool


def bars(ledger: Sequence[Entry]) -> list[Bar]:
    """Return the bar of every entry of a ledger."""
    out, begin = [], 0.0
    for entry in ledger:
        low, high = span(entry)
        certain = max(0.0, low if entry.value is None else entry.value)
        ends = low < high < math.inf
        out.append(
            Bar(begin, certain, low if ends else None, high if ends else None, math.isinf(high))
        )
        begin += certain
    return out


def reach(ledger: Sequence[Entry]) -> float:
    """Return the right end of the axis in nats, with room for what is open."""
    drawn = bars(ledger)
    most = max((b.begin + max(b.certain, b.high or 0.0) for b in drawn), default=0.0)
    # of what is unknown the length means nothing, but it must be seen
    return most * (1.35 if any(b.open for b in drawn) else 1.02) or 1.0


def ledger_ticks(end: float, size: str) -> list[tuple[float, str]]:
    """Return ticks with labels from 0 to `end`, for a wide or a narrow drawing."""
    values = linear_ticks(0.0, end, TICKS[size])
    return list(zip(values, tick_labels(values), strict=True))


def ledger_figure(ledger: Sequence[Entry], ident: str = "ledger") -> Markup:
    """Return the ledger as bars with 95 % whiskers, hatched where nothing is known."""
    return responsive(ident, lambda name, width: _drawn(ledger, name, width))


def _drawn(ledger: Sequence[Entry], ident: str, width: float) -> Markup:
    end, bottom = reach(ledger), ROW * len(ledger) + 6
    axis = Axis(0.0, end, 1.0, width - RIGHT)
    size = "narrow" if width <= NARROW else "wide"
    ticks = [_tick(axis(v), label, bottom) for v, label in ledger_ticks(end, size)]
    rows = [
        _row(entry, bar, axis, ROW * k, ident)
        for k, (entry, bar) in enumerate(zip(ledger, bars(ledger), strict=True))
    ]
    words = "; ".join(f"{entry_title(e)}: {nats_of(e)} ({interval_of(e)})" for e in ledger)
    return svg(
        ident,
        (width, bottom + 44),
        "The ledger, entry by entry",
        words,
        hatch(ident),
        el("g", *ticks, class_="ticks", data_bottom=bottom),
        el("text", "nats", x=width / 2, y=bottom + 36, class_="mid label"),
        *rows,
        data_live="ledger",
        data_size=size,
        data_x=f"{axis.start:g} {axis.end:g}",
    )


def _tick(at: float, label: str, bottom: float) -> Markup:
    return el("path", d=f"M{at:.1f} 4V{bottom:.1f}", class_="rule") + el(
        "text", label, x=at, y=bottom + 18, class_="mid tick" if at > 1 else "tick"
    )


def _row(entry: Entry, bar: Bar, axis: Axis, top: float, ident: str) -> Markup:
    y, tall = top + 26, 22.0
    x0, x1 = axis(bar.begin), axis(bar.begin + bar.certain)
    free = axis.end - x1 if bar.open else 0.0
    beyond = "unknown beyond" if free > BEYOND else ""
    parts = [
        el("text", entry_title(entry), x=axis.start, y=top + 18, class_="name"),
        el("text", nats_of(entry), x=axis.end, y=top + 18, class_="end value"),
        el("rect", x=x1, y=y, width=free, height=tall, fill=f"url(#{ident}-hatch)", class_="open"),
        el("text", beyond, x=axis.end - 6, y=y + 15, class_="end over"),
        el("rect", x=x0, y=y, width=max(1.5, x1 - x0), height=tall, rx=2.0, class_="bar"),
    ]
    path = ""
    if bar.low is not None and bar.high is not None:
        a, b, m = axis(bar.begin + bar.low), axis(bar.begin + bar.high), y + tall / 2
        path = f"M{a:.1f} {m:.1f}H{b:.1f}M{a:.1f} {m - 4:.1f}v8M{b:.1f} {m - 4:.1f}v8"
    parts += [el("path", d=path, class_=kind) for kind in ("halo", "whisker")]
    return el("g", *parts, class_="row", data_y=y)
