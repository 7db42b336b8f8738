r"""Theorem 7 of arXiv 2209.11215: the path KL for q = N(0, I) and the exact score, exactly.

Over N steps h with T = Nh, freezing the raw score costs

    DDPM   2 d N (h - 1 + e^-h) = 2 d N b_h         ~ d h T,                                (1)
    CLD    4 d N h (1 - e^-h)                       ~ 4 d h T,                              (2)

from the stationary autocovariances e^-t and e^-t (1 - t). The paper concludes that Girsanov's
bound cannot be better than d h T. That belongs to freezing the raw score: with score + x (or
analytic-dpm) the path KL is 0, and what DDPM puts out at T = infinity is N(0, v I) with

    v = (e^h + 1)/(3 - e^h),       KL ~ d h^2 / 4.                                          (3)
"""

from __future__ import annotations

import math

from ..._checks import require, require_choice, require_number
from . import steps as of
from .given import require_dimension, require_steps, require_time


def theorem7(dimension: int, steps: int, *, time: float, process: str = "ddpm") -> float:
    """Return the path KL (1) or (2) in nats; process: ``ddpm`` or ``cld``."""
    d, n = require_dimension(dimension), require_steps(steps)
    h = require_time("time", time, above=0.0) / n
    if require_choice("process", process, ("ddpm", "cld")) == "ddpm":
        return 2 * d * n * float(of.b(h))
    return -4 * d * n * h * math.expm1(-h)


def output_variance(h: float) -> float:
    """Return v of equation (3), for h < log 3."""
    require_number("h", h, above=0.0)
    require(h < math.log(3), "h", "must be below log 3, where the output diverges", h)
    return (math.exp(h) + 1) / (3 - math.exp(h))
