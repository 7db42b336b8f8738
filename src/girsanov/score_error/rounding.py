r"""What fewer digits in a network cost: its error beyond that of the same network in float32.

    1/2 int (M_rounded(s) - M_float32(s)) ds   nats,                                       (1)

by the trapezium rule in log s. Both walk the same paths of the same examples (the audit's
reference is the network in float32), so that the difference is far better known than either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._checks import require
from ..error_curve.curve import VECTOR, Curve, upper_triangle
from ..montecarlo import Estimate, group_estimate, trapezium

if TYPE_CHECKING:
    from .._typing import Array


def rounding_cost(curve: Curve) -> Estimate:
    """Return (1), from the curve of a rounded network with itself in float32 as reference."""
    both = upper_triangle(len(VECTOR))
    there = curve.products is not None and curve.products.shape[-1] == len(both)
    require(there, "audit", "must have been made with the network in float32 as its reference")
    assert curve.products is not None
    sizes = np.asarray(curve.probe_sizes)
    own, other = (VECTOR.index(name) for name in ("r", "r_reference"))
    gap = (
        curve.products[..., both.index((own, own))]
        - curve.products[..., both.index((other, other))]
    )
    s = curve.levels[1:]
    weights: Array = trapezium(np.log(s)) * s / 2
    return group_estimate(weights @ np.ascontiguousarray(gap[1:] @ sizes), curve.shares)
