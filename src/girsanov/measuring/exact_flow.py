r"""What steps along the flow of a law's own denoiser miss: without sampling for mixtures on a
line.

The integrals over x are sums over points of the law at each level, beginning with some about every
component, however rare. Where modes part, the flow and the steps are steep, and may part
them at places so close that nothing of it shows between two points; but what they map apart does
show. A gap between neighbours is halved while

    (the most that Phi, phi_1 or phi_2 moves over it)^2 x its mass, where that is steep,
    or the change of a squared miss over it x its mass,                                   (1)

is more than a small share of the whole. What is left when there are enough points is added: it
is the most that can have been missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..denoise.exact import ExactDenoiser
from ..error_curve.flow_curve import FLOW_MOMENTS, FlowCurve
from ..law.gaussian import Gaussian
from ..law.mixture import GaussianMixture
from .along_flow import Follow, measure_flow, turns_for
from .examples import LawExamples
from .options import Pass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._typing import Array, Levels, Tensor
    from ..law.base import Law

# lengths of steps on a line, where they cost nothing to speak of
FINE_LENGTHS = (
    *(0.0625, 0.125, 0.1875, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0, 1.125, 1.25, 1.375, 1.5),
    *(1.75, 2.0, 2.25, 2.5, 3.0, 3.5, 4.0),
)
ABOUT = np.linspace(-9.0, 9.0, 49)  # places of the first points, in deviations of a component
MOST_COMPONENTS = 12
STEEP, SHARE = 2.0, 2e-3  # of (1): how many times a gap is stretched, and the small share
ROUNDS, MOST_POINTS = 30, 80_000  # of halving, and in all
DRAWS = 1024  # of a law in more dimensions
CALLS_A_LEVEL = 4.0  # of each draw
KEPT_FLOWS = 8  # laws that are remembered
UNBOUNDED = 1e300  # the finest SNR of a denoiser that knows all


def exact_flow(law: Law, levels: Levels, seed: int, calls: float | None) -> FlowCurve:
    """Return what steps along the flow of a law's exact denoiser miss at SNRs `levels`.

    Without sampling for mixtures on a line, else on draws of the law; calls: a level and draw,
    None for the usual.
    """
    return _kept(_Named(law), levels.tobytes(), seed, calls)


class _Named:
    """A law that is equal to others of its fingerprint."""

    def __init__(self, law: Law) -> None:
        self.law = law

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Named) and other.law.fingerprint == self.law.fingerprint

    def __hash__(self) -> int:
        return hash(self.law.fingerprint)


@lru_cache(maxsize=KEPT_FLOWS)
def _kept(named: _Named, levels: bytes, seed: int, calls: float | None) -> FlowCurve:
    law, grid = named.law, np.frombuffer(levels)
    line = LineDenoiser.of(law)
    if line is not None:
        return _on_line(line, grid)
    turns = turns_for(DRAWS, 1, grid, CALLS_A_LEVEL if calls is None else calls)
    return measure_flow(
        ExactDenoiser(law), LawExamples(law, DRAWS, seed), grid, turns, Pass(seed=seed)
    )


class LineDenoiser:
    """The exact denoiser of a mixture on a line, quick where every row has a level of its own."""

    shape: tuple[int, ...] = (1,)
    classes = 0
    exact = True
    fingerprint = ""
    snr_range = (0.0, UNBOUNDED)
    dtype = torch.float64
    device = torch.device("cpu")

    def __init__(self, weights: Array, means: Array, variances: Array) -> None:
        used = weights > 0
        self.weights, self.means, self.variances = weights[used], means[used], variances[used]

    @classmethod
    def of(cls, law: Law) -> LineDenoiser | None:
        """Return the denoiser of a law on a line, None of one that is no small mixture."""
        if law.dimension != 1:
            return None
        if isinstance(law, Gaussian):
            return cls(np.ones(1), law.mean, np.array([law.variance]))
        if not isinstance(law, GaussianMixture) or len(law.weights) > MOST_COMPONENTS:
            return None
        return cls(law.weights, law.means[:, 0], law.component_variances())

    def _shares(self, x: Array, noise: Array) -> tuple[Array, Array]:
        """Return log of the density's parts at x [n] and noise variances [n], [n, k], and x -
        mu."""
        wide, away = self.variances + noise[:, None], x[:, None] - self.means
        return np.log(self.weights) - np.log(2 * np.pi * wide) / 2 - away**2 / (2 * wide), away

    def density(self, x: Array, noise: Array) -> Array:
        """Return the density at x [n] under noise of these variances [n]."""
        return np.asarray(np.exp(self._shares(x, noise)[0]).sum(axis=1))

    def __call__(self, x: Tensor, snr: float | Tensor, label: Tensor | None = None) -> Tensor:
        """Return m(x, snr) [n, 1]."""
        places, noise = x.numpy()[:, 0], 1 / np.broadcast_to(np.asarray(snr), (len(x),))
        logs, away = self._shares(places, noise)
        share = np.exp(logs - logs.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        guess = self.means + self.variances / (self.variances + noise[:, None]) * away
        return torch.from_numpy((share * guess).sum(axis=1))[:, None]


@dataclass
class _Points:
    """Points x at start levels `of` [n], sorted by level and place, with what is known of each.

    p: density; maps: Phi, phi_1 and phi_2, [U, 3, n]; moments: [U, moments, n].
    """

    x: Array
    of: NDArray[np.int64]
    p: Array
    maps: Array
    moments: Array

    def joined(self, other: _Points) -> _Points:
        """Return all points of both."""
        x, of = np.append(self.x, other.x), np.append(self.of, other.of)
        order = np.lexsort((x, of))
        both = [(self.p, other.p), (self.maps, other.maps), (self.moments, other.moments)]
        rest = [np.concatenate(pair, axis=-1)[..., order] for pair in both]
        return _Points(x[order], of[order], *rest)

    def sums(self, values: Array, levels: int) -> Array:
        """Return integrals of values [..., n] under the density by level, [..., levels]."""
        whole = np.bincount(self.of[1:], self._mass(), levels)
        pairs = (values[..., 1:] * self.p[1:] + values[..., :-1] * self.p[:-1]) / 2 * self._gap()
        flat = pairs.reshape(-1, pairs.shape[-1])
        out = np.stack([np.bincount(self.of[1:], row, levels) for row in flat])
        return np.asarray((out / whole).reshape(*values.shape[:-1], levels))

    def _gap(self) -> Array:
        return np.where(np.diff(self.of) == 0, np.diff(self.x), 0.0)

    def _mass(self) -> Array:
        return self._gap() * (self.p[1:] + self.p[:-1]) / 2

    def risks(self) -> Array:
        """Return (1) of every gap for one call and two, [U, 2, n - 1]."""
        gap, mass = self._gap(), self._mass()
        moved = np.abs(np.diff(self.maps))  # [U, 3, n - 1]
        squares = self.moments[:, :2]
        out = np.empty((len(moved), 2, len(gap)))
        for k in (0, 1):
            most = np.maximum(moved[:, 0], moved[:, 1 + k])
            steep = np.where(most > STEEP * gap, most**2, 0.0)
            out[:, k] = np.maximum(steep, np.abs(np.diff(squares[:, k]))) * mass
        return out


def _on_line(line: LineDenoiser, levels: Levels) -> FlowCurve:
    follow = Follow(line, UNBOUNDED, FINE_LENGTHS)

    def known(x: Array, of: NDArray[np.int64]) -> _Points:
        seen, snr = torch.from_numpy(x)[:, None], levels[of]
        maps, moments = [], []
        for step in follow.steps(seen, snr, None):
            maps.append(torch.cat([step.flown, step.one, step.two], dim=1).numpy().T)
            moments.append(np.stack([(p * q)[:, 0].numpy() for p, q in step.pairs()]))
        p = line.density(x, 1 / snr)
        return _Points(x, of, p, np.array(maps), np.array(moments))

    points = known(*_first(line, levels))
    for _ in range(ROUNDS):
        totals = points.sums(points.moments[:, :2], len(levels))  # [U, 2, levels]
        risks, of = points.risks(), points.of[1:]
        wrong = (risks > SHARE * totals[:, :, of]).any(axis=(0, 1))
        wrong &= points._gap() > 0
        if not wrong.any() or len(points.x) > MOST_POINTS:
            break
        middle = (points.x[1:] + points.x[:-1])[wrong] / 2
        points = points.joined(known(middle, of[wrong]))
    return _curve_of(points, levels)


def _curve_of(points: _Points, levels: Levels) -> FlowCurve:
    means = points.sums(points.moments, len(levels))  # [U, moments, levels]
    whole = np.bincount(points.of[1:], points._mass(), len(levels))
    risks, of = points.risks(), points.of[1:]
    large = np.where(risks > SHARE * means[:, :2][:, :, of], risks, 0.0)
    for u in range(len(means)):
        for k in (0, 1):
            means[u, k] += np.bincount(of, large[u, k], len(levels)) / whole
    moments = {
        name: np.ascontiguousarray(means[:, k].T)[..., None] for k, name in enumerate(FLOW_MOMENTS)
    }
    none = np.zeros(len(levels))
    return FlowCurve(levels, np.array(FINE_LENGTHS), np.ones(1), none, moments, UNBOUNDED)


def _first(line: LineDenoiser, levels: Levels) -> tuple[Array, NDArray[np.int64]]:
    """Return the first points: about every component, at every level."""
    parts = []
    for s in levels.tolist():
        deviation = np.sqrt(line.variances + 1 / s)
        parts.append(np.unique(line.means + ABOUT[:, None] * deviation))
    of = np.repeat(np.arange(len(levels)), [len(part) for part in parts])
    return np.concatenate(parts), of
