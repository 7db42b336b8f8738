r"""What steps along the probability flow miss: the second curve of an audit.

With lambda = log(s)/2 the flow is dx/dlambda = m - x, and Phi its map from level s to the level
rho^-2 = s e^(2u), a length u further. A step that calls the network once, or twice (midpoint),
goes to

    phi_1 = m + e^-u (x - m),    phi_2 = e^-u x + (1 - e^-u) m(phi_1 at u/2),              (1)

instead. Measured on held-out examples at each of S start levels, x = x0 + z/sqrt(s), and U lengths
are, with a = Phi - phi_1 and b = x - m,

    one = E|a|^2,  two = E|Phi - phi_2|^2,  ab = E a.b,  am = E a.m,  bb, bm, mm,          (2)

by groups of independent examples. Between start levels and lengths (2) is interpolated: one and
two geometrically in units of 1/s, which is exact for powers of u; the others linearly in units of
the power of u with which they begin. Groups enter linearly, in proportion to the mean of all, so
that few examples a group bring no bias. Shorter than the shortest length, one and two fall as
they did between the two shortest, with a power between 2 (a network that jitters) and 4 or 6 (a
smooth one).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .._typing import Array, Levels

LENGTHS = (0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)  # u of (1), in log(1/sigma)
TINY = 1e-300  # stands for a miss of zero, whose logarithm is not a number
SMOOTH_POWERS = {"one": 4.0, "two": 6.0}  # powers of u in which a smooth network's misses begin
ROUGH = 2.0  # the power of what jitters
BEGINS = {"ab": 2.0, "am": 2.0, "bb": 0.0, "bm": 0.0, "mm": 0.0}
IN_NOISE = ("ab", "bb")  # of (2), which are squares of lengths that shrink with the noise
FLOW_MOMENTS = (*SMOOTH_POWERS, *BEGINS)
NEAR = 1e-9  # shares that are rounding


class Corner(NamedTuple):
    """One of the four measured steps around another: where it stands, and its share [N]."""

    place: tuple[NDArray[np.int64], NDArray[np.int64]]
    share: Array


class Missed(NamedTuple):
    """The moments (2) of steps from given levels over given lengths, by group, [N, B] each."""

    one: Array
    two: Array
    ab: Array
    am: Array
    bb: Array
    bm: Array
    mm: Array


@dataclass(frozen=True)
class FlowCurve:
    """The moments (2) as measured.

    levels: SNRs of the starts, increasing [S]; lengths: u [U]; shares: of the examples in each
    group [B]; rows: examples at each start [S]; moments: by the names of (2), [S, U, B]; finest:
    SNR that no step may flow beyond. Of expectations there is one group.
    """

    levels: Array
    lengths: Array
    shares: Array
    rows: Array
    moments: dict[str, Array]
    finest: float

    @property
    def exact(self) -> bool:
        """Whether the moments are expectations."""
        return len(self.shares) == 1

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Which steps end at no finer level than the finest, [S, U]."""
        ends = np.log(self.levels)[:, None] + 2 * self.lengths
        return np.asarray(ends <= np.log(self.finest) + 1e-6)

    def pooled(self, groups: NDArray[np.bool_] | None = None) -> FlowCurve:
        """Return the curve with all groups, or those of a mask [B], as one."""
        weights = self.shares if groups is None else self.shares * groups
        weights = weights / weights.sum()
        moments = {name: (m @ weights)[..., None] for name, m in self.moments.items()}
        return replace(self, shares=np.ones(1), moments=moments)

    def tensors(self) -> dict[str, Array]:
        """Return the arrays by name."""
        own = {
            "levels": self.levels, "lengths": self.lengths, "shares": self.shares,
            "rows": self.rows, "finest": np.array([self.finest]), **self.moments,
        }  # fmt: skip
        return {f"flow.{name}": value for name, value in own.items()}

    @classmethod
    def from_tensors(cls, arrays: Mapping[str, Array]) -> FlowCurve | None:
        """Return the curve whose `tensors` are among `arrays`, or None."""
        if "flow.levels" not in arrays:
            return None
        own = {name[5:]: value for name, value in arrays.items() if name.startswith("flow.")}
        moments = {name: own[name] for name in FLOW_MOMENTS}
        levels, lengths, shares, rows = (
            own[name] for name in ("levels", "lengths", "shares", "rows")
        )
        return cls(levels, lengths, shares, rows, moments, float(own["finest"][0]))

    def at(self, snr: Levels, length: Array) -> tuple[Missed, NDArray[np.bool_]]:
        """Return the moments of steps from `snr` [N] over `length` [N], and which are known
        [N]."""
        snr, length = np.broadcast_arrays(np.asarray(snr, float), np.asarray(length, float))
        i, w = place(np.log(self.levels), np.log(snr))
        inside = np.maximum(length, self.lengths[0])
        j, v = place(np.log(self.lengths), np.log(inside))
        corners = [
            Corner((i + a, j + b), (w if a else 1 - w) * (v if b else 1 - v))
            for a in (0, 1)
            for b in (0, 1)
        ]
        known = (w > -NEAR) & (w < 1 + NEAR) & (v < 1 + NEAR) & (length > 0)
        for at, share in corners:
            known &= self.valid[at] | (np.abs(share) < NEAR)
        out = {}
        for name in SMOOTH_POWERS:
            fall = (length / inside) ** self._power(name, i, w)
            out[name] = self._geometric(name, corners) * (fall / snr)[:, None]
        for name, power in BEGINS.items():
            own = length**power / (snr if name in IN_NOISE else 1.0)
            out[name] = self._linear(name, corners) * own[:, None]
        return Missed(**out), known

    def examples_at(self, snr: Levels) -> Array:
        """Return how many examples stand behind steps from `snr` [N]."""
        i, _ = place(np.log(self.levels), np.log(snr))
        return np.asarray(np.minimum(self.rows[i], self.rows[i + 1]))

    def _geometric(self, name: str, corners: list[Corner]) -> Array:
        """Return a miss in units of the noise, by group [N, B]: geometric in the mean of all."""
        scaled = self.moments[name] * self.levels[:, None, None]
        mean = np.maximum(scaled @ self.shares, TINY)
        logs = sum(share * np.log(mean[at]) for at, share in corners)
        by_group = sum(share[:, None] * scaled[at] / mean[at][:, None] for at, share in corners)
        return np.asarray(np.exp(logs)[:, None] * by_group)

    def _linear(self, name: str, corners: list[Corner]) -> Array:
        """Return a product in units of the power of u with which it begins, by group [N, B]."""
        scale = self.levels if name in IN_NOISE else np.ones_like(self.levels)
        scaled = self.moments[name] * scale[:, None, None]
        scaled = scaled / self.lengths[None, :, None] ** BEGINS[name]
        return np.asarray(sum(share[:, None] * scaled[at] for at, share in corners))

    def _power(self, name: str, i: NDArray[np.int64], w: Array) -> Array:
        """Return the power of u with which a miss falls below the shortest length, [N]."""
        mean = np.maximum(self.moments[name][:, :2] @ self.shares, TINY)
        step = np.log(self.lengths[1] / self.lengths[0])
        power = np.clip(np.log(mean[:, 1] / mean[:, 0]) / step, ROUGH, SMOOTH_POWERS[name])
        return np.asarray((1 - w) * power[i] + w * power[i + 1])


def place(points: Array, at: Array) -> tuple[NDArray[np.int64], Array]:
    """Return the gap that each of `at` [N] is in, and how far, which may be outside 0..1."""
    i = np.clip(np.searchsorted(points, at, side="right") - 1, 0, len(points) - 2)
    return i.astype(np.int64), (at - points[i]) / (points[i + 1] - points[i])
