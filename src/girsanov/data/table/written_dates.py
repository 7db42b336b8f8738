"""Dates and times of day as people write them: 3 Jan 2024, Jan 3, 2024, 31/01/2024, 1:45 PM.

A date of two numbers and a year may have its day or its month first. A cell such as 31/01/2024
allows one order, 03/01/2024 both, and a column is read in the order that all of its cells allow.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .dates import Moment, read_iso

MONTHS = {"janfebmaraprmayjunjulaugsepoctnovdec"[3 * k : 3 * k + 3]: k + 1 for k in range(12)}
NAMES = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    "sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
CLOCK = r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(\.[0-9]{1,9})?)?(?: ?([ap])\.?m\.?)?"
TIME = re.compile(CLOCK, re.I)
DAY, YEAR = r"([0-9]{1,2})(?:st|nd|rd|th)?", r"([0-9]{4}|[0-9]{2})"
DATES = [
    (re.compile(rf"{form}(?:(?:, ?| |T){CLOCK})?", re.I), order)
    for form, order in (
        (r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})", "ymd"),
        (rf"([0-9]{{1,2}})[-/.]([0-9]{{1,2}})[-/.]{YEAR}", "dmy"),
        (rf"{DAY}\.?[- /]?({NAMES})\.?[- /,]{{0,2}}{YEAR}", "dmy"),
        (rf"({NAMES})\.? ?{DAY}(?:,? |,|-){YEAR}", "mdy"),
    )
]


class Dated(NamedTuple):
    """What looks like a date: read with the day first and with the month first.

    None where no calendar has that day; short: whether its year has two digits only.
    """

    day_first: Moment | None
    month_first: Moment | None
    short: bool = False


def read_date(text: str) -> Dated | None:
    """Return the date that a text looks like, in ISO 8601 or otherwise; None for other texts."""
    moment = read_iso(text)
    if moment is not None:
        return Dated(moment, moment)
    for pattern, order in DATES:
        match = pattern.fullmatch(text)
        if match is not None:
            return _dated(match, order)
    return None


def _dated(match: re.Match[str], order: str) -> Dated:
    parts = dict(zip(order, match.groups(), strict=False))
    year, month, day = parts["y"], parts["m"], parts["d"]
    clock = match.groups()[3:]
    after = "" if clock[0] is None else _clock(*clock)
    if after is None or len(year) == 2:
        return Dated(None, None, short=len(year) == 2)
    if not month.isdecimal() or order == "ymd":
        number = MONTHS.get(month[:3].lower()) or int(month)
        moment = read_iso(f"{year}-{number:02d}-{int(day):02d}{after}")
        return Dated(moment, moment)
    first, second = (read_iso(f"{year}-{int(m):02d}-{int(d):02d}{after}")
                     for d, m in ((day, month), (month, day)))  # fmt: skip
    return Dated(first, second)


def _clock(hour: str, minute: str, second: str | None, fraction: str | None, half: str | None) -> (
    str | None
):  # fmt: skip
    """Return a time of day as ISO 8601 has it, None where a day has no such time."""
    h = int(hour)
    if half:
        if not 1 <= h <= 12:
            return None
        h = h % 12 + 12 * (half in "pP")
    if h > 23 or int(minute) > 59 or int(second or 0) > 59:
        return None
    seconds = "" if second is None else f":{second}{fraction or ''}"
    return f"T{h:02d}:{minute}{seconds}"


def read_time(text: str) -> tuple[int, bool] | None:
    """Return the seconds after midnight of a time of day, and whether it names any.

    None for any other text, times with fractions of a second among them.
    """
    match = TIME.fullmatch(text)
    if match is None or match[4]:
        return None
    clock = _clock(match[1], match[2], match[3], None, match[5])
    if clock is None:
        return None
    return 3600 * int(clock[1:3]) + 60 * int(match[2]) + int(match[3] or 0), bool(match[3])
