r"""Dates and times as whole numbers: text in ISO 8601, NumPy's datetime64, and a column of them.

All dates of a column are whole numbers of a resolution u, the coarsest of a day, an hour, ... a
nanosecond that is fine enough. A date t becomes

    n = t / u - origin,    origin the first date learnt from, in u since 1970,             (1)

exactly, and n is standardised and brought back as any column of whole numbers is, kept to the
first and the last date learnt from. Times with a zone are held in UTC.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._checks import refuse, require
from .columns import NumberColumn, require_no_gaps
from .mixtures import Mixture
from .values import missing

if TYPE_CHECKING:
    from ..._typing import Array, Json

NANOSECONDS = {
    "D": 86_400 * 10**9, "h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9,
    "ms": 10**6, "us": 1000, "ns": 1,
}  # fmt: skip
RESOLUTIONS = tuple(NANOSECONDS)
YEARS = (1, 9999)
NANOSECOND_YEARS = (1678, 2261)  # what 64 bits hold
ISO = re.compile(
    r"(\d{4})-(\d\d-\d\d)(?:[T ](\d\d:\d\d)(?:(:\d\d)(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)
ONE_ZONE = "must name a zone in all its times or in none"
FORM = "as YYYY-MM-DD or YYYY-MM-DDThh:mm:ss (ISO 8601)"


class Moment(NamedTuple):
    """A date in text: its value, the resolution it is given to, and whether it names a zone."""

    value: np.datetime64
    resolution: str
    zoned: bool


def read_iso(text: str) -> Moment | None:
    """Return the date, in UTC, that a text in ISO 8601 gives; None for any other text."""
    match = ISO.fullmatch(text)
    if match is None:
        return None
    year, day, clock, second, fraction, zone = match.groups()
    resolution = "D" if clock is None else "s" if second else "m"
    if fraction:
        resolution = ("ms", "us", "ns")[(len(fraction) - 2) // 3]
    first, last = _years(resolution)
    if not first <= int(year) <= last:
        return None
    try:
        time = "" if clock is None else f"T{clock}{second or ''}{fraction or ''}"
        value = _datetime(f"{year}-{day}{time}", resolution)
    except ValueError:  # the 31st of April
        return None
    if zone and zone != "Z":
        minutes = 60 * int(zone[1:3]) + int(zone[-2:])
        value -= np.timedelta64(minutes if zone[0] == "+" else -minutes, "m")
    return Moment(value, resolution, zone is not None)


def from_dates(values: NDArray[Any], where: str) -> NDArray[Any]:
    """Return Python's dates or datetimes [n] as datetime64, those with a zone in UTC."""
    times = {isinstance(value, datetime.datetime) for value in values}
    require(len(times) == 1, where, "must hold dates or times, not both")
    if times == {False}:
        return np.asarray(values.tolist(), "M8[D]")
    zones = {value.tzinfo is not None for value in values}
    require(len(zones) == 1, where, ONE_ZONE)
    utc = datetime.UTC
    bare = [v.astimezone(utc).replace(tzinfo=None) for v in values] if True in zones else values
    return np.array([np.datetime64(value, "us") for value in bare])


def _datetime(text: str, resolution: str) -> np.datetime64:
    value: np.datetime64 = np.dtype(f"M8[{resolution}]").type(text, resolution)
    return value


def _years(resolution: str) -> tuple[int, int]:
    return NANOSECOND_YEARS if resolution == "ns" else YEARS


def date_limits(resolution: str) -> tuple[int, int]:
    """Return the first and the last date that may occur, in `resolution` since 1970."""
    first, last = _years(resolution)
    ends = (f"{first:04d}-01-01", f"{last:04d}-12-31")
    low, high = (int(_datetime(day, resolution).astype(np.int64)) for day in ends)
    return low, high


def require_dates(values: NDArray[Any], where: str) -> None:
    """Refuse datetime64 values [b] of another unit than days to nanoseconds, or far off."""
    unit, many = np.datetime_data(values.dtype)
    rule = "must hold dates in days, hours, ... or nanoseconds"
    require(unit in RESOLUTIONS and many == 1, where, rule, str(values.dtype))
    there = values[~missing(values)].astype(np.int64)
    low, high = date_limits(unit)
    if len(there) and not (low <= there.min() and there.max() <= high):
        wrong = there.min() if there.min() < low else there.max()
        first, last = _years(unit)
        rule = f"must hold dates of the years {first} to {last}"
        refuse(where, rule, f"{wrong} {unit} since 1970")


