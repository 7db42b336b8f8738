"""How far an ODE sampler's end points are from the teacher's, and how it is known."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from .._checks import require, require_choice, require_number

if TYPE_CHECKING:
    from .._typing import Json
    from ..montecarlo import Estimate

KINDS = ("predicted", "measured")


@dataclass(frozen=True)
class Distance:
    """Root mean square over coordinates and trajectories of end point less teacher's end point.

    value, with its 95 % interval low..high: in standardised units, not nats; kind:
    ``predicted`` from one-step errors or ``measured`` by a run; end: SNR at which the teacher's
    end point was taken; note: in words.
    """

    value: float
    low: float
    high: float
    kind: str
    end: float
    note: str

    @classmethod
    def of(cls, square: Estimate, kind: str, end: float, note: str) -> Distance:
        """Return the distance whose square is this estimate."""
        ends = (float(square.value), *(float(x) for x in square.interval()))
        value, low, high = (math.sqrt(max(0.0, x)) for x in ends)
        return cls(value, low, high, kind, end, note)

    def to_json(self) -> Json:
        """Return this distance as a JSON object."""
        return asdict(self)


def distance_from_json(content: Json) -> Distance:
    """Return the distance whose `to_json` is `content`; raises TypeError or InputError if none."""
    distance = Distance(**content)
    for name in ("value", "low", "high", "end"):
        require_number(f"distance {name}", getattr(distance, name), above=-1e-300)
    require(
        distance.low <= distance.value <= distance.high,
        "distance",
        "must lie in its interval",
        content,
    )
    require_choice("distance kind", distance.kind, KINDS)
    require(isinstance(distance.note, str), "distance note", "must be text", distance.note)
    return distance
