"""The sections of the page, each from an audit and plans to plain values for the template."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import plural
from ..ledger.grade import grade_words
from ..ledger.numbers import count, data_name, entry_title, interval_of, number, value_of
from ..ledger.verdict import advice, cheapest, sampler_share
from ..ledger.winner import winner
from ..measuring.trajectories import teacher_calls
from ..planning.all_step_counts import relatives
from ..planning.options import GIVEN
from .figures.cost_by_steps import (
    COMPARED_STEPS,
    MOST_LINES,
    SamplerLine,
    cost_of,
    line,
    rises,
    total_figure,
)
from .figures.error_curve import curve_figure, gain_figure, half_width
from .figures.spectrum import levels_shown, spectrum_figures
from .figures.tv_by_level import certificate_figure, certificate_words
from .figures.waterfall import ledger_figure
from .number_cards import cards
from .words.advice import headline, listed, priced

if TYPE_CHECKING:
    from .._typing import Json
    from ..comparison.result import Comparison, ComparisonTable
    from ..ledger.distance import Distance
    from ..ledger.entry import Entry
    from ..measuring.record import AuditRecord
    from ..planning.plan import Plan
    from ..planning.remedies import Remedy

MOMENTS = {
    "model": "the training data, as recorded in the model",
    "law": "the law",
    "train": "the training data",
}


def verdict_section(audit: AuditRecord, plan: Plan, remedies: list[Remedy] | None) -> Json:
    """Return the verdict, what would help, and the three numbers."""
    far = plan.distance
    return {
        "sentence": headline(audit, plan),
        "grade": plan.grade,
        "graded": grade_words(plan),
        "helps": listed(audit, remedies, plan),
        "advice": "" if winner(plan) or plan.cannot_tell else advice(plan),
        "certificate": certificate_words(plan),
        "numbers": cards(plan),
        "winner": winner(plan),
        "share": sampler_share(plan).words(),
        "calibrated": plan.calibration is not None,
        "in_nats": plan.distance is None,
        "why": "" if plan.why == GIVEN else plan.why,
        "far": "" if far is None else f"{far.kind.capitalize()}: {far.note}",
        "steps": plan.steps,
        "words": plural(plan.steps, "step"),
    }


def _entry(entry: Entry) -> Json:
    return {
        "name": entry_title(entry),
        "value": value_of(entry),
        "interval": interval_of(entry),
        "kind": entry.kind_in_words,
        "note": entry.note,
    }


def ledger_section(plan: Plan) -> Json | None:
    """Return the waterfall and the rows of its table, None for an ODE sampler: it has no nats."""
    if plan.distance is not None:
        return None
    return {
        "figure": ledger_figure(plan.ledger),
        "rows": [_entry(e) for e in plan.ledger],
        "hatched": any(e.kind != "exact" and e.high is None for e in plan.ledger),
    }


def certificate_section(audit: AuditRecord, plan: Plan) -> Json | None:
    """Return total variation at every level, None for a sampler without a certificate."""
    noise = audit.levels**-0.5
    figure = certificate_figure(plan, (float(noise.min()), float(noise.max())))
    return None if figure is None else {"figure": figure, "words": certificate_words(plan)}


def curve_section(
    audit: AuditRecord, plans: Sequence[Plan], remedies: list[Remedy] | None
) -> Json:
    """Return the error curve, what a correction gains, the spectrum, and the curve's table."""
    total, probe = audit.total(), audit.probe
    half = half_width(total)
    columns: dict[str, Any] = {
        "noise level": audit.levels**-0.5,
        "SNR": audit.levels,
        "error": total.value,
        **({} if audit.curve.exact else {"± 95 %": half}),
    }
    if probe is not None:
        gain = probe.gain()
        columns["linear denoiser"] = probe.linear @ probe.shares
        columns["gain"] = gain.value
        columns["gain ± 95 %"] = half_width(gain)
    if audit.memorisation is not None:
        columns["training examples"] = audit.memorisation[1:] @ audit.curve.shares
    end = None if not plans else plans[0].resolution
    training = next((r for r in remedies or () if r.name == "training"), None)
    where = None if training is None else training.training.where
    certain = training is not None and training.low > 0
    rows = np.stack([np.asarray(v, dtype=np.float64) for v in columns.values()], axis=1)
    return {
        "figure": curve_figure(audit, plans),
        "gain": None if probe is None else gain_figure(audit, where if certain else None, end=end),
        "certain": certain,
        "where": None if where is None else [number(noise) for noise in where],
        "seen": audit.memorisation is not None,
        "spectra": spectrum_figures(audit),
        "spectra_at": [number(float(s**-0.5)) for s in audit.levels[levels_shown(audit)]],
        "columns": list(columns),
        "rows": [[number(float(v)) for v in row] for row in rows],
    }


