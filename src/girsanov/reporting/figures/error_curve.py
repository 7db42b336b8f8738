r"""The error curve, and what a correction of the model gains at every noise level.

The curve is drawn as s M(s)/d against the noise level sigma = 1/sqrt(s) on a log axis, because
1/2 int M ds = int s M |d log sigma|: areas under s M are nats. An exact denoiser keeps
s M/d within [0, 1]; 1 means that it is no better than the noisy example itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from ...ledger.numbers import number
from ...montecarlo import Estimate, quantile
from .svg import (
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
from .tv_by_level import axis_for_script

if TYPE_CHECKING:
    from ..._typing import Array
    from ...measuring.record import AuditRecord
    from ...planning.plan import Plan

TALLEST = 2.0  # s M/d beyond which the curve needs a log axis
ROWS = 12  # of plan levels under the curve
RUG = 10.0  # pixels a row of plan levels takes


def noise_axis(audit: AuditRecord, width: float) -> Axis:
    """Return the noise-level axis that all figures of one audit share."""
    noise = audit.levels**-0.5
    return Axis(float(noise.min()), float(noise.max()), LEFT, width - RIGHT, log=True)


def half_width(estimate: Estimate) -> Array:
    """Return half of the 95 % interval of an estimate, where it is known."""
    return np.asarray(quantile(0.975, estimate.degrees) * np.asarray(estimate.se))


def curve_figure(audit: AuditRecord, plans: Sequence[Plan], ident: str = "curve") -> Markup:
    """Return s M(s)/d with its band, the linear denoiser's, and the plans' levels as ticks."""
    return responsive(ident, lambda name, width: _curve(audit, plans, name, width))


def _curve(audit: AuditRecord, plans: Sequence[Plan], ident: str, width: float) -> Markup:
    scale = audit.levels / audit.curve.dimension
    total = audit.total()
    value, half = scale * total.value, scale * half_width(total)
    others = _other_curves(audit, scale)
    tall = 300.0 if width > NARROW else 240.0
    x = noise_axis(audit, width)
    y = curve_axis([value + half, *(v for _, v in others)], tall)
    at = x(audit.levels**-0.5)
    gap = RUG * min(len(plans), ROWS) + (5.0 if plans else 0.0)
    parts = [frame(x, y, "noise level σ", "error per coordinate × SNR", gap=gap)]
    probe = audit.probe
    if probe is not None:
        gain = np.maximum(scale * probe.gain().value, 0.0)
        parts.append(el("path", d=ribbon(at, y(value - gain), y(value)), class_="gain"))
    parts += [el("path", d=polyline(at, y(v)), class_=f"line {kind}") for kind, v in others]
    parts.append(el("path", d=ribbon(at, y(value - half), y(value + half)), class_="band"))
    parts.append(el("path", d=polyline(at, y(value)), class_="line model"))
    for row, plan in enumerate(plans[:ROWS]):
        top = y.start + 5 + RUG * row
        parts.append(_rug(x(plan.levels**-0.5), top))
        if len(plans) > 1:
            parts.append(el("text", str(row + 1), x=x.start - 1, y=top + 6, class_="end row-name"))
    if plans:
        mine = x(plans[0].levels ** -0.5)
        visited = np.interp(np.log(plans[0].levels), np.log(audit.levels), value)
        parts.append(el("path", d=dots(mine, y(visited)), class_="dots model"))
    desc = (
        f"Error times SNR per coordinate at {len(value)} noise levels, from "
        f"{number(float(value[-1]))} at noise level {number(float(audit.levels[-1] ** -0.5))} to "
        f"{number(float(value[0]))} at {number(float(audit.levels[0] ** -0.5))}."
    )
    size = (width, tall + TOP + gap + 46)
    live = {"data_live": "curve", "data_x": axis_for_script(x), "data_y": axis_for_script(y)}
    return svg(ident, size, "The error curve", desc, *parts, **(live if plans else {}))


def _other_curves(audit: AuditRecord, scale: Array) -> list[tuple[str, Array]]:
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


def gain_figure(
    audit: AuditRecord,
    where: tuple[float, float] | None = None,
    ident: str = "gain",
    *,
    end: float | None = None,
) -> Markup:
    """Return what the probe's correction takes off the error; its area is the lower bound.

    where: the noise levels between which training would pay first, marked; end: the noise level
    at which a plan stops: finer ones never reach its samples and are not drawn.
    """
    return responsive(ident, lambda name, width: _gain(audit, where, end, (name, width)))


def _gain(
    audit: AuditRecord,
    where: tuple[float, float] | None,
    end: float | None,
    drawing: tuple[str, float],
) -> Markup:
    assert audit.probe is not None
    ident, width = drawing
    gain = audit.probe.gain()
    last = math.inf if end is None else 1.001 / end**2
    kept = slice(max(2, int(np.searchsorted(audit.levels, last))))
    levels = audit.levels[kept]
    value, half = levels * gain.value[kept], levels * half_width(gain)[kept]
    tall = 130.0
    top, low = float(np.max(value + half)), float(np.min(value - half))
    x = noise_axis(audit, width)
    top = rounded_up(top) if top > 0 else 1.0
    y = Axis(max(min(low, 0.0), -top), top, TOP + tall, TOP)
    at, zero = x(levels**-0.5), np.full(len(value), y(0.0))
    parts = [
        *_train_here(where, x, y),
        *_stops(float(at[-1]), x, y),
        frame(x, y, "noise level σ", "nats per e-fold of noise level"),
        el("path", d=ribbon(at, zero, y(np.maximum(value, 0.0))), class_="gain"),
        el("path", d=ribbon(at, y(value - half), y(value + half)), class_="band"),
        el("path", d=polyline(at, y(value)), class_="line model thin"),
        el("path", d=f"M{x.start:.1f} {y(0.0):.1f}H{x.end:.1f}", class_="axis"),
    ]
    peak = int(np.argmax(value))
    desc = (
        f"The gain is largest, {number(float(value[peak]))} nats per e-fold, at noise level "
        f"{number(float(levels[peak] ** -0.5))}."
    )
    return svg(ident, (width, tall + TOP + 46), "What a correction gains", desc, *parts)


def _train_here(where: tuple[float, float] | None, x: Axis, y: Axis) -> list[Markup]:
    if where is None:
        return []
    a, b = sorted(x(v) for v in where)
    box = {"x": a, "y": y.end, "width": max(b - a, 4.0), "height": y.start - y.end}
    left = (a + b) / 2 < x.end - 70
    at = {"x": a + 6, "class_": "tick over"} if left else {"x": b - 6, "class_": "end tick over"}
    words = el("text", "train here", y=y.end + 15, **at)
    return [el("rect", **box, class_="here"), words]


def _stops(at: float, x: Axis, y: Axis) -> list[Markup]:
    """Return the mark of where a plan stops, and the words where there is room for them."""
    if at < x.start + 1:
        return []
    parts = [el("path", d=f"M{at:.1f} {y.start:.1f}V{y.end:.1f}", class_="chosen")]
    if at > x.start + 95:
        text_at = {"x": at - 6, "y": y.end + 15, "class_": "end tick over"}
        parts.append(el("text", "the plan stops", **text_at))
    return parts
