r"""Is a model any better than a Gaussian? Against the straight line, level by level.

The denoiser of a Gaussian with the data's mean and covariance is a straight line in every
principal direction, which takes no training; M_1(s) is its error (`lower_bound.py`). A model is no
better than that Gaussian if

    M > M_1  for certain at `WORSE_AT` of the levels or more,
    M < M_1  for certain at `BETTER_AT` of them or fewer,                                 (1)
    1/2 int (M - M_1) ds > SMALL  for certain,                                            (2)

for certain meaning by `STANDARD_ERRORS` standard errors of the difference over groups. (2) is what
the model costs its path beyond the Gaussian, with very many steps: the data's entropy cancels. A
ledger cannot say so: steps that start late from a Gaussian avoid the model, and cost little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..montecarlo import group_estimate, trapezium

if TYPE_CHECKING:
    from .._typing import Array
    from ..error_curve.curve import Curve

WORSE_AT, BETTER_AT = 0.2, 0.1  # of the levels
STANDARD_ERRORS = 2.0  # standard errors; most of many levels have to agree
SMALL = 0.05  # nats
BROKEN = 1.5  # times the error of the straight line
WORST_OF_MANY = 4.0  # standard errors


@dataclass(frozen=True)
class Beaten:
    """At `worse` of `levels` noise levels a straight line is closer, at `better` the model is; in
    all the line by `nats`, with the ends of a 95 % interval.
    """

    worse: int
    better: int
    levels: int
    nats: float
    low: float
    high: float


def beaten(curve: Curve, linear: Array) -> Beaten | None:
    """Return how a straight line beats a model, None unless (1) and (2) hold.

    curve: measured; linear: M_1 by group [K, B].
    """
    # the plain mean has the noise of the line's, which cancels
    mine = curve.traces[:, :, 0] if curve.plain is None else curve.plain
    behind, s = mine[1:] - linear, curve.levels[1:]
    value, se, _ = group_estimate(behind.T, curve.shares)
    worse, better = (
        int((value > STANDARD_ERRORS * se).sum()),
        int((value < -STANDARD_ERRORS * se).sum()),
    )
    if worse < WORSE_AT * len(s) or better > BETTER_AT * len(s):
        return None
    nats = group_estimate((trapezium(np.log(s)) * s / 2) @ behind, curve.shares)
    low, high = (float(end) for end in nats.interval())
    if low <= SMALL:
        return None
    return Beaten(worse, better, len(s), float(nats.value), low, high)


def broken(curve: Curve, linear: Array) -> tuple[float, float] | None:
    """Return the noise level where a straight line beats a broken model most, and M / M_1 there.

    None unless (3) holds; linear: M_1 by group [K, B].
    """
    variance = float(curve.total().value[0]) / curve.dimension
    hidden = np.flatnonzero(curve.levels[1:] * variance <= 1)
    mine, line = curve.traces[1:, :, 0][hidden], linear[hidden]
    behind = group_estimate((mine - BROKEN * line).T, curve.shares)
    sure = np.asarray(behind.value) > WORST_OF_MANY * np.asarray(behind.se)
    if not sure.any():
        return None
    times = np.where(sure, (mine @ curve.shares) / (line @ curve.shares), 0.0)
    k = int(times.argmax())
    return float(curve.levels[1 + hidden[k]] ** -0.5), float(times[k])
