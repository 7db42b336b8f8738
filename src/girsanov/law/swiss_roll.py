r"""The swiss roll: a spiral in the plane, and rolled-up paper in space.

With t uniform on [1.5 pi, 4.5 pi] and, in three dimensions, y uniform on [0, h],

    X_0 = a (t cos t, t sin t),      or      X_0 = a (t cos t, y, t sin t),              (1)

as `sklearn.datasets.make_swiss_roll` has it (a = 1, h = 21). The posterior of t is one integral
along the curve, and that of y one along an interval, independent of it:

    m = int c(t) exp(-|x - c(t)|^2 s/2) dt / int exp(-|x - c(t)|^2 s/2) dt,              (2)

by Gauss and Legendre on panels of about PANEL noise levels, which is exact to rounding. So the
law at one level is a law on points, many enough for that level, and points.py does the sums.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .._checks import refuse, require, require_number
from .._files import sha256_of
from ..noise import NoiseSource
from .base import LAW_FORMAT, SIZE_LIMIT, Law
from .points import Points
from .quadrature import GAUSS_NODES

if TYPE_CHECKING:
    from .._typing import Array, Json, Tensor

FIRST, LAST = 1.5 * math.pi, 4.5 * math.pi
PANEL = 4.0  # noise levels that a panel is long, 5.4 at the outer end
FINEST = 2**14  # panels at most; beyond, a level is too fine for (2)


class SwissRoll(Law):
    """The law (1) on a spiral, or on a rolled-up sheet when it has a `height`.

    scale: a, by default such that the roll's outer end is 1.5 from the middle; height: h in
    units of a, None for the plane. It has no density without noise; levels finer than a
    65,000th of the spiral's length are refused. Raises InputError for numbers that are not
    positive.
    """

    def __init__(self, scale: float = 1.5 / LAST, height: float | None = None) -> None:
        self.scale = require_number("scale", scale, above=0.0)
        self.height = None if height is None else require_number("height", height, above=0.0)
        for name, value in (("scale", self.scale), ("height", self.height or 0.0)):
            require(value <= SIZE_LIMIT, name, f"must be at most {SIZE_LIMIT:g}", value)
        self.dimension = 2 if self.height is None else 3
        even = self._parts(256)
        self.mean = self._joined([p.mean for p in even])
        self.variance = float(sum(p.variance for p in even))
        self.has_density = False
        given = np.array([self.scale, self.height or 0.0])
        self.fingerprint = sha256_of("law swiss roll", given)

    def to_json(self) -> Json:
        """Return the law as the content of a law.json file."""
        fields: dict[str, Any] = {"scale": self.scale}
        if self.height is not None:
            fields["height"] = self.height
        return {"format": LAW_FORMAT, "law": "swiss_roll", **fields}

    def at(self, t: Array) -> Array:
        """Return the spiral's points a (t cos t, t sin t) at angles `t` [n], [n, 2]."""
        return _spiral(self.scale, np.asarray(t, dtype=np.float64))

    def _sample(self, count: int, seed: int, first: int) -> Tensor:
        source = NoiseSource(seed, "law")
        places = [self.at(FIRST + (LAST - FIRST) * source.uniform(0, first, count))]
        if self.height is not None:
            places.append(self.scale * self.height * source.uniform(1, first, count)[:, None])
        return torch.from_numpy(np.stack(self._joined([p.T for p in places]), axis=1))

    def _joined(self, parts: list[Any]) -> Any:
        """Return [x, z] and perhaps [y] along the first axis in the order of (1)."""
        flat = np.concatenate(parts)
        return flat if len(flat) == 2 else flat[[0, 2, 1]]

    def _covariance(self) -> Array:
        parts = [p.covariance() for p in self._parts(256)]
        if len(parts) == 1:
            return parts[0]
        out = np.zeros((3, 3))
        out[np.ix_([0, 2], [0, 2])], out[1, 1] = parts[0], parts[1][0, 0]
        return out

    def _log_prob(self, x: Tensor, noise: float) -> Tensor:
        parts = self._split(x, noise)
        return torch.stack([p.log_prob(at, 1 / noise) for p, at in parts]).sum(dim=0)

    def _posterior(self, x: Tensor, noise: float, spread: bool) -> tuple[Tensor, Tensor]:
        parts = self._split(x, noise)
        means = torch.cat([p.denoise(at, 1 / noise) for p, at in parts], dim=1)
        mean = means if self.height is None else means[:, [0, 2, 1]]
        if not spread:
            return mean, x.new_zeros(len(x))
        spreads = [p.posterior_variance(at, 1 / noise) for p, at in parts]
        return mean, torch.stack(spreads).sum(dim=0)

    def _split(self, x: Tensor, noise: float) -> list[tuple[Points, Tensor]]:
        """Return the roll and perhaps the height at this level, each with its coordinates."""
        length = self.scale * max(LAST * (LAST - FIRST) * 0.75, self.height or 0.0)
        panels = length / (PANEL * math.sqrt(noise))
        if panels > FINEST:
            most = (PANEL * FINEST / length) ** 2
            refuse("snr", f"must be at most {most:.3g} for this swiss roll", 1 / noise)
        parts = self._parts(2 ** max(6, math.ceil(math.log2(panels))))
        if self.height is None:
            return [(parts[0], x)]
        return [(parts[0], x[:, [0, 2]]), (parts[1], x[:, 1:2])]

    def _parts(self, panels: int) -> tuple[Points, ...]:
        return _points(self.scale, self.height, panels)


def _spiral(scale: float, t: Array) -> Array:
    return scale * np.stack([t * np.cos(t), t * np.sin(t)], axis=1)


@lru_cache(maxsize=16)
def _points(scale: float, height: float | None, panels: int) -> tuple[Points, ...]:
    """Return the spiral, and perhaps the interval of the height, as points with weights."""
    x, w = np.polynomial.legendre.leggauss(GAUSS_NODES)
    u = ((np.arange(panels)[:, None] + (1 + x) / 2) / panels).ravel()
    w = np.tile(w / 2 / panels, panels)
    roll = Points(_spiral(scale, FIRST + (LAST - FIRST) * u), w)
    return (roll,) if height is None else (roll, Points(scale * height * u[:, None], w))
