"""`check`: whether a network of one's own is called the right way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..data import Dataset
from ..data.origin import refuse_drawn
from ..data.table.selected_columns import AsWritten
from ..denoise.load import load_model
from ..measuring.check import check as measure
from .shared.data_sources import held_out_and_train, read_source

if TYPE_CHECKING:
    from .._typing import Json, Progress
    from ..measuring.check import Check
    from .more_requests import CheckRequest


@dataclass(frozen=True)
class CheckResult:
    """What came of calling a network in every way."""

    check: Check

    def to_json(self) -> Json:
        """Return the line, the options to change and how near every way comes."""
        return self.check.to_json()


def check(request: CheckRequest, *, progress: Progress | None = None) -> CheckResult:
    """Call a network in every way that can be told on a few held-out examples.

    progress(done, total) counts ways of telling it the time and the data. Raises InputError as
    `girsanov.check`.
    """
    denoiser: Any = load_model(request.model, device=request.device)
    refuse_drawn(str(request.data), denoiser.fingerprint)
    other: Any = None
    if request.other is not None:
        other = load_model(request.other, device=request.device)
    written = AsWritten(decimal=request.decimal, dates=request.dates)
    data = read_source(request.data, request.labels, request.drop, denoiser,
                       request.class_order or "number", written)  # fmt: skip
    if isinstance(data, Dataset):
        data = held_out_and_train(denoiser, data, request.data)[0]
    return CheckResult(
        measure(denoiser, data, other=other, examples=request.examples, seed=request.seed,
                progress=progress)
    )  # fmt: skip
