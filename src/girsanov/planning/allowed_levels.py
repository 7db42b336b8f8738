r"""Which levels a plan may visit, and where it ends.

The network takes any SNR, so that besides the measured levels a plan may visit `BETWEEN` more in
every gap; a model that knows some levels only (trained in discrete time) is asked at those alone.
What the error does there was measured as well (error_curve/between_levels.py).

A plan that ends at s_N and denoises leaves, for any denoiser, by the coupling of x0 with m(x, s),

    W2(law of m(x_s, s), data)^2 <= E|x0 - m(x_s, s)|^2 = M(s_N),                         (1)

one that draws from N(m, C) M(s_N) + tr C, and one whose last level is sampled d / s_N. A tolerance
for W2 is met where the upper end of M(s_N) meets it, which allows for what no example showed
(error_curve/unseen_events.py).

Pictures are denoised where M is at most `BLUR`^2 of all variance, tables where it is at most
`TABLE_BLUR`^2 of it. What a draw leaves out is the
shape of what is left, not its variance, so that vectors and tables go on from there until in every
direction j that varies either little is left, M_j <= BLUR^2 V_j, or drawing all of the rest at
once costs no more than `SHAPE` nats or what the examples resolve (4 standard errors),

    1/2 [log(1 + delta M_j(s)) - int_s^{s_K} M_j],    delta = s_K - s,                    (2)

s_K the finest level measured: (2) is 0 of a Gaussian, however thin, and of what no measured level
resolves, such as rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import refuse, require, require_levels, require_number
from ..error_curve.integrals import half_integral
from ..error_curve.interpolate import SAME_LEVEL, denser, merged, refined_curve
from ..error_curve.unseen_events import most_error
from ..montecarlo import group_estimate
from ..path_kl.grid_search import Menu
from ..sampling.registry import sampler_named

if TYPE_CHECKING:
    from .._typing import Array, Levels
    from ..error_curve.curve import Curve
    from ..measuring.record import AuditRecord
    from .options import PlanOptions

BETWEEN = 8  # levels that may be visited in each gap between measured ones
ENOUGH_TO_SEARCH = 1200  # levels in all, past which more do not pay for the search
BLUR = 0.1  # share of the data's standard deviation that may be left where a plan ends
TABLE_BLUR = 0.015  # of a table's, whose columns have values that lie close together
SHAPE = 0.01  # nats a direction that may be lost by a Gaussian in place of what is left of it


@dataclass(frozen=True)
class Offer:
    """The levels to plan on; levels: SNRs; menu: what may be visited; end: the last node, 1..K."""

    levels: Levels
    menu: Menu
    end: int


def offer(audit: AuditRecord, request: PlanOptions) -> Offer:
    """Return what a plan may visit and where it ends; request: how the sampler ends, and its
    limits.

    Raises `InputError` when a resolution or tolerance is out of reach, or limits contradict.
    """
    audit, resolution = audit.dense, request.resolution
    keep = _listed("keep", request.keep, audit)
    among = _listed("among", request.among, audit)
    if among is None and audit.facts.trained_levels is not None:
        trained = require_levels("trained_levels", audit.facts.trained_levels)
        among = _inside(trained, audit)
    # a curve that is known is visited where it is known, so that nothing is left open
    most = BETWEEN if audit.curve.half is None else 0
    between = max(0, min(most, ENOUGH_TO_SEARCH // len(audit.levels) - 1))
    dense = denser(audit.levels, between) if among is None else np.sort(among)
    asked = keep if keep is not None else dense[:0]
    if resolution is not None:
        asked = np.append(asked, _snr_of(audit, resolution))
    levels = merged(merged(audit.levels, dense), asked)
    allowed = None if among is None else _places(levels, np.sort(among))
    end = _end(audit, levels, request)
    if allowed is not None:
        end = int(next((k for k in allowed if k >= end), allowed[-1]))
    kept = () if keep is None else tuple(int(k) for k in _places(levels, keep))
    if kept:
        _check_kept(kept, end, allowed, levels)
    widest = math.inf
    if request.widest is not None:
        widest = require_number("widest", request.widest, above=0.0)
    if allowed is not None:
        allowed = allowed[allowed <= end]
    return Offer(levels[: end + 1], Menu(allowed, kept, widest), end + 1)


def _listed(name: str, value: Any, audit: AuditRecord) -> Array | None:
    if value is None:
        return None
    return _inside(require_levels(name, np.unique(np.asarray(value, dtype=np.float64))), audit)


def _inside(levels: Levels, audit: AuditRecord) -> Levels:
    """Return the levels that the audit speaks of: none is finer than the finest measured."""
    kept = levels[levels <= audit.levels[-1] * (1 + SAME_LEVEL)]
    rule = f"must hold SNRs up to the finest measured, {audit.levels[-1]:.4g}"
    require(len(kept) > 0, "levels", rule, levels)
    return np.asarray(np.minimum(kept, audit.levels[-1]))


def _places(levels: Levels, some: Levels) -> Any:
    """Return the indices of `some` in `levels`, which holds them all."""
    return np.abs(np.log(levels)[None] - np.log(some)[:, None]).argmin(axis=1)


def _check_kept(kept: tuple[int, ...], end: int, allowed: Any, levels: Levels) -> None:
    fits = allowed is None or set(kept) <= set(allowed.tolist())
    require(
        fits, "keep", "must be among the levels that may be visited", levels[list(kept)].tolist()
    )
    rule = f"must not lie beyond the level where the plan ends, SNR {levels[end]:.6g}"
    require(max(kept) <= end, "keep", rule, float(levels[max(kept)]))


def _snr_of(audit: AuditRecord, resolution: float) -> float:
    sigma = require_number("resolution", resolution, above=0.0)
    noise = audit.levels**-0.5
    inside = noise[-1] * (1 - 1e-6) <= sigma <= noise[0] * (1 + 1e-6)
    rule = f"must lie in the measured noise levels {noise[-1]:.6g} to {noise[0]:.6g}"
    require(bool(inside), "resolution", rule, sigma)
    return float(np.clip(sigma**-2.0, audit.levels[0], audit.levels[-1]))


def fine_enough(error: Array, variance: float, share: float) -> int:
    """Return the first index at which a denoised last step misses at most this share of the
    data's standard deviation, or the last; error: M(s) at the levels, in their order.
    """
    fine = np.flatnonzero(error <= share**2 * variance)
    return int(fine[0]) if len(fine) else len(error) - 1


def ends_by(audit: AuditRecord, request: PlanOptions) -> str:
    """Return how a plan ends: as asked, and by default analytic-dpm draws vectors and tables.

    Pictures, of more than one axis, are denoised, and so is what has no measured covariance.
    """
    draws = sampler_named(request.sampler).covariance and len(audit.facts.shape) < 2
    return request.last or ("draw" if draws else "denoise")


def settled(audit: AuditRecord, levels: Levels) -> int:
    """Return the first index from which on no direction has a shape that matters, by (2)."""
    curve = refined_curve(audit.curve, levels)
    errors, variances = curve.errors[curve.main][1:], audit.frame.variances
    mean = np.maximum(np.einsum("kbj,b->kj", errors, curve.shares), 0.0)
    lost, se = _lost(curve, errors, mean)
    rough = (mean > BLUR**2 * variances) & (lost > SHAPE + 4 * se)
    last = np.flatnonzero(rough.any(axis=1))
    return min(int(last[-1]) + 1, len(levels) - 1) if len(last) else 0


def _lost(curve: Curve, errors: Array, mean: Array) -> tuple[Array, Array]:
    """Return (2) at every level and direction, and its standard error, [K, J].

    errors: M_j by group [K, B, J]; mean: of all [K, J].
    """
    s = curve.levels[1:]
    delta = (s[-1] - s)[:, None]
    columns = zip(mean.T[:, :, None], strict=True)
    cells = np.stack([half_integral(s, m, np.ones(1)) for (m,) in columns], axis=1)
    lost = np.log1p(delta * mean) / 2 - _to_the_end(cells)
    slope = delta / (1 + delta * mean)
    middle = np.diff(s)[:, None, None] * (errors[:-1] + errors[1:]) / 2
    by_group = slope[:, None] * errors / 2 - _to_the_end(middle) / 2
    se = group_estimate(np.moveaxis(by_group, 1, 0), curve.shares).se
    return lost, np.zeros_like(se) if curve.exact else se


def _to_the_end(cells: Array) -> Array:
    """Return the sums of steps [K - 1, ...] from each level to the last, [K, ...]."""
    back = np.cumsum(cells[::-1], axis=0)[::-1]
    return np.concatenate([back, np.zeros_like(cells[:1])])


def _end(audit: AuditRecord, levels: Levels, request: PlanOptions) -> int:
    """Return the index of the last level: from the resolution, from (1), or the default."""
    last, resolution, w2 = ends_by(audit, request), request.resolution, request.w2
    blur = TABLE_BLUR if audit.facts.kind == "table" else BLUR
    if resolution is not None:
        require(w2 is None, "resolution, w2", "only one of them can be given", (resolution, w2))
        return int(_places(levels, np.array([_snr_of(audit, resolution)]))[0])
    if w2 is None:
        error = refined_curve(audit.curve.pooled(), levels).traces[1:, 0, 0]
        end = fine_enough(error, float(audit.curve.total().value[0]), blur)
        return max(end, settled(audit, levels)) if last == "draw" else end
    curve = refined_curve(audit.curve, levels)
    total = group_estimate(curve.traces[1:, :, 0].T, curve.shares)
    tolerance = require_number("w2", w2, above=0.0)
    square = (
        curve.dimension / levels
        if last == "sample"
        else np.asarray(total.value)
        if curve.exact
        else most_error(total, levels, audit.facts)
    )
    square = square + (np.maximum(total.value, 0.0) if last == "draw" else 0.0)
    good = np.flatnonzero(square <= tolerance**2)
    if not len(good):
        refuse(
            "w2",
            f"cannot be reached: at the finest level measured it is {square.min() ** 0.5:.4g}",
            tolerance,
            "Audit finer levels or more examples, or train the model longer",
        )
    return int(good[0])
