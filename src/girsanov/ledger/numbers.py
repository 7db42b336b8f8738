"""Numbers as people read them: three digits, a true minus, powers of ten, intervals in words."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .entry import Entry

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
PART = re.compile(r"(?P<of>.*) \((?P<rest>rest of )?(?P<share>[0-9.]+), seed (?P<seed>[0-9]+)\)")
SHARES = {
    "0.5": "half",
    "0.25": "quarter",
    "0.2": "fifth",
    "0.1": "tenth",
    "0.75": "three quarters",
}
ROUNDING = 1e-12  # below which a number is what adding up in float64 leaves
PLAIN = (1e-3, 1e5)  # magnitudes written without a power of ten
NAMES = {"init": "Initialisation", "discretisation": "Discretisation", "score": "Score error"}
MEANINGS = {
    "init": "What a Gaussian start costs, beyond the cheapest start for this model",
    "discretisation": "What a finite number of steps costs, beyond an ideal grid",
    "score": "What the path pays because the model is not the best possible denoiser",
}


def number(value: float, digits: int = 3) -> str:
    """Return `value` with so many significant digits: 5.26, −0.0312, 4.10 × 10⁻⁶."""
    if abs(value) < ROUNDING:
        return "0"
    if not math.isfinite(value):
        return ("−" if value < 0 else "") + "∞"
    sign, size = ("−" if value < 0 else ""), abs(value)
    mantissa, exponent = f"{size:.{digits - 1}e}".split("e")
    if PLAIN[0] <= float(f"{mantissa}e{exponent}") < PLAIN[1]:
        decimals = max(0, digits - 1 - int(exponent))
        return f"{sign}{size:.{decimals}f}"
    return f"{sign}{mantissa} × 10{str(int(exponent)).translate(SUPERSCRIPT)}"


def count(value: int) -> str:
    """Return a whole number with narrow spaces between thousands, at which no line breaks."""
    return f"{value:,}".replace(",", "\u202f") if abs(value) >= 10_000 else str(value)


def span(entry: Entry) -> tuple[float, float]:
    """Return the ends of an entry's interval in nats; 0 and infinity where it has none."""
    low = 0.0 if entry.low is None else entry.low
    return low, math.inf if entry.high is None else max(low, entry.high)


def value_of(entry: Entry) -> str:
    """Return an entry's value in words: 0.142, at least 1.18, at most 3, unknown."""
    if entry.value is not None and entry.kind not in ("lower bound", "upper bound"):
        return number(entry.value)
    low, high = span(entry)
    if entry.kind == "lower bound":
        return f"≥ {number(low)}"
    return "unknown" if math.isinf(high) else f"≤ {number(high)}"


def nats_of(entry: Entry) -> str:
    """Return an entry's value with its unit."""
    words = value_of(entry)
    return words if words == "unknown" else f"{words} nats"


def interval_of(entry: Entry) -> str:
    """Return an entry's interval in words: 0.023 to 0.288, exact, 1.18 and up, none."""
    low, high = span(entry)
    if entry.kind == "exact":
        return "exact"
    if math.isinf(high):
        return "none" if entry.low is None else f"{number(low)} and up"
    return ends(low, high)


def ends(low: float, high: float) -> str:
    """Return the ends of an interval, once where they look the same: 0.023 to 0.288."""
    first, last = number(low), number(high)
    return first if first == last else f"{first} to {last}"


def within(low: float, high: float) -> str:
    """Return the ends of a 95 % interval in brackets."""
    return f"(95 % interval {ends(low, high)})"


def entry_title(entry: Entry) -> str:
    """Return an entry's name for a heading."""
    return NAMES.get(entry.name, entry.name.capitalize())


def data_name(name: str) -> str:
    """Return a data set's name in plain words: the held-out fifth of digits."""
    match = PART.fullmatch(name)
    if match is None:
        return name
    share = float(match["share"])
    share = 1 - share if match["rest"] else share
    words = SHARES.get(f"{share:.4g}", f"{100 * share:.3g} %")
    kind = "the held-out " if match["rest"] else ""
    return f"{kind}{words} of {match['of']}"
