"""What a column is alone: a mixture of atoms and of slices of a normal law, by coordinate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

if TYPE_CHECKING:
    from ..._typing import Array

CELLS = 16  # slices that the whole line is cut into
FAR = 40.0  # deviations, where the line ends: no score of a number lies beyond


@dataclass(frozen=True, eq=False)
class Mixture:
    """A law on a line: with probability weight_k an atom, or N(0, 1) between low_k and high_k.

    weight, low, high: [K]; an atom has low = high.
    """

    weight: Array
    low: Array
    high: Array

    @property
    def piled(self) -> float:
        """The weight of the atoms."""
        return float(self.weight[self.low == self.high].sum())

    def with_atoms(self, at: Array, weight: Array) -> Mixture:
        """Return this law with atoms [A] of these weights beside it."""
        parts = ((self.weight, weight), (self.low, at), (self.high, at))
        return Mixture(*(np.concatenate(part) for part in parts))

    def with_line(self, share: float) -> Mixture:
        """Return this law but for a share, which has N(0, 1) of the whole line."""
        whole = Mixture(self.weight * (1 - share) / self.weight.sum(), self.low, self.high)
        return Mixture(
            np.append(whole.weight, share), np.append(whole.low, -FAR), np.append(whole.high, FAR)
        )


@dataclass(frozen=True, eq=False)
class OneOf:
    """A law on the corners of a simplex: (e_k - frequencies) / scale with probability weight_k.

    weight, frequencies: [K].
    """

    weight: Array
    frequencies: Array
    scale: float
    piled: ClassVar[float] = 1.0


def atoms(at: Array, weight: Array) -> Mixture:
    """Return the law of atoms [A] of these weights."""
    return Mixture(weight, at, at)


def slices(low: Array, high: Array) -> Mixture:
    """Return N(0, 1) outside the intervals [low, high] [A], cut into about `CELLS` slices."""
    from scipy import special  # tables are read and written without it

    edges = zip(np.append(-FAR, high), np.append(low, FAR), strict=True)
    cuts = [_cut(a, b) for a, b in edges if special.ndtr(b) - special.ndtr(a) > 1e-9]
    first = np.concatenate([np.zeros(0), *(cut[:-1] for cut in cuts)])
    last = np.concatenate([np.zeros(0), *(cut[1:] for cut in cuts)])
    return Mixture(special.ndtr(last) - special.ndtr(first), first, last)


def _cut(a: float, b: float) -> Array:
    """Return the ends of slices of equal weight between a and b."""
    from scipy import special

    low, high = special.ndtr(a), special.ndtr(b)
    inner = special.ndtri(np.linspace(low, high, max(1, round((high - low) * CELLS)) + 1))
    return np.concatenate([[a], inner[1:-1], [b]])
