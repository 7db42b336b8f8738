r"""Means with standard errors, and the intervals they buy.

With group means g_1..g_B of B disjoint groups of independent examples (batch means),

    mean = sum_b w_b g_b,    se^2 = sum_b w_b^2 (g_b - mean)^2 / (1 - sum_b w_b^2),    (1)

w_b the group's share of the examples, which makes se^2 unbiased for any shares (with equal ones
the divisor is (B - 1)/B); the interval uses Student's t with B - 1 degrees.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from ._typing import Array


class Estimate(NamedTuple):
    """A measured value with its standard error; `degrees` of freedom, inf when known exactly.

    value, se: float or array of one shape, in the same unit.
    """

    value: Any
    se: Any
    degrees: float = math.inf

    def interval(self, confidence: float = 0.95) -> tuple[Any, Any]:
        """Return the two-sided interval `value ± t se` at this confidence."""
        half = quantile(0.5 + confidence / 2, self.degrees) * np.asarray(self.se)
        return self.value - half, self.value + half


@cache  # scipy builds a law anew in every call, which would be most of the time of a plan
def quantile(probability: float, degrees: float) -> float:
    """Return the quantile of Student's t (the normal's when `degrees` is infinite)."""
    if math.isinf(degrees):
        return float(special.ndtri(probability))
    return float(special.stdtrit(degrees, probability))


def trapezium(points: Array) -> Array:
    """Return the weights of the trapezium rule on increasing `points` [n]; 0 for one point."""
    half = np.diff(points) / 2
    return np.asarray(np.concatenate([half, [0.0]]) + np.concatenate([[0.0], half]))


def mean_estimate(values: Array, axis: int = 0) -> Estimate:
    """Return the mean of independent `values` [n, ...] along `axis` with its standard error."""
    n = values.shape[axis]
    spread = (
        values.std(axis=axis, ddof=1) if n > 1 else np.full(values.mean(axis=axis).shape, np.inf)
    )
    return Estimate(values.mean(axis=axis), spread / math.sqrt(n), max(n - 1, 1))


def apart(one: Estimate, two: Estimate) -> Estimate:
    """Return the difference of two independent estimates."""
    return Estimate(one.value - two.value, np.hypot(one.se, two.se), min(one.degrees, two.degrees))


def group_estimate(groups: Array, weights: Array) -> Estimate:
    """Return equation (1) for `groups` [B, ...] with shares `weights` [B] that sum to one.

    One group alone says nothing of its spread: its standard error is infinite.
    """
    count = len(weights)
    w = np.reshape(weights, (count,) + (1,) * (groups.ndim - 1))
    mean = (w * groups).sum(axis=0)
    if count < 2:
        return Estimate(mean, np.full(np.shape(mean), np.inf), 1)
    variance = (w**2 * (groups - mean) ** 2).sum(axis=0) / (1 - float(np.sum(w**2)))
    return Estimate(mean, np.sqrt(variance), count - 1)
