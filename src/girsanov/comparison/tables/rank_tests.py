r"""How often a value of one set exceeds one of another, with its interval and an exact test.

    AUC = P(a > b) + P(a = b) / 2                                                            (1)

over a of the first set [n] and b of the second [m], in one block or as the mean of several. With
the placements v_i = share of b below a_i, w_j = share of a above b_j (halves for ties),

    se^2 = Var(v) / n + Var(w) / m                                                           (2)

(E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson 1988). The interval is Clopper and Pearson's
for N = AUC (1 - AUC) / se^2 rows, which never leaves [0, 1] and has a width where all rows are
told apart. When all a and b of a block are of one law, any deal of them is as likely, whatever
came before: dealing within blocks gives the p value, which is exact. Ties are parted at random.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...noise import NoiseSource
from ..jackknife import Interval
from ..measures.labels import share_kept

if TYPE_CHECKING:
    from ..._typing import Array

RANK_DEALS = 999
KEYS_AT_ONCE = 2**21
Block = tuple["Array", "Array"]  # scores of the first set [n] and of the second [m]


class Placements(NamedTuple):
    """The shares v [n] of the second set below each of the first, and w [m] of the first above."""

    first: Array
    second: Array

    @property
    def auc(self) -> float:
        """Equation (1)."""
        return float(self.first.mean())

    @property
    def variance(self) -> float:
        """Equation (2), 0 where a set has one value."""
        return sum(float(v.var(ddof=1)) / len(v) for v in self if len(v) > 1)


def placements(first: Array, second: Array) -> Placements:
    """Return the placements of scores [n] and [m]."""
    below, above = share_below(first, np.sort(second)), share_below(second, np.sort(first))
    return Placements(below, 1 - above)


def share_below(values: Array, ordered: Array) -> Array:
    """Return the share of numbers in increasing order [m] below each value [n], ties by half."""
    left = np.searchsorted(ordered, values, side="left")
    right = np.searchsorted(ordered, values, side="right")
    return np.asarray((left + right) / (2 * len(ordered)))


def auc_interval(blocks: Sequence[Block], confidence: float) -> Interval:
    """Return the mean of (1) over independent blocks, with its interval."""
    placed = [placements(*block) for block in blocks]
    value = float(np.mean([p.auc for p in placed]))
    variance = sum(p.variance for p in placed) / len(placed) ** 2
    fewest = min(sum(map(len, side)) for side in zip(*blocks, strict=True))
    rows = value * (1 - value) / variance if variance > 0 else float(fewest)
    return Interval(value, *share_kept(value * rows, rows, confidence)[1:])


def dealt_p_value(blocks: Sequence[Block], seed: int) -> float:
    """Return how often a deal gives a mean AUC as large: small where the first exceed."""
    source = NoiseSource(seed, "rank test")
    reached = np.zeros(1 + RANK_DEALS)
    for k, (first, second) in enumerate(blocks):
        both, n = np.concatenate([first, second]), len(first)
        tie = source.uniform(2 * k, 0, len(both))
        ranks = np.empty(len(both))
        ranks[np.lexsort((tie, both))] = np.arange(len(both))
        scale = len(blocks) * n * len(second)
        reached[0] += ranks[:n].sum() / scale
        step = max(1, KEYS_AT_ONCE // len(both))
        for deal in range(0, RANK_DEALS, step):
            count = min(step, RANK_DEALS - deal)
            keys = source.uniform(2 * k + 1, deal * len(both), count * len(both))
            order = keys.reshape(count, -1).argpartition(n - 1, axis=1)[:, :n]
            reached[1 + deal : 1 + deal + count] += ranks[order].sum(axis=1) / scale
    return float(np.mean(reached >= reached[0] - 1e-12))
