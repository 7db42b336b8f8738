r"""From nats to statements that people can use.

    TV <= min( sqrt(K/2), sqrt(1 - e^-K) )      Pinsker; Bretagnolle and Huber (1979)       (1)

at the resolution sigma = 1/sqrt(s_N) where the sampler stops; inverted for a target,

    K = max( 2 TV^2, -log(1 - TV^2) ).                                                     (2)
"""

from __future__ import annotations

import math
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from .._checks import require, require_choice, require_number

if TYPE_CHECKING:
    from .._typing import Json
    from ..montecarlo import Estimate

EntryKind = Literal["exact", "estimate", "upper bound", "lower bound", "unknown"]


@dataclass(frozen=True)
class Entry:
    """One line of a ledger, in nats: a value, its interval, and what kind of number it is.

    value: None when unknown; low, high: ends of the 95 % interval, None where there is none.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    kind: EntryKind
    note: str

    @property
    def kind_in_words(self) -> str:
        """Its kind as people read it: a lower bound is one of the path KL, not of the output's."""
        return "lower bound, path KL" if self.kind == "lower bound" else self.kind

    def __str__(self) -> str:
        """Return name, value, interval and kind, in three digits: init 0.0117 (0.00465 to 0.0192),
        estimate.
        """
        return f"{self.name} {self.figure()}{self.ends()}, {self.kind_in_words}"

    def ends(self) -> str:
        """Return the interval of an estimate in brackets, "" where there is none."""
        measured = self.kind == "estimate" and self.low is not None and self.high is not None
        return f" ({self.low:.3g} to {self.high:.3g})" if measured else ""

    def figure(self) -> str:
        """Return what it comes to in three digits: 0.0117, >= 0.0365 or unknown."""
        if self.kind == "lower bound":
            return f">= {self.low:.3g}"
        return "unknown" if self.value is None else f"{self.value:.3g}"

    def to_json(self) -> Json:
        """Return this entry as a JSON object."""
        return asdict(self)


def entry_from_json(content: Json) -> Entry:
    """Return the entry whose `to_json` is `content`; raises TypeError or InputError if none is."""
    entry = Entry(**content)
    for name in ("value", "low", "high"):
        if getattr(entry, name) is not None:
            number = require_number(name, getattr(entry, name))
            require(number >= 0, name, "must not be negative", number)
    ends = [x for x in (entry.low, entry.value, entry.high) if x is not None]
    require(ends == sorted(ends), "low, value, high", "must not fall", ends)
    require_choice("kind", entry.kind, get_args(EntryKind))
    stated = entry.kind != "lower bound" or entry.low is not None
    require(stated, "low", "must be a number, of a lower bound", entry.low)
    for name in ("name", "note"):
        require(isinstance(getattr(entry, name), str), name, "must be text", getattr(entry, name))
    return entry


def estimate_entry(name: str, groups: Estimate, note: str) -> Entry:
    """Return an estimate with its 95 % interval, both cut at zero: no share of a KL is below."""
    value, low, high = (max(0.0, float(x)) for x in (groups.value, *groups.interval()))
    return Entry(name, value, low, high, "estimate", note)


def tv_from_kl(kl: float) -> float:
    """Return the total variation (1) that a KL of `kl` >= 0 nats allows, in [0, 1]."""
    good = isinstance(kl, int | float | np.integer | np.floating) and kl >= 0
    require(bool(good), "kl", "must be >= 0 nats", kl)
    kl = float(min(kl, sys.float_info.max))
    return min(math.sqrt(kl / 2), math.sqrt(-math.expm1(-kl)))


def kl_from_tv(tv: float) -> float:
    """Return the largest KL in nats that certifies total variation `tv` in (0, 1), (2)."""
    require_number("tv", tv, above=0.0)
    require(tv < 1, "tv", "must lie in (0, 1)", tv)
    return max(2 * tv**2, -math.log1p(-(tv**2)))
