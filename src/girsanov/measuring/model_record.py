"""Levels that a discrete-time network was trained at, and what a pipeline says of itself."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from .._checks import require, require_count, require_levels
from .._typing import Array, Json, Levels
from ..data import Dataset
from ..data.standardise import unchanged
from ..denoise.arithmetic import arithmetic_of
from ..denoise.base import Denoiser, process_of
from ..denoise.classes import class_note
from ..denoise.neighbours import Neighbours
from ..denoise.pipelines.units import in_units_of
from ..law.base import Law

MOST = 10**5  # levels of an audit, which holds numbers of each
NUDGE = 1e-9  # relative; a denoiser takes levels within 1e-6 of a trained one for it


def levels_to_audit(denoiser: Denoiser, levels: int | Levels) -> Levels:
    """Return the SNRs to measure at: so many over the model's range, or those given.

    Of a discrete-time network, the nearest that it was trained at, each once.
    """
    if isinstance(levels, int | np.integer):
        count = require_count("levels", levels, at_least=2)
        require(count <= MOST, "levels", f"must be at most {MOST}", count)
        grid = np.geomspace(*denoiser.snr_range, count)
    else:
        grid = require_levels("levels", levels, at_least=2)
    known = trained_levels(denoiser)
    if known is None:
        return grid
    return require_levels("levels", known[np.unique(_nearest(known, grid))], at_least=2)


def trained_levels(denoiser: Denoiser) -> Array | None:
    """Return the SNRs this network must be asked at, increasing; None when any will do."""
    return None if getattr(denoiser, "any_level", False) else getattr(denoiser, "levels", None)


def moved_to_trained(denoiser: Denoiser, grid: Levels) -> Levels:
    """Return `grid` with every level moved to the nearest trained one, still increasing.

    Levels that meet are kept apart by less than the denoiser can tell.
    """
    known = trained_levels(denoiser)
    if known is None:
        return grid
    moved = known[_nearest(known, grid)]
    for k in range(1, len(moved)):
        moved[k] = max(moved[k], moved[k - 1] * (1 + NUDGE))
    return np.asarray(moved)


def _nearest(known: Array, grid: Levels) -> Any:
    return np.abs(np.log(known)[None] - np.log(grid)[:, None]).argmin(axis=1)


def record_of(denoiser: Denoiser, data: Dataset | Law, begun: float, **counts: Any) -> Json:
    """Return the record of an audit: model, data, counts, time since `begun`, and `said_of`."""
    from .. import __version__

    return {
        "girsanov": __version__, "model": denoiser.fingerprint, "data": data.fingerprint,
        "data_name": getattr(data, "name", type(data).__name__), "shape": list(denoiser.shape),
        **counts, "seconds": round(time.perf_counter() - begun, 3), **said_of(denoiser, data),
    }  # fmt: skip


def said_of(denoiser: Denoiser, data: Dataset | Law) -> Json:
    """Return what an audit records: levels, clock and notes of a pipeline or a network of one's
    own, and the units of whatever does not know its own, in which `sample` answers.
    """
    about: Json = dict(getattr(denoiser, "describe", dict)())
    note = class_note(denoiser, data)
    if note is not None:
        about["notes"] = [*about.get("notes", ()), note]
        about["class_order"] = getattr(data, "class_order", "number")
    if getattr(denoiser, "standardisation", None) is None:
        if isinstance(data, Dataset):
            about["units"] = in_units_of(denoiser, data).standardisation.to_json()
        elif len(denoiser.shape) == 1:
            about["units"] = unchanged(data.dimension).to_json()
    return about


def named(
    denoiser: Denoiser, data: Dataset | Law, reference: Denoiser | None, alone: str = ""
) -> Json:
    """Return the record of the units, of a process not scalar, of what stood beside it."""
    out: Json = {"rows": getattr(data, "without_labels", lambda: data)().fingerprint}
    units = getattr(denoiser, "standardisation", None)
    if units is None and isinstance(data, Dataset):
        units = in_units_of(denoiser, data).standardisation
    if units is not None and units.scale_in_units:
        out["scale"] = units.scale_in_units  # user units in one of the units of the curve
    if units is not None:
        out["kind"] = units.kind
    if getattr(denoiser, "scheduler", None) is not None and not hasattr(denoiser, "describe"):
        # a folder of ours that diffusers reads as a pipeline, which passes no classes
        out["in_diffusers"] = denoiser.classes == 0
    if process_of(denoiser) != "vp":
        out["process"] = process_of(denoiser)
    if arithmetic_of(denoiser):
        out["arithmetic"] = arithmetic_of(denoiser)
    if alone:
        out["without_neighbours"] = alone
    run = getattr(denoiser, "training", {})
    early = run.get("steps_run", 0) < run.get("steps", 0) and not run.get("out_of_time")
    out |= {"training_stopped": True} if early else {}
    if isinstance(reference, Neighbours):
        return {**out, "neighbours": len(reference.points)}
    return out if reference is None else {**out, "reference": reference.fingerprint}
