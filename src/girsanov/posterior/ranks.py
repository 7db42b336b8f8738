r"""Ranks of the truth among draws, and what they are where the draws can be trusted.

With x of a pair (x, y) and x_1, ..., x_L drawn given the same y, any function f of them, and V
uniform,

    u = (#{f(x_k) < f(x)} + V (1 + #{f(x_k) = f(x)})) / (L + 1)                            (1)

is uniform on [0, 1] if x | y is what was drawn from: simulation-based calibration (Talts,
Betancourt, Simpson, Vehtari and Gelman, 2018). With f the distance to a point that does not depend
on x it is the expected coverage of TARP (Lemos, Coogan, Hezaveh and Perreault-Levasseur, 2023);
the point is one more draw given y. So of n pairs

    #{u <= 1/2}  and  #{|2 u - 1| <= a}  are Binomial(n, 1/2) and Binomial(n, a),          (2)

the first says whether draws lie too low or too high, the second how much the central share a of
them covers. Of Gaussian draws whose deviation is c times the true one

    E|2 u - 1| = 2/pi arctan(1/c),                                                         (3)

which gives c of any draws as a figure: below 1 they are too narrow, above too wide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from ..montecarlo import Estimate, mean_estimate

if TYPE_CHECKING:
    from .._typing import Array

CENTRAL = (0.5, 0.8, 0.95)  # shares a of the draws in (2)
WITHIN = (0.5, 0.8, 0.95)  # of those nearest the point of TARP


def uniform_ranks(truth: Array, draws: Array, v: Array) -> Array:
    """Return u of (1) for f of the truth [n, ...] and of the draws [n, L, ...]; v: V [n, ...]."""
    below = (draws < truth[:, None]).sum(axis=1)
    ties = (draws == truth[:, None]).sum(axis=1)
    return np.asarray((below + v * (1 + ties)) / (draws.shape[1] + 1))


@dataclass(frozen=True)
class RankShare:
    """How many of the pairs did something, beside what (2) allows.

    what: in words; of: of which coordinate, "" of all together; expected: the share of a model
    that can be trusted; share: the one counted; low, high: the band of (2), which all counts of a
    run keep to at once with the run's confidence.
    """

    what: str
    of: str
    expected: float
    share: float
    low: float
    high: float

    @property
    def good(self) -> bool:
        """Whether the share lies within its band."""
        return self.low <= self.share <= self.high


def shares(
    ranks: Array, nearer: Array, names: tuple[str, ...], confidence: float
) -> list[RankShare]:
    """Return all counts of (2): ranks u of each coordinate [n, c], and of distances [n].

    confidence: that all of them lie within their bands, of draws that can be trusted.
    """
    n, counts = len(ranks), []
    for k, name in enumerate(names):
        u = ranks[:, k]
        counts.append(("below the median of the draws", name, 0.5, int((u <= 0.5).sum())))
        for a in CENTRAL:
            inside = int((np.abs(2 * u - 1) <= a).sum())
            counts.append((f"in the central {100 * a:.0f} % of the draws", name, a, inside))
    for a in WITHIN:
        counts.append(
            (f"in the nearest {100 * a:.0f} % of the draws", "", a, int((nearer <= a).sum()))
        )
    off = (1 - confidence) / len(counts)
    return [RankShare(what, of, a, k / n, *_band(n, a, off)) for what, of, a, k in counts]


def _band(n: int, a: float, off: float) -> tuple[float, float]:
    """Return the shares of n that Binomial(n, a) keeps to but with probability `off`, or less."""
    low, high = stats.binom.ppf([off / 2, 1 - off / 2], n, a)
    return float(low) / n, float(high) / n


def width_of(central: Array) -> Estimate:
    """Return c of (3) of |2 u - 1| [n], or means of it over coordinates."""
    mean = mean_estimate(central)
    at = math.pi / 2 * min(max(float(mean.value), 1e-3), 1 - 1e-3)
    slope = math.pi / 2 / math.sin(at) ** 2
    return Estimate(1 / math.tan(at), slope * float(mean.se), mean.degrees)
