"""What belongs on one page: plans of its audits, and samples that its plans and models drew.

The record beside samples (`data/origin.py`) names the model and the plan that drew them by their
fingerprints. Beside the ledger of another plan they would be a false witness, which is refused;
what was done on purpose (a plan on another model), or cannot be known, the page says.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .._checks import InputError, plural, refuse, require
from ..data import Dataset, load_data
from ..data.as_vectors import as_vectors
from ..data.layouts import layout_between
from ..data.origin import is_of, read_origin
from ..data.table.selected_columns import rows_like
from ..measuring.facts import IDENTITY, AuditFacts
from ..sampling.shards import plan_fingerprint
from .figures.samples import Shown

if TYPE_CHECKING:
    from .._typing import Json, PathLike
    from ..measuring.record import AuditRecord
    from ..planning.plan import Plan

UNKNOWN = "No record beside the samples says how they were drawn"
EDITED = "The record beside the samples is of another content, so how they were drawn is not known"
OLD = "The record beside the samples does not say which plan drew them"


class Drawn(NamedTuple):
    """Samples as a page shows them, what it says of where they are from, and their command."""

    rows: Shown | None
    notes: tuple[str, ...] = ()
    command: str = ""


def opened(
    samples: Shown | PathLike | Drawn | None,
    data: Shown | None,
    audits: Sequence[AuditRecord],
    plans: Sequence[Plan],
) -> Drawn:
    """Return samples, read where they are a file, which is held against its record.

    data: what they are shown beside. Raises InputError when the record says that other plans or
    another model drew them.
    """
    if isinstance(samples, Drawn):
        return samples
    if not isinstance(samples, str | Path):
        kept = _spread_of(samples, data, audits)
        return Drawn(samples, tuple(f"{note}." for note in kept))
    source = str(samples)
    origin = read_origin(source)
    read = load_data(source, labels=origin.get("label_column"), like=rows_like(origin))
    rows = read if data is None else as_vectors(read, data)
    kept = _spread_of(rows, data, audits)
    if not origin or not is_of(origin, source):
        return Drawn(rows, tuple(f"{n}." for n in (EDITED if origin else UNKNOWN, *kept)))
    notes = [*_plan_of(origin, source, plans), *_model_of(origin, source, audits, plans), *kept]
    return Drawn(rows, tuple(f"{note}." for note in notes), str(origin.get("command") or ""))


def _spread_of(
    samples: Shown | None, data: Shown | None, audits: Sequence[AuditRecord]
) -> list[str]:
    """Return how much of the data's variance the samples keep, where both are data sets.

    Of data whose held-out part was audited that part counts, as for `compare --model`.
    """
    from ..comparison.compare import spread_of
    from ..comparison.spread import spread_words

    if not isinstance(samples, Dataset) or not isinstance(data, Dataset):
        return []
    held_out, train = audited_part(data, audits)
    try:
        words = spread_words(spread_of(samples, held_out, train))
    except InputError:  # too few rows, or of another kind, which the page shows all the same
        return []
    return [f"Beside the {'data' if train is None else 'held-out data'}, {words}"]


def audited_part(data: Dataset, audits: Sequence[AuditRecord]) -> tuple[Dataset, Dataset | None]:
    """Return the part of a file that was audited, and the rest of it, None where all was."""
    own = data.lineage
    for audit in audits:
        of = audit.facts.lineage
        if of is None or own["splits"] or of.get("root") != own["root"] or not of.get("splits"):
            continue
        part, rest = data, data
        for fraction, seed, which in of["splits"]:
            two = part.split(float(fraction), seed=int(seed))
            part, rest = two[int(which)], two[1 - int(which)]
        return (_in_scores(part), _in_scores(rest)) if audit.facts.scored else (part, rest)
    return data, None


def _in_scores(data: Dataset) -> Dataset:
    return data.with_standardisation(data.scored_units)


def require_made_from(plans: Sequence[Plan], audits: Sequence[AuditRecord]) -> None:
    """Refuse a plan that was made from none of these audits."""
    models = {audit.facts.model for audit in audits}
    for k, plan in enumerate(plans, start=1):
        what = "plan" if len(plans) == 1 else f"plan {k}"
        model, of = plan.model, plan.audit
        rule, remedy = "must be of the model that was audited", "Plan again from this audit"
        require(model in models, what, rule, model[:12] + "…", remedy)
        if not any(of.identity == audit.facts.identity for audit in audits):
            facts = next(audit.facts for audit in audits if audit.facts.model == model)
            rule = "must be made from the audit that is reported"
            remedy = "Give that audit, or plan again from this one"
            refuse(what, rule, f"one of another audit of this model, {_unlike(of, facts)}", remedy)


def require_like(data: object, audit: AuditRecord) -> None:
    """Refuse data of another kind than what was audited, or vectors of another length."""
    kind = audit.facts.kind
    if not isinstance(data, Dataset) or not kind:
        return
    own, shape = data.standardisation.kind, audit.facts.shape
    seen = layout_between(data.raw(slice(0, 1)).shape[1:], tuple(shape)) is not None
    like = seen or (own == kind and (own != "vector" or tuple(data.shape) == shape))
    rule = f"must be the data that was audited, of kind {kind} and shape {shape}"
    require(like, "data", rule, f"{own} of shape {tuple(data.shape)}")


def _unlike(one: AuditFacts, other: AuditFacts) -> str:
    """Return in words the first thing in which two records of audits differ."""
    name = next(n for n in IDENTITY if getattr(one, n) != getattr(other, n))
    if name == "data":
        same = one.data_name == other.data_name
        return "on other data" + ("" if same else f" ({one.data_name})")
    mine, theirs = getattr(one, name), getattr(other, name)
    words = {"examples": "example", "draws": "draw", "calls": "network call"}
    if name not in words:
        return f"with {name} {mine}, not {theirs}"
    return f"with {plural(mine, words[name])}, not {theirs}"


def _plan_of(origin: Json, source: str, plans: Sequence[Plan]) -> list[str]:
    """Return a note on which plan drew samples, where there is something to say."""
    if not plans:
        return []
    if origin.get("plan") is None:
        return [OLD]
    own = [k for k, p in enumerate(plans, start=1) if plan_fingerprint(p) == origin["plan"]]
    if not own:
        by = f" by: {origin['command']}" if origin.get("command") else ""
        rule = f"must be drawn with {'the plan' if len(plans) == 1 else 'a plan'} of the report"
        remedy = "Report the plan that drew them, or draw again with this one"
        refuse(source, rule, f"samples of another plan, drawn{by}", remedy)
    return [f"The samples were drawn with plan {own[0]}"] if len(plans) > 1 else []


def _model_of(
    origin: Json, source: str, audits: Sequence[AuditRecord], plans: Sequence[Plan]
) -> list[str]:
    """Return a note on which model drew samples, where it is none of those that were audited."""
    models = {audit.facts.model for audit in audits}
    drew, bare = origin.get("model"), origin.get("drawn_by")
    if drew is None or drew in models:
        return []
    if bare in models:
        return ["The samples were drawn by this model in another precision or under a guidance "
                "that was not audited, which is no part of the ledger"]  # fmt: skip
    words = f"the model with fingerprint {str(drew)[:12]}…"
    if not plans:
        refuse(source, "must be drawn by a model that was audited", f"samples of {words}",
               "Report the audit of the model that drew them")  # fmt: skip
    return [f"The samples were drawn by another model than the one audited, {words}: the ledger "
            "is not theirs"]  # fmt: skip