def total_section(audit: AuditRecord, plans: Sequence[Plan], kin: Sequence[Plan]) -> Json | None:
    """Return cost against steps of every different sampler; kin: the first plan's relatives."""
    if not plans:
        return None
    first = plans[0]
    kinds: dict[str, Plan] = {}
    for plan in plans:
        kinds.setdefault(plan.sampler_words, plan)
    lines = [line(first.sampler_words, kin)]
    for name, plan in list(kinds.items())[1:]:
        if (plan.distance is None) == (first.distance is None):
            lines.append(line(name, relatives(audit, plan, COMPARED_STEPS)))
    drawn: list[SamplerLine] = [one for one in lines if one is not None]
    if not drawn or lines[0] is None:
        return None
    score = next((e for e in first.ledger if e.name == "score"), None)
    bound = 0.0 if score is None or first.distance is not None else score.low or 0.0
    return {
        "figure": total_figure(
            drawn, first.steps, bound, cost=cost_of(first), best=cheapest(first)
        ),
        "names": [one.name for one in drawn[:MOST_LINES]],
        "rises": "" if audit.facts.exact else rises(first),
        "covers": first.covariance is not None,
        "in_nats": first.distance is None,
    }


def plan_row(index: int, plan: Plan) -> Json:
    """Return a row of the table that compares plans."""
    share = sampler_share(plan)
    whole = "unknown" if share.value is None else number(share.value)
    ends = f"{number(share.low)} to {number(share.high)}" if math.isfinite(share.high) else "none"
    entries = {e.name: {"value": value_of(e), "interval": interval_of(e)} for e in plan.ledger}
    far = plan.distance
    if far is not None:  # an ODE sampler has nothing in nats but its score error
        entries = {"score": entries["score"]}
    return {
        "index": index,
        "sampler": plan.sampler,
        "covariance": plan.sampler_words.removeprefix(plan.sampler).removeprefix(", "),
        "start": plan.start,
        "steps": plan.steps,
        "entries": [entries.get(k) for k in ("init", "discretisation", "score")],
        "total": {"value": whole, "interval": ends} if far is None else None,
        "resolution": number(plan.resolution),
        "distance": None if far is None else _far(far),
        "why": plan.why,
    }


def _far(far: Distance) -> Json:
    return {"value": number(far.value), "interval": f"{number(far.low)} to {number(far.high)}"}


def levels_section(index: int, plan: Plan) -> Json:
    """Return the levels of a plan as a table."""
    rows = [
        {"step": k, "noise": number(float(s**-0.5), 5), "snr": number(float(s), 5)}
        for k, s in enumerate(plan.levels, start=1)
    ]
    return {"index": index, "sampler": plan.sampler_words, "steps": plan.steps, "rows": rows}


def run_section(audit: AuditRecord) -> list[tuple[str, str, bool]]:
    """Return what was run as (what, value, whether it is code)."""
    facts, origin = audit.facts, audit.facts.moments_from
    shape = " × ".join(str(n) for n in facts.shape)
    return [
        ("Version of girsanov", facts.girsanov, False),
        ("Fingerprint of the model", facts.model, True),
        ("Fingerprint of the data", facts.data, True),
        ("Data", data_name(facts.data_name), False),
        ("Numbers in an example", shape, False),
        *examples_in_words(audit),
        ("Noise levels", str(len(audit.levels)), False),
        ("Network calls", calls_in_words(audit), False),
        ("Time of the audit", f"{number(facts.seconds)} s", False),
        ("Seed", str(facts.seed), False),
        ("Mean and covariance from", MOMENTS.get(origin, origin), False),
    ]


def examples_in_words(audit: AuditRecord) -> list[tuple[str, str, bool]]:
    """Return what was measured on, as rows of `run_section`."""
    if audit.curve.exact:
        return [("Examples", "none: the law knows its curve, which is exact", False)]
    return [
        ("Examples", count(audit.facts.examples), False),
        ("Noise paths per example", count(audit.facts.draws), False),
    ]


def calls_in_words(audit: AuditRecord) -> str:
    """Return the network calls of an audit, and what they were spent on."""
    facts, levels = audit.facts, len(audit.levels)
    calls, paths = facts.calls, facts.examples * facts.draws
    inside, seen = facts.levels_between, facts.training_examples
    visited = f"({levels} + {inside})" if inside else str(levels)
    product = f" ({facts.examples} × {facts.draws} × {visited})" if paths else ""
    parts = [f"{count(paths * (levels + inside))} for the curve{product}"]
    if facts.reference:
        parts.append(f"{count(paths * levels)} of the reference model")
    teacher = facts.trajectories * teacher_calls(levels)
    if seen:
        parts.append(
            f"{count(seen * levels)} for the levels again on {plural(seen, 'training example')}, "
            "which tells memorisation"
        )
    if teacher:
        parts.append(f"{count(teacher)} for the trajectories of ODE samplers")
    return f"{count(calls)}: {', '.join(parts)}" if len(parts) > 1 else count(calls)


def comparison_section(comparison: Comparison | None) -> ComparisonTable | None:
    """Return the measures of samples and data, the parts of those of tables, and their words."""
    if comparison is None:
        return None
    # what measures need is loaded where there is one
    from ..comparison.result import comparison_table

    return comparison_table(comparison)


def remedies_of(audit: AuditRecord, plans: Sequence[Plan]) -> list[Remedy] | None:
    """Return what would help the first plan."""
    return priced(audit, plans[0]) if plans else None
