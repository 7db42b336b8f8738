"""What the page's slider shows: the plans of every number of steps, as one island of JSON.

The script (`live.js`) does no arithmetic but the places of pixels: values, words, axis ends and
ticks are all made here, by the functions that draw the page without a script.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from .._checks import plural
from ..ledger.grade import grade_words
from ..ledger.model_faults import knows_nothing
from ..ledger.numbers import interval_of, nats_of, value_of
from ..ledger.verdict import plan_verdict, sampler_share
from ..planning.all_step_counts import relatives
from .figures.tv_by_level import certificate_words, most_tv, tv_words
from .figures.waterfall import TICKS, bars, ledger_ticks, reach
from .number_cards import cards

if TYPE_CHECKING:
    from .._typing import Array, Json
    from ..measuring.record import AuditRecord
    from ..planning.plan import Plan

UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def live(audit: AuditRecord, given: Plan, plans: Sequence[Plan]) -> Json | None:
    """Return the content of the island; None when there is nothing to slide over.

    At its own number of steps the slider shows the plan that was given, whatever its grid.
    """
    if len(plans) < 2:
        return None
    like = next((p for p in plans if p.steps == given.steps), None)
    best = [like] if like is not None else relatives(audit, given, [given.steps])
    shown = sorted([*(p for p in plans if p is not like), given], key=lambda p: p.steps)
    scaled = audit.levels * audit.total().value / audit.curve.dimension
    nothing = knows_nothing(audit, given)
    warning = {"sentence": nothing} if nothing else {}
    return {
        "given": next(k for k, p in enumerate(shown) if p is given),
        "own": any(_same(p.levels, given.levels) for p in best),
        "curve": [_short(audit.levels**-0.5), _short(scaled)],
        "plans": [{**state(plan), **warning} for plan in shown],
    }


def _same(one: Array, other: Array) -> bool:
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=1e-6))


def state(plan: Plan) -> Json:
    """Return what the page shows of one plan."""
    end, share = reach(plan.ledger), sampler_share(plan)
    drawn = bars(plan.ledger)
    noise = plan.levels**-0.5
    tv = [] if plan.promised is None or plan.audit.untrained else most_tv(plan.promised)
    return {
        "steps": plan.steps,
        "words": plural(plan.steps, "step"),
        "sentence": plan_verdict(plan),
        "grade": plan.grade,
        "graded": grade_words(plan),
        "share": share.words(),
        "certificate": certificate_words(plan),
        "said": tv_words(noise.tolist(), tv) if tv else "",
        "cards": [[card.value, card.interval] for card in cards(plan)],
        "values": [value_of(e) for e in plan.ledger],
        "nats": [nats_of(e) for e in plan.ledger],
        "intervals": [interval_of(e) for e in plan.ledger],
        "notes": [e.note for e in plan.ledger],
        "bars": [[*_short(b[:4]), int(b.open)] for b in drawn],
        "reach": _short([end])[0],
        "ticks": {size: ledger_ticks(end, size) for size in TICKS},
        "noise": _short(noise),
        "tv": _short(tv),
        "cost": _short([share.value if plan.distance is None else plan.distance.value])[0] or 0,
    }


def _short(values: object) -> list[float | None]:
    """Return values with five digits, None for what is not finite."""
    out: list[float | None] = []
    for v in np.asarray(values, dtype=object).tolist():
        good = v is not None and math.isfinite(v)
        out.append(float(f"{v:.5g}") if good else None)
    return out


def island(content: Json) -> Markup:
    """Return JSON that no text in it can end the element of."""
    text = json.dumps(content, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    for sign, code in UNSAFE.items():
        text = text.replace(sign, code)
    return Markup(text)


def digest(script: str) -> str:
    """Return the hash by which the page's policy lets this script run, and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
