r"""What the last step of a sampler costs: from the state at sigma to the data themselves.

A last draw x0 ~ N(m, C), C = U diag(v) U^T, with errors M_j of the prediction along U, costs

    1/2 sum_j [log(2 pi v_j) + M_j/v_j] = E[-log N(x0; m, C)].                            (1)

Where the draw is rounded to values D_i apart (and cut to their range, which only adds to the outer
cells), x0 has the probability of a cell about it. Its -log, f(r) at r = x0 - m, is even, and its
second derivative is C^-1 less C^-1 Var(u | cell) C^-1, so that

    E f(r) <= f(0) + 1/2 sum_j M_j/v_j,                                                    (2)
    f(0)   <= -sum_i log(2 Phi(D_i/(2 sqrt(C_ii))) - 1)           (Sidak 1967),            (3)
    f(0)   <= 1/2 sum_j log(2 pi v_j) + D^2/24 sum_j 1/v_j - sum_i log D_i,  D = max D_i   (4)

by Jensen's inequality for (4); the smaller of (3) and (4) is taken.

A sampler that returns its state or its prediction gives no value a probability by itself. In place
of its last step each value w can be drawn in proportion to N(x; w, sigma^2), which costs

    sum_i E log sum_n exp(-(z + n D_i/sigma)^2/2 + z^2/2),    z ~ N(0, 1),                 (5)

n over all whole numbers; a range with ends has fewer values, so that (5) is a bound. It takes the
state alone: no network, and no error of one. (Kingma, Salimans, Poole, Ho 2021 decode so.)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..montecarlo import trapezium

if TYPE_CHECKING:
    from .._typing import Array

FINE_STEP = 1.0  # D/sigma below which the sum in (5) is its integral, to 1e-8
REACH, POINTS = 12.0, 4001  # of z


def draw_cost(variance: Array, error: Array, sizes: Array) -> Array:
    """Return (1) by group: variance and error [G, J], sizes [J] -> [G]."""
    return np.asarray((np.log(2 * math.pi * variance) + error / variance) @ sizes / 2)


def drawn_values_cost(
    variance: Array, error: Array, sizes: Array, along: Array, sides: Array
) -> Array:
    """Return (2) by group; arrays as in `draw_cost`.

    along: C_ii by group [G, d], or bounds of them; sides: D_i [d].
    """
    from scipy import special  # likelihoods alone need it

    with np.errstate(divide="ignore"):
        apart = -np.log(special.erf(sides / np.sqrt(8 * along))).sum(axis=-1)
    shape = np.log(2 * math.pi * variance) + sides.max() ** 2 / 12 / variance
    whole = shape @ sizes / 2 - np.log(sides).sum()
    return np.asarray(np.minimum(apart, whole) + (error / variance) @ sizes / 2)


def values_by_noise_cost(sides: Array, sigma: float) -> float:
    """Return (5) at noise level sigma, of values D_i apart in the model's units [d]."""
    apart, counts = np.unique(sides, return_counts=True)
    return sum(int(n) * _one_value(float(x) / sigma) for x, n in zip(apart, counts, strict=True))


def _one_value(ratio: float) -> float:
    """Return the term of (5) at D/sigma = ratio."""
    if ratio < FINE_STEP:
        return math.log(math.sqrt(2 * math.pi) / ratio) + 0.5
    z = np.linspace(-REACH, REACH, POINTS)
    most = math.ceil(2 * REACH / ratio)
    n = np.arange(-most, most + 1)
    away = -n * ratio * z[:, None] - (n * ratio) ** 2 / 2
    top = away.max(axis=1)
    log_sum = top + np.log(np.exp(away - top[:, None]).sum(axis=1))
    weights = trapezium(z) * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return float(weights @ log_sum)
