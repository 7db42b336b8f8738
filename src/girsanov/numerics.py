r"""Stable functions of small steps.

For a step h > 0 of the OU process (theory of arXiv 2209.11215 with explicit constants):

    a_h     = 2(1 - e^-h) - h,                                                            (1)
    b_h     = h - 1 + e^-h,                                                               (2)
    kappa_h = 1/2 - a_h / (e^2h - 1),                                                     (3)
    phi_h   = -1/2 log 2c - 1/2 + c,   c = a_h / (e^2h - 1).                              (4)
"""

from __future__ import annotations

import numpy as np

from ._typing import Array

SMALL = 1e-2  # below it the closed forms lose more digits than the series of order h^6 drops


def a_step(h: Array | float) -> Array:
    """Return a_h of equation (1); it has no cancellation before h ~ 1.59, its zero."""
    h = np.asarray(h, dtype=np.float64)
    return np.asarray(-2 * np.expm1(-h) - h)


def b_step(h: Array | float) -> Array:
    """Return b_h of equation (2), by its series for small h."""
    h = np.asarray(h, dtype=np.float64)
    series = h**2 * (1 / 2 - h * (1 / 6 - h * (1 / 24 - h * (1 / 120 - h * (1 / 720 - h / 5040)))))
    return np.where(np.abs(h) < SMALL, series, h + np.expm1(-h))
