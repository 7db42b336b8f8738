"""The units that a network of one's own may take data in, each with its examples and moments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from .._checks import figure
from ..data import Dataset, Standardisation
from ..data.standardise import ImageStandardisation, VectorStandardisation
from ..moments import Moments, measure_moments

if TYPE_CHECKING:
    from .._typing import Json, Tensor
    from ..denoise.wrapped import WrappedDenoiser

Rows = NDArray[np.int64]


class TriedUnits(NamedTuple):
    """The examples in one of the units tried: x0 [n, *shape], and the moments there.

    options: of `girsanov.wrap` that tell these units, {} for those that were told.
    """

    options: Json
    words: str
    x0: Tensor
    moments: Moments


def tried_units(
    network: WrappedDenoiser, data: Dataset, rows: Rows, aside: Rows
) -> Iterator[TriedUnits]:
    """Yield rows of the data in the units that were told, then in each of the others once.

    data: in the units that were told; rows: to try; aside: others, for the moments.
    """
    seen: list[Tensor] = []
    for options, words, units in _named(data, aside):
        own = data.with_standardisation(units)
        x0 = own.batch(rows).to(network.device, network.dtype)
        if any(torch.allclose(x0, other, rtol=1e-3, atol=1e-3) for other in seen):
            continue
        seen.append(x0)
        yield TriedUnits(options, words, x0, measure_moments([own.batch(aside)], network.shape))


def _named(data: Dataset, aside: Rows) -> Iterator[tuple[Json, str, Standardisation]]:
    """Yield units with the options that tell them: those told, then of pictures and of rows."""
    told = data.standardisation
    yield {}, "", told
    if isinstance(told, ImageStandardisation):
        yield from _of_pictures(told, data, aside)
    elif isinstance(told, VectorStandardisation):
        plain = replace(told, mean=np.zeros_like(told.mean), scale=np.ones_like(told.scale))
        raw = data.with_standardisation(plain).batch(aside).double().numpy()
        mean, scale = raw.mean(axis=0), raw.std(axis=0)
        yield {"units": (0.0, 1.0)}, "the rows as they are", plain
        fitted = replace(told, mean=mean, scale=scale)
        pair = {"units": (mean.tolist(), scale.tolist())}
        yield pair, "the rows standardised", fitted


def _of_pictures(
    told: ImageStandardisation, data: Dataset, aside: Rows
) -> Iterator[tuple[Json, str, Standardisation]]:
    span, middle = told.high - told.low or 1.0, told.low / 2 + told.high / 2
    plain = data.with_standardisation(replace(told, mean=None, scale=None)).batch(aside).double()
    mean, scale = float(plain.mean()), float(plain.std()) or 1.0
    pairs = (
        ("in [-1, 1]", middle, span / 2), ("in [0, 1]", told.low, span),
        ("from 0 to 255", told.low, span / 255),
        ("standardised", middle + span / 2 * mean, span / 2 * scale),
    )  # fmt: skip
    for words, centre, unit in pairs:
        m, u = (np.full((1, 1, 1), value) for value in (centre, unit))
        option = {"units": tuple(float(figure(value, 6)) for value in (centre, unit))}
        yield option, f"the data {words}", replace(told, mean=m, scale=u)
