"""Levels that a discrete-time network was trained at, and what a pipeline says of itself."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NotRequired, Protocol, TypedDict, Unpack

import numpy as np

from .._checks import require, require_count, require_levels
from ..data import Dataset
from ..data.standardise import Standardisation, unchanged
from ..denoise.arithmetic import arithmetic_of
from ..denoise.base import Denoiser, process_of, told_of, trained_levels
from ..denoise.classes import class_note
from ..denoise.facts import ModelFacts
from ..denoise.neighbours import Neighbours
from ..denoise.pipelines.units import in_units_of
from ..volume import Volume, no_volume
from .facts import AuditFacts
from .learnt import learnt_nothing

if TYPE_CHECKING:
    from .._typing import Array, Json, Levels
    from ..data.conditions import Conditions
    from ..law.base import Law

MOST_AUDIT_LEVELS = 10**5  # levels of an audit, which holds numbers of each
NUDGE = 1e-9  # relative; a denoiser takes levels within 1e-6 of a trained one for it


def levels_to_audit(denoiser: Denoiser, levels: int | Levels) -> Levels:
    """Return the SNRs to measure at: so many over the model's range, or those given.

    Of a discrete-time network, the nearest that it was trained at, each once.
    """
    if isinstance(levels, int | np.integer):
        count = require_count("levels", levels, at_least=2)
        require(
            count <= MOST_AUDIT_LEVELS, "levels", f"must be at most {MOST_AUDIT_LEVELS}", count
        )
        grid = np.geomspace(*denoiser.snr_range, count)
    else:
        grid = require_levels("levels", levels, at_least=2)
    trained = trained_levels(denoiser)
    if trained is None:
        return grid
    return require_levels("levels", trained[np.unique(_nearest(trained, grid))], at_least=2)


def moved_to_trained(denoiser: Denoiser, grid: Levels) -> Levels:
    """Return `grid` with every level moved to the nearest trained one, still increasing.

    Levels that meet are kept apart by less than the denoiser can tell.
    """
    trained = trained_levels(denoiser)
    if trained is None:
        return grid
    moved = trained[_nearest(trained, grid)]
    for k in range(1, len(moved)):
        moved[k] = max(moved[k], moved[k - 1] * (1 + NUDGE))
    return np.asarray(moved)


def _nearest(trained: Array, grid: Levels) -> Any:
    return np.abs(np.log(trained)[None] - np.log(grid)[:, None]).argmin(axis=1)


class Named(Protocol):
    """What was audited, if it is neither a data set nor a law."""

    @property
    def name(self) -> str:
        """In words."""
        ...

    @property
    def fingerprint(self) -> str:
        """SHA-256."""
        ...


class Counts(TypedDict):
    """What an audit was made of and with, by the names of `AuditFacts`."""

    exact: bool
    examples: int
    draws: int
    seed: int
    calls: int
    moments_from: str
    trajectories: int
    levels_between: int
    training_examples: int
    diameter: float
    no_data: NotRequired[bool]


def facts_of(
    denoiser: Denoiser,
    data: Dataset | Law | Named,
    begun: float,
    *,
    reference: Denoiser | None = None,
    alone: str = "",
    **counts: Unpack[Counts],
) -> AuditFacts:
    """Return the record of an audit that began at `begun`.

    reference: what stood beside the model on the same paths; alone: why no examples did.
    """
    from .. import __version__

    describe: Callable[[], ModelFacts] = getattr(denoiser, "describe", ModelFacts)
    model, note, units = describe(), class_note(denoiser, data), _units(denoiser, data)
    training, conditions = getattr(denoiser, "training", {}), told_of(denoiser)
    early = training.get("steps_run", 0) < training.get("steps", 0)
    near = len(reference.points) if isinstance(reference, Neighbours) else 0
    return AuditFacts(
        girsanov=__version__, model=denoiser.fingerprint, data=data.fingerprint,
        data_name=getattr(data, "name", type(data).__name__), shape=tuple(denoiser.shape),
        **counts, seconds=round(time.perf_counter() - begun, 3),
        pipeline=model.pipeline, trained_levels=model.trained_levels, guidance=model.guidance,
        given="" if conditions is None else conditions.title,
        class_order="number" if note is None else getattr(data, "class_order", "number"),
        units=_recorded_units(denoiser, units),
        rows=getattr(data, "without_labels", lambda: data)().fingerprint,
        scale=_scale(units, conditions),
        volume=_volume(denoiser, units, conditions),
        kind="" if units is None else units.kind,
        scored=bool(units is not None and units.mixtures), lineage=getattr(data, "lineage", None),
        in_diffusers=_in_diffusers(denoiser), arithmetic=arithmetic_of(denoiser),
        without_neighbours=alone, training_stopped=early and not training.get("out_of_time"),
        neighbours=near, reference="" if reference is None or near else reference.fingerprint,
        notes=(*model.notes, *filter(None, (note, learnt_nothing(training)))),
        process=process_of(denoiser),
    )  # fmt: skip


def _scale(units: Standardisation | None, conditions: Conditions | None) -> float | None:
    """Return the user's units in one of the curve, None where the coordinates share none."""
    scale = None if units is None else units.scale_in_units or None
    if scale is None or conditions is None:
        return scale
    rest = conditions.rest
    return scale * float(rest[0]) if np.ptp(rest) == 0 else None


def _units(denoiser: Denoiser, data: Dataset | Law | Named) -> Standardisation | None:
    """Return the units of the curve, the model's own or the data's; None where no one says."""
    own: Standardisation | None = getattr(denoiser, "standardisation", None)
    if own is None and isinstance(data, Dataset):
        return in_units_of(denoiser, data).standardisation
    return own or getattr(data, "units", None)


def _volume(
    denoiser: Denoiser, units: Standardisation | None, conditions: Conditions | None
) -> Volume:
    """Return what a unit of volume of the curve is in the user's units."""
    if getattr(denoiser, "vae", None) is not None:
        return no_volume("the model draws latents, of which an autoencoder makes the pictures")
    if units is None:
        return Volume(0.0)
    if math.prod(units.shape) != math.prod(denoiser.shape):
        return no_volume("the model's coordinates are not those of the data")
    volume = units.volume
    if conditions is None or volume.log_scale is None:
        return volume
    rest = conditions.rest  # the curve is of x given y, in deviations of what y does not say
    steps = tuple((np.asarray(volume.steps) / rest).tolist()) if volume.steps else ()
    return replace(volume, log_scale=volume.log_scale + float(np.log(rest).sum()), steps=steps)


def _recorded_units(denoiser: Denoiser, units: Standardisation | None) -> Json | None:
    """Return the units in which `sample` is to answer for a model that does not know its own."""
    if getattr(denoiser, "standardisation", None) is not None:
        return None
    if units is None and len(denoiser.shape) == 1:
        units = unchanged(denoiser.shape[0])
    return None if units is None else units.to_json()


def _in_diffusers(denoiser: Denoiser) -> bool:
    """Whether it is a folder of ours that diffusers reads as a pipeline, which passes no classes.

    Denoisers that describe themselves are of networks from elsewhere.
    """
    ours = getattr(denoiser, "scheduler", None) is not None and not hasattr(denoiser, "describe")
    return ours and denoiser.classes == 0
