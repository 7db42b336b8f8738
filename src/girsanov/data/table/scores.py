r"""Normal scores: a column of numbers as quantiles of the normal law, and back.

Of the rows learnt from, a share b_k lies below the value v_k and a share p_k has it. With
F_k = e + (1 - 2 e) b_k and G_k = e + (1 - 2 e) (b_k + p_k), e = 1 / (2 n + 2) for n rows,

    z(v_k) = Phi^-1((F_k + G_k) / 2),                                                      (1)

van der Waerden's scores. A value that many rows share, a pile, keeps the whole interval
[Phi^-1(F_k), Phi^-1(G_k)] for itself. Between the values that were seen the map is linear; beyond
the first and the last one a value that is t times as far from the end as `TAIL` of the rows are
has log(1 + t) more, so that what no row had keeps a score that a model has seen the like of. A
column of few values decodes to the value in whose interval z lies, and to no other number.

In these units a column without piles is a standard normal variable, whatever its tails and
bounds were, and one with piles is a mixture of atoms and slices of one (`mixture`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..._checks import require
from .mixtures import Mixture, slices

if TYPE_CHECKING:
    from ..._typing import Array, Json

MOST_VALUES = 1000  # kept of a column, and of one of few values
REPEATED = 5  # rows a value on average from which a column is one of few values
FEW_SHARE = 0.01  # of the rows, that may have values that are no piles in a column of few
TAIL = 0.05  # of the rows, whose spread is the unit beyond an end
PILE_ROWS, PILE_SHARE = 5, 0.005  # of rows that share a value, from which it is a pile


@dataclass(frozen=True, eq=False)
class Scores:
    """Equation (1): values v [K] increasing, below b [K], share p [K], and the number of rows n.

    units: of the column below its least and above its largest value; few: whether it decodes to
    seen values alone.
    """

    values: Array
    below: Array
    share: Array
    rows: int
    units: tuple[float, float]
    few: bool

    def __post_init__(self) -> None:
        """Refuse what are no values with their shares."""
        v, b, p = self.values, self.below, self.share
        good = v.ndim == 1 and len(v) > 0 and v.shape == b.shape == p.shape
        good = good and bool(np.isfinite(v).all() and (np.diff(v) > 0).all())
        good = good and bool((b >= 0).all() and (p > 0).all() and (b + p <= 1 + 1e-9).all())
        good = good and bool((b[1:] - (b + p)[:-1] >= -1e-9).all())
        good = good and self.rows > 0 and all(0 < unit < np.inf for unit in self.units)
        rule = "must have scores of increasing values with the shares of rows below and at each"
        require(good, "standardisation", rule)

    @cached_property
    def _ends(self) -> tuple[Array, Array]:
        """The two ends of each value's interval of scores, [K]."""
        return self._quantiles(self.below), self._quantiles(self.below + self.share)

    @cached_property
    def scores(self) -> Array:
        """z of equation (1), [K]."""
        return self._quantiles(self.below + self.share / 2)

    def _quantiles(self, shares: Array) -> Array:
        """Return the normal quantiles of shares of the rows, kept off 0 and 1 by e."""
        from scipy import special  # tables are read and written without it

        rest = 1 / (2 * self.rows + 2)
        return np.asarray(special.ndtri(rest + (1 - 2 * rest) * shares.clip(max=1.0)))

    @cached_property
    def piles(self) -> NDArray[np.bool_]:
        """Which values are piles, [K]."""
        return np.asarray(self.share >= max(PILE_ROWS / self.rows, PILE_SHARE) - 1e-12)

    @cached_property
    def _corners(self) -> tuple[Array, Array]:
        """The corners (v, z) of the map: two for a pile, one for another value."""
        low, high = self._ends
        first, last = (np.where(self.piles, end, self.scores) for end in (low, high))
        values, scores = np.stack([self.values] * 2, 1), np.stack([first, last], 1)
        kept = np.stack([np.ones(len(low), bool), self.piles], 1)
        return values[kept], scores[kept]

    def encode(self, values: Array) -> Array:
        """Return the scores z of values [b]."""
        at = np.searchsorted(self.values, values).clip(max=len(self.values) - 1)
        known = self.values[at] == values
        v, z = self._corners
        low, high = self.units
        past = np.maximum(v[0] - values, 0) / low, np.maximum(values - v[-1], 0) / high
        beyond = np.log1p(past[1]) - np.log1p(past[0])
        return np.asarray(np.where(known, self.scores[at], np.interp(values, v, z) + beyond))

    def decode(self, scores: Array) -> Array:
        """Return the values of scores z [b]."""
        if self.few:
            return np.asarray(self.values[np.searchsorted(self._ends[1][:-1], scores)])
        v, z = self._corners
        past = np.maximum(z[0] - scores, 0), np.maximum(scores - z[-1], 0)
        low, high = self.units
        with np.errstate(over="ignore"):
            beyond = high * np.expm1(past[1]) - low * np.expm1(past[0])
        return np.asarray(np.interp(scores, z, v) + beyond)

    def mixture(self) -> Mixture:
        """Return the law of the scores: an atom for each pile, slices of N(0, 1) between them.

        A value that no row has had may come too: the whole line has the share 1 / (n + 1).
        """
        from scipy import special

        low, high = (end[self.piles] for end in self._ends)
        at, weight = self.scores[self.piles], special.ndtr(high) - special.ndtr(low)
        return slices(low, high).with_atoms(at, weight).with_line(1 / (self.rows + 1))

    def to_json(self) -> Json:
        """Return the fields as JSON values."""
        lists = {name: getattr(self, name).tolist() for name in ("values", "below", "share")}
        return {**lists, "rows": self.rows, "units": list(self.units), "few": self.few}

    @staticmethod
    def from_json(content: Json) -> Scores:
        """Return what `to_json` described."""
        values, below, share = (
            np.asarray(content[name], np.float64) for name in ("values", "below", "share")
        )
        low, high = (float(unit) for unit in content["units"])
        return Scores(
            values, below, share, int(content["rows"]), (low, high), bool(content["few"])
        )


