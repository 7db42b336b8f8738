r"""The figures: the ledger, the error curve, what a correction gains, cost against steps.

The curve is drawn as s M(s)/d against the noise level sigma = 1/sqrt(s) on a log axis, because
1/2 int M ds = int s M |d log sigma|: areas under s M are nats. An exact denoiser keeps
s M/d within [0, 1]; 1 means that it is no better than the noisy example itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from .._typing import Array, Json
from ..ledger.audit import Audit
from ..ledger.certificate import Entry
from ..montecarlo import Estimate, quantile
from ..plan.plan import Plan
from .svg import (
    NARROW,
    Axis,
    dots,
    el,
    frame,
    hatch,
    polyline,
    responsive,
    ribbon,
    rounded_up,
    svg,
)
from .words import interval_of, name_of, number, span, value_of

LOG_FROM = 30.0  # a ledger whose two largest parts differ by more is drawn on a log axis
TALLEST = 2.0  # s M/d beyond which the curve needs a log axis
LEAST = 1e-3  # nats above the best below which grids are drawn alike
ROW, LEFT, RIGHT, TOP = 58.0, 54.0, 12.0, 30.0
BEYOND = 115.0  # pixels that the words "unknown beyond" take
RUG = 9.0  # pixels a row of plan levels takes


def ledger_figure(ledger: Sequence[Entry], ident: str = "ledger") -> Markup:
    """Return the ledger as bars with 95 % whiskers, hatched where nothing is known."""
    return responsive(ident, lambda name, width: _ledger(ledger, name, width))


def _ledger(ledger: Sequence[Entry], ident: str, width: float) -> Markup:
    axis = ledger_axis(ledger, width)
    bottom = ROW * len(ledger) + 6
    parts: list[Markup] = [hatch(ident)]
    for value, label in axis.ticks(4 if width <= NARROW else 7):
        at = axis(value)
        parts.append(el("path", d=f"M{at:.1f} 4V{bottom:.1f}", class_="rule"))
        parts.append(el("text", label, x=at, y=bottom + 18, class_="mid tick"))
    scale = "nats, log scale" if axis.log else "nats"
    parts.append(el("text", scale, x=width / 2, y=bottom + 36, class_="mid label"))
    begin = 0.0
    for row, entry in enumerate(ledger):
        parts.append(_ledger_row(entry, axis, ROW * row, begin, ident))
        begin += 0.0 if axis.log else max(0.0, _known(entry))
    told = "; ".join(f"{name_of(e)}: {value_of(e)} nats ({interval_of(e)})" for e in ledger)
    return svg(ident, (width, bottom + 44), "The ledger, entry by entry", told, *parts)


def _known(entry: Entry) -> float:
    return span(entry)[0] if entry.value is None else entry.value


def ledger_axis(ledger: Sequence[Entry], width: float) -> Axis:
    """Return the axis that fits: linear from 0, or a log one when parts differ by decades."""
    known = [max(0.0, _known(e)) for e in ledger]
    ends = [h if math.isfinite(h) else low for low, h in map(span, ledger)]
    beyond = 1.5 if any(math.isinf(span(e)[1]) for e in ledger) else 1.02
    positive = sorted((v for v in known if v > 0), reverse=True)
    if len(positive) > 1 and positive[0] > LOG_FROM * positive[1]:
        low = max(positive[-1], positive[0] * 1e-6)
        floor = 10.0 ** math.floor(math.log10(low) - 0.3)
        return Axis(floor, beyond**2 * max([*ends, positive[0]]), 1.0, width - RIGHT, log=True)
    reach = max(
        [sum(known[:k]) + max(v, e) for k, (v, e) in enumerate(zip(known, ends, strict=True))]
        or [0.0]
    )
    return Axis(0.0, beyond * reach or 1.0, 1.0, width - RIGHT)


def _ledger_row(entry: Entry, axis: Axis, top: float, begin: float, ident: str) -> Markup:
    low, high = span(entry)
    known = max(0.0, _known(entry))
    y, tall = top + 26, 22.0
    # on a log axis begin is 0, which the axis holds at its left end
    x0, x1 = axis(begin), axis(begin + known)
    parts = [
        el("text", name_of(entry), x=axis.start, y=top + 18, class_="name"),
        el("text", f"{value_of(entry)} nats", x=axis.end, y=top + 18, class_="end value"),
    ]
    if math.isinf(high):
        box = {"x": x1, "y": y, "width": max(0.0, axis.end - x1), "height": tall}
        parts.append(el("rect", **box, fill=f"url(#{ident}-hatch)"))
        if axis.end - x1 > BEYOND:
            parts.append(el("text", "unknown beyond", x=axis.end - 6, y=y + 15, class_="end over"))
    solid = el("rect", x=x0, y=y, width=max(1.5, x1 - x0), height=tall, rx=2.0, class_="bar")
    parts.append(solid if known > 0 else el("path", d=f"M{x0:.1f} {y:.1f}v22", class_="zero"))
    if math.isfinite(high) and high > low:
        a, b, m = axis(begin + low), axis(begin + high), y + tall / 2
        cap = f"M{a:.1f} {m - 4:.1f}v8M{b:.1f} {m - 4:.1f}v8"
        for kind in ("halo", "whisker"):
            parts.append(el("path", d=f"M{a:.1f} {m:.1f}H{b:.1f}{cap}", class_=kind))
    return el("g", *parts)


def noise_axis(audit: Audit, width: float) -> Axis:
    """Return the noise-level axis that all figures of one audit share."""
    noise = audit.levels**-0.5
    return Axis(float(noise.min()), float(noise.max()), LEFT, width - RIGHT, log=True)


def half_width(estimate: Estimate) -> Array:
    """Return half of the 95 % interval of an estimate, where it is known."""
    return np.asarray(quantile(0.975, estimate.degrees) * np.asarray(estimate.se))


def curve_figure(audit: Audit, plans: Sequence[Plan], ident: str = "curve") -> Markup:
    """Return s M(s)/d with its band, the linear denoiser's, and the plans' levels as ticks."""
    return responsive(ident, lambda name, width: _curve(audit, plans, name, width))


def _curve(audit: Audit, plans: Sequence[Plan], ident: str, width: float) -> Markup:
    scale = audit.levels / audit.curve.dimension
    total = audit.total()
    value, half = scale * total.value, scale * half_width(total)
    others = _other_curves(audit, scale)
    tall = 300.0 if width > NARROW else 240.0
    x = noise_axis(audit, width)
    y = curve_axis([value + half, *(v for _, v in others)], tall)
    at = x(audit.levels**-0.5)
    gap = RUG * min(len(plans), 4) + (5.0 if plans else 0.0)
    parts = [frame(x, y, "noise level σ", "error per coordinate × SNR", gap=gap)]
    probe = audit.probe
    if probe is not None:
        gain = np.maximum(scale * probe.gain().value, 0.0)
        parts.append(el("path", d=ribbon(at, y(value - gain), y(value)), class_="gain"))
    parts += [el("path", d=polyline(at, y(v)), class_=f"line {kind}") for kind, v in others]
    parts.append(el("path", d=ribbon(at, y(value - half), y(value + half)), class_="band"))
    parts.append(el("path", d=polyline(at, y(value)), class_="line model"))
    for row, plan in enumerate(plans[:4]):
        parts.append(_rug(x(plan.levels**-0.5), y.start + 5 + RUG * row))
    if plans:
        mine = x(plans[0].levels ** -0.5)
        visited = np.interp(np.log(plans[0].levels), np.log(audit.levels), value)
        parts.append(el("path", d=dots(mine, y(visited)), class_="dots model"))
    desc = (
        f"Error times SNR per coordinate at {len(value)} noise levels, from "
        f"{number(float(value[-1]))} at noise level {number(float(audit.levels[-1] ** -0.5))} to "
        f"{number(float(value[0]))} at {number(float(audit.levels[0] ** -0.5))}."
    )
    return svg(ident, (width, tall + TOP + gap + 46), "The error curve", desc, *parts)


def _other_curves(audit: Audit, scale: Array) -> list[tuple[str, Array]]:
    out: list[tuple[str, Array]] = []
    if audit.probe is not None:
        out.append(("linear", scale * (audit.probe.linear @ audit.probe.shares)))
    if audit.memorisation is not None:
        shares = audit.curve.shares
        out.append(("seen", scale * (audit.memorisation[1:] @ shares)))
    return out


def curve_axis(curves: Sequence[Array], tall: float) -> Axis:
    """Return the axis that fits: linear from 0, or a log one for a curve far above 1."""
    top = max(float(np.max(c)) for c in curves)
    if top > TALLEST:
        least = min(float(np.min(c[c > 0], initial=top)) for c in curves)
        return Axis(max(least, top * 1e-4), top * 1.1, TOP + tall, TOP, log=True)
    return Axis(0.0, rounded_up(top) if top > 0 else 1.0, TOP + tall, TOP)


def _rug(x: Any, top: float) -> Markup:
    ticks = "".join(f"M{a:.1f} {top:.1f}v6" for a in np.atleast_1d(x).tolist())
    return el("path", d=ticks, class_="rug")


def gain_figure(audit: Audit, ident: str = "gain") -> Markup:
    """Return what the probe's correction takes off the error; its area is the lower bound."""
    return responsive(ident, lambda name, width: _gain(audit, name, width))


