"""What a plan certifies at every noise level it visits: total variation against resolution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from ...ledger.certificate import VACUOUS, Certificate
from ...ledger.numbers import number
from ...ledger.verdict import certificate_verdict
from .svg import LEFT, NARROW, RIGHT, TOP, Axis, dots, el, frame, polyline, responsive, svg

if TYPE_CHECKING:
    from ...planning.plan import Plan


def most_tv(certificate: Certificate) -> list[float]:
    """Return the total variation that is allowed at every level, coarsest first; at most 1."""
    return [1.0 if at.tv.high is None else at.tv.high for at in certificate.levels]


def certificate_figure(plan: Plan, ends: tuple[float, float], ident: str = "tv") -> Markup | None:
    """Return total variation against noise level, greyed where it says little; None without one.

    Nor is there one of a model that knows nothing about the data.
    ends: the finest and the coarsest noise level of the axis.
    """
    if plan.promised is None or plan.audit.untrained:
        return None
    certificate = plan.promised
    return responsive(ident, lambda name, width: _drawn(certificate, ends, name, width))


def _drawn(
    certificate: Certificate, ends: tuple[float, float], ident: str, width: float
) -> Markup:
    tall = 190.0 if width > NARROW else 170.0
    x = Axis(*ends, LEFT, width - RIGHT, log=True)
    y = Axis(0.0, 1.0, TOP + tall, TOP)
    noise, tv = [at.noise for at in certificate.levels], most_tv(certificate)
    at, to = x(np.array(noise)), y(np.array(tv))
    grey = {"x": x.start, "y": y.end, "width": x.end - x.start, "height": y(VACUOUS) - y.end}
    label = "above one half: says little"
    return svg(
        ident,
        (width, tall + TOP + 46),
        "Total variation certified at every noise level",
        tv_words(noise, tv),
        el("rect", **grey, class_="vacuous"),
        frame(x, y, "noise level σ", "total variation at most"),
        el("text", label, x=x.end - 6, y=y.end + 16, class_="end tick over"),
        el("path", d=polyline(at, to), class_="line model"),
        el("path", d=dots(at, to), class_="dots model small"),
        data_live="tv",
        data_x=axis_for_script(x),
        data_y=axis_for_script(y),
    )


def tv_words(noise: Sequence[float], tv: Sequence[float]) -> str:
    """Return in words what the figure shows."""
    good = [k for k, value in enumerate(tv) if value <= VACUOUS]
    text = f"At most {number(tv[-1])} at noise level {number(noise[-1])}"
    if good:
        k = good[-1]
        return f"{text}; at most {number(tv[k])} at noise level {number(noise[k])}."
    return f"{text}; above {number(VACUOUS)} at every level."


def axis_for_script(axis: Axis) -> str:
    """Return an axis as the page's script reads it: low, high, their pixels, and 1 if log."""
    ends = [axis.low, axis.high]
    if axis.log:
        ends = [math.log(v) for v in ends]
    return " ".join(f"{v:.6g}" for v in (*ends, axis.start, axis.end)) + f" {int(axis.log)}"


def certificate_words(plan: Plan) -> str:
    """Return what is certified of a plan's samples, in words."""
    return plan.certified() or certificate_verdict(plan)
