r"""Taking back what sampling error alone can have done to a curve.

The error of an exact denoiser has a single crossing with every Gaussian's: band by band,

    1/M(s) - s   does not fall with s,                                                    (1)

(so M falls). A measured curve breaks (1) by chance, and a search for the best grid would find
every dip. The repaired curve is the isotonic regression of (1), weighted by 1/se^2; of a learned
denoiser, which may break (1) in truth, each level moves at most `LIMIT` standard errors. What was
measured between the levels (between_levels.py) bends the curve by what it exceeds as many of its
own.

Only the choice of levels is made on the repaired curve; prices are those of the measured one,
from other examples than those that chose.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..montecarlo import group_estimate
from .curve import Curve, as_error

if TYPE_CHECKING:
    from .._typing import Array, Levels

LIMIT = 2.0  # standard errors: what two of three levels or more would not reach by chance
SLACK = 1e-9  # relative: breaking (1) by rounding is no breaking


@dataclass(frozen=True)
class Repair:
    """What was done to a curve: which share of its levels and bands moved, and how far at most.

    farthest: in standard errors (0 when nothing moved).
    """

    share: float
    farthest: float


def single_crossing(levels: Levels, error: Array, weight: Array) -> Array:
    """Return the isotonic regression of (1) for one band: error, weight [K+1] -> [K+1].

    Where the fit asks for less than no error, which is no curve, the error as it is stays.
    """
    positive = error > 0
    bent = 1 / error[positive] - levels[positive]
    fit = isotonic(bent, weight[positive]) + levels[positive]
    out = error.copy()
    out[positive] = np.where(fit > 0, 1 / np.where(fit > 0, fit, 1.0), error[positive])
    return out


def isotonic(values: Array, weights: Array) -> Array:
    """Return the nondecreasing sequence closest to values [N] in weighted squares.

    By pooling adjacent violators, as `scipy.optimize.isotonic_regression`, which takes longer to
    import than all repairs of a plan take.
    """
    pools: list[tuple[float, float, int]] = []  # mean, weight, length
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        mean, total, length = value, weight, 1
        while pools and pools[-1][0] >= mean:
            before, heavy, more = pools.pop()
            mean = (heavy * before + total * mean) / (heavy + total)
            total, length = heavy + total, length + more
        pools.append((mean, total, length))
    means, _, lengths = zip(*pools, strict=True) if pools else ((), (), ())
    return np.repeat(np.array(means, dtype=np.float64), np.array(lengths, dtype=np.int64))


def cross_once(curve: Curve) -> None:
    """Make a curve of one group, at any levels, cross once in every band and in all, in place."""
    total = curve.traces[:, 0, :1] / curve.dimension
    for error in (*(e[:, 0] for e in curve.errors.values()), total):
        for j in np.flatnonzero(_broken(curve.levels, error)):
            error[:, j] = single_crossing(curve.levels, error[:, j], error[:, j] ** 2 + 1e-300)
    curve.traces[:, 0] += (curve.dimension * total - curve.traces[:, 0, :1]) * as_error(
        curve.traces
    )


def _broken(levels: Levels, mean: Array) -> NDArray[np.bool_]:
    """Return which bands [J] of mean [K+1, J] break (1)."""
    with np.errstate(divide="ignore"):
        bent = 1 / mean
    step = np.diff(levels)[:, None]
    with np.errstate(invalid="ignore"):
        rise = np.diff(bent, axis=0)
    return np.asarray((rise < step * (1 - SLACK) - SLACK * bent[1:]).any(axis=0))


def repaired(curve: Curve, groups: NDArray[np.bool_], *, exact: bool) -> tuple[Curve, Repair]:
    """Return the curve of the examples in `groups` (a mask [B]) as one group, repaired.

    exact: the denoiser is known to be exact, so that (1) holds whatever was measured.
    """
    part = curve.keep(groups)
    errors, done = {}, Repair(0.0, 0.0)
    for name, by_group in part.errors.items():
        mean, se, _ = group_estimate(np.moveaxis(by_group, 1, 0), part.shares)
        fixed = mean if curve.exact else _repair(curve.levels, mean, se, exact)
        errors[name] = fixed[:, None]
        if name == curve.main and not curve.exact:
            shift = np.abs(fixed - mean) > SLACK * mean
            farthest = (np.abs(fixed - mean)[shift] / se[shift]).max(initial=0.0)
            done = Repair(float(shift.mean()), float(farthest))
    total = errors[curve.main] @ curve.sizes[curve.main]
    traces = part.mean_traces()
    like = as_error(traces)
    beyond = np.zeros_like(traces) if exact else traces - traces[:, :1] * like
    one = replace(
        part.pooled(), errors=errors, traces=(total * like + beyond)[:, None], full=None,
        bends={name: _shrunk(bend, part.shares) for name, bend in part.bends.items()},
    )  # fmt: skip
    return one, done


def _shrunk(bend: Array, shares: Array) -> Array:
    """Return the mean over groups, less what `LIMIT` standard errors add to its square."""
    mean, se, _ = group_estimate(np.moveaxis(bend, 1, 0), shares)
    square = np.maximum(mean**2, 1e-300)
    return np.asarray(mean * np.maximum(1 - (LIMIT * se) ** 2 / square, 0.0))[:, None]


def _repair(levels: Levels, mean: Array, se: Array, exact: bool) -> Array:
    if len(levels) < 2 or not np.isfinite(se).all():
        return mean
    out = mean.copy()
    floor = np.maximum(se, 1e-12 * mean + 1e-300)
    for j in np.flatnonzero(_broken(levels, mean)):
        # by the delta method 1/M has standard error se/M^2
        fit = single_crossing(levels, mean[:, j], (mean[:, j] ** 2 / floor[:, j]) ** 2 + 1e-300)
        room = LIMIT * se[:, j]
        out[:, j] = fit if exact else np.clip(fit, mean[:, j] - room, mean[:, j] + room)
    return np.maximum(out, 0.0)