def _gain(audit: Audit, ident: str, width: float) -> Markup:
    assert audit.probe is not None
    gain = audit.probe.gain()
    value, half = audit.levels * gain.value, audit.levels * half_width(gain)
    tall = 130.0
    top, low = float(np.max(value + half)), float(np.min(value - half))
    x = noise_axis(audit, width)
    top = rounded_up(top) if top > 0 else 1.0
    y = Axis(max(min(low, 0.0), -top), top, TOP + tall, TOP)
    at, zero = x(audit.levels**-0.5), np.full(len(value), y(0.0))
    parts = [
        frame(x, y, "noise level σ", "nats per e-fold of noise level"),
        el("path", d=ribbon(at, zero, y(np.maximum(value, 0.0))), class_="gain"),
        el("path", d=ribbon(at, y(value - half), y(value + half)), class_="band"),
        el("path", d=polyline(at, y(value)), class_="line model thin"),
        el("path", d=f"M{x.start:.1f} {y(0.0):.1f}H{x.end:.1f}", class_="axis"),
    ]
    peak = int(np.argmax(value))
    desc = (
        f"The gain is largest, {number(float(value[peak]))} nats per e-fold, at noise level "
        f"{number(float(audit.levels[peak] ** -0.5))}."
    )
    return svg(ident, (width, tall + TOP + 46), "What a correction gains", desc, *parts)


