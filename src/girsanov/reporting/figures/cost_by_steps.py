"""Cost against steps: what a sampler adds with the best grid of every number of steps.

With an exact denoiser it falls for ever. With a learned one it can rise again: a long step adds
the measured covariance of the error, score error included, and so covers part of what the model
gets wrong, while many short steps follow the model. So the best number is marked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from markupsafe import Markup

from ..._checks import plural
from ...ledger.numbers import number
from ...ledger.verdict import cheapest, sampler_share
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
    svg,
)
from .tv_by_level import axis_for_script

if TYPE_CHECKING:
    from ...planning.plan import Plan

DECADES = 1e-7  # of the largest cost, below which nothing is told apart
COMPARED_STEPS = (
    1,
    2,
    3,
    4,
    6,
    8,
    12,
    16,
    24,
    32,
    48,
    64,
)  # numbers of steps for samplers to compare
STYLES = ("model", "second", "third", "fourth")
MOST_LINES = len(STYLES)  # lines of a figure


class SamplerLine(NamedTuple):
    """One sampler: its name, numbers of steps [N], and cost with both ends of its interval."""

    name: str
    steps: list[int]
    values: list[tuple[float, float, float]]
    unit: str


class Marks(NamedTuple):
    """What is marked: a plan's steps and cost, the best number of steps, the score error's bound.

    best: None where it is not known; bound: in nats, drawn where it is above 0.
    """

    chosen: int | None
    cost: float
    best: int | None
    bound: float


def cost_of(plan: Plan) -> float | None:
    """Return what a figure draws of a plan: nats, at least 0, or an ODE sampler's distance."""
    if plan.distance is not None:
        return plan.distance.value
    value = sampler_share(plan).value
    return None if value is None else max(0.0, value)


def line(name: str, plans: Sequence[Plan]) -> SamplerLine | None:
    """Return the costs of plans of one sampler, None where they are not known."""
    rows: list[tuple[float, float, float]] = []
    for plan in plans:
        share, far = sampler_share(plan), plan.distance
        if far is not None:
            rows.append((far.value, far.low, far.high))
        elif share.value is not None:
            rows.append((max(0.0, share.value), share.low, share.high))
    if len(rows) < 2 or len(rows) != len(plans) or max(r[0] for r in rows) <= 0:
        return None
    unit = "nats" if plans[0].distance is None else "distance to an accurate solution"
    return SamplerLine(name, [p.steps for p in plans], rows, unit)


def rises(plan: Plan) -> str:
    """Return in a sentence whether the cost rises again, for the sampler of a plan."""
    if len(plan.frontier) < 2:
        return ""
    best, last = cheapest(plan), plan.frontier[-1]
    more, se = float(last["above_best"]), float(last["standard_error"])
    if best is not None:
        return (
            f"Here it rises again: {plural(last['steps'], 'step')} cost {number(more)} "
            f"± {number(2 * se)} nats more than {best}, the cheapest."
        )
    return f"Here it does not clearly rise again up to {plural(last['steps'], 'step')}."


def total_figure(
    lines: Sequence[SamplerLine],
    chosen: int | None,
    bound: float = 0.0,
    ident: str = "total",
    *,
    cost: float | None = None,
    best: int | None = None,
) -> Markup:
    """Return cost against steps, the `chosen` number marked and the best, where it is known.

    bound: lower bound on the score error in nats, drawn as a line when it is above 0; cost: of
    the plan that is marked, by default that of the first line at its number of steps; best: the
    number of steps of the first line beyond which it clearly costs more. Where no number
    is `chosen`, the page's slider moves nothing.
    """
    if cost is None and chosen is not None:
        first = lines[0]
        near = min(range(len(first.steps)), key=lambda k: abs(first.steps[k] - chosen))
        cost = first.values[near][0]
    best = best if best in lines[0].steps else None
    marks = Marks(chosen, cost or 0.0, best, bound)
    return responsive(ident, lambda name, wide: _drawn(lines[:MOST_LINES], marks, name, wide))


def _drawn(lines: Sequence[SamplerLine], marks: Marks, ident: str, width: float) -> Markup:
    tall = 240.0 if width > NARROW else 210.0
    values = np.array([v for item in lines for v in [*item.values, (marks.cost,) * 3]])
    counts = [n for item in lines for n in item.steps]
    top = 1.2 * float(values.max())
    floor = max(top * DECADES, 0.6 * float(values[:, 0][values[:, 0] > 0].min()))
    x = Axis(min(counts), max(counts), LEFT, width - RIGHT, log=max(counts) > 16, whole=True)
    y = Axis(floor, top, TOP + tall, TOP, log=True)
    unit = lines[0].unit
    label = "nats the sampler adds" if unit == "nats" else unit
    parts = [frame(x, y, "steps (network calls a sample)", label)]
    if floor < marks.bound < top:
        level = y(marks.bound)
        parts.append(el("path", d=f"M{x.start:.1f} {level:.1f}H{x.end:.1f}", class_="bound"))
        caption = "model’s error, at least (path)"
        parts.append(el("text", caption, x=x.end, y=level - 6, class_="end tick over"))
    for k, item in enumerate(lines):
        at, rows = x(np.array(item.steps, dtype=float)), np.array(item.values)
        if k == 0:
            parts.append(el("path", d=ribbon(at, y(rows[:, 1]), y(rows[:, 2])), class_="band"))
        parts.append(el("path", d=polyline(at, y(rows[:, 0])), class_=f"line {STYLES[k]}"))
    first, best = lines[0], marks.best
    at, cost = x(np.array(first.steps, dtype=float)), y(np.array([r[0] for r in first.values]))
    parts.append(el("path", d=dots(at, cost), class_="dots model small"))
    if best is not None and best != marks.chosen:
        k = first.steps.index(best)
        parts.append(el("circle", cx=float(at[k]), cy=float(cost[k]), r=5.0, class_="best-dot"))
        where = {"x": float(at[k]), "class_": "mid tick over"}
        if at[k] < x.start + 20:  # the labels of the axis are there
            where = {"x": float(at[k]) + 10, "class_": "tick over"}
        parts.append(el("text", "best", y=float(cost[k]) - 12, **where))
    if marks.chosen is not None:
        parts.append(mark(marks.chosen, (x(float(marks.chosen)), y(marks.cost)), x, y))
    return svg(
        ident,
        (width, tall + TOP + 46),
        "Cost against steps",
        _in_words(first, best),
        *parts,
        data_live=None if marks.chosen is None else "total",
        data_x=axis_for_script(x),
        data_y=axis_for_script(y),
    )


def _in_words(first: SamplerLine, best: int | None) -> str:
    (a, *_), (b, *_) = first.values[0], first.values[-1]
    text = (
        f"From {number(a)} at {plural(first.steps[0], 'step')} to {number(b)} at "
        f"{first.steps[-1]}, in {first.unit}."
    )
    return text + (f" The cheapest number is {best}." if best is not None else "")


def mark(steps: int, at: tuple[float, float], x: Axis, y: Axis) -> Markup:
    """Return the mark of the number of steps the page speaks of."""
    left = at[0] - x.start > 70  # there is room: the curve falls towards it
    return el(
        "g",
        el("path", d=f"M{at[0]:.1f} {y.start:.1f}V{y.end:.1f}", class_="chosen"),
        el("circle", cx=at[0], cy=at[1], r=5.0, class_="chosen-dot"),
        el(
            "text",
            plural(steps, "step"),
            x=at[0] + (-8 if left else 8),
            y=y.start - 10,
            class_="end name over" if left else "name over",
        ),
        class_="mark",
    )
