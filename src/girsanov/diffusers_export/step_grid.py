r"""A grid as a scheduler carries it: places in a table of levels, and the steps between them.

Steps along the flow (`sampling/ancestral.py`) go from s to rho^-2 = t (t/s)^e beyond the next
level t, e their overshoot. Where a grid is thinned a step stands for several: it keeps the
overshoot of the last of them, (t/s)^e with its own s, and the number of calls of that one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._checks import require
from ..sampling.ancestral import Inner
from .json_arrays import pack_array, unpack_array

if TYPE_CHECKING:
    from .._typing import Json, Levels


@dataclass(frozen=True)
class StepGrid:
    """Places in a table of levels; inner: how an ancestral sampler goes between them, or None."""

    places: tuple[int, ...]
    inner: Inner | None = None

    def without_first(self) -> StepGrid | None:
        """Return the grid that begins at the second level, None where there is none."""
        if len(self.places) < 2:
            return None
        inner = self.inner and Inner(self.inner.flow_to[1:], self.inner.middle[1:])
        return StepGrid(self.places[1:], inner)

    def thinned(self, count: int, table: Levels) -> StepGrid:
        """Return so many of its levels, evenly chosen, the last among them; table: of levels."""
        kept = np.rint(np.linspace(len(self.places) - 1, 0, count)).astype(int)[::-1].tolist()
        places = tuple(self.places[k] for k in kept)
        if self.inner is None:
            return StepGrid(places)
        levels = table[list(self.places)]
        steps = [_merged(levels, self.inner, a, b) for a, b in itertools.pairwise(kept)]
        flow_to, middle = np.array(steps, dtype=np.float64).reshape(-1, 2).T
        return StepGrid(places, Inner(flow_to, middle))


def _merged(levels: Levels, inner: Inner, a: int, b: int) -> tuple[float, float]:
    """Return `flow_to` and `middle` of one step from level a to level b of a grid."""
    flow_to, middle = float(inner.flow_to[b - 1]), float(inner.middle[b - 1])
    if b - a == 1 or math.isnan(flow_to):
        return flow_to, middle
    overshoot = math.log(flow_to / levels[b]) / math.log(levels[b] / levels[b - 1])
    flow_to = float(levels[b] * (levels[b] / levels[a]) ** overshoot)
    if not math.isnan(middle):  # of the levels that the grid knows, the nearest to half-way
        known = np.append(levels[a + 1 : b + 1], middle)
        middle = float(known[np.abs(np.log(known**2 / (levels[a] * flow_to))).argmin()])
    return flow_to, middle


def inner_to_json(grids: Mapping[int, StepGrid]) -> Json | None:
    """Return how steps along the flow are taken, by number of calls; None where there are none."""
    found = {str(n): grid.inner for n, grid in grids.items() if grid.inner is not None}
    return {
        n: {name: pack_array(values, "float64") for name, values in inner.tensors().items()}
        for n, inner in found.items()
    } or None


def grids_from_json(places: Json, inner: Json | None) -> dict[int, StepGrid]:
    """Return the grids of places and of what `inner_to_json` returned."""
    rule = "must be given for every grid, or for none"
    require(inner is None or inner.keys() == places.keys(), "inner", rule)
    return {
        int(n): StepGrid(tuple(grid), None if inner is None else _inner(inner[n]))
        for n, grid in places.items()
    }


def _inner(content: Json) -> Inner | None:
    arrays = {name: unpack_array(value, "inner") for name, value in content.items()}
    return Inner.from_tensors(arrays, wanted=True)
