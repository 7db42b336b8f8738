"""`sample`: from a model and a plan to samples in the data's own units."""

from __future__ import annotations

import warnings
from typing import Unpack

import numpy as np
import torch

from .._checks import require, require_count
from .._signatures import takes
from ..data.standardise import Standardisation
from ..denoise.base import Denoiser, require_denoiser, told_of
from ..noise import NoiseSource
from .given import given_rows
from .loop import HasRecipe, sample_batches
from .options import SampleKeywords, SampleOptions
from .sampler import Recipe

STANDARDISED = (
    "the samples are in the model's own units (standardised, or of its pictures or latents): "
    "neither the model nor the plan knows those of the data. girsanov.wrap(..., train=...) does, "
    "and so does a plan from an audit on data"
)


@takes(SampleOptions)
def sample(
    denoiser: Denoiser,
    plan: Recipe | HasRecipe,
    count: int,
    **options: Unpack[SampleKeywords],
) -> np.ndarray:
    """Return `count` samples in the units and type of the data the model was trained on.

    Of a model that does not know its units they are those of the data that it was audited on,
    which a plan keeps; drawn by a recipe alone they stay as the model sees them, with a warning.
    plan: made from an audit of this very model, which is checked by fingerprint unless
    `any_model`; seed: sample i is the same under one seed for every count and batch size;
    observed: what was measured of x (`girsanov.Observation`), which samples are then drawn given:
    [count, ...], or [R, count, ...] of R rows of measured numbers; the plan must be of
    analytic-dpm, and its certificate is for samples without the observation; given: of a model of
    x given y, the rows of y (an array [R, p], a table, a path, or a data set with conditions),
    for each of which `count` are drawn: [R, count, ...]; label: the class to draw, or one per
    sample [count], by default as often as each occurred in the training data; as_drawn: leave the
    numbers of a table where they were drawn, also where no number of the training data was (a
    count below 0), which by default are brought back to the nearest that can be; progress(done,
    total) counts network calls times samples. Samples of a law come back as they are, float64
    [count, d].
    """
    asked = SampleOptions(**options)
    seed = asked.seed
    each = require_count("count", count)
    check_model(denoiser, plan, asked.any_model)
    label, rows, measured = asked.label, None, None
    units = units_of(denoiser, plan, asked.as_drawn)
    if asked.observed is not None:
        measured = asked.observed.seen_by(denoiser, units, count, label)
        count = measured.total
    elif asked.given is not None or told_of(denoiser) is not None:
        rows = given_rows(denoiser, asked.given)
        label, count = rows.repeat_interleave(count, dim=0), count * len(rows)
    elif label is None:
        label = proportional_labels(denoiser, count, seed)
    batches = sample_batches(
        denoiser, plan, count, seed=seed, batch_size=asked.batch_size, label=label,
        measured=measured, progress=asked.progress,
    )  # fmt: skip
    if units is None:
        warnings.warn(STANDARDISED, stacklevel=3)
    drawn, first = [], 0
    for x in batches:
        told = label[first : first + len(x)] if rows is not None else None  # type: ignore[index]
        drawn.append(in_units(units, x, denoiser, told))
        first += len(x)
    values = np.concatenate(drawn)
    if rows is None and not (asked.observed is not None and asked.observed.many):
        return values
    return values.reshape(-1, each, *values.shape[1:])


def proportional_labels(denoiser: Denoiser, count: int, seed: int) -> torch.Tensor | None:
    """Return a label per sample [count], in the proportions of the training data.

    Of a model of x given y they are rows of y that it kept, [count, p]; None of a model that is
    told nothing. Label i is the same under one seed for every count. Raises InputError when the
    model does not say how often each label occurred.
    """
    conditions = told_of(denoiser)
    if conditions is not None:
        draws = NoiseSource(seed, "label").uniform(0, 0, count) * len(conditions.kept)
        return torch.from_numpy(conditions.kept[draws.astype(np.int64)])
    if not denoiser.classes:
        return None
    shares = getattr(denoiser, "training", {}).get("label_shares")
    valid = isinstance(shares, list) and len(shares) == denoiser.classes and sum(shares) > 0
    names = ", ".join(getattr(denoiser, "label_names", ())) or f"0..{denoiser.classes - 1}"
    rule = f"must be one of {names}: how often each occurs was not recorded"
    require(valid, "label", rule, "no label")
    edges = np.cumsum(np.asarray(shares, dtype=np.float64))
    draws = NoiseSource(seed, "label").uniform(0, 0, count) * edges[-1]
    return torch.from_numpy(np.searchsorted(edges, draws, side="right").astype(np.int64))


def check_model(denoiser: Denoiser, plan: Recipe | HasRecipe, any_model: bool = False) -> None:
    """Refuse a plan that was made for another model."""
    require_denoiser(denoiser)
    planned = isinstance(plan, Recipe) or callable(getattr(plan, "recipe", None))
    require(planned, "plan", "must be a plan or a recipe", type(plan).__name__)
    own = denoiser.fingerprint  # of a network of one's own made anew whenever it is asked for
    wanted = getattr(plan, "model", own)
    require(
        any_model or wanted == own,
        "plan",
        f"was made for the model with fingerprint {wanted[:12]}…",
        f"{own[:12]}…",
        "Audit and plan this model, or say that any model will do (--any-model)",
    )


def units_of(
    denoiser: Denoiser, plan: Recipe | HasRecipe, as_drawn: bool = False
) -> Standardisation | None:
    """Return the units of a model's data; without its own, of the data it was audited on.

    as_drawn: without the bounds of what was seen.
    """
    units: Standardisation | None = getattr(denoiser, "standardisation", None)
    recorded = getattr(getattr(plan, "audit", None), "units", None)
    if units is None and recorded:
        units = Standardisation.from_json(recorded)
    return units.as_drawn() if as_drawn and units is not None else units


def in_units(
    units: Standardisation | None, x: torch.Tensor, denoiser: Denoiser | None = None,
    y: torch.Tensor | None = None,
) -> np.ndarray:  # fmt: skip
    """Return standardised samples [b, *shape] in the units of the data.

    y: what they were drawn given [b, p] by this denoiser of x given y.
    """
    values = x.cpu().numpy()
    conditions = None if denoiser is None else told_of(denoiser)
    if conditions is not None and y is not None:
        values = conditions.whole(values, y.numpy())
    return values if units is None else np.asarray(units.decode(values))