def frontier_figure(
    rows: Sequence[Json], chosen: Sequence[int], ident: str = "frontier"
) -> Markup | None:
    """Return cost above the best against steps, the `chosen` numbers marked; None without one.

    rows: a plan's frontier, steps with what they cost above the best and its standard error.
    """
    if len(rows) < 2 or max(float(r["above_best"]) for r in rows) <= 0:
        return None
    return responsive(ident, lambda name, width: _frontier(rows, chosen, name, width))


def _frontier(rows: Sequence[Json], chosen: Sequence[int], ident: str, width: float) -> Markup:
    steps = np.array([float(r["steps"]) for r in rows])
    cost = np.array([float(r["above_best"]) for r in rows])
    half = 2 * np.array([float(r["standard_error"]) for r in rows])
    floor = max(float(cost.max()) * 1e-5, min(LEAST, float(cost.max()) / 100))
    tall = 240.0 if width > NARROW else 210.0
    x = Axis(steps[0], steps[-1], LEFT, width - RIGHT, log=bool(steps[-1] > 16))
    y = Axis(floor, 1.2 * float((cost + half).max()), TOP + tall, TOP, log=True)
    at, inside = x(steps), cost >= floor
    parts = [
        frame(x, y, "steps (network calls a sample)", "nats above the best grid"),
        el("path", d=ribbon(at, y(cost - half), y(cost + half)), class_="band"),
        el("path", d=polyline(at, y(cost)), class_="line model"),
        el("path", d=dots(at[inside], y(cost[inside])), class_="dots model small"),
    ]
    said = f"From {number(float(cost[0]))} nats at {steps[0]:.0f} steps down to 0."
    for k, n in enumerate(sorted(set(chosen) & {int(s) for s in steps})):
        here = float(cost[steps == n][0])
        parts.append(_mark(n, (x(float(n)), y(here)), x, y, 16.0 * (k % 3)))
        said += f" Chosen: {n} steps, {number(here)}."
    return svg(ident, (width, tall + TOP + 46), "Cost above the best grid", said, *parts)


def _mark(steps: int, at: tuple[float, float], x: Axis, y: Axis, lift: float) -> Markup:
    # left of the mark and low down there is room: the curve falls towards it
    left = at[0] - x.start > 70
    return el(
        "g",
        el("path", d=f"M{at[0]:.1f} {y.start:.1f}V{y.end:.1f}", class_="chosen"),
        el("circle", cx=at[0], cy=at[1], r=5.0, class_="chosen-dot"),
        el(
            "text",
            f"{steps} step{'s' if steps != 1 else ''}",
            x=at[0] + (-8 if left else 8),
            y=y.start - 10 - lift,
            class_="end name" if left else "name",
        ),
    )