def learn_scores(values: NDArray[Any]) -> Scores:
    """Return the scores of a column's values [n], none of them missing.

    Of more than `MOST_VALUES` different values as many are kept, at equal shares, and all piles.
    """
    distinct, counts = np.unique(values.astype(np.float64), return_counts=True)
    n, upto = int(counts.sum()), np.cumsum(counts)
    piles = counts >= max(PILE_ROWS, PILE_SHARE * n)
    kept = np.ones(len(distinct), bool)
    if len(distinct) > MOST_VALUES:
        ranks = np.linspace(0, n - 1, MOST_VALUES).round()
        kept = piles.copy()
        kept[np.searchsorted(upto, ranks, side="right")] = True
    below = (upto - counts)[kept] / n
    units = _tail(distinct, upto, n), _tail(-distinct[::-1], np.cumsum(counts[::-1]), n)
    return Scores(distinct[kept], below, counts[kept] / n, n, units, _are_few(counts, piles))


def _are_few(counts: NDArray[Any], piles: NDArray[np.bool_]) -> bool:
    """Return whether a column has few values: those beside its piles are few for their rows, too.

    Amounts of which most are 0 are not.
    """
    n, rest = int(counts.sum()), int(counts[~piles].sum())
    few = len(counts) <= MOST_VALUES and REPEATED * len(counts) <= n
    return bool(few and (REPEATED * int((~piles).sum()) <= rest or rest < FEW_SHARE * n))


def _tail(distinct: Array, upto: NDArray[Any], n: int) -> float:
    """Return how far the value with `TAIL` of the rows below is from the least, at least a
    step."""
    if len(distinct) == 1:
        return 1.0
    place = max(1, int(np.searchsorted(upto, TAIL * n)))
    return float(distinct[min(place, len(distinct) - 1)] - distinct[0])
