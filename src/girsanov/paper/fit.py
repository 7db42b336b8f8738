r"""Exponents: the slope of log y in log x by least squares, with its standard error."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..montecarlo import Estimate


def exponent(x: Any, y: Any) -> Estimate:
    """Return b of y ~ a x^b with the standard error that the residuals speak of.

    A deterministic curve has residuals because it is no power; they say how far b can be trusted.
    """
    u, v = np.log(np.asarray(x, dtype=np.float64)), np.log(np.asarray(y, dtype=np.float64))
    n, centred = len(u), u - u.mean()
    slope = float(centred @ v / (centred @ centred))
    rest = v - v.mean() - slope * centred
    if n < 3:
        return Estimate(slope, float("inf"), 1)
    se = float(np.sqrt(rest @ rest / (n - 2) / (centred @ centred)))
    return Estimate(slope, se, n - 2)


def worded(slope: Estimate) -> str:
    """Return an exponent with its 95 % interval in words."""
    low, high = slope.interval()
    return f"{slope.value:.3f} ({low:.3f} to {high:.3f})"
