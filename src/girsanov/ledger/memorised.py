r"""What a model has memorised: its error on new examples beyond that on training examples.

    1/2 int (M_held-out(s) - M_training(s)) ds   nats,                                    (1)

by the trapezium rule in log s between the measured levels.
"""

from __future__ import annotations

import math

import numpy as np

from .._typing import Array
from ..montecarlo import Estimate, group_estimate, trapezium
from .curve import Curve


def memorised(curve: Curve, training: Array, resolution: float = 0.0) -> Estimate:
    """Return (1) down to noise level `resolution` (0: all measured levels).

    curve: of held-out examples; training: errors on training examples [K+1, B]. Both are of
    independent examples, so their variances add.
    """
    finest = math.inf if resolution == 0 else resolution**-2 * 1.001
    s = curve.levels[1:][curve.levels[1:] <= finest]
    weights = trapezium(np.log(s)) * s / 2
    # contiguous, so that a saved audit adds in the same order
    held, seen = (
        group_estimate(weights @ np.ascontiguousarray(errors[1 : len(s) + 1]), curve.shares)
        for errors in (curve.traces[:, :, 0], training)
    )
    return Estimate(float(held.value - seen.value), math.hypot(held.se, seen.se), held.degrees)
