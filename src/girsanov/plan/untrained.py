r"""Is a model trained at all, and for this data? Against a guess that needs no training.

Pulling x towards the data's mean, as far as the data's total variance d v says, has the error

    M_0(s) = d v / (1 + s v),                                                             (1)

whatever the law, and that of the exact denoiser is no larger. Around the noise level sqrt(v) it is
far larger for all but Gaussian noise, so a network whose M(s) is above (1) there for certain knows
nothing of this data: random weights, or another data set's, units' or size's.

The ledger cannot say so. Its entries measure from the least that this model can cost, and steps
that add the measured covariance cover what a broken model gets wrong.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..ledger.record import Audit
from ..montecarlo import group_estimate

AROUND = 2.0  # from half to twice the data's deviation
MARGIN = 1.1  # an exact denoiser of noise alone reaches (1)


class Untrained(NamedTuple):
    """Between these noise levels, M(s) is (1) times at least this."""

    finest: float
    coarsest: float
    times: float


def untrained(audit: Audit) -> Untrained | None:
    """Return where a model is worse than pulling to the mean, None unless at all levels there."""
    if audit.curve.exact or audit.about.get("guidance", 1.0) != 1:
        return None
    curve = audit.curve
    v = float(curve.traces[0, :, 0] @ curve.shares) / curve.dimension
    if not v > 0:
        return None
    s = curve.levels[1:]
    near = np.flatnonzero(np.abs(np.log(s * v)) <= 2 * math.log(AROUND) + 1e-9)
    times = []
    for k in near.tolist():
        bar = curve.dimension * v / (1 + float(s[k]) * v)
        low = group_estimate(curve.traces[k + 1, :, 0] / bar, curve.shares).interval()[0]
        times.append(float(low))
    if not times or min(times) <= MARGIN:
        return None
    return Untrained(float(s[near[-1]] ** -0.5), float(s[near[0]] ** -0.5), min(times))
