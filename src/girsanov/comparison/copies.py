r"""Near copies across a split: held-out rows with a twin among the training rows.

Near copies (the same picture twice, the frames of a film, several rows of one person) fall on both
sides of a random split, and a model that learns its training rows by heart then looks good on
held-out ones. Whether the nearest row is a training row says nothing, since both sides are alike.
What does is how much nearer the nearest is than the tenth. With d_j the distance of a held-out row
to its j-th nearest training row, and a density that is smooth around it in k dimensions,

    (d_1 / d_10)^k ~ Beta(1, 9),    (d_5 / d_10)^k ~ Beta(5, 5),                            (1)

(E. Facco et al., "Estimating the intrinsic dimension of datasets by a minimal neighborhood
information", 2017, for the first two neighbours). The median of the second, 1/2, tells k whatever
the nearest few do, and of rows that have no twin

    P(d_1 < d_10 / 10) = 1 - (1 - 10^-k)^9                                                (2)

are so near one by chance. That is a sure number only where rows lie alike everywhere, so nothing
is said of tables, whose rows may agree in all but one column by right, of vectors in which a
number comes twice, and of fewer than five dimensions. Rows that are equal are left out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .sets import ROWS_AT_ONCE, chosen_rows, flat_rows

if TYPE_CHECKING:
    from .._typing import Array
    from ..data import Dataset

TIMES_NEARER = 10  # times nearer than the tenth
ORDER, HALF = 10, 5
LOOKED = 1000  # held-out rows, at most
WORK = 2**35  # multiplications, at most
FEWEST_ROWS = 200  # rows of either side
DISTINCT = 0.99  # of the numbers of a column of vectors
FEWEST_DIMENSIONS = 5  # dimensions
EXCESS = 0.03  # of the held-out rows, beyond (2), and as much again as (2) itself
EQUAL = 1e-6  # of a row's length: what its arithmetic leaves of a distance of 0


class NearCopies(NamedTuple):
    """The share of held-out rows so near a training row, that expected, and of how many rows."""

    share: float
    expected: float
    rows: int
    dimension: float

    @property
    def many(self) -> bool:
        """Whether chance cannot have made so many."""
        noise = 3 * math.sqrt(max(self.expected, 1 / self.rows) / self.rows)
        return self.share > 2 * self.expected + EXCESS + noise

    def __str__(self) -> str:
        """Return it in words."""
        return (
            f"near copies: {self.share:.1%} of {self.rows} held-out rows are {TIMES_NEARER} times "
            f"nearer to one training row than to ten ({self.expected:.1%} by chance), so a model "
            "that learns by heart looks good on them; split by what belongs together, and audit "
            "on that"
        )


def near_copies(train: Dataset, held_out: Dataset) -> NearCopies | None:
    """Return how many held-out rows have a twin in the training rows; None where none can tell.

    Both in the same units. At most `LOOKED` held-out rows are looked at, fewer of wide rows and
    of many training rows; these are read once, a chunk at a time.
    """
    wide = math.prod(train.shape)
    looked = min(LOOKED, len(held_out), WORK // (len(train) * wide))
    if min(looked, len(train)) < FEWEST_ROWS:
        return None
    rows = chosen_rows(held_out, looked, seed=0, argument="held-out data")
    points = flat_rows(held_out, rows)
    if not _alike_everywhere(train, points):
        return None
    near = _nearest(points, train)
    apart = near[:, 0] > EQUAL * np.maximum(np.linalg.norm(points, axis=1), 1.0)
    near = near[apart & (near[:, -1] > 0)]
    if len(near) < FEWEST_ROWS:
        return None
    middle = float(np.median(near[:, HALF - 1] / near[:, -1]))
    k = math.log(0.5) / math.log(middle) if 0 < middle < 1 else 0.0
    if k < FEWEST_DIMENSIONS:
        return None
    expected = -math.expm1(9 * math.log1p(-(float(TIMES_NEARER) ** -k)))
    return NearCopies(
        float((near[:, 0] * TIMES_NEARER < near[:, -1]).mean()), expected, len(near), k
    )


def _alike_everywhere(train: Dataset, points: Array) -> bool:
    """Return whether rows are pictures, or vectors [m, d] in which hardly a number comes twice."""
    if train.standardisation.kind != "vector":
        return train.standardisation.kind == "image"
    ordered = np.sort(points, axis=0)
    return bool((ordered[1:] > ordered[:-1]).mean(axis=0).min() > DISTINCT)


def _nearest(points: Array, train: Dataset) -> Array:
    """Return the distances of points [m, d] to their ten nearest training rows, [m, 10]."""
    best: Array = np.full((len(points), ORDER), np.inf)
    own = np.square(points).sum(axis=1)[:, None]
    for first in range(0, len(train), ROWS_AT_ONCE):
        others = flat_rows(train, slice(first, first + ROWS_AT_ONCE))
        square = own + np.square(others).sum(axis=1) - 2 * points @ others.T
        best = np.partition(np.concatenate([best, square], axis=1), ORDER - 1, axis=1)[:, :ORDER]
    return np.asarray(np.sqrt(np.maximum(np.sort(best, axis=1), 0.0)))
