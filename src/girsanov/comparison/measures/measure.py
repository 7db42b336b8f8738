"""A measure of `compare`: what it needs, its row with interval and floor, and what the row says.

A measure tells samples from data where its test has p <= SIGNIFICANT or, without a test, where its
interval lies above chance. With samples of the very law, a test says so once in twenty times.
A new measure is one file, such as `sliced_w2.py`, and one line of `registry.py`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np

from ..._checks import three_digits
from ..jackknife import Squared, squared_interval
from ..sets import Sets, halves

if TYPE_CHECKING:
    from ..._typing import Array
    from ...montecarlo import Estimate
    from ..tables.three_tables import ThreeTables

SIGNIFICANT = 0.05
CUTS = 10  # times the data is cut into halves
Lack = tuple[str, str, str]  # of a refusal: the argument, its rule, what to do
Floor = tuple[float, float, float]  # of two halves of the data: mean, least and most


@dataclass(frozen=True)
class MeasurePart:
    """What one column, pair or model gives to a measure of tables, beside the same of real rows.

    kind: what the value is, where that is no matter of course; low, high: its interval; p_value:
    that nothing differs here, allowing for all parts; in_samples, in_data: what it is the
    difference of.
    """

    name: str
    kind: str
    value: float
    low: float
    high: float
    real: float
    p_value: float | None = None
    in_samples: float | None = None
    in_data: float | None = None


@dataclass(frozen=True)
class MeasureRow:
    """One measure: the two laws' distance with its interval, and what puts it in proportion.

    value, low, high: the distance, free of its first bias, and its interval; computed: of these
    very rows, which never is 0; floor: the same between two halves of the data, mean and range
    of several cuts, and of labels the data's own share with its interval; p_value: of the
    hypothesis that nothing can be told apart, where there is an exact test; note: what the
    measure is; parts: of measures of tables, what it is made of, the worst first.
    """

    name: str
    value: float
    low: float
    high: float
    computed: float
    floor: Floor | None
    p_value: float | None
    note: str
    parts: tuple[MeasurePart, ...] = ()


class Measure(ABC):
    """One measure of `compare`; only distances have instances.

    extra: the module that it needs and the extra that brings it; chance: its value where nothing
    can be told apart; tabular: whether it is of the columns of tables.
    """

    name: ClassVar[str]
    extra: ClassVar[tuple[str, str] | None] = None
    chance: ClassVar[float] = 0.0
    tabular: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def row(cls, sets: Sets) -> MeasureRow:
        """Return the measure of samples and data."""

    @classmethod
    def lack(cls, sets: Sets) -> Lack | None:
        """Return what the measure needs and these sets have not, None if all is there."""
        return None

    @classmethod
    def verdict(cls, row: MeasureRow) -> str:
        """Return in words whether its row tells the samples from the data, by test and interval.

        The test is exact, one-sided where only one side is asked about. The interval is two-sided
        and, of a distance, wider than need be near 0 (`comparison/jackknife.py`).
        """
        apart, sure = cls.signs(row)
        words = "it tells samples from data" if sure else "it cannot tell samples from data"
        if apart == sure:
            return words
        return (
            f"{words}, by its test, which is exact (p {three_digits(row.p_value)}); so close to "
            f"chance its interval is {'wider' if sure else 'narrower'} than that"
        )

    @classmethod
    def signs(cls, row: MeasureRow) -> tuple[bool, bool]:
        """Return whether the interval tells the sets apart, and whether the test does, if any."""
        apart = row.low > cls.chance
        return apart, apart if row.p_value is None else row.p_value <= SIGNIFICANT


class TableMeasure(Measure):
    """A measure of the columns of tables as they are (`comparison/tables/three_tables.py`)."""

    tabular = True

    @classmethod
    def lack(cls, sets: Sets) -> Lack | None:
        """Return that the data must have columns."""
        if sets.tables is None:
            return "data", f"must be a table with columns to be compared by {cls.name}", ""
        return None

    @classmethod
    def row(cls, sets: Sets) -> MeasureRow:
        """Return the measure of samples and data."""
        assert sets.tables is not None  # or it lacked something
        return cls.of_tables(sets.tables, sets)

    @classmethod
    @abstractmethod
    def of_tables(cls, tables: ThreeTables, sets: Sets) -> MeasureRow:
        """Return the measure of three tables; sets: what else is asked."""


class SquaredDistance(Measure):
    """A squared distance between sample sets, by which a tournament can be decided too.

    note: what it is; square: whether the square is what is reported; of_labels: whether features
    are learnt from labels, so that they must not be those of the rows that it judges by.
    """

    note: str
    square: ClassVar[bool] = False
    of_labels: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def fit(cls, data: Array, labels: np.ndarray | None = None, seed: int = 0) -> Self:
        """Return the distance with all that it takes from data [m, d] and their labels [m]."""

    @abstractmethod
    def squared(self, x: Array, y: Array) -> Squared:
        """Return the squared distance of x [n, d] and y [m, d] with its pseudo-values."""

    @abstractmethod
    def plugin(self, x: Array, y: Array) -> float:
        """Return the squared distance of x [n, d] and y [m, d] as computed."""

    @classmethod
    def row(cls, sets: Sets) -> MeasureRow:
        """Return the distance of samples and data."""
        return cls.fit(sets.y, sets.labels, sets.seed).row_of(sets.x, sets.y, sets)

    def row_of(self, x: Array, y: Array, sets: Sets, p_value: float | None = None) -> MeasureRow:
        """Return the row of x [n, d] and y [m, d]; its floor is of several cuts of y in halves."""

        def shown(v: Any) -> float:
            v = max(0.0, float(v))
            return v if self.square else math.sqrt(v)

        squared = self.squared(x, y)
        value, low, high = map(shown, squared_interval(squared.estimate(), sets.confidence))
        cuts = [self.plugin(*halves(y, turn, sets.seed)) for turn in range(CUTS)]
        floor = (shown(np.mean(cuts)), shown(min(cuts)), shown(max(cuts)))
        computed = shown(squared.plugin)
        return MeasureRow(self.name, value, low, high, computed, floor, p_value, self.note)


class ShareAndTest(NamedTuple):
    """A share of rows; p_value: how often chance alone gives as much or more."""

    share: Estimate
    p_value: float


class ShareMeasure(Measure):
    """A share of rows that is 1/2 by chance, with an exact test."""

    chance = 0.5

    @classmethod
    def row_of(
        cls, tested: ShareAndTest, sets: Sets, floor: Floor | None, note: str
    ) -> MeasureRow:
        """Return the row of a share, which as computed has no bias."""
        low, high = tested.share.interval(sets.confidence)
        value, ends = float(tested.share.value), (max(0.0, float(low)), min(1.0, float(high)))
        return MeasureRow(cls.name, value, *ends, value, floor, tested.p_value, note)
