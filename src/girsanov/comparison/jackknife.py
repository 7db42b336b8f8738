r"""Squared distances between two sample sets: free of their first bias, with standard errors.

A squared distance T of n samples and m examples is too large on average, by a/n + b/m to first
order. With both sets in B groups of equal size, and T_-g what it is without the g-th of each,

    p_g = B T - (B - 1) T_-g,                                                             (1)

the mean of p_g is free of that bias and their spread over sqrt(B) is its standard error, with
B - 1 degrees (Quenouille 1956; Tukey 1958). Where the two laws are one, T has no linear part,
and (1) makes the standard error too large, never too small, on average (Efron and Stein 1981).

Of one law and itself the mean of p_g is as often below 0 as above. A squared distance is not, so
that the interval ends where that of 0 would,

    high = max(0, mean) + t se,                                                           (2)

which is never less than mean + t se, and above 0 however far below it the mean fell.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..montecarlo import Estimate, mean_estimate

if TYPE_CHECKING:
    from .._typing import Array

JACKKNIFE_GROUPS = 20  # B, or fewer for small sets; row i of a set belongs to group i % B


class Interval(NamedTuple):
    """A value and the interval about it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Squared:
    """A squared distance: as computed, and the pseudo-values (1) of every group [B].

    extra: standard error from what was drawn besides the rows, such as directions.
    """

    plugin: float
    pseudo: Array
    extra: float = 0.0

    def estimate(self) -> Estimate:
        """Return the squared distance of the two laws with its standard error."""
        value, se, degrees = mean_estimate(self.pseudo)
        return Estimate(float(value), math.hypot(se, self.extra), degrees)

    def distance(self, confidence: float = 0.95) -> Interval:
        """Return the distance of the two laws, not squared, with its interval."""
        return Interval(*(math.sqrt(v) for v in squared_interval(self.estimate(), confidence)))


def squared_interval(square: Estimate, confidence: float) -> Interval:
    """Return a squared distance and its interval, not negative: equation (2)."""
    low, high = (float(v) for v in square.interval(confidence))
    value = float(square.value)
    return Interval(max(0.0, value), max(0.0, low), high + max(0.0, -value))


def pseudo_values(whole: float | Array, without: Array) -> Array:
    """Return equation (1) for T and T_-g [B, ...]."""
    count = len(without)
    return np.asarray(count * whole - (count - 1) * without)


def group_count(*sizes: int) -> int:
    """Return B, the most groups of equal size that all sets of these sizes have, at most 20."""
    common = math.gcd(*sizes)
    return max(b for b in range(1, JACKKNIFE_GROUPS + 1) if common % b == 0)


def groups_of(count: int, groups: int) -> np.ndarray:
    """Return the group of each of `count` rows, [count]."""
    return np.arange(count) % groups
