"""`advise`: which noise levels to train on, of a file of data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .._checks import refuse
from ..advice.advise import advise as advise_on
from ..audited import load_audit
from ..data import load_data
from .more_requests import AdviseRequest

if TYPE_CHECKING:
    from .._typing import Json, Progress
    from ..advice.advise import Advice


@dataclass(frozen=True)
class AdviseResult:
    """Advice on the training, and the file that it is about."""

    data: str
    advice: Advice

    def to_json(self) -> Json:
        """Return the advice and what it is about."""
        return {"data": self.data, **self.advice.to_json()}


def advise(request: AdviseRequest, *, progress: Progress | None = None) -> AdviseResult:
    """Say which noise levels to train on, from the data and, with minutes, a short training.

    progress(done, total) counts its steps. Raises InputError as `girsanov.advise`.
    """
    source = str(request.data)
    if source.endswith(".json"):
        refuse(source, "must be examples, and not a law", None, "Sample the law into a file first")
    audit = None if request.audit is None else load_audit(Path(request.audit))
    data = load_data(request.data, labels=request.labels, drop=request.drop,
                     decimal=request.decimal, dates=request.dates)  # fmt: skip
    advice = advise_on(data, audit=audit, minutes=request.minutes, nats=request.nats,
                       seed=request.seed, progress=progress)  # fmt: skip
    return AdviseResult(source, advice)
