"""`plan --by`: samplers and grids compete by what they draw, beside held-out data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..audited import Audit, load_audit
from ..comparison.measures.registry import distance_of, distances
from ..comparison.sets import vectors
from ..data import Dataset
from ..data.origin import refuse_drawn
from ..data.table.selected_columns import AsWritten
from ..denoise.load import load_model
from ..denoise.pipelines.pipeline import PipelineDenoiser
from ..planning.tournament.options import TOURNAMENT_CALLS
from ..planning.tournament.tournament import tournament
from .requests import PlanRequest
from .shared.data_sources import given_of, held_out_and_train, read_source
from .shared.measure_names import require_measures, require_model_and_data
from .shared.pipelines import captioned, guided, latents_of

if TYPE_CHECKING:
    from .._typing import Progress
    from ..denoise.base import Denoiser
    from ..law.base import Law
    from ..planning.plan import Plan


def by_samples(request: PlanRequest, progress: Progress | None) -> tuple[Audit, Plan]:
    """Return an audit and the winner of a tournament on the held-out part of its model's data."""
    require_measures([str(request.by)], distances())
    audit = load_audit(request.audit)
    require_model_and_data(request)
    assert request.model is not None
    denoiser = load_model(request.model)
    refuse_drawn(str(request.data), denoiser.fingerprint)
    denoiser, data, train = _data(request, audit, denoiser)
    by: Any = request.by
    distance = distance_of(str(by))
    if distance.of_labels and train is not None and train.labels is not None:
        # features must not know the rows that they are to judge samples by
        seen = vectors(train, argument="train")
        by = distance.fit(seen.x, seen.labels, 0)
    best = tournament(
        audit, denoiser, data, by=by, steps=request.steps, candidates=request.candidates or None,
        calls=TOURNAMENT_CALLS if request.calls is None else request.calls, seed=request.seed,
        force=request.force, progress=progress,
    )  # fmt: skip
    return audit, best


def _data(
    request: PlanRequest, audit: Audit, denoiser: Denoiser
) -> tuple[Denoiser, Dataset | Law, Dataset | None]:
    """Return the model as it was audited, the held-out data, and training data if any."""
    assert request.data is not None
    order = request.class_order or audit.facts.class_order
    written = AsWritten(decimal=request.decimal, dates=request.dates)
    y = given_of(request.given)
    data = read_source(request.data, request.labels, request.drop, denoiser, order, written, y)
    denoiser = guided(denoiser, audit.facts.guidance)
    if not isinstance(data, Dataset):
        return denoiser, data, None
    cache = Path(request.audit).absolute().parent
    denoiser = captioned(denoiser, (data,), str(request.data), cache)
    data, train = held_out_and_train(denoiser, data, request.data, labelled=True)
    if isinstance(denoiser, PipelineDenoiser):
        data = latents_of(denoiser, data, cache)[0]
        train = None if train is None else latents_of(denoiser, train, cache)[0]
    return denoiser, data, train
