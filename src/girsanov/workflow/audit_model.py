"""`audit`: a model on held-out data; of the file it was trained on, the part kept back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._checks import require
from .._files import read_json
from .._processes import Processes, processes
from ..auditing import audit as measure
from ..auditing import audit_to
from ..comparison.copies import near_copies
from ..data import Dataset, load_data
from ..data.id_columns import id_notes
from ..data.origin import refuse_drawn
from ..data.table.selected_columns import AsWritten, reading_of
from ..denoise.arithmetic import in_precision
from ..denoise.base import told_of
from ..denoise.load import load_model
from ..denoise.pipelines.pipeline import PipelineDenoiser
from ..denoise.places import code_of
from ..measuring.audit import DEFAULT_LEVELS
from ..measuring.resume import remove_sums
from ..reporting.words.advice import audit_spoken
from .shared.call_budget import audit_within
from .shared.data_sources import for_model, given_of, held_out_and_train, read_source, unread
from .shared.destinations import parts_path, require_result
from .shared.pipelines import captioned, guided, latents_of
from .shared.quick_audit import quick_share, quick_words

if TYPE_CHECKING:
    from .._typing import Json, PathLike, Progress
    from ..audited import Audit
    from ..denoise.base import Denoiser
    from ..law.base import Law
    from .requests import AuditRequest


@dataclass(frozen=True)
class AuditResult:
    """An audit and the file that it was written to; to_check: whether the model is the user's own
    code and so far off that it may be called the wrong way.
    """

    audit: Audit
    out: Path
    to_check: bool = False

    @cached_property
    def verdict(self) -> list[str]:
        """Whether model or sampler limits samples, and what would help; [] if not known."""
        return audit_spoken(self.audit)

    def to_json(self) -> Json:
        """Return where the audit is, what it is of, its numbers and its verdict."""
        record = {"audit": str(self.out), **self.audit.facts.to_json(), **self.audit.summary()}
        return {**record, "verdict": self.verdict}


def audit(request: AuditRequest, *, progress: Progress | None = None) -> AuditResult:
    """Measure a model on held-out data and write the audit, with the commands that lead to it.

    What a stopped run has measured lies beside `request.out`, and the same request goes on with
    it; so do the latents and captions of a pipeline's pictures. Of several processes, the first
    one writes. progress(done, total) counts network calls. Raises InputError, before any work, for
    a place that cannot be written to or holds an audit, and for data that the model has seen.
    """
    out, among = Path(request.out), processes()
    require_result(out, "audit", request.force)
    keep = parts_path(out)
    if request.force and not among.rank:
        remove_sums(keep)
    measured = _measured(request, out.absolute().parent, keep, among, progress)
    if not among.rank:
        commands = (*_fitted_by(request.model), request.command())
        measured = measured.with_facts(commands=commands)
        measured.save(out, force=True)
        remove_sums(keep)
    off = code_of(str(request.model)) and (measured.untrained() or measured.broken())
    return AuditResult(measured, out, bool(off))


def _measured(
    request: AuditRequest, cache: Path, keep: Path, among: Processes, progress: Progress | None
) -> Audit:
    """Return the audit; cache: the folder that keeps the latents and captions of pictures."""
    device = request.device or among.device
    denoiser = load_model(request.model, device=device)
    if request.no_data:
        return _of_own_samples(request, denoiser, keep, among, progress)
    refuse_drawn(str(request.data), denoiser.fingerprint)
    denoiser = guided(denoiser, request.guidance)
    denoiser, data, train = _data(request, denoiser, cache)
    asked: dict[str, Any] = {"examples": request.examples, "draws": request.draws}
    levels = request.levels
    if request.calls is not None:
        levels, *bought = audit_within(request, denoiser, data, train)
        asked = dict(zip(asked, bought, strict=True))
    if request.quick:
        levels, *bought = quick_share(request, data)
        asked = dict(zip(asked, bought, strict=True))
    other = None if request.reference is None else load_model(request.reference, device=device)
    denoiser, other = _rounded(request, denoiser, other)
    lost = None
    if isinstance(denoiser, PipelineDenoiser) and isinstance(data, Dataset):
        data, lost = latents_of(denoiser, data, cache)
        train = None if train is None else latents_of(denoiser, train, cache)[0]
    options: dict[str, Any] = {
        "train": train, "trajectories": request.trajectories, "reference": other,
        "flow": _flow_calls(request),
        "seed": request.seed, "batch_size": request.batch_size, "keep": keep, "processes": among,
        "progress": progress,
    }  # fmt: skip
    if request.half_width is None:
        measured = measure(denoiser, data, levels=levels or DEFAULT_LEVELS, **asked, **options)
    else:
        measured = audit_to(denoiser, data, half_width=request.half_width, steps=request.steps,
                            levels=levels, **options)  # fmt: skip
    measured = _noted(measured, denoiser, data, None if among.rank else train)
    if request.quick and not among.rank:
        notes = (*measured.facts.notes, quick_words(measured))
        measured = measured.with_facts(notes=notes)
    return measured if lost is None else measured.with_facts(vae=lost)


def _of_own_samples(
    request: AuditRequest, denoiser: Denoiser, keep: Path, among: Processes,
    progress: Progress | None,
) -> Audit:  # fmt: skip
    """Return the audit of a model without held-out data."""
    denoiser = in_precision(denoiser, request.precision, compiled=request.compile)
    return measure(
        denoiser, no_data=True, levels=request.levels or DEFAULT_LEVELS, draws=request.draws,
        examples=request.examples, trajectories=request.trajectories, flow=request.flow,
        seed=request.seed, batch_size=request.batch_size, keep=keep, processes=among,
        progress=progress,
    )  # fmt: skip


def _flow_calls(request: AuditRequest) -> float | None:
    """Return how many calls a level and example follow the flow, None for the usual number."""
    if request.quick:
        return 0.0
    if request.calls is None:
        return request.flow
    rule = "is not for --calls, all of which measure the error"
    require(not request.flow, "--flow", rule, request.flow, "Give --examples and --levels")
    return 0.0


def _data(
    request: AuditRequest, denoiser: Denoiser, cache: Path
) -> tuple[Denoiser, Dataset | Law, Dataset | None]:
    """Return the model with the texts of the data, the held-out data, and training data if any."""
    assert request.data is not None
    labels, drop, order = request.labels, request.drop, request.class_order or "number"
    written = AsWritten(decimal=request.decimal, dates=request.dates)
    y = given_of(request.given)
    data = read_source(request.data, labels, drop, denoiser, order, written, y)
    source, beside, train = request.train_data, None, None
    if source is not None:
        told = told_of(denoiser) is None or y is None
        rule = "cannot be read for --train-data, whose y would be another file: name columns"
        require(told, "--given", rule, request.given)
        beside = load_data(source, labels=labels, drop=drop, like=denoiser, class_order=order,
                           decimal=request.decimal, dates=request.dates)  # fmt: skip
    if isinstance(data, Dataset):
        denoiser = captioned(denoiser, (data, beside), str(request.data), cache)
        data, train = held_out_and_train(denoiser, data, request.data)
    if beside is not None:
        train = for_model(denoiser, beside, str(source))
    return denoiser, data, train


def _noted(
    measured: Audit, denoiser: Denoiser, data: Dataset | Law, train: Dataset | None
) -> Audit:
    """Return an audit that says what was noticed of the data: copies, ids, columns that were not
    read."""
    notes = id_notes(data, fitted=True) if isinstance(data, Dataset) else []
    if train is not None and isinstance(data, Dataset):
        copies = near_copies(train, data)
        notes += [str(copies)] if copies is not None and copies.many else []
    notes = [*measured.facts.notes, *notes]
    # labels are no column of what was audited
    labels = (name for key, name in reading_of(denoiser).items() if key == "labels")
    return measured.with_facts(notes=tuple(notes), left_out=(*unread(denoiser), *labels))


def _rounded(
    request: AuditRequest, denoiser: Denoiser, other: Denoiser | None
) -> tuple[Denoiser, Denoiser | None]:
    """Return a denoiser in this precision, and itself as it was as the reference beside it."""
    called = in_precision(denoiser, request.precision, compiled=request.compile)
    rounded = called.fingerprint != denoiser.fingerprint
    remedy = "Its place is taken by MODEL itself in float32; audit the reference by itself"
    require(not rounded or other is None, "reference", "is not for --precision", None, remedy)
    return called, denoiser if rounded else other


def _fitted_by(model: PathLike) -> list[str]:
    """Return the command that fitted a model, if its folder records one."""
    record = Path(model) / "girsanov.json"
    command = read_json(record)["training"].get("command") if record.is_file() else None
    return [command] if command else []
