"""`checkpoints`: models of one training run on the same examples and noise."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .._checks import refuse, require
from ..checkpoints.advice import SeriesAdvice, series_advice
from ..checkpoints.measured import Bench
from ..checkpoints.page import write_page
from ..checkpoints.series_file import save_series
from ..data import Dataset
from ..denoise.load import load_model
from .more_requests import CheckpointsRequest
from .shared.data_sources import for_model, held_out_and_train, read_source
from .shared.destinations import require_page, require_place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._typing import Json, Progress
    from ..checkpoints.series import TrainingSeries
    from ..denoise.base import Denoiser
    from ..law.base import Law

SERIES_FILE = '"girsanov/series/'


@dataclass(frozen=True)
class CheckpointsResult:
    """A series, what it says, and the files that it was written to."""

    series: TrainingSeries
    advice: SeriesAdvice
    out: Path
    page: Path

    def to_json(self) -> Json:
        """Return every checkpoint, the paired gains between neighbours, and what to do."""
        rows, series = [], self.series
        for k, one in enumerate(series.checkpoints):
            gain = None if k == 0 else series.gain(series.checkpoints[k - 1], one)
            rows.append(
                {"name": one.name, "step": one.step, "nats": estimate_json(series.nats(one)),
                 "gain": None if gain is None else estimate_json(gain),
                 "overfit": optional_json(series.overfit(one))}
            )  # fmt: skip
        return {"checkpoints": rows, **self.advice.to_json(), "series": str(self.out),
                "page": str(self.page)}  # fmt: skip


def estimate_json(estimate: object) -> Json:
    """Return value and interval of an estimate."""
    low, high = estimate.interval()  # type: ignore[attr-defined]
    value = estimate.value  # type: ignore[attr-defined]
    return {"value": float(value), "low": float(low), "high": float(high)}


def optional_json(estimate: object | None) -> Json | None:
    """Return an estimate as JSON, None for none."""
    return None if estimate is None else estimate_json(estimate)


def checkpoints(
    request: CheckpointsRequest, *, progress: Progress | None = None
) -> CheckpointsResult:
    """Measure models on the same examples and noise, and say which to keep and whether to stop.

    progress(done, total) counts models. Raises InputError, before any work, for places that
    cannot be written to, and for models that are not of one kind.
    """
    out, page = Path(request.out), Path(request.page)
    _require_series(out, request.force)
    require_page(page, request.force)
    names = [str(m) for m in request.model]
    rule = "must be at least two models, each once"
    require(len(names) > 1 and len(set(names)) == len(names), "model", rule, ", ".join(names))
    first = load_model(names[0], device=request.device)
    data, train = _data(request, first)
    bench = Bench(data, train, levels=request.levels, examples=request.examples, seed=request.seed)
    series = bench.series(first)
    steps = steps_of(names)
    for k, name in enumerate(names):
        denoiser = first if k == 0 else load_model(name, device=request.device)
        series = bench.measure(series, denoiser, short_names(names)[k], steps[k])
        if progress is not None:
            progress(k + 1, len(names))
    save_series(series, out)
    write_page(series, page)
    return CheckpointsResult(series, series_advice(series), out, page)


def _data(request: CheckpointsRequest, first: Denoiser) -> tuple[Dataset | Law, Dataset | None]:
    """Return the held-out data and training data, if known or given."""
    data, train = read_source(request.data, request.labels, request.drop, first), None
    if isinstance(data, Dataset):
        data, train = held_out_and_train(first, data, request.data)
    if request.train_data is not None:
        beside = read_source(request.train_data, request.labels, request.drop, first)
        rule = "must be a data set, not a law"
        require(isinstance(beside, Dataset), "--train-data", rule, str(request.train_data))
        assert isinstance(beside, Dataset)
        train = for_model(first, beside, request.train_data)
    return data, train


def _require_series(out: Path, force: bool) -> None:
    """Refuse a file that holds something else than a series."""
    require(out.suffix == ".jsonl", "--out", "must end in .jsonl", str(out))
    require_place(out)
    require(not out.is_dir(), f"--out {out}", "must be a file, and is a folder")
    if out.exists() and not force:
        head = out.read_text(encoding="utf-8", errors="replace")[:200]
        if SERIES_FILE in head:
            refuse(str(out), "holds a series, which cost network calls", None,
                   "Choose another --out or use --force")  # fmt: skip
        refuse(str(out), "exists and is not of girsanov checkpoints", None, "Use --force")


def short_names(names: Sequence[str]) -> list[str]:
    """Return the last part of each path, the whole path where two would be alike."""
    last = [Path(name).name for name in names]
    return last if len(set(last)) == len(last) else list(names)


def steps_of(names: Sequence[str]) -> list[int | None]:
    """Return the last number in each name, None for all where one has none."""
    found = [re.findall(r"\d+", Path(name).name) for name in names]
    if not all(found):
        return [None] * len(names)
    return [int(numbers[-1]) for numbers in found]
