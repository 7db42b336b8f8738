"""The units a pipeline's items come in: pictures in [-1, 1], or latents as they are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..._checks import require
from ...data.standardise import ImageStandardisation, Standardisation
from ..base import told_of

if TYPE_CHECKING:
    from ...data import Dataset
    from ..base import Denoiser


def units_for(denoiser: Denoiser, data: Dataset) -> Standardisation:
    """Return the map from the units of `data` to those of a model.

    A model of ours knows its own. A pipeline takes pictures in [-1, 1] and does not say where
    they came from: fractions within [0, 1] and within [-1, 1] are taken at their word, 8-bit
    numbers as 0..255, and anything else by its lowest and highest value; latents as they are.
    A network that was wrapped with a mean and a scale takes pictures by these.
    """
    own: Standardisation | None = getattr(denoiser, "standardisation", None)
    if own is not None:
        return own
    units, pair = data.standardisation, getattr(denoiser, "units", None)
    pictures = isinstance(units, ImageStandardisation)
    require(pictures, data.name, f"must hold items of shape {denoiser.shape}", data.shape)
    assert isinstance(units, ImageStandardisation)
    if pair is not None:
        return replace(units, mean=pair[0], scale=pair[1])
    if units.dtype.kind != "f":
        return units
    latent = getattr(denoiser, "vae", None) is not None and data.shape == denoiser.shape
    inside = units.low >= -1 and units.high <= 1
    if latent or (inside and units.low < 0):
        return replace(units, low=-1.0, high=1.0)
    return replace(units, low=0.0, high=1.0) if inside else units


def in_units_of(denoiser: Denoiser, data: Dataset) -> Dataset:
    """Return data in the units of a model, in its own where the model knows of none."""
    conditions = told_of(denoiser)
    if conditions is None:
        data = data.without_conditions()
    else:
        data = data.with_conditions(conditions)
    return data.with_standardisation(units_for(denoiser, data)) if knows_units(denoiser) else data


def knows_units(denoiser: Denoiser) -> bool:
    """Return whether a model says in which units it takes data."""
    given = [getattr(denoiser, name, None) is not None for name in ("standardisation", "units")]
    return any(given) or hasattr(denoiser, "vae")
