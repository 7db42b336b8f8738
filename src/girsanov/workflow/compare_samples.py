"""`compare`: how close samples are to data, of which a model's training kept a part back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..comparison.compare import compare as measure
from ..comparison.measures.registry import MEASURES
from ..data import Dataset, load_data
from ..data.origin import content_of, drawn_by_another, read_origin
from ..data.table.selected_columns import AsWritten, rows_like
from ..denoise.classes import class_note
from ..denoise.load import load_model
from .requests import CompareRequest
from .shared.data_sources import held_out_and_train, read_source, unread
from .shared.destinations import require_result
from .shared.measure_names import require_measures

if TYPE_CHECKING:
    from .._typing import Json, Progress
    from ..comparison.result import Comparison

OTHER_MODEL = "another model than --model drew the samples; of --model only the data are used"


@dataclass(frozen=True)
class CompareResult:
    """A comparison; notes: what is worth knowing of the samples and the data.

    out: where it was written, None if nowhere; replaced: whether one was there.
    """

    comparison: Comparison
    notes: list[str]
    out: Path | None = None
    replaced: bool = False

    def to_json(self) -> Json:
        """Return every measure, the notes, and where it was written."""
        content = {**self.comparison.to_json(), "notes": self.notes}
        return content if self.out is None else {**content, "out": str(self.out)}


def compare(request: CompareRequest, *, progress: Progress | None = None) -> CompareResult:
    """Return how close samples are to data, each measure with its interval and its floor.

    progress(done, total) counts measures. Raises InputError for a measure that is none and for a
    place that cannot be written to, before anything is read, and as `girsanov.compare`.
    """
    require_measures(request.by, MEASURES)
    out = None if request.out is None else Path(request.out)
    replaced = out is not None and require_result(out, "comparison", request.force)
    samples, data, train, notes = _sets(request)
    comparison = measure(
        samples, data, by=request.by or None, features=request.features, train=train,
        target=request.target, rows=request.rows, seed=request.seed, progress=progress,
    )  # fmt: skip
    if out is not None:
        there = Path(request.samples).exists()  # digits and hub:... are no files
        content = content_of(str(request.samples)) if there else ""
        comparison = replace(comparison, command=request.command(), content=content)
        comparison.save(out)
    return CompareResult(comparison, notes, out, replaced)


def _sets(request: CompareRequest) -> tuple[Any, Any, Dataset | None, list[str]]:
    """Return samples, data and training data (or None) as `compare` takes them, and notes."""
    samples, labels, drop = str(request.samples), request.labels, request.drop
    origin = read_origin(samples)
    denoiser = None if request.model is None else load_model(request.model)
    like = denoiser if denoiser is not None else origin
    written = AsWritten(decimal=request.decimal, dates=request.dates)
    data = read_source(request.data, labels, drop, like, request.class_order or "number", written)
    train = None
    if denoiser is not None and isinstance(data, Dataset):
        data, train = held_out_and_train(denoiser, data, request.data, labelled=True)
    if request.train_data is not None:
        train = load_data(request.train_data, labels=labels, drop=drop, like=like,
                          decimal=request.decimal, dates=request.dates)  # fmt: skip
    left_out = origin.get("left_out") if denoiser is None else unread(denoiser)
    same = rows_like(origin, left_out or ())
    drawn = load_data(samples, labels=origin.get("label_column"), like=same)
    notes = []
    if denoiser is not None:
        notes += [OTHER_MODEL] if drawn_by_another(samples, denoiser.fingerprint) else []
        note = class_note(denoiser, data)
        notes += [note] if note else []
    return drawn, data, train, notes
