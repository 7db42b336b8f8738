"""Every theorem that applies to what is known of the data, side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..._checks import InputError, require, require_choice
from . import (
    benton2024,
    chen2023_ddpm,
    chen_lee_lu2022,
    conforti2025,
    li_yan2024,
)
from .chen2023_support import corollary_rates
from .invert import PAPER_THEOREMS, require_targets, steps_for

if TYPE_CHECKING:
    from ..._typing import Json
    from .facts import Facts
    from .result import Bound, Rate

RATES_ALONE = ("chen-lee-lu2022", "li-yan2024")
NAMES = (*PAPER_THEOREMS, *RATES_ALONE)


@dataclass(frozen=True)
class TheoremRow:
    """One theorem's answer: a bound with its N, or why there is none; the paper's rate beside.

    theorem: its name, which no other row has.
    """

    paper: str
    theorem: str
    bound: Bound | None
    why_not: str
    rates: tuple[Rate, ...]

    def to_json(self) -> Json:
        """Return this row as a JSON object; null where there is no bound."""
        b = self.bound
        return {
            "name": self.theorem,
            "paper": self.paper,
            "theorem": self.theorem,
            "steps": None if b is None else b.steps,
            "kl": None if b is None else b.kl,
            "tv": None if b is None else b.tv,
            "bound": None if b is None else b.to_json(),
            "why_not": self.why_not,
            "rates": [r.to_json() for r in self.rates],
        }


def compare_bounds(
    facts: Facts,
    *,
    tv: float,
    w2: float | None = None,
    score_error: float = 0.0,
    paper: str | None = None,
    intrinsic: int | None = None,
) -> list[TheoremRow]:
    """Return a row for every theorem: the fewest steps it promises (`tv`, `w2`) for, and rates.

    facts: of the data; w2: None to reach the data themselves; score_error: eps at every step;
    paper: one of NAMES, or None for all; intrinsic: the data's intrinsic dimension, for the rate
    of Li and Yan.
    """
    if paper is not None:
        require_choice("paper", paper, NAMES)
    stop = require_targets(facts, tv, w2, score_error)[1]
    applies = facts.lipschitz is not None or facts.information is not None or w2 is not None
    require(applies, "w2", "must be given unless lipschitz is: without a density one stops early")
    rows = [
        _row(owner, name, facts, (tv, w2, stop), score_error)
        for owner, names in PAPER_THEOREMS.items()
        for name in names
        if paper in (None, owner)
    ]
    others = dict(zip(RATES_ALONE, _rates_alone(facts, tv, stop, intrinsic), strict=True))
    for owner, rates in others.items():
        if paper in (None, owner):
            rows += [
                TheoremRow(owner, name, None, "no constants known", (r,))
                for name, r in rates.items()
            ]
    return rows


Targets = tuple[float, float | None, float]  # TV, W2 and the time at which W2 lets one stop


def _row(
    paper: str, theorem: str, facts: Facts, target: Targets, score_error: float
) -> TheoremRow:
    rates, (tv, w2, _) = _finite(_rates(paper, facts, target)), target
    try:
        bound = steps_for(theorem, facts, tv=tv, w2=w2, score_error=score_error)
    except InputError as cause:
        return TheoremRow(paper, theorem, None, str(cause), rates)
    return TheoremRow(paper, theorem, bound, "", rates)


def _finite(rates: tuple[Rate, ...]) -> tuple[Rate, ...]:
    return tuple(r for r in rates if math.isfinite(r.value))


def _rates_alone(
    facts: Facts, tv: float, stop: float, intrinsic: int | None
) -> tuple[dict[str, Rate], dict[str, Rate]]:
    """Return by name the rates of papers that have no theorem here with constants."""
    lee = _finite(chen_lee_lu2022.chen_lee_lu2022_rates(facts, tv, stop))
    yan = {"li-yan2024": li_yan2024.li_yan2024_rate(facts, tv)}
    if intrinsic is not None:
        yan["li-yan2024 intrinsic"] = li_yan2024.li_yan2024_rate(facts, tv, intrinsic)
    return {f"chen-lee-lu2022 {r.paper.rsplit(' ', 1)[1]}": r for r in lee}, yan


def _rates(paper: str, facts: Facts, target: Targets) -> tuple[Rate, ...]:
    tv, w2, stop = target
    if paper in ("own", "strasman2024"):
        return ()
    if paper == "conforti2025":
        rate = conforti2025.conforti2025_rate(facts, tv, stop)
        return () if rate is None else (rate,)
    if paper == "benton2024":
        return (benton2024.benton2024_rate(facts, tv, stop),) if stop > 0 else ()
    if facts.radius is not None and w2 is not None:
        return corollary_rates(facts, tv, w2)[:1]
    rate = chen2023_ddpm.chen2023_rate(facts, tv)
    return () if rate is None else (rate,)
