r"""What a statement of the paper is here: a claim, a measurement, and numbers that decide.

A statement holds when all its rows hold; a row holds by its own numbers alone,

    "="    |measured - claimed| <= tolerance,                                             (1)
    "<="   measured <= claimed + tolerance,     ">="   measured >= claimed - tolerance,   (2)

where the tolerance is k standard errors of the run plus half a unit of the last printed digit of
a figure that is only known in print.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from markupsafe import Markup

from .._checks import require_choice
from ..ledger.numbers import number

if TYPE_CHECKING:
    from .._typing import Json

K = 4.0  # standard errors that a comparison may be off
LEAST = 1e-12  # below which a number is said to be so
RELATIONS = ("=", "<=", ">=")


@dataclass(frozen=True)
class Row:
    """One comparison: what is compared, the claim, what came out, and by how much it may differ.

    relation: how `measured` must stand to `claimed`, equations (1) and (2); tolerance: in the
    same unit; source: where the claim is made.
    """

    what: str
    claimed: float
    measured: float
    relation: str = "="
    tolerance: float = 0.0
    source: str = ""

    def __post_init__(self) -> None:
        require_choice("relation", self.relation, RELATIONS)

    @property
    def holds(self) -> bool:
        """Whether equation (1) or (2) is true; never for numbers that are not finite."""
        gap = self.measured - self.claimed
        if self.relation == "=":
            return bool(abs(gap) <= self.tolerance)
        return bool(gap <= self.tolerance if self.relation == "<=" else gap >= -self.tolerance)

    @property
    def ratio(self) -> float | None:
        """Measured over claimed, where that means something."""
        return self.measured / self.claimed if self.claimed else None

    def to_json(self) -> Json:
        """Return the row with its verdict as a JSON object."""
        return {
            "what": self.what,
            "claimed": _finite(self.claimed),
            "measured": _finite(self.measured),
            "relation": self.relation,
            "tolerance": _finite(self.tolerance),
            "ratio": _finite(self.ratio),
            "holds": self.holds,
            "source": self.source,
        }


def figure_in_words(value: float, digits: int = 3) -> str:
    """Return `value` with so many digits; what rounding may have left is no 0: below 10⁻¹²."""
    if 0 < abs(value) < LEAST:
        return "below 10⁻¹²" if value > 0 else "above −10⁻¹²"
    return number(value, digits)


def _finite(value: float | None) -> float | None:
    """Return a number that JSON has: null for what is not finite."""
    return float(value) if value is not None and math.isfinite(value) else None


@dataclass(frozen=True)
class Result:
    """What came out of one statement.

    rows: every comparison; headline: the row that the summary shows; words: what was seen;
    figure: one drawing.
    """

    rows: Sequence[Row]
    headline: Row
    words: str
    figure: Markup = field(repr=False)

    @property
    def holds(self) -> bool:
        """Whether every row holds."""
        return all(row.holds for row in self.rows)


@dataclass(frozen=True)
class Statement:
    """A statement of the paper and how it is checked here.

    name: as typed on the command line; title; paper: its name and number in arXiv 2209.11215;
    claim: what is said; criterion: when it passes, in words; run(quick, seed): checks it.
    """

    name: str
    title: str
    paper: str
    claim: str
    criterion: str
    run: Callable[[bool, int], Result]


def printed(
    what: str,
    figure: str,
    measured: float,
    *,
    se: float = 0.0,
    source: str = "",
    slack: float = 0.0,
) -> Row:
    """Return the comparison with a printed `figure`, whose own rounding is allowed for.

    figure: as printed, such as "2.67e-3" or ".0255"; se: the standard error of what was
    measured and of the printed figure together, if they were sampled; slack: a numerical error
    of either, in the same unit.
    """
    mantissa, _, exponent = figure.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    unit = 10.0 ** (int(exponent or 0) - decimals)
    value = float(figure)
    # a digit that was rounded from another rounded number may be one unit off
    return Row(what, value, measured, "=", unit + K * se + slack, source)
