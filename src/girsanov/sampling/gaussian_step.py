r"""The step of ddpm and analytic-dpm from SNR s to s' > s, with delta = s' - s,

    x' = (s/s') x + (delta/s') m + c xi,    c_j = sqrt(delta (1 + delta v_j)) / s',          (1)

v_j the variance of x0 given the state that it adds, 0 for ddpm, in a basis.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .._checks import require
from .sampler import Step

if TYPE_CHECKING:
    from .._typing import Array
    from ..basis import Basis


def analytic_dpm_step(
    snr: float, snr_next: float, variance: float | Array = 0.0, basis: Basis | None = None
) -> Step:
    """Return the step (1); variance: v, of x0 given the state, 0 for ddpm.

    snr_next: inf for the draw of x0 itself.
    """
    if math.isinf(snr_next):
        return Step(snr, 0.0, 1.0, plain_number(np.sqrt(np.asarray(variance))), basis)
    delta = snr_next - snr
    noise = np.sqrt(delta * (1 + delta * np.asarray(variance))) / snr_next
    return Step(snr, snr / snr_next, delta / snr_next, plain_number(noise), basis)


def plain_number(value: Array) -> float | Array:
    """Return a number as float, an array as it is."""
    return float(value) if np.ndim(value) == 0 else value


def checked_variances(
    variances: Array, bases: tuple[Basis | None, ...] | None, count: int
) -> tuple[Array, tuple[Basis | None, ...]]:
    """Return the variances and the basis of each of `count` steps, or refuse."""
    v = np.asarray(variances, dtype=np.float64)
    u = bases or (None,) * count
    rows = v.ndim in (1, 2) and len(v) == len(u) == count
    require(rows, "variances", f"must have {count} rows", v.shape)
    good = bool((v >= 0).all() and np.isfinite(v).all())
    require(good, "variances", "must be finite and not negative")
    return v, u
