"""What steps along the flow of a law's own denoiser miss: without sampling on a line."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..denoise.exact import ExactDenoiser
from ..error_curve.flow_curve import FLOW_MOMENTS, FlowCurve
from .along_flow import Follow, measure_flow, turns_for
from .examples import LawExamples
from .options import Pass

if TYPE_CHECKING:
    from .._typing import Array, Levels
    from ..law.base import Law

# lengths of steps on a line, where they cost nothing to speak of
FINE_LENGTHS = (
    *(0.0625, 0.125, 0.1875, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0, 1.125, 1.25, 1.375, 1.5),
    *(1.75, 2.0, 2.25, 2.5, 3.0, 3.5, 4.0),
)
SPACING = 0.025  # of points, in units of the noise: where modes part the flow is steep
NO_MASS = 1e-13  # of the largest density, per point
MOST_POINTS, ENOUGH_POINTS = 2**19, 2000  # of a line that are looked at, and that are kept
DRAWS = 1024  # of a law in more dimensions
CALLS_A_LEVEL = 4.0  # of each draw
KEPT = 8  # laws that are remembered
UNBOUNDED = 1e300  # the finest SNR of a denoiser that knows all


def exact_flow(law: Law, levels: Levels, seed: int, calls: float | None) -> FlowCurve:
    """Return what steps along the flow of a law's exact denoiser miss at SNRs `levels`.

    By quadrature on a line, else on draws of the law; calls: a level and draw, None for the usual.
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


@lru_cache(maxsize=KEPT)
def _kept(named: _Named, levels: bytes, seed: int, calls: float | None) -> FlowCurve:
    law, grid = named.law, np.frombuffer(levels)
    if law.dimension == 1:
        lines = [_line(law, float(s)) for s in grid]
        if all(line is not None for line in lines):
            return _by_quadrature(law, grid, [line for line in lines if line is not None])
    turns = turns_for(DRAWS, 1, grid, CALLS_A_LEVEL if calls is None else calls)
    return measure_flow(
        ExactDenoiser(law), LawExamples(law, DRAWS, seed), grid, turns, Pass(seed=seed)
    )


def _by_quadrature(law: Law, levels: Levels, lines: list[tuple[Array, Array]]) -> FlowCurve:
    x = np.concatenate([points for points, _ in lines])
    weights = np.concatenate([share for _, share in lines])
    start = np.repeat(np.arange(len(levels)), [len(points) for points, _ in lines])
    follow = Follow(ExactDenoiser(law), UNBOUNDED, FINE_LENGTHS)
    values = follow.moments(torch.from_numpy(x)[:, None], levels[start], None).numpy()
    sums: Array = np.stack(
        [[np.bincount(start, weights * column, len(levels)) for column in one.T] for one in values]
    )  # [U, moments, S]
    moments = {
        name: np.ascontiguousarray(sums[:, k].T)[..., None] for k, name in enumerate(FLOW_MOMENTS)
    }
    none = np.zeros(len(levels))
    return FlowCurve(levels, np.array(FINE_LENGTHS), np.ones(1), none, moments, UNBOUNDED)


def _line(law: Law, snr: float) -> tuple[Array, Array] | None:
    """Return points where the law has mass at this SNR, and their shares; None if too many."""
    sigma = snr**-0.5
    drawn = law.sample(DRAWS, seed=0).numpy().ravel()
    reach = 12 * sigma + np.sqrt(law.variance) * 8
    low, high = min(drawn.min(), law.mean[0] - reach), max(drawn.max(), law.mean[0] + reach)
    count = int((high - low) / (SPACING * sigma)) + 1
    if count > MOST_POINTS:
        return None
    x = np.linspace(low, high, count)
    p = np.exp(law.log_prob(torch.from_numpy(x)[:, None], snr).numpy())
    keep = np.flatnonzero(p > NO_MASS * p.max())
    # where the noise is finer than the law, the law is what has to be resolved
    keep = keep[:: -(-len(keep) // ENOUGH_POINTS)]
    return x[keep], p[keep] / p[keep].sum()
