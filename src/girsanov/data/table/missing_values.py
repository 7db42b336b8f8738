r"""A column of numbers or dates of which some are missing.

With a share q of the values missing, a value becomes two coordinates: itself, in the units of the
values that are there, or 0 (their mean or their median) if it is missing; and beside it

    x = (1[missing] - q) / c,    c = sqrt(q (1 - q)),                                      (1)

of unit variance. Rows decode to a gap where q + c x > 1/2. Whether a column has gaps is part of
the table and taken from all of it; q is learnt. A column without gaps in the rows learnt from has
c = 0, which stands for 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..._checks import refuse, require
from ..units import reduce_units, restore_units
from .columns import RAREST
from .mixtures import Mixture, atoms
from .values import missing, roomy, with_gaps

if TYPE_CHECKING:
    from ..._typing import Array, Json
    from .columns import NumberColumn
    from .dates import DateColumn


@dataclass(frozen=True)
class GapColumn:
    """A column with gaps: that of the values that are there, and the share q of gaps."""

    inner: NumberColumn | DateColumn
    share: float

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        rule = f"must have a share of missing values, 0 to 1, for {self.name}"
        require(0 <= self.share <= 1, "standardisation", rule, self.share)

    @property
    def name(self) -> str:
        """The column's name."""
        return self.inner.name

    @property
    def width(self) -> int:
        """That of the values, and one."""
        return self.inner.width + 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """The user's, or float64 where that has no room for what is missing."""
        return roomy(self.inner.dtype)

    @property
    def bounded(self) -> bool:
        """Whether decoded values are kept within what was seen."""
        return self.inner.bounded

    @property
    def scored(self) -> bool:
        """Whether the model has its values in units of their scores."""
        return self.inner.scored

    def free(self) -> GapColumn:
        """Return this without such bounds."""
        return replace(self, inner=self.inner.free())

    @property
    def _scale(self) -> float:
        return math.sqrt(self.share * (1 - self.share))

    @property
    def there(self) -> float:
        """Equation (1) of a value that is not missing."""
        return -self.share / (self._scale or 1.0)

    def encode(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return values [b] and equation (1), [b, 2]."""
        if values.dtype.kind == "U" and not (values != "").any():  # of a file without any value
            values = np.full(len(values), math.nan)
        if values.dtype.kind not in "biufM":
            refuse(f"column {self.name!r}", "must hold numbers or dates", str(values.dtype))
        gaps = missing(values)
        x = np.zeros((len(values), self.width), np.float32)
        x[~gaps, :-1] = self.inner.encode(values[~gaps])
        x[:, -1] = reduce_units(gaps.astype(np.float64), self.share, self._scale)
        return x

    def decode(self, x: Array) -> NDArray[Any]:
        """Return x [b, 2] in the user's units, missing ones as NaN or NaT, [b]."""
        gaps = restore_units(x[:, -1], self.share, self._scale or 1.0) > 0.5
        return with_gaps(self.inner.decode(x[:, :-1]), gaps)

    def mixtures(self) -> list[Mixture]:
        """Return the laws of its two coordinates, of which the first is 0 where there is a gap."""
        inner = self.inner.mixtures()[0]
        share = min(max(self.share, RAREST), 1 - RAREST)
        there = Mixture(inner.weight * (1 - share), inner.low, inner.high)
        marks = (np.array([0.0, 1.0]) - self.share) / (self._scale or 1.0)
        weight = np.array([1 - share, share])
        return [there.with_atoms(np.zeros(1), weight[1:]), atoms(marks, weight)]

    def to_json(self) -> Json:
        """Return the fields as JSON values."""
        return {**self.inner.to_json(), "missing": self.share}
