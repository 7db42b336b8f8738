r"""Numbers as people write them: $1,234.50, 1.234,50 €, 12 kg, 45%, (1 200), −5.

A cell is a body of digits and marks, a unit before or after it, and a sign; brackets are a minus,
as accountants write it. What the marks mean is not decided cell by cell. Each cell says what its
own marks can be,

    1,23 or 1.234,5     the comma is the decimal mark,
    1,234,567           the comma stands between thousands,
    1,234               either,                                                           (1)

and a column is read under the one meaning that all of its cells allow.
"""

from __future__ import annotations

import re
from typing import NamedTuple

LONGEST = 64  # characters of a number as written
MARKS = (".", ",")
OTHER_MARK = dict(zip(MARKS, reversed(MARKS), strict=True))
OTHERS = {mark: {ord(c): None for c in " '.,".replace(mark, "")} for mark in MARKS}
BRACKETS = "brackets"
SAME = str.maketrans({"\u2212": "-", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2019": "'"})
CODES = (
    "USD|EUR|GBP|CHF|JPY|CNY|INR|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|RON|TRY|RUB|UAH|ILS|"
    "BRL|MXN|ARS|CLP|COP|ZAR|NGN|KES|EGP|KRW|TWD|HKD|SGD|THB|IDR|MYR|PHP|VND|PKR|AED|SAR"
)
CURRENCY = rf"[A-Z]{{0,3}}[$€£¥₹₩₽₺₪฿¢]|{CODES}"
UNIT = r"[%‰°]?[^\W\d_]*(?:[/ ][^\W\d_]+)?"
WRITTEN = re.compile(
    rf"(\()?([+-]?) ?({CURRENCY})? ?([+-]?)"
    r"([.,]?[0-9](?:[0-9]|[.,' ](?=[0-9]))*\.?(?:[eE][+-]?[0-9]+)?)"
    rf" ?({UNIT}|{CURRENCY})(\))?"
)
GROUPED = re.compile(
    r"[1-9][0-9]{0,2}([.,' ])[0-9]{3}(?:\1[0-9]{3})*|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}"
)


class Written(NamedTuple):
    """A number as written, its marks not yet read.

    unit: the text before or after it; body: its sign, digits and marks; says: what the body says
    of its marks, (1), as pairs of a word and a mark.
    """

    unit: str
    body: str
    says: tuple[tuple[str, str], ...]

    def plain(self, decimal: str) -> str:
        """Return the number as Python writes it; decimal: the mark before its fraction."""
        return self.body.translate(OTHERS[decimal]).replace(decimal, ".")


def read_written(cell: str) -> Written | None:
    """Return the number that a cell holds, None where it holds none."""
    if len(cell) > LONGEST:
        return None
    match = WRITTEN.fullmatch(cell.translate(SAME))
    if match is None:
        return None
    opened, sign, before, inner, body, after, closed = match.groups("")
    signs = sign + inner + "-" * bool(opened)
    says = _says(body)
    if says is None or bool(opened) != bool(closed) or len(signs) > 1 or (before and after):
        return None
    unit = before or after
    if unit.startswith(tuple("²³")) or any(c.isnumeric() and c not in "²³" for c in unit):
        return None  # 5½, 5万
    brackets = ((BRACKETS, ""),) if opened else ()
    return Written(unit, "-" * ("-" in signs) + body, (*says, *brackets))


def _says(body: str) -> tuple[tuple[str, str], ...] | None:
    """Return what the marks of a body can be, None where they are those of no number."""
    digits, _, exponent = body.lower().partition("e")
    at = max(digits.rfind(mark) for mark in MARKS)
    if at < 0:
        return _thousands(digits)
    mark, whole, fraction = digits[at], digits[:at], digits[at + 1 :]
    if " " in fraction or "'" in fraction:
        return None
    if mark in whole:
        return None if exponent else _thousands(digits)
    if len(fraction) == 3 and not exponent and GROUPED.fullmatch(digits):
        return (("either", mark),)
    before = _thousands(whole) if whole else ()
    return None if before is None else (*before, ("decimal", mark))


def _thousands(digits: str) -> tuple[tuple[str, str], ...] | None:
    if digits.isdecimal():
        padded = len(digits) > 1 and digits[0] == "0"
        return (("padded", ""),) if padded else ()
    match = GROUPED.fullmatch(digits)
    return None if match is None else (("thousands", match[1] or ","),)
