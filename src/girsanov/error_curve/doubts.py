r"""Does an audit hold? What must be true of a measured curve before anything is concluded from it.

A level stands for w_k M(s_k) nats, w_k = s_k (log s_k+1 - log s_k-1)/4, the trapezium's share of
1/2 int M ds, and a gap between two for what was measured in it. Where that is more than `SMALL`,
and where a plan would stand,

    no group of examples carries more than half of M(s_k),                                 (1)
    se(M) <= M / 2,                                                                        (2)
    M agrees with the plain mean of |x0 - m|^2 (`harmless.py`),                            (3)
    M <= (sqrt V + sqrt E|m - mean|^2)^2, the most that the model's answers m can make,    (4)
    the bands of M add up to M, and no group's error is 0 where noise hides the data.      (5)

(1) and (2) fail where a few examples decide: the audit needs more of them, or a look at these.
(3) to (5) hold for whatever was measured, so that where they fail the numbers are not of this
model: a fault of the program, or a file that was changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..montecarlo import group_estimate, trapezium
from .harmless import agrees
from .interpolate import stretches
from .second_moments import CENTRED, RESIDUAL, Combination, gram_of

if TYPE_CHECKING:
    from .._typing import Array
    from .curve import Curve

SMALL = 0.05  # nats
HALF = 0.5  # (1) and (2)
CHANCE_ERRORS = 4.0  # standard errors that chance may add in (4)
LOOSE = 1.5  # times the plain standard error in (3): single bands were looked at before
ROUNDING = 1e-6  # relative, in (4) and (5)


class Doubt(NamedTuple):
    """What fails, between which noise levels, by how much, and at which level and group most.

    name: ``carried`` (1), ``spread`` (2), ``plain`` (3), ``answers`` (4) or ``parts`` (5).
    """

    name: str
    coarsest: float
    finest: float
    amount: float
    level: int
    group: int

    @property
    def few(self) -> bool:
        """Whether more examples would settle it: (1) and (2)."""
        return self.name in ("carried", "spread")


def doubts(curve: Curve, resolution: float = 0.0) -> list[Doubt]:
    """Return what of (1) to (5) fails down to noise level `resolution` (0: at every level)."""
    if curve.exact or len(curve.shares) < 2:
        return []
    with np.errstate(all="ignore"):  # what is in doubt may be beyond float64
        return _doubts(curve, resolution)


def _doubts(curve: Curve, resolution: float) -> list[Doubt]:
    noise, errors = curve.levels[1:] ** -0.5, curve.traces[1:, :, 0]
    weights = trapezium(np.log(curve.levels[1:])) * curve.levels[1:] / 2
    # of the levels, and of the gaps that end there, where it was measured between them
    carried, spread, nats = (
        np.stack(pair)
        for pair in zip(
            _shared(errors, curve.shares, weights),
            _shared(stretches(curve, curve.levels[1:]), curve.shares, np.ones(len(noise))),
            strict=True,
        )
    )
    counts = ~(np.abs(nats) <= SMALL)  # NaN counts
    carried, spread = (np.where(counts, x, 0.0).max(axis=0) for x in (carried, spread))
    any_counts = counts.any(axis=0)
    failed = (
        ("carried", carried > HALF, carried),
        ("spread", ~(spread <= HALF), spread),
        ("plain", any_counts & ~_plain(curve), spread),
        ("answers", any_counts & ~_answerable(curve), spread),
        ("parts", any_counts & ~_adds_up(curve), spread),
    )
    near = noise >= resolution * (1 - ROUNDING)
    worst = [_worst(name, fails & near, amount, curve) for name, fails, amount in failed]
    kept = [doubt for doubt in worst if doubt is not None]
    # a group that carries most of a level makes its standard error as well
    return [d for d in kept if d.name != "spread" or kept[0].name != "carried"]


def _shared(by_group: Array, shares: Array, weights: Array) -> tuple[Array, Array, Array]:
    """Return the largest share of a group, se over mean, and nats, of means [K, B], [K] each."""
    mean, se, _ = group_estimate(by_group.T, shares)
    size = np.maximum(np.abs(mean), 1e-300)
    return (np.abs(by_group * shares) / size[:, None]).max(axis=1), se / size, weights * mean


def _worst(name: str, fails: NDArray[np.bool_], amount: Array, curve: Curve) -> Doubt | None:
    """Return the doubt that levels `fails` [K] raise, None if there are none."""
    where = np.flatnonzero(fails)
    if not len(where):
        return None
    worst = int(where[np.nan_to_num(amount[where], nan=np.inf).argmax()])
    group = int((curve.traces[worst + 1, :, 0] * curve.shares).argmax())
    coarsest, finest = (float(curve.levels[1 + k] ** -0.5) for k in (where[0], where[-1]))
    return Doubt(name, coarsest, finest, float(amount[worst]), worst, group)


def _plain(curve: Curve) -> NDArray[np.bool_]:
    """Return where (3) holds, [K]."""
    if curve.plain is None:
        return np.ones(len(curve.levels) - 1, dtype=bool)
    plain = curve.plain[1:]
    return agrees(plain, plain - curve.traces[1:, :, 0], curve.shares, LOOSE)


def _answerable(curve: Curve) -> NDArray[np.bool_]:
    """Return where (4) holds, [K]."""
    if curve.products is None:
        return np.ones(len(curve.levels) - 1, dtype=bool)
    gram, sizes = gram_of(curve.products[1:]), np.asarray(curve.probe_sizes)
    moved: Combination = {CENTRED: 1.0, RESIDUAL: -1.0}  # m - mean
    answers, variance = (
        curve.shares @ (x @ sizes) for x in (gram.between(moved, moved), gram.at(CENTRED, CENTRED))
    )
    most = (np.sqrt(np.maximum(variance, 0.0)) + np.sqrt(np.maximum(answers, 0.0))) ** 2
    mean = curve.traces[1:, :, 0] @ curve.shares
    # the answers are of this very noise, of which M may have been freed
    measured = curve.traces[:, :, 0] if curve.plain is None else curve.plain
    _, se, _ = group_estimate(measured[1:].T, curve.shares)
    return np.asarray(mean <= most * (1 + ROUNDING) + CHANCE_ERRORS * se)


def _adds_up(curve: Curve) -> NDArray[np.bool_]:
    """Return where (5) holds, [K]."""
    errors = curve.traces[1:, :, 0]
    parts = curve.errors[curve.main][1:] @ curve.sizes[curve.main]
    scale = np.abs(errors).max(axis=1) + np.abs(parts).max(axis=1)
    same = np.abs(parts - errors).max(axis=1) <= ROUNDING * scale
    hidden = curve.levels[1:] * float(curve.traces[0, :, 0] @ curve.shares) <= curve.dimension
    silent = hidden & (errors == 0).any(axis=1) & (errors > 0).any(axis=1)
    return np.asarray(same & ~silent & np.isfinite(errors).all(axis=1))


def cannot_tell(doubts: list[Doubt], groups: int, rows: Sequence[int]) -> str:
    """Return what an audit cannot tell, why, and what to do, "" where it holds.

    groups: how many there are; rows: of the data, which the model misses most.
    """
    if not doubts:
        return ""
    why = "; ".join(_clause(doubt, groups) for doubt in doubts)
    if not all(doubt.few for doubt in doubts):
        return (
            f"This audit does not hold: {why}. Its numbers are not of this model: the file was "
            "changed, or the program is at fault. Audit again."
        )
    listed = ("row " if len(rows) == 1 else "rows ") + ", ".join(str(row) for row in rows)
    look = f", and look at {listed} (counted from 0), which the model misses most"
    return (
        f"This audit cannot tell: {why}. A few examples decide its numbers. Audit more "
        f"examples{look if rows else ''}."
    )


def _clause(doubt: Doubt, groups: int) -> str:
    ends = [f"{noise:.3g}" for noise in (doubt.coarsest, doubt.finest)]
    where = f"at noise level {ends[0]}"
    if ends[0] != ends[1]:
        where = f"at noise levels {ends[0]} to {ends[1]}"
    match doubt.name:
        case "carried":
            share = min(100.0, 100 * doubt.amount)
            return f"{where} one in {groups} of the examples carries {share:.0f} % of the error"
        case "spread":
            return f"{where} the error is known to no better than ± {100 * doubt.amount:.0f} %"
        case "plain":
            return f"{where} the error is not the plain mean of what was measured"
        case "answers":
            return f"{where} the error is larger than the model's answers can make it"
        case _:
            return f"{where} the parts of the error do not add up to it"
