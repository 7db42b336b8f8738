r"""Whether samples repeat training examples: an exact test that no quality of samples can fool.

Take as many training as held-out examples, h of each, and let c_j count the samples whose
nearest of all 2h is example j. A model that has not memorised cannot tell the two sorts apart,
so whichever sort j is, c_j is the same:

    share = sum of c_j over training examples / sum of all c_j                            (1)

has mean 1/2, and dealing the sorts out again at random gives its law exactly. Samples that share
an example are no independent witnesses, so the standard error counts examples:

    se^2 = sum_j c_j^2 (t_j - share)^2 / (sum_j c_j)^2,    t_j = 1 for training examples. (2)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ...montecarlo import Estimate
from ...noise import NoiseSource
from .measure import Lack, MeasureRow, ShareAndTest, ShareMeasure
from .mmd import square_distances

if TYPE_CHECKING:
    from ..._typing import Array
    from ..sets import Sets

SORT_DEALS = 999
DRAWN_AT_ONCE = 2**18  # numbers


class MemorisationMeasure(ShareMeasure):
    """The share of samples that are nearest to a training example."""

    name = "memorisation"

    @classmethod
    def lack(cls, sets: Sets) -> Lack | None:
        """Return that training data are needed."""
        rule = "must be given to look for memorisation"
        return ("train", rule, "Use --train-data") if sets.train is None else None

    @classmethod
    def row(cls, sets: Sets) -> MeasureRow:
        """Return the share, for which there is no floor."""
        assert sets.train is not None  # or it lacked something
        tested = memorisation(sets.x, sets.train, sets.y, seed=sets.seed)
        rows = min(len(sets.train), len(sets.y))
        note = (
            f"share of samples whose nearest of {rows} training and as "
            "many held-out examples is a training one; chance is 1/2"
        )
        return cls.row_of(tested, sets, None, note)

    @classmethod
    def verdict(cls, row: MeasureRow) -> str:
        """Return in words whether samples repeat training examples."""
        apart, sure = cls.signs(row)
        if apart != sure:
            return (
                "too close to call: its one-sided test and its two-sided interval disagree about "
                "chance, 1/2"
            )
        return "samples repeat training examples" if sure else "no sign of repeated examples"


def memorisation(x: Array, train: Array, held_out: Array, *, seed: int = 0) -> ShareAndTest:
    """Return equations (1), (2) for samples x [n, d], training [.., d] and held-out examples [..,
    d]."""
    h = min(len(train), len(held_out))
    source = NoiseSource(seed, "memorisation")
    order = source.uniform(0, 0, 2 * h).argsort(kind="stable")  # so that no tie favours a sort
    examples = np.concatenate([train[:h], held_out[:h]])[order]
    sort = (order < h).astype(np.float64)
    near = [square.argmin(axis=1) for _, square in square_distances(x, examples)]
    counts = np.bincount(np.concatenate(near), minlength=2 * h) / len(x)
    share = float(counts @ sort)
    se = float(np.sqrt(np.square(counts * (sort - share)).sum()))
    others = np.concatenate([counts[deal].sum(axis=1) for deal in _deals(2 * h, source)])
    p_value = (1 + np.count_nonzero(others >= share - 1e-12)) / (1 + SORT_DEALS)
    return ShareAndTest(Estimate(share, se), float(p_value))


def _deals(count: int, source: NoiseSource) -> Iterator[np.ndarray]:
    """Yield which half of `count` examples is the training half, [b, count / 2], `SORT_DEALS`
    times."""
    block = max(1, DRAWN_AT_ONCE // count)
    for first in range(0, SORT_DEALS, block):
        size = min(block, SORT_DEALS - first)
        keys = source.uniform(1, first * count, size * count).reshape(size, count)
        yield keys.argsort(axis=1, kind="stable")[:, : count // 2]
