r"""What one unit of volume of a model is in the user's units, which densities need.

A standardisation x = (raw - centre)/scale has

    log p_raw(raw) = log p_x(x) - sum_j log scale_j,                                      (1)

and values that lie `step` apart in the user's units lie step/scale_j apart in the model's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ._checks import require

if TYPE_CHECKING:
    from ._typing import Array


@dataclass(frozen=True)
class Volume:
    """The logarithm of the user's volume in one of the model's, and how far values are apart.

    log_scale: sum_j log scale_j in nats, None where there is none; why: why there is none, "" if
    there is; steps: how far whole values are apart in the model's units, one for all coordinates
    or one for each, () of values that are no lattice.
    """

    log_scale: float | None
    why: str = ""
    steps: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a volume that is none without a reason."""
        known = self.log_scale is not None or bool(self.why)
        require(known, "volume", "must have a scale, or say why there is none")
        positive = all(step > 0 for step in self.steps)
        require(positive, "volume", "must have steps above 0", self.steps)

    def sides(self, dimension: int) -> Array:
        """Return the distance of values in each coordinate, [d]."""
        fits = len(self.steps) in (1, dimension)
        require(fits, "volume", f"must have 1 or {dimension} steps", len(self.steps))
        return np.broadcast_to(np.array(self.steps), (dimension,))


def volume_of(scales: Iterable[float], steps: Iterable[float]) -> Volume:
    """Return the volume of coordinates with these scales [d]; steps: in the user's units, 0 where
    values are continuous [d].
    """
    scale, step = np.array(list(scales), float), np.array(list(steps), float)
    flat = int((scale <= 0).sum())
    if flat:
        one = "one coordinate is" if flat == 1 else f"{flat} coordinates are"
        return Volume(None, f"{one} constant, so that the data have no density")
    log_scale = float(np.log(scale).sum())
    if not (step > 0).all():
        return Volume(log_scale)
    apart = (step / scale).tolist()
    return Volume(log_scale, "", tuple(apart[:1] if len(set(apart)) == 1 else apart))


def no_volume(why: str) -> Volume:
    """Return the volume of units that have no density in the user's."""
    return Volume(None, why)


def whole(kind: str) -> float:
    """Return how far values of a dtype's kind are apart: 1 for whole numbers, 0 for others."""
    return 0.0 if kind == "f" else 1.0
