r"""Drawing with nothing but text: elements, axes with round ticks, lines, bands.

An axis maps [low, high] to [start, end] in pixels, linearly or by logarithm:

    p(v) = start + (end - start) (f(v) - f(low)) / (f(high) - f(low)),   f = id or log.   (1)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup, escape

from ...ledger.numbers import SUPERSCRIPT

ROUND = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
WIDE, NARROW = 720.0, 330.0  # drawn twice, so that text keeps its size on a phone
LEFT, RIGHT, TOP = 54.0, 12.0, 30.0  # pixels around a figure with axes


def el(tag: str, *children: Any, **attributes: Any) -> Markup:
    """Return an element; children and attributes are escaped unless they are Markup.

    Attribute names: `class_` is class, other underscores are hyphens; None leaves one out.
    """
    parts = [
        f'{k.rstrip("_").replace("_", "-")}="{escape(_short(v))}"'
        for k, v in attributes.items()
        if v is not None
    ]
    head = " ".join([tag, *parts])
    body = Markup("").join(escape(c) for c in children)
    return Markup(f"<{head}>{body}</{tag}>")


def _short(value: Any) -> Any:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value


def svg(
    ident: str,
    size: tuple[float, float],
    title: str,
    desc: str,
    *children: Any,
    **attributes: Any,
) -> Markup:
    """Return a drawing with an accessible name; `ident` must be unique on the page.

    attributes: of the drawing, as `el` takes them.
    """
    width, height = size
    return el(
        "svg",
        el("title", title, id=f"{ident}-title"),
        el("desc", desc, id=f"{ident}-desc"),
        *children,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_labelledby=f"{ident}-title {ident}-desc",
        **attributes,
    )


def responsive(ident: str, draw: Callable[[str, float], Markup]) -> Markup:
    """Return `draw(ident, width)` for a wide screen and for a phone; CSS shows one of them."""
    return el("div", draw(f"{ident}-wide", WIDE), class_="wide") + el(
        "div", draw(f"{ident}-narrow", NARROW), class_="narrow"
    )


@dataclass(frozen=True)
class Axis:
    """Equation (1)."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False
    whole: bool = False  # of counts, so that ticks are whole numbers

    def __call__(self, value: Any) -> Any:
        """Return the pixel of a value, or of each; values outside are held at the ends."""
        v = np.clip(np.asarray(value, dtype=np.float64), self.low, self.high)
        if self.log:
            part = np.log(v / self.low) / math.log(self.high / self.low)
        else:
            part = (v - self.low) / (self.high - self.low)
        out = self.start + (self.end - self.start) * part
        return float(out) if out.ndim == 0 else out

    def ticks(self, most: int = 6) -> list[tuple[float, str]]:
        """Return at most about `most` round values with their labels."""
        ticks = log_ticks(self.low, self.high, most) if self.log else None
        values = ticks or linear_ticks(self.low, self.high, most)
        values = [v for v in values if v == round(v)] if self.whole else values
        return list(zip(values, tick_labels(values), strict=True))


def linear_ticks(low: float, high: float, most: int) -> list[float]:
    """Return multiples of 1, 2 or 5 times a power of ten within [low, high]."""
    rough = (high - low) / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{k * step:.15g}") for k in range(first, last + 1)]


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Return powers of ten within [low, high], or 1-2-5 multiples; [] if fewer than two fit."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for leads in ((1, 2, 5), (1, 3), (1,)):
        every = [float(f"{m}e{p}") for p in range(first, last + 1) for m in leads]
        inside = [v for v in every if low * (1 - 1e-9) <= v <= high * (1 + 1e-9)]
        if len(inside) <= most or leads == (1,):
            break
    stride = math.ceil(len(inside) / most)
    return inside[::stride] if len(inside) >= 2 else []


def tick_labels(values: Sequence[float]) -> list[str]:
    """Return labels with as few digits as tell the values apart."""
    labels: list[str] = []
    for digits in range(3, 16):
        labels = [tick_label(v, digits) for v in values]
        if len(set(labels)) == len(labels):
            break
    return labels


def tick_label(value: float, digits: int = 3) -> str:
    """Return 0.01, 0.5, 20, 10⁻⁶: as short as can be."""
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        return f"{value:.{max(digits, 6)}g}".replace("-", "−")
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    lead = f"{float(mantissa):.{digits}g}".replace("-", "−")
    power = f"10{str(int(exponent)).translate(SUPERSCRIPT)}"
    return power if lead == "1" else f"{lead}·{power}"


def polyline(x: Any, y: Any) -> str:
    """Return a path through the points (x, y)."""
    pairs = zip(np.atleast_1d(x).tolist(), np.atleast_1d(y).tolist(), strict=True)
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in pairs)


def ribbon(x: Any, low: Any, high: Any) -> str:
    """Return the closed path between two curves."""
    there = np.concatenate([x, np.asarray(x)[::-1]])
    return polyline(there, np.concatenate([low, np.asarray(high)[::-1]])) + "Z"


def dots(x: Any, y: Any) -> str:
    """Return a path of points, to be stroked with round caps."""
    pairs = zip(np.atleast_1d(x).tolist(), np.atleast_1d(y).tolist(), strict=True)
    return "".join(f"M{a:.1f} {b:.1f}h0" for a, b in pairs)


def hatch(ident: str) -> Markup:
    """Return the definition of the hatching that stands for what is not known."""
    line = el("path", d="M0 8L8 0M-2 2L2 -2M6 10L10 6", class_="hatching")
    size = {"width": "8", "height": "8", "patternUnits": "userSpaceOnUse"}
    return el("defs", el("pattern", line, id=f"{ident}-hatch", **size))


def frame(x: Axis, y: Axis, x_label: str, y_label: str, *, gap: float = 0.0) -> Markup:
    """Return grid lines, ticks and labels; gap: pixels between the axis and its tick labels."""
    bottom, left = y.start, x.start
    narrow = x.end - x.start < WIDE / 2
    parts: list[Markup] = []
    for value, label in y.ticks(5):
        at = y(value)
        parts.append(el("path", d=f"M{left:.1f} {at:.1f}H{x.end:.1f}", class_="rule"))
        parts.append(el("text", label, x=left - 8, y=at + 4, class_="end tick"))
    for value, label in x.ticks(5 if narrow else 9):
        at = x(value)
        parts.append(el("path", d=f"M{at:.1f} {bottom + gap:.1f}v4", class_="axis"))
        parts.append(el("text", label, x=at, y=bottom + gap + 18, class_="mid tick"))
    parts.append(el("path", d=f"M{left:.1f} {bottom:.1f}H{x.end:.1f}", class_="axis"))
    middle = (x.start + x.end) / 2
    parts.append(el("text", x_label, x=middle, y=bottom + gap + 38, class_="mid label"))
    parts.append(el("text", y_label, x=0.0, y=y.end - 12, class_="label"))
    return el("g", *parts, aria_hidden="true")


def rounded_up(value: float) -> float:
    """Return the least round number that is at least `value` > 0."""
    power = 10.0 ** math.floor(math.log10(value))
    return next((m * power for m in ROUND if m * power >= value * (1 - 1e-9)), 10 * power)
