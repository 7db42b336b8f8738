r"""Which levels a plan may visit, and where it ends.

The network takes any SNR, so that besides the measured levels a plan may visit `BETWEEN` more in
every gap; a model that knows some levels only (trained in discrete time) is asked at those alone.
What the error does there was measured as well (ledger/inside.py).

A plan that ends at s_N and denoises leaves, for any denoiser, by the coupling of x0 with m(x, s),

    W2(law of m(x_s, s), data)^2 <= E|x0 - m(x_s, s)|^2 = M(s_N),                         (1)

and one whose last level is sampled W2^2 <= d / s_N.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np

from .._checks import refuse, require, require_choice, require_levels, require_number
from .._typing import Array, Levels
from ..ledger.record import Audit
from ..ledger.refine import SAME, denser, merged, refined
from ..montecarlo import group_estimate
from .choose import Menu

BETWEEN = 8  # levels that may be visited in each gap between measured ones
ENOUGH = 1200  # levels in all, past which more do not pay for the search
BLUR = 0.1  # share of the data's standard deviation that a denoised last step may leave out


class Limits(TypedDict, total=False):
    """What else a plan may be asked for, by name.

    among: SNRs it must choose from; keep: SNRs it must visit; widest: the most log-SNR between
    two levels; w2: distance in W2 (standardised units) that stopping there may leave; weight: a
    of the objective s^-a, x0 hold only.
    """

    among: Levels | None
    keep: Levels | None
    widest: float | None
    w2: float | None
    weight: float | None


@dataclass(frozen=True)
class Offer:
    """The levels to plan on; levels: SNRs; menu: what may be visited; end: the last node, 1..K."""

    levels: Levels
    menu: Menu
    end: int


def offer(audit: Audit, last: str, resolution: float | None, limits: Limits) -> Offer:
    """Return what a plan may visit and where it ends; `weight` is left to the sampler's rule.

    Raises `InputError` when a resolution or tolerance is out of reach, or limits contradict.
    """
    _check_names(limits)
    audit = audit.dense
    keep, among = _listed(limits, "keep", audit), _listed(limits, "among", audit)
    if among is None and audit.about.get("trained_levels") is not None:
        trained = require_levels("trained_levels", audit.about["trained_levels"])
        among = _inside(trained, audit)
    # a curve that is known is visited where it is known, so that nothing is left open
    most = BETWEEN if audit.curve.half is None else 0
    between = max(0, min(most, ENOUGH // len(audit.levels) - 1))
    dense = denser(audit.levels, between) if among is None else np.sort(among)
    asked = keep if keep is not None else dense[:0]
    if resolution is not None:
        asked = np.append(asked, _snr_of(audit, resolution))
    levels = merged(merged(audit.levels, dense), asked)
    allowed = None if among is None else _places(levels, np.sort(among))
    end = _end(audit, levels, last, resolution, limits.get("w2"))
    if allowed is not None:
        end = int(next((k for k in allowed if k >= end), allowed[-1]))
    kept = () if keep is None else tuple(int(k) for k in _places(levels, keep))
    if kept:
        _check_kept(kept, end, allowed, levels)
    wide = limits.get("widest")
    widest = math.inf if wide is None else require_number("widest", wide, above=0.0)
    if allowed is not None:
        allowed = allowed[allowed <= end]
    return Offer(levels[: end + 1], Menu(allowed, kept, widest), end + 1)


def _check_names(limits: Limits) -> None:
    known = Limits.__annotations__
    for name in limits:
        require_choice("option", name, known)


def _listed(limits: Limits, name: str, audit: Audit) -> Array | None:
    value: Any = limits.get(name)
    if value is None:
        return None
    return _inside(require_levels(name, np.unique(np.asarray(value, dtype=np.float64))), audit)


def _inside(levels: Levels, audit: Audit) -> Levels:
    """Return the levels that the audit speaks of: none is finer than the finest measured."""
    kept = levels[levels <= audit.levels[-1] * (1 + SAME)]
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


def _snr_of(audit: Audit, resolution: float) -> float:
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


def _end(
    audit: Audit, levels: Levels, last: str, resolution: float | None, w2: float | None
) -> int:
    """Return the index of the last level: from the resolution, from (1), or the default."""
    if resolution is not None:
        require(w2 is None, "resolution, w2", "only one of them can be given", (resolution, w2))
        return int(_places(levels, np.array([_snr_of(audit, resolution)]))[0])
    if w2 is None:
        error = refined(audit.curve.pooled(), levels).traces[1:, 0, 0]
        return fine_enough(error, float(audit.curve.total().value[0]), BLUR)
    curve = refined(audit.curve, levels)
    total = group_estimate(curve.traces[1:, :, 0].T, curve.shares)
    tolerance = require_number("w2", w2, above=0.0)
    square = (
        curve.dimension / levels
        if last == "sample"
        else np.asarray(total.value if curve.exact else total.interval()[1])
    )
    good = np.flatnonzero(square <= tolerance**2)
    if not len(good):
        refuse(
            "w2",
            f"cannot be reached: at the finest level measured it is {square.min() ** 0.5:.4g}",
            tolerance,
            "Audit finer levels, or train the model longer",
        )
    return int(good[0])
