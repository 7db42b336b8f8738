r"""Proper scores of draws given y, beside those that the draws have themselves.

    CRPS = mean_k |x_k - x| - 1/2 mean_{k != l} |x_k - x_l|,                               (1)

coordinate by coordinate, and the energy score, which is the same with the length of vectors
(Gneiting and Raftery, 2007). Both are least, averaged over pairs, for the true law of x | y.
With one more draw in place of the truth x they are what draws that can be trusted would score: the
difference of both, pair by pair, is 0 in the mean for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..montecarlo import Estimate, mean_estimate

if TYPE_CHECKING:
    from .._typing import Array


@dataclass(frozen=True)
class Score:
    """A score of the truths, and by how much it is more than that of the draws themselves."""

    name: str
    value: Estimate
    excess: Estimate


def scores(truth: Array, draws: Array) -> list[Score]:
    """Return CRPS (the mean over coordinates) and energy score of x [n, d] and draws [n, L, d]."""
    one, rest = draws[:, 0], draws[:, 1:]
    both = (_scored(x, rest) for x in (truth, one))
    (crps, energy), (own_crps, own_energy) = both
    return [
        Score("CRPS", mean_estimate(crps), mean_estimate(crps - own_crps)),
        Score("energy score", mean_estimate(energy), mean_estimate(energy - own_energy)),
    ]


def _scored(x: Array, draws: Array) -> tuple[Array, Array]:
    """Return (1) of each pair as the mean over coordinates, and of vectors, [n] each."""
    n, count = len(x), draws.shape[1]
    off = draws - x[:, None]
    crps, energy = np.abs(off).mean(axis=(1, 2)), np.linalg.norm(off, axis=2).mean(axis=1)
    order = 2 * np.arange(1, count + 1) - count - 1  # mean |x_k - x_l| of sorted draws
    spread = np.einsum("k,nkd->n", order, np.sort(draws, axis=1)) / draws.shape[2]
    crps = crps - spread / (count * (count - 1))
    apart = np.zeros(n)
    for k in range(1, count):  # pair by pair would be a copy for each
        apart += np.linalg.norm(draws[:, k:] - draws[:, :-k], axis=2).sum(axis=1)
    return crps, energy - apart / (count * (count - 1))
