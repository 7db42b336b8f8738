r"""What a model has memorised: its error on new examples beyond that on training examples.

    1/2 int (M_held-out(s) - M_training(s)) ds   nats,                                    (1)

by the trapezium rule in log s between the measured levels. What few examples, many dimensions and
rare values do to any model, they do to the straight line of the training data's moments, which
knows no example by heart: its own gap is no memorisation, and (1) less that gap is what is left,

    1/2 int [(M_held-out - L_held-out) - (M_training - L_training)] ds,    L its error.    (2)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..montecarlo import Estimate, group_estimate, trapezium

if TYPE_CHECKING:
    from .._typing import Array
    from ..error_curve.curve import Curve


def memorised(curve: Curve, training: Array, resolution: float = 0.0) -> Estimate:
    """Return (1) down to noise level `resolution` (0: all measured levels).

    curve: of held-out examples; training: errors on training examples [K+1, B]. Both are of
    independent examples, so their variances add.
    """
    return _gap(curve, (curve.traces[1:, :, 0], training[1:]), resolution)


def beyond_line(
    curve: Curve, training: Array, line: tuple[Array, Array], resolution: float = 0.0
) -> Estimate:
    """Return (2) down to noise level `resolution`; line: L on both, held-out first, [K, B]."""
    held, seen = line
    return _gap(curve, (curve.traces[1:, :, 0] - held, training[1:] - seen), resolution)


def _gap(curve: Curve, errors: tuple[Array, Array], resolution: float) -> Estimate:
    """Return 1/2 int of the first less the second of errors [K, B]."""
    finest = math.inf if resolution == 0 else resolution**-2 * 1.001
    s = curve.levels[1:][curve.levels[1:] <= finest]
    weights = trapezium(np.log(s)) * s / 2
    # contiguous, so that a saved audit adds in the same order
    held, seen = (
        group_estimate(weights @ np.ascontiguousarray(rows[: len(s)]), curve.shares)
        for rows in errors
    )
    return Estimate(float(held.value - seen.value), math.hypot(held.se, seen.se), held.degrees)
