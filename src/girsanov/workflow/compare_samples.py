"""`compare`: how close samples are to data, of which a model's training kept a part back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..comparison.compare import compare as measure
from ..comparison.measures.registry import MEASURES
from ..data import Dataset, load_data
from ..data.origin import drawn_by_another, read_origin
from ..data.table.selected_columns import AsWritten
from ..denoise.classes import class_note
from ..denoise.load import load_model
from .judging_requests import CompareRequest, require_measures
from .shared.data_sources import held_out_and_train, read_source, unread

if TYPE_CHECKING:
    from .._typing import Json, Progress
    from ..comparison.result import Comparison

OTHER_MODEL = "another model than --model drew the samples; of --model only the data are used"


@dataclass(frozen=True)
class CompareResult:
    """A comparison; notes: what is worth knowing of the samples and the data."""

    comparison: Comparison
    notes: list[str]

    def to_json(self) -> Json:
        """Return every measure, and the notes."""
        return {**self.comparison.to_json(), "notes": self.notes}


def compare(request: CompareRequest, *, progress: Progress | None = None) -> CompareResult:
    """Return how close samples are to data, each measure with its interval and its floor.

    progress(done, total) counts measures. Raises InputError for a measure that is none, before
    anything is read, and as `girsanov.compare`.
    """
    require_measures(request.by, MEASURES)
    samples, data, train, notes = _sets(request)
    comparison = measure(
        samples, data, by=request.by or None, features=request.features, train=train,
        rows=request.rows, seed=request.seed, progress=progress,
    )  # fmt: skip
    return CompareResult(comparison, notes)


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
    # samples are numbers as computers write them, however those of the data are written
    left_out = origin.get("left_out") if denoiser is None else unread(denoiser)
    drawn = load_data(samples, labels=origin.get("label_column"), like={"left_out": left_out})
    notes = []
    if denoiser is not None:
        notes += [OTHER_MODEL] if drawn_by_another(samples, denoiser.fingerprint) else []
        note = class_note(denoiser, data)
        notes += [note] if note else []
    return drawn, data, train, notes
