"""Several models in one figure: what each certifies, where training would pay, what steps cost.

Noise levels are in the data's own units where those of every model are known, so that models
that standardise differently can be read off one axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from markupsafe import Markup

from ...ledger.certificate import VACUOUS
from ...ledger.numbers import number
from .cost_by_steps import MOST_LINES, STYLES, SamplerLine, line, total_figure
from .svg import (
    LEFT,
    NARROW,
    RIGHT,
    TOP,
    Axis,
    el,
    frame,
    polyline,
    responsive,
    rounded_up,
    svg,
)
from .tv_by_level import most_tv

if TYPE_CHECKING:
    from ..._typing import Array
    from ...measuring.record import AuditRecord
    from ...planning.plan import Plan


class Rival(NamedTuple):
    """A model of the comparison: its name, its audit, its plan, and one unit of its noise.

    kin: its plan at a few numbers of steps, [] where there is none.
    """

    name: str
    audit: AuditRecord
    plan: Plan | None
    unit: float
    kin: Sequence[Plan]


class Shared(NamedTuple):
    """A figure of every model: its name, its title, what it says, the drawing."""

    ident: str
    title: str
    words: str
    figure: Markup


def shared(rivals: Sequence[Rival], label: str) -> list[Shared]:
    """Return the figures of several models; label: of the axis of noise levels."""
    rivals = rivals[:MOST_LINES]
    sections = (_certified(rivals, label), _training(rivals, label), _steps(rivals))
    return [one for one in sections if one is not None]


def _certified(rivals: Sequence[Rival], label: str) -> Shared | None:
    promised = {k: r.plan.promised for k, r in enumerate(rivals) if r.plan is not None}
    drawn = {
        k: (
            rivals[k].unit * np.array([at.noise for at in certificate.levels]),
            np.array(most_tv(certificate)),
        )
        for k, certificate in promised.items()
        if certificate is not None
    }
    words = (
        "The total variation between samples and data, both seen through noise, that the start "
        "and the steps of each plan allow at most; a model’s own score error comes on top of its "
        f"line. Above {number(VACUOUS, 1)} it says little."
    )
    axes = (label, "total variation at most", 1.0)
    return _section("rivals-tv", "The promise for each", words, drawn, axes)


def _training(rivals: Sequence[Rival], label: str) -> Shared | None:
    drawn = {}
    for k, r in enumerate(rivals):
        if r.audit.probe is None:
            continue
        s, end = r.audit.levels, 0.0 if r.plan is None else r.plan.resolution / 1.001
        kept = s**-0.5 >= end
        gain = np.maximum(s * r.audit.probe.gain().value, 0.0)[kept]
        drawn[k] = (r.unit * s[kept] ** -0.5, gain)
    most = max((float(np.max(v, initial=0.0)) for _, v in drawn.values()), default=0.0)
    words = (
        "What a small correction, fitted on other examples, takes off each model’s error, down to "
        "where its plan stops: the path pays at least the area under a line for that score error."
    )
    axes = (label, "nats per e-fold of noise level", rounded_up(most) if most > 0 else 1.0)
    return _section("rivals-training", "Where training would pay", words, drawn, axes)


def _steps(rivals: Sequence[Rival]) -> Shared | None:
    planned = [(r, r.plan) for r in rivals if r.plan is not None and r.plan.distance is None]
    if len(planned) < len(rivals):
        return None
    sampler_lines = [line(r.name, r.kin) for r, _ in planned]
    lines: list[SamplerLine] = [one for one in sampler_lines if one is not None]
    if len(lines) < len(rivals):
        return None
    words = (
        "What the sampler adds to each, with the best grid of every number of steps. Each line is "
        "measured from the least that its own model allows, so it says nothing of the model."
    )
    figure = total_figure(lines, None, ident="rivals-steps")
    return Shared("steps", "How many steps each needs", words, figure)


def _section(
    ident: str,
    title: str,
    words: str,
    drawn: dict[int, tuple[Array, Array]],
    axes: tuple[str, str, float],
) -> Shared | None:
    """Return lines over noise levels, by the place of their model, None for fewer than two."""
    if len(drawn) < 2:
        return None

    def draw(name: str, width: float) -> Markup:
        tall = 180.0 if width > NARROW else 160.0
        every = np.concatenate([noise for noise, _ in drawn.values()])
        x = Axis(float(every.min()), float(every.max()), LEFT, width - RIGHT, log=True)
        y = Axis(0.0, axes[2], TOP + tall, TOP)
        paths = [
            el("path", d=polyline(x(noise), y(value)), class_=f"line {STYLES[k]}")
            for k, (noise, value) in drawn.items()
        ]
        summary = "; ".join(
            f"model {k + 1}: from {number(float(v[0]))} at noise level {number(float(noise[0]))} "
            f"to {number(float(v[-1]))} at {number(float(noise[-1]))}"
            for k, (noise, v) in drawn.items()
        )
        return svg(name, (width, tall + TOP + 46), title, summary, frame(x, y, *axes[:2]), *paths)

    return Shared(ident.removeprefix("rivals-"), title, words, responsive(ident, draw))
