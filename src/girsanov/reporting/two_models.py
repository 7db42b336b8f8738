r"""Two models compared: what can be known of their score errors exactly, and their ledgers.

On one data distribution the error of the best denoiser, M*, is the same for both, so that

    eps_A^2(s) - eps_B^2(s) = M_A(s) - M_B(s),
    KL_score(A) - KL_score(B) = 1/2 int (M_A - M_B) ds,                                    (1)

is measured, although neither score error is, at the levels and between them. With the same
examples and noise it is paired.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from markupsafe import Markup

from .._checks import InputError, plural, require
from ..error_curve.interpolate import half_between
from ..ledger.model_faults import knows_nothing
from ..ledger.numbers import interval_of, number, value_of
from ..ledger.verdict import sampler_share
from ..montecarlo import Estimate, apart, group_estimate
from ..planning.all_step_counts import relatives
from ..planning.make_plan import make_plan
from ..planning.second_model import proven
from .code_snippets import positional
from .figures.cost_by_steps import COMPARED_STEPS
from .figures.error_curve import curve_axis, half_width
from .figures.models import Rival, shared
from .figures.svg import (
    LEFT,
    NARROW,
    RIGHT,
    TOP,
    Axis,
    el,
    frame,
    polyline,
    responsive,
    ribbon,
    rounded_up,
    svg,
)
from .figures.tv_by_level import certificate_words
from .words.advice import headline

if TYPE_CHECKING:
    from .._typing import Array, Json
    from ..measuring.record import AuditRecord
    from ..planning.plan import Plan

NOISE_AXIS, NOISE_IN_UNITS = "noise level σ", "noise level in the data’s units"
SAME = ("data", "seed", "examples", "draws")  # records that make two audits a pair


class Difference(NamedTuple):
    """M_A - M_B where both were measured.

    noise: levels from coarse to fine [K]; curves: s M/d of both [2, K]; gain: s (M_A - M_B)/2,
    nats per e-fold of the noise level / 2, [K]; nats: (1); paired: whether on the same examples;
    users: whether noise levels are in the data's own units.
    """

    noise: Array
    curves: Array
    gain: Estimate
    nats: Estimate
    paired: bool
    users: bool


def difference(a: AuditRecord, b: AuditRecord) -> Difference:
    """Return equation (1) for two audits; raises InputError where they cannot be compared."""
    shapes = [x.facts.shape for x in (a, b)]
    require(shapes[0] == shapes[1], "audit", f"must be of shape {shapes[0]}", shapes[1])
    units = _units(a, b)
    logs = [np.log(x.levels / u**2) for x, u in zip((a, b), units, strict=True)]
    low, high = max(x[0] for x in logs), min(x[-1] for x in logs)
    require(low < high, "audit", "must share noise levels with the first")
    at = np.unique(np.concatenate([x[(x >= low) & (x <= high)] for x in logs]))
    rows = [
        np.stack([np.interp(at, x, g) for g in (m.levels[:, None] * m.curve.traces[1:, :, 0]).T])
        for x, m in zip(logs, (a, b), strict=True)
    ]  # s M by group, [B, K]
    same = len(logs[0]) == len(logs[1]) and np.allclose(logs[0], logs[1])
    same = same and np.array_equal(a.curve.shares, b.curve.shares)
    paired = bool(same and all(getattr(a.facts, k) == getattr(b.facts, k) for k in SAME))
    gain = _between([row / 2 for row in rows], (a, b), paired)
    whole = [
        half_between(m.curve, math.exp(low) * u**2, math.exp(high) * u**2)
        for m, u in zip((a, b), units, strict=True)
    ]
    d = a.curve.dimension
    both = np.stack([m.curve.shares @ r / d for m, r in zip((a, b), rows, strict=True)])
    nats = _between(whole, (a, b), paired)
    return Difference(np.exp(-at / 2), both, gain, nats, paired, units != (1.0, 1.0))


def _units(*audits: AuditRecord) -> tuple[float, ...]:
    """Return the user's units in one of each model's, 1 where they are not known of all."""
    scales = tuple(x.facts.scale for x in audits if x.facts.scale is not None)
    return scales if len(scales) == len(audits) else (1.0,) * len(audits)


def _between(
    rows: Sequence[Array], audits: tuple[AuditRecord, AuditRecord], paired: bool
) -> Estimate:
    """Return the mean of rows[0] - rows[1] by group, [B] or [B, J], with standard errors."""
    first, second = rows
    if paired:
        return _mean(first - second, audits[0])
    return apart(_mean(first, audits[0]), _mean(second, audits[1]))


def _mean(by_group: Array, audit: AuditRecord) -> Estimate:
    if audit.curve.exact:
        return Estimate(audit.curve.shares @ by_group, np.zeros(by_group.shape[1:]))
    return group_estimate(by_group, audit.curve.shares)


def versus(audits: Sequence[AuditRecord], plans: Sequence[Plan]) -> Json | None:
    """Return the section that compares the first audit with each other one; None for one."""
    if len(audits) < 2:
        return None
    best = None if plans else _best(next((a for a in audits if not a.untrained()), audits[0]))
    kept = [_plan_for(audit, plans or [best] if best else plans) for audit in audits]
    plans_kept = [p and proven(p, a, audits) for p, a in zip(kept, audits, strict=True)]
    rows = [_row(k, *pair) for k, pair in enumerate(zip(audits, plans_kept, strict=True), start=1)]
    more = plans_kept[0] is not kept[0] and rows[0]["entries"][2][0]
    units = _units(*audits)
    names = [row["name"] for row in rows]
    kin = [[] if plan is None else relatives(audit, plan, COMPARED_STEPS)
           for audit, plan in zip(audits, kept, strict=True)]  # fmt: skip
    rivals = [Rival(*one) for one in zip(names, audits, kept, units, kin, strict=True)]
    pairs = []
    for k, other in enumerate(audits[1:], start=2):
        differs = difference(audits[0], other)
        pairs.append(
            {
                "words": in_words(differs, k),
                "more": " ".join(filter(None, [over_words(differs, k), as_they_are(kept)])),
                "curves": _curves_figure(differs, f"versus-{k}"),
                "gain": _gain_figure(differs, k, f"ahead-{k}"),
                "names": [rows[0]["name"], rows[k - 1]["name"]],
            }
        )
    same = len({a.facts.rows for a in audits}) == 1
    plain = best and replace(best, calibration=None)  # each model by itself may be calibrated
    words = "" if plain is None else f"{plural(plain.steps, 'step')} ({plain.sampler_words})"
    label = NOISE_IN_UNITS if units[0] != 1.0 or len({*units}) > 1 else NOISE_AXIS
    return {
        "rows": rows, "pairs": pairs, "same": same, "made": words, "shared": shared(rivals, label),
        "names": names, "proven": more,
    }  # fmt: skip


def in_words(differs: Difference, other: int) -> str:
    """Return which of model 1 and model `other` is better by (1), with its interval."""
    value, (low, high) = float(differs.nats.value), differs.nats.interval()
    if low <= 0 <= high:
        return (
            f"Models 1 and {other} cannot be told apart: their denoisers’ errors differ by "
            f"{number(value)} nats (95 % interval {number(low)} to {number(high)})."
        )
    better, worse = _ranked(differs, other)
    low, high = sorted((abs(low), abs(high)))
    return (
        f"Model {better} is the better one: its denoiser’s error costs {number(abs(value))} nats "
        f"less than that of model {worse} (95 % interval {number(low)} to {number(high)})."
    )


def as_they_are(plans: Sequence[Plan | None]) -> str:
    """Return which models' plans are calibrated, of which the comparison of curves knows nothing.

    plans: one a model, or None.
    """
    which = [k for k, p in enumerate(plans, start=1) if p is not None and p.calibration]
    if not which:
        return ""
    names = f"model{'s' if len(which) > 1 else ''} {' and '.join(str(k) for k in which)}"
    return (
        f"It compares the models as they are. Samples of {names} are drawn calibrated, "
        "and what the table, the verdict and the certificate say of that is of the corrected one."
    )


def over_words(differs: Difference, other: int) -> str:
    """Return where `in_words` compares, and what it means for the worse model."""
    low, high = differs.nats.interval()
    ends = f"noise levels {number(float(differs.noise[-1]))} to {number(float(differs.noise[0]))}"
    ends += " in the data’s own units" if differs.users else ""
    if low <= 0 <= high:
        return f"This is over {ends}."
    least = number(min(abs(low), abs(high)))
    worse = _ranked(differs, other)[1]
    return (
        f"This is over {ends}. With very many steps the path of model {worse} pays at least "
        f"{least} nats of score error there."
    )


def _ranked(differs: Difference, other: int) -> tuple[int, int]:
    return (1, other) if differs.nats.value < 0 else (other, 1)


def _best(audit: AuditRecord) -> Plan | None:
    """Return the plan of the best number of steps, None where this audit cannot price one."""
    try:
        return make_plan(audit, force=True)
    except InputError:
        return None


def _plan_for(audit: AuditRecord, plans: Sequence[Plan]) -> Plan | None:
    own = [p for p in plans if p.audit.identity == audit.facts.identity]
    if own or not plans:
        return own[0] if own else None
    like = plans[0]
    try:
        return make_plan(
            audit, steps=like.steps, sampler=like.sampler, covariance=like.covariance,
            start=like.start if like.distance is None else None, last=like.last, force=True,
        )  # fmt: skip
    except InputError:
        return None


def _row(index: int, audit: AuditRecord, plan: Plan | None) -> Json:
    model = audit.facts.model
    name = Path(positional("audit", audit.facts.commands, "")).name
    entries = [] if plan is None else [[value_of(e), interval_of(e)] for e in plan.ledger]
    share = None if plan is None else sampler_share(plan)
    nothing = audit.untrained() is not None
    return {
        "name": f"{index}. {name or model[:8]}",
        "model": model[:12],
        "steps": "–" if plan is None else _steps(plan),
        "entries": entries or [["–", ""]] * 3,
        "share": "–" if share is None or share.value is None else number(share.value),
        "verdict": knows_nothing(audit) if plan is None else headline(audit, plan),
        "certificate": "" if plan is None or nothing else certificate_words(plan),
    }


def _steps(plan: Plan) -> str:
    return f"{plan.steps}{'' if plan.calibration is None else ', calibrated'}"


def _curves_figure(differs: Difference, ident: str) -> Markup:
    return responsive(ident, lambda name, width: _curves(differs, name, width))


def _x(differs: Difference, width: float) -> Axis:
    return Axis(float(differs.noise[-1]), float(differs.noise[0]), LEFT, width - RIGHT, log=True)


def _label(differs: Difference) -> str:
    return NOISE_IN_UNITS if differs.users else NOISE_AXIS


def _curves(differs: Difference, ident: str, width: float) -> Markup:
    tall = 220.0 if width > NARROW else 200.0
    x, y = _x(differs, width), curve_axis(list(differs.curves), tall)
    at = x(differs.noise)
    lines = [
        el("path", d=polyline(at, y(row)), class_=f"line {kind}")
        for row, kind in zip(differs.curves, ("model", "second"), strict=True)
    ]
    words = "Error times SNR per coordinate of both models at every noise level."
    frames = frame(x, y, _label(differs), "error per coordinate × SNR")
    return svg(ident, (width, tall + TOP + 46), "Two error curves", words, frames, *lines)


def _gain_figure(differs: Difference, other: int, ident: str) -> Markup:
    return responsive(ident, lambda name, width: _gain(differs, other, name, width))


def _gain(differs: Difference, other: int, ident: str, width: float) -> Markup:
    ahead, behind = _ranked(differs, other)
    sign = 1 if ahead == other else -1
    value, half = 2 * sign * differs.gain.value, 2 * half_width(differs.gain)
    most = max(float(np.max(np.abs(value) + half)), 1e-12)
    tall, x = 150.0, _x(differs, width)
    top = rounded_up(most)
    least = float(np.min(value - half))
    low = -rounded_up(-least) if least < -0.05 * top else 0.0
    high = top if float(np.max(value + half)) > 0.05 * top else 0.0
    y = Axis(low, high if high > low else top, TOP + tall, TOP)
    at = x(differs.noise)
    words = f"nats per e-fold by which model {ahead} is ahead"
    summary = (
        f"Largest difference {number(float(value[np.argmax(np.abs(value))]))} nats per e-fold."
    )
    return svg(
        ident,
        (width, tall + TOP + 46),
        f"Where model {ahead} is ahead of model {behind}",
        summary,
        frame(x, y, _label(differs), words),
        el("path", d=ribbon(at, y(value - half), y(value + half)), class_="band"),
        el("path", d=polyline(at, y(value)), class_="line model thin"),
        el("path", d=f"M{x.start:.1f} {y(0.0):.1f}H{x.end:.1f}", class_="axis"),
    )
