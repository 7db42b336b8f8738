r"""What a step of an ODE sampler costs: how far it misses the teacher.

From the teacher's state at level i, one step of an ODE sampler to level j (`ode_samplers.py`)
misses by

    e = a x_i + b m_i + c m_p + g m_j - x_j,                                              (1)

p the level before i, which dpmpp-2m remembers; heun asks the network where its predictor lands,
for which the teacher's own m_j stands in (they differ by the predictor's error, so (1) misses a
term of one order more). In principal coordinates c of variance v_c an error at level j reaches
the end point, the prediction at level E, as the linear flow of a Gaussian carries it,

    W_jc = (v_c/(v_c + 1/s_E))^2 (v_c + 1/s_E)/(v_c + 1/s_j),                             (2)
    w(p, i, j) = sum_c W_jc E e_c^2 / d.                                                  (3)

A start at level k is the Gaussian that the same z gives there, and its miss x_k(z) - x_k is
weighed alike; a last prediction at level k instead of E misses by m_k - m_E. Squares of sums of
teacher's vectors are read off their Gram matrices, one per band of coordinates, so nothing of
the size of the trajectories is kept. The sum of (3) over a grid neglects that errors of different
steps are correlated, and (2) that the flow of other laws can part trajectories.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...error_curve.bands import bands_by_variance
from ...path_kl.shortest_path import shortest_paths

if TYPE_CHECKING:
    from ..._typing import Array, Indices, Levels
    from ...error_curve.frame import Frame
    from ...measuring.trajectories import Trajectories
    from ...sampling.ode_samplers import OdeSampler

BANDS = 32  # of coordinates that share the weight (2)
CHUNK = 2**22  # numbers of a Gram matrix's factor in memory at once
ODE_LEVELS = 64  # levels an ODE sampler may visit


class Paths(Protocol):
    """Best grids of every number of levels: `allocate.Allocation`, or `Pairs`."""

    @property
    def costs(self) -> Array:
        """The cost of the best n levels that end at each level, [n, K]."""
        ...

    def grid(self, count: int, last: int) -> Any:
        """Return the indices of the best `count` levels that end at index `last`."""
        ...


@dataclass(frozen=True)
class Teacher:
    """Second moments of some trajectories in principal coordinates, by band of them.

    levels: [K]; variances: v by band [J]; gram: E of products of the 2 K vectors x_1..x_K,
    m_1..m_K, summed over a band's coordinates and divided by d, [J, 2K, 2K]; starts: the same
    of x_k(z) - x_k, [J, K]; end: index E; free: a grid may stop before E; denoise: False for
    grids whose end point is the state at E.
    """

    levels: Levels
    variances: Array
    gram: Array
    starts: Array
    end: int
    free: bool = True
    denoise: bool = True

    @cached_property
    def carried(self) -> Array:
        """Equation (2), [K, J]; without its first factor for a state."""
        v, noise = self.variances, 1 / self.levels[:, None]
        last = v + 1 / self.levels[self.end]
        return np.asarray(last / (v + noise) * ((v / last) ** 2 if self.denoise else 1.0))

    @property
    def start(self) -> Array:
        """The cost of starting at every level, [K]."""
        return np.asarray((self.carried * self.starts.T).sum(1))

    @property
    def stop(self) -> Array:
        """The cost of making the last prediction at every level, [K]; inf past the end."""
        count = len(self.levels)
        out = np.full(count, np.inf)
        if self.free and self.denoise:
            m = self.gram.sum(0)[count:, count:]
            miss = np.diag(m) + m[self.end, self.end] - 2 * m[self.end]
            out[: self.end] = np.maximum(miss[: self.end], 0)
        out[self.end] = 0.0
        return out

    def squares(
        self, sampler: OdeSampler, before: Indices | None, here: Indices, there: int
    ) -> Array:
        """Return (3) for steps from indices `here` to the index `there`, shaped as `here`."""
        count, s = len(self.levels), self.levels
        past = None if before is None else s[before]
        w = sampler.weights(past, s[here], np.full(here.shape, s[there]))
        gram = np.tensordot(self.carried[there], self.gram, 1)
        same = np.full(here.shape, there)
        terms = [(same, np.full(here.shape, -1.0)), (here, w.state), (count + here, w.prediction)]
        terms += [] if before is None else [(count + before, w.history)]
        terms += [(count + same, w.corrector)]
        total = np.zeros(here.shape)
        for a, x in terms:
            for b, y in terms:
                total += x * y * gram[a, b]
        return np.maximum(total, 0.0)

    def cells(self, sampler: OdeSampler) -> Array:
        """Return (3) without a level before, [K, K]; inf where j <= i."""
        count = len(self.levels)
        out = np.full((count, count), np.inf)
        for j in range(1, count):
            out[:j, j] = self.squares(sampler, None, np.arange(j), j)
        return out

    def paths(self, sampler: OdeSampler) -> Paths:
        """Return the best grids of up to `MOST` levels."""
        most = min(ODE_LEVELS, len(self.levels))
        first = self.cells(sampler)
        if not sampler.history:
            return shortest_paths(self.start, first, most)
        return best_pair_paths(self, sampler, first, most)

    def path_cost(self, sampler: OdeSampler, nodes: Indices) -> float:
        """Return start, steps (3) and stop of a grid of level indices, summed."""
        total = float(self.start[nodes[0]] + self.stop[nodes[-1]])
        for k in range(1, len(nodes)):
            before = nodes[k - 2 : k - 1] if k > 1 and sampler.history else None
            total += float(self.squares(sampler, before, nodes[k - 1 : k], int(nodes[k]))[0])
        return total


@dataclass(frozen=True)
class Pairs:
    """All best grids where a step's cost depends on the level before it.

    costs: of the best n levels that end at j, [n, K]; states: f_n(i, j) of those that end with
    i, j, and the level before, by n.
    """

    costs: Array
    ends: list[Indices]
    parents: list[NDArray[np.int16]]

    def grid(self, count: int, last: int) -> Indices:
        """Return the indices of the best `count` levels that end at index `last`."""
        if count == 1:
            return np.array([last])
        path = [last, int(self.ends[count - 2][last])]
        for n in range(count - 3, -1, -1):
            path.append(int(self.parents[n][path[-1], path[-2]]))
        return np.array(path[::-1])


def best_pair_paths(teacher: Teacher, sampler: OdeSampler, first: Array, most: int) -> Pairs:
    """Return the best grids by f_n(i, j) = min over p < i of f_{n-1}(p, i) + w(p, i, j)."""
    count = len(teacher.levels)
    triple = np.full((count, count, count), np.inf)  # [i, p, j]
    for j in range(2, count):
        p, i = (side.astype(np.int64) for side in np.triu_indices(j, 1))
        triple[i, p, j] = teacher.squares(sampler, p, i, j)
    f = teacher.start[:, None] + first
    costs, ends = [teacher.start, f.min(0)], [f.argmin(0)]
    parents: list[NDArray[np.int16]] = []
    for _ in range(2, most):
        parent = np.zeros((count, count), dtype=np.int16)
        after = np.full((count, count), np.inf)
        for here in range(1, count):  # one at a time: the whole sum would be K^3 numbers again
            through = f[:here, here, None] + triple[here, :here]
            parent[here] = through.argmin(0)
            after[here] = through.min(0)
        f = after
        costs.append(f.min(0))
        ends.append(f.argmin(0))
        parents.append(parent)
    return Pairs(np.stack(costs[:most]), ends, parents)


def teacher_of(
    trajectories: Trajectories,
    frame: Frame,
    levels: Levels,
    rows: slice,
    *,
    end: int | None = None,
    denoise: bool = True,
) -> Teacher:
    """Return the second moments of the trajectories `rows`; end: E, None for the last and free."""
    bands = bands_by_variance(frame.moments.variances, BANDS)
    d, count = frame.moments.basis.dimension, len(levels)
    members = [np.flatnonzero(bands.index == b) for b in range(bands.count)]
    gram = np.zeros((bands.count, 2 * count, 2 * count))
    starts = np.zeros((bands.count, count))
    n = 0
    for vectors, misses in _coordinates(trajectories, frame, levels, rows):
        n += vectors.shape[1]
        for b, member in enumerate(members):
            flat = vectors[:, :, member].reshape(2 * count, -1)
            gram[b] += flat @ flat.T
            starts[b] += np.square(misses[:, :, member]).sum((1, 2))
    variances = np.bincount(bands.index, frame.moments.variances) / bands.sizes
    last = count - 1 if end is None else end
    moments = (gram / (n * d), starts / (n * d))
    return Teacher(levels, variances, *moments, last, free=end is None, denoise=denoise)


def _coordinates(
    trajectories: Trajectories, frame: Frame, levels: Levels, rows: slice
) -> Iterator[tuple[Array, Array]]:
    """Yield (vectors [2K, b, d], start misses [K, b, d]) in principal coordinates, centred."""
    basis, mean = frame.moments.basis, frame.moments.mean
    spread = np.sqrt(frame.bands.spread(frame.variances) + 1 / levels[:, None])  # [K, d]
    states, predictions = trajectories.states[:, rows], trajectories.predictions[:, rows]
    size = max(1, CHUNK // (2 * len(levels) * len(mean)))
    for begin in range(0, states.shape[1], size):
        part = [v[:, begin : begin + size] for v in (states, predictions)]
        flat = np.concatenate(part).astype(np.float64) - mean
        c = basis.to_coordinates(flat.reshape(-1, len(mean))).reshape(flat.shape)
        z = c[0] / spread[0]
        yield c, z * spread[:, None] - c[: len(levels)]
