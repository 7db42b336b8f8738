"""The page: an audit, its plans and its samples in one HTML file that needs nothing else.

Every section is built by a function of the audit and the plans that returns plain values, so
that the template holds words and no arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from .._checks import require
from .._files import write_text
from .._typing import Json, PathLike
from ..ledger.audit import Audit
from ..ledger.certificate import Entry
from ..plan.plan import Plan
from .figures import curve_figure, frontier_figure, gain_figure, half_width, ledger_figure
from .helps import helps
from .pictures import Shown, pictures
from .verdict import advice, certificate, sampler_share, verdict
from .words import MEANINGS, count, interval_of, name_of, number, value_of

if TYPE_CHECKING:
    from jinja2 import Template

PLANS = 12  # more do not fit one page


def report(
    audit: Audit,
    *plans: Plan,
    out: PathLike,
    samples: Shown | None = None,
    data: Shown | None = None,
    commands: Sequence[str] = (),
) -> Path:
    """Write the page to `out` and return its path; the first plan is the one it speaks of.

    samples, data: drawn next to each other when given: a Dataset, or an array in the user's own
    units (structured for a table); commands: what to type to run it all again. Raises
    `InputError` when a plan was made from another audit's model, or samples do not match data.
    """
    text = render(audit, *plans, samples=samples, data=data, commands=commands)
    write_text(out, text)
    return Path(out)


def render(
    audit: Audit,
    *plans: Plan,
    samples: Shown | None = None,
    data: Shown | None = None,
    commands: Sequence[str] = (),
) -> str:
    """Return the page as text; arguments as `report`. The same input gives the same page."""
    require(len(plans) <= PLANS, "plans", f"must be at most {PLANS}", len(plans))
    for plan in plans:
        require(
            plan.about.get("model") == audit.about["model"],
            "plan",
            "must be of the model that was audited",
            str(plan.about.get("model"))[:12] + "…",
            "Plan again from this audit",
        )
    require(not isinstance(commands, str), "commands", "must be a list of commands", commands)
    page = _template().render(
        style=Markup(_shipped("style.css")),  # ours, not the user's
        about=audit.about,
        dimension=audit.curve.dimension,
        exact=bool(audit.about["exact"]),
        verdict=_verdict(audit, plans[0]) if plans else None,
        ledger=_ledger(plans[0]) if plans else None,
        curve=_curve(audit, plans),
        frontiers=_frontiers(plans),
        plans=[_plan_row(k, plan) for k, plan in enumerate(plans, start=1)],
        levels=[_levels(k, plan) for k, plan in enumerate(plans, start=1)],
        pictures=pictures(samples, data),
        run=_run(audit),
        commands=[str(c) for c in commands],
    )
    return page


def _shipped(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    made = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["number"] = number
    made.filters["count"] = count
    return made.from_string(_shipped("page.html.j2"))


def _verdict(audit: Audit, plan: Plan) -> Json:
    return {
        "sentence": verdict(plan),
        "helps": helps(audit, plan),
        "advice": advice(plan),
        "certificate": certificate(plan),
        "numbers": [_entry(e) for e in plan.ledger],
        "why": plan.about.get("why", ""),
        "steps": plan.steps,
    }


def _entry(entry: Entry) -> Json:
    return {
        "name": name_of(entry),
        "value": value_of(entry),
        "interval": interval_of(entry),
        "kind": entry.kind,
        "meaning": MEANINGS.get(entry.name, ""),
        "note": entry.note,
    }


def _ledger(plan: Plan) -> Json:
    return {
        "figure": ledger_figure(plan.ledger),
        "rows": [_entry(e) for e in plan.ledger],
        "hatched": any(e.kind != "exact" and e.high is None for e in plan.ledger),
    }


def _curve(audit: Audit, plans: Sequence[Plan]) -> Json:
    total, probe = audit.total(), audit.probe
    half = half_width(total)
    columns: dict[str, Any] = {
        "noise level": audit.levels**-0.5,
        "SNR": audit.levels,
        "error": total.value,
        "± 95 %": half,
    }
    if probe is not None:
        gain = probe.gain()
        columns["linear denoiser"] = probe.linear @ probe.shares
        columns["gain"] = gain.value
        columns["gain ± 95 %"] = half_width(gain)
    if audit.memorisation is not None:
        columns["training examples"] = audit.memorisation[1:] @ audit.curve.shares
    rows = np.stack([np.asarray(v, dtype=np.float64) for v in columns.values()], axis=1)
    return {
        "figure": curve_figure(audit, plans),
        "gain": None if probe is None else gain_figure(audit),
        "seen": audit.memorisation is not None,
        "columns": list(columns),
        "rows": [[number(float(v)) for v in row] for row in rows],
    }


def _frontiers(plans: Sequence[Plan]) -> list[Json]:
    """Return one figure for each different frontier, with all plans that lie on it marked."""
    shared: dict[tuple[Any, ...], list[tuple[int, Plan]]] = {}
    for k, plan in enumerate(plans, start=1):
        rows = tuple((r["steps"], r["above_best"]) for r in plan.frontier)
        shared.setdefault((_sampler(plan), rows), []).append((k, plan))
    out: list[Json] = []
    for members in shared.values():
        first, chosen = members[0][1], [plan.steps for _, plan in members]
        figure = frontier_figure(first.frontier, chosen, f"frontier-{members[0][0]}")
        if figure is not None:
            names = ", ".join(str(k) for k, _ in members)
            title = f"Plan{'s' if len(members) > 1 else ''} {names}: {_sampler(first)}"
            out.append({"figure": figure, "title": title})
    return out


def _sampler(plan: Plan) -> str:
    return plan.sampler + (f", {plan.covariance} covariance" if plan.covariance else "")


def _plan_row(index: int, plan: Plan) -> Json:
    share = sampler_share(plan)
    whole = "unknown" if share.value is None else number(share.value)
    ends = f"{number(share.low)} to {number(share.high)}" if math.isfinite(share.high) else "none"
    entries = {e.name: {"value": value_of(e), "interval": interval_of(e)} for e in plan.ledger}
    return {
        "index": index,
        "sampler": plan.sampler,
        "covariance": f"{plan.covariance} covariance" if plan.covariance else "",
        "start": plan.start,
        "steps": plan.steps,
        "entries": [entries.get(k) for k in ("init", "discretisation", "score")],
        "total": {"value": whole, "interval": ends},
        "resolution": number(plan.resolution),
        "why": plan.about.get("why", ""),
    }


def _levels(index: int, plan: Plan) -> Json:
    rows = [
        {"step": k, "noise": number(float(s**-0.5), 5), "snr": number(float(s), 5)}
        for k, s in enumerate(plan.levels, start=1)
    ]
    return {"index": index, "sampler": _sampler(plan), "steps": plan.steps, "rows": rows}


def _run(audit: Audit) -> list[tuple[str, str, bool]]:
    """Return what was run as (what, value, whether it is code)."""
    about = audit.about
    shape = " × ".join(str(n) for n in about["shape"])
    return [
        ("girsanov", str(about["girsanov"]), False),
        ("Model", str(about["model"]), True),
        ("Data", str(about["data"]), True),
        ("Name of the data", str(about["data_name"]), False),
        ("Shape of one example", shape, False),
        ("Examples", count(int(about["examples"])), False),
        ("Noise paths per example", count(int(about["draws"])), False),
        ("Noise levels", str(len(audit.levels)), False),
        ("Network calls", count(int(about["calls"])), False),
        ("Seconds", number(float(about["seconds"])), False),
        ("Seed", str(about["seed"]), False),
        ("Moments from", str(about["moments_from"]), False),
    ]
