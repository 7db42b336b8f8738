"""All that examples in one choice of units say of the noise levels to train on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._checks import InputError, figure
from ..moments import measure_moments
from .density import training_density
from .recipes import Levels
from .resolution import spacings
from .scales import FineEnd, coarsest, finest, neighbour_distances
from .training_law import Attainable, attainable

if TYPE_CHECKING:
    from .._typing import Tensor

GRID = 33  # levels at which the attainable losses are measured
QUARTILE = 0.6745  # of the normal law, in deviations
OFF_CENTRE = 1.05  # deviation about 0 over that about the mean, from which on the mean matters


@dataclass(frozen=True)
class MeasuredLevels:
    """The levels of examples in one choice of units, and what they rest on.

    nats: what a start at sigma_max costs; fine: why sigma_min is where it is; distance: to the
    nearest neighbour, the median; errors: the least losses between both ends.
    """

    levels: Levels
    nats: float
    fine: FineEnd
    distance: float
    errors: Attainable

    @property
    def by_heart(self) -> float | None:
        """The noise level below which the training law's loss is less than half that of new
        examples, None if it is so nowhere.
        """
        low = np.flatnonzero(self.errors.training.value < self.errors.new.value / 2)
        return float(self.errors.levels[low[0]] ** -0.5) if len(low) else None

    def reasons(self) -> dict[str, str]:
        """Return a sentence for every number, by its name."""
        x = self.levels
        ends = (math.exp(x.p_mean + k * QUARTILE * x.p_std) for k in (-1, 1))
        low, high = (figure(end) for end in ends)
        about = f"deviation of a coordinate about its mean is {figure(x.sigma_data)}."
        if x.about_zero > OFF_CENTRE * x.sigma_data:
            about += f" About 0 it is {figure(x.about_zero)}: subtract the mean first."
        return {
            "sigma_max": f"A start from N(mean, sigma^2) there costs {figure(self.nats)} nats. "
            "Coarser noise hides nothing more.",
            "sigma_min": self._fine(),
            "sigma_data": f"The {about}",
            "P_mean, P_std": f"Half of the training falls on noise from {low} to {high}, where "
            "there is most to learn beyond a straight line.",
            "by heart": self._by_heart(),
        }

    def _fine(self) -> str:
        apart, way = figure(self.fine.spacing), figure(self.distance)
        return {
            "lattice": f"The values lie {apart} apart. Noise below {apart}/sqrt(12) shows their "
            "rounding alone.",
            "neighbours": f"The nearest neighbour is {way} away (median). Finer noise moves an "
            "example less than half of that way.",
            "axis": "It is the least deviation of the data along an axis. Finer noise hides "
            "nothing.",
            "least": "It is EDM's own share of sigma_data. The data ask for nothing coarser.",
        }[self.fine.why]

    def _by_heart(self) -> str:
        half = f"Half of the way to the nearest neighbour is {figure(self.distance / 2)}."
        if self.by_heart is None:
            return f"Between these levels no example is known by heart. {half}"
        return (
            f"Below noise {figure(self.by_heart)} the least training loss is less than half of "
            f"what new examples have: only a held-out loss tells learning from memory. {half}"
        )


def measured_levels(x: Tensor, units: str, nats: float, seed: int) -> MeasuredLevels:
    """Return what examples x [n, *shape], n >= 4, say in their own units, called `units`.

    nats: what a start may cost. Raises InputError for examples that are all equal.
    """
    moments = measure_moments([x], tuple(x.shape[1:]))
    if not moments.variance > 0:
        raise InputError("data: must hold examples that differ; they are all equal")
    d, flat = len(moments.mean), x.flatten(1)
    varying = np.maximum(moments.variances, 0.0)
    distance = float(np.median(neighbour_distances(flat)))
    apart = spacings(flat.double().numpy(), alike=x.ndim > 2)
    fine = finest(apart, varying, distance, len(x))
    top = coarsest(varying, nats)
    bottom = min(fine.sigma, top / 2)  # of a few values, whose spacing is all there is
    errors = attainable(x, np.geomspace(top**-2, bottom**-2, GRID), seed=seed)
    scale = math.sqrt(moments.variance / d)
    density = training_density(errors, scale, d)
    about_zero = math.sqrt(moments.second_moment / d)
    levels = Levels(units, bottom, top, scale, about_zero, *density)
    return MeasuredLevels(levels, nats, fine, distance, errors)