def resolution_of(parts: Iterable[NDArray[Any]], unit: str) -> str:
    """Return the coarsest resolution that gives all dates of `parts`, in `unit`, exactly."""
    place = 0
    last = RESOLUTIONS.index(unit)
    for part in parts:
        there = part[~missing(part)]
        while place < last:
            coarse = there.astype(f"M8[{RESOLUTIONS[place]}]")
            if np.array_equal(coarse.astype(there.dtype), there):
                break
            place += 1
    return RESOLUTIONS[place]


def whole_dates(values: NDArray[Any], resolution: str) -> NDArray[np.int64]:
    """Return dates [b], none missing, as whole numbers of a resolution since 1970."""
    return values.astype(f"M8[{resolution}]").astype(np.int64)


@dataclass(frozen=True)
class DateColumn:
    """A column of dates: the user's unit, their resolution, and the column of n of (1)."""

    unit: str
    resolution: str
    origin: int
    number: NumberColumn
    width: ClassVar[int] = 1

    def __post_init__(self) -> None:
        """Refuse units that are none, and an origin that is no date."""
        places = [RESOLUTIONS.index(u) for u in (self.resolution, self.unit) if u in RESOLUTIONS]
        ours = len(places) == 2 and places[0] <= places[1]
        rule = f"must have dates in units of {', '.join(RESOLUTIONS)} for {self.name}"
        require(ours, "standardisation", rule, (self.unit, self.resolution))
        low, high = self._limits()
        whole = self.number.dtype.kind == "i" and low <= self.origin <= high
        rule = f"must have a date as origin for {self.name}"
        require(whole, "standardisation", rule, self.origin)

    def _limits(self) -> tuple[int, int]:
        """Return the first and the last date that the unit can hold, in the resolution."""
        step = NANOSECONDS[self.resolution] // NANOSECONDS[self.unit]
        low, high = date_limits(self.unit)
        return -(-low // step), high // step

    @property
    def name(self) -> str:
        """The column's name."""
        return self.number.name

    @property
    def dtype(self) -> np.dtype[Any]:
        """datetime64 in the user's unit."""
        return np.dtype(f"M8[{self.unit}]")

    @property
    def bounded(self) -> bool:
        """Whether decoded dates are kept to those seen."""
        return self.number.bounded

    @property
    def scored(self) -> bool:
        """Whether the model has it in units of its scores."""
        return self.number.scored

    def free(self) -> DateColumn:
        """Return this with no bounds but the calendar's."""
        return replace(self, number=self.number.free())

    def counts(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """Return n of equation (1) for dates [b], none missing."""
        return np.asarray(whole_dates(values, self.resolution) - self.origin)

    def encode(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return dates [b] standardised, [b, 1]."""
        where = f"column {self.name!r}"
        require(values.dtype.kind == "M", where, "must hold dates", str(values.dtype))
        require_no_gaps(values, where)
        years = values.astype("M8[Y]").astype(np.int64) + 1970
        first, last = _years(self.unit)
        fits = bool(((years >= first) & (years <= last)).all())
        require(fits, where, f"must hold dates of the years {first} to {last}")
        return self.number.encode(self.counts(values))

    def decode(self, x: Array) -> NDArray[Any]:
        """Return x [b, 1] as dates in the user's unit, [b]."""
        low, high = self._limits()
        # clipped before adding: without bounds n may be anything that 64 bits hold
        n = self.number.decode(x).clip(low - self.origin, high - self.origin)
        return np.asarray((n + self.origin).astype(f"M8[{self.resolution}]").astype(self.dtype))

    def mixtures(self) -> list[Mixture]:
        """Return the law of its coordinate, where its numbers are scored."""
        return self.number.mixtures()

    def to_json(self) -> Json:
        """Return the fields as JSON values."""
        dates = {"unit": self.unit, "resolution": self.resolution, "origin": self.origin}
        return {**self.number.to_json(), "dates": dates}
