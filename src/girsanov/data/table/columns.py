r"""One named column: numbers by mean and deviation or by normal scores, categories one-hot.

A category column with K values of frequencies p_1..p_K becomes K coordinates

    x_k = (1[value is k] - p_k) / c,    c = sqrt(1 - sum_k p_k^2),                        (1)

whose variances p_k (1 - p_k) / c^2 add up to one: a block weighs as much as one column of
numbers. It decodes to the k with the largest p_k + c x_k. With one value only, c = 0 and stands
for 1. Which values exist is part of the table and taken from all of it; the frequencies, like
means and deviations, are learnt. Integers are rounded; a column of floating-point numbers that
were all written with at most 6 decimals is rounded to as many.

A model of smooth densities puts some mass where no value can be. What it draws is brought back on
the way out, v to

    min(max(v, low), high)   in a column of whole numbers,                                (2)
    max(v, 0)                in another one without negative numbers,                     (3)

low and high the least and the largest number learnt from. `as_drawn` leaves values where they
were drawn, but for the bounds of their dtype.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..._checks import refuse, require
from ...volume import whole
from ..units import cast, reduce_units, restore_units
from .mixtures import Mixture, OneOf
from .values import missing

if TYPE_CHECKING:
    from ..._typing import Array, Json
    from .scores import Scores

OTHER_ROWS = "Leave such rows out, or fit on rows that have some"
RAREST = 1e-4  # the least share that a category or a mark is thought to have
MOST_DECIMALS = 6  # more are the digits of arithmetic, and no rule of whoever wrote the numbers


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers: its name, the user's dtype, its mean and deviation (0 if constant).

    decimals: that its values are given to, None if to more than `MOST_DECIMALS`; low, high: the
    least and the largest number learnt from, None where they are not kept; scores: in whose units
    the model has the column, None for deviations from the mean.
    """

    name: str
    dtype: np.dtype[Any]
    mean: float
    scale: float
    decimals: int | None = None
    low: float | None = None
    high: float | None = None
    scores: Scores | None = None
    width: ClassVar[int] = 1

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be a mean and a deviation."""
        good = math.isfinite(self.mean) and math.isfinite(self.scale) and self.scale >= 0
        require(good, "standardisation", f"must have a finite mean and scale >= 0 for {self.name}")
        some = self.decimals is None or self.decimals in range(MOST_DECIMALS + 1)
        rule = f"must have 0 to {MOST_DECIMALS} decimals for {self.name}"
        require(some, "standardisation", rule, self.decimals)
        low, high = self.low, self.high
        rule = f"must have finite bounds low <= high, or neither, for {self.name}"
        fits = (low is None) == (high is None)
        if low is not None and high is not None:
            fits = math.isfinite(low) and math.isfinite(high) and low <= high
        require(fits, "standardisation", rule, (low, high))

    @property
    def whole(self) -> bool:
        """Whether all its numbers are whole."""
        return self.dtype.kind in "biu" or self.decimals == 0

    @property
    def step(self) -> float:
        """How far its values are apart, 0 if by nothing that was seen."""
        if self.decimals is None:
            return whole(self.dtype.kind)
        return float(10.0**-self.decimals)

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Where decoded numbers are kept, equations (2) and (3); None where anything may be."""
        if self.low is None or self.high is None:
            return None
        if self.whole:
            return self.low, self.high
        return (0.0, math.inf) if self.low >= 0 else None

    @property
    def bounded(self) -> bool:
        """Whether decoded numbers are kept within bounds."""
        return self.bounds is not None and not (self.scores and self.scores.few)

    @property
    def scored(self) -> bool:
        """Whether the model has it in units of its scores."""
        return self.scores is not None

    def free(self) -> NumberColumn:
        """Return this with no bounds but those of its dtype."""
        return replace(self, low=None, high=None)

    def encode(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return values [b] standardised, [b, 1]."""
        if values.dtype.kind not in "biuf":
            refuse(f"column {self.name!r}", "must hold numbers", str(values.dtype))
        require_no_gaps(values, f"column {self.name!r}")
        if self.scores is not None:
            return reduce_units(self.scores.encode(values.astype(np.float64)), 0.0, 1.0)[:, None]
        return reduce_units(values.astype(np.float64), self.mean, self.scale)[:, None]

    def decode(self, x: Array) -> NDArray[Any]:
        """Return x [b, 1] in the user's units and dtype, [b]."""
        if self.scores is not None:
            values = self.scores.decode(x[:, 0])
        else:
            values = restore_units(x[:, 0], self.mean, self.scale)
        if self.decimals is not None:
            values = values.round(self.decimals)
        return cast(values if self.bounds is None else values.clip(*self.bounds), self.dtype)

    def to_json(self) -> Json:
        """Return the fields as JSON values."""
        number: Json = {"name": self.name, "dtype": self.dtype.str}
        number |= {"mean": self.mean, "scale": self.scale, "decimals": self.decimals}
        number |= {} if self.scores is None else {"scores": self.scores.to_json()}
        return number if self.low is None else {**number, "low": self.low, "high": self.high}

    def mixtures(self) -> list[Mixture]:
        """Return the law of its coordinate, which is known of scores."""
        assert self.scores is not None
        return [self.scores.mixture()]


@dataclass(frozen=True)
class CategoryColumn:
    """A column of text: its name, its K values and their frequencies, equation (1)."""

    name: str
    categories: tuple[str, ...]
    frequencies: tuple[float, ...]
    bounded: ClassVar[bool] = False
    scored: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse frequencies that are none, and categories that repeat."""
        p = np.asarray(self.frequencies, np.float64)
        good = len(p) == len(set(self.categories)) == len(self.categories) > 0
        require(
            bool(good and (p >= 0).all() and abs(p.sum() - 1) < 1e-6),
            "standardisation",
            f"must have one frequency per category, adding up to 1, for {self.name}",
        )

    @property
    def width(self) -> int:
        """K."""
        return len(self.categories)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Text of the longest category's length."""
        return np.dtype(f"<U{max(1, *map(len, self.categories))}")

    def free(self) -> CategoryColumn:
        """Return this."""
        return self

    @property
    def _scale(self) -> float:
        p = np.asarray(self.frequencies)
        # p (1 - p) summed, not 1 - sum p^2: exactly 0 for a single value.
        return math.sqrt(float((p * (1 - p)).sum()))

    def encode(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return text values [b] one-hot and standardised, [b, K]."""
        if values.dtype.kind != "U":
            refuse(f"column {self.name!r}", "must hold text", str(values.dtype))
        code = {category: k for k, category in enumerate(self.categories)}
        distinct, where = np.unique(values, return_inverse=True)
        first = ", ".join(self.categories[:8]) + (", …" if self.width > 8 else "")
        rule = f"must hold categories learnt from the training data ({first})"
        for text in distinct.tolist():
            got = text or "no value"
            require(text in code, f"column {self.name!r}", rule, got, OTHER_ROWS)
        hot = np.eye(self.width)[[code[text] for text in distinct.tolist()]]
        return reduce_units(hot, np.asarray(self.frequencies), self._scale)[where]

    def decode(self, x: Array) -> NDArray[Any]:
        """Return the likeliest category of x [b, K], [b]."""
        best = restore_units(x, np.asarray(self.frequencies), self._scale).argmax(axis=1)
        return np.asarray(np.asarray(self.categories, self.dtype)[best])

    def mixtures(self) -> list[OneOf]:
        """Return the law of its K coordinates; a value that no row had keeps a small share."""
        p = np.asarray(self.frequencies)
        weight = np.maximum(p, RAREST)
        return [OneOf(weight / weight.sum(), p, self._scale or 1.0)]

    def to_json(self) -> Json:
        """Return the fields as JSON values."""
        lists = {"categories": list(self.categories), "frequencies": list(self.frequencies)}
        return {"name": self.name, **lists}


def require_no_gaps(values: NDArray[Any], where: str) -> None:
    """Refuse missing values among values [b] of a column that had none."""
    rule = "must not have missing values: the rows learnt from had none"
    require(not missing(values).any(), where, rule, None, OTHER_ROWS)


def decimals_of(values: NDArray[Any], before: int = 0) -> int | None:
    """Return to how many decimals, at least `before`, all values [b] are given, None if to more.

    A value counts as given to k decimals if it is the nearest of its dtype to one that is.
    """
    for k in range(before, MOST_DECIMALS + 1):
        if np.array_equal(values.astype(np.float64).round(k).astype(values.dtype), values):
            return k
    return None
