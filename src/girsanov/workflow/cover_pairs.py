"""`coverage`: whether what a plan draws of x given y can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._checks import require
from ..data import Dataset
from ..data.table.selected_columns import AsWritten
from ..denoise.load import load_model
from ..planning.plan_file import load_plan
from ..posterior.judge import coverage as cover
from .observed import measurement
from .shared.data_sources import given_of, held_out_and_train, read_source

if TYPE_CHECKING:
    from .._typing import Progress
    from ..posterior.result import Coverage
    from .more_requests import CoverageRequest


def coverage(request: CoverageRequest, *, progress: Progress | None = None) -> Coverage:
    """Return the coverage of a plan's draws, on the part of the data that was kept back.

    progress(done, total) counts network calls times draws. Raises InputError as
    `girsanov.coverage`.
    """
    denoiser = load_model(request.model, device=request.device)
    plan = load_plan(request.plan)
    written = AsWritten(decimal=request.decimal, dates=request.dates)
    data = read_source(request.data, None, request.drop, denoiser, written=written,
                       given=given_of(request.given))  # fmt: skip
    rule = "must be pairs of x and y; a law has none"
    require(isinstance(data, Dataset), str(request.data), rule)
    assert isinstance(data, Dataset)
    pairs, _ = held_out_and_train(denoiser, data, request.data)
    observed = None
    if request.operator is not None:
        observed = measurement(request.operator, request.noise)
    return cover(
        denoiser, plan, pairs, rows=request.rows, draws=request.draws, cause=request.cause,
        observed=observed, confidence=request.confidence, seed=request.seed,
        batch_size=request.batch_size, progress=progress,
    )  # fmt: skip
