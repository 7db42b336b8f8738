"""What the record of an audit may say: the fields we write, and of which kind each is.

The record is JSON that a person may have edited, and it travels on into plans; whatever reads a
field relies on its kind. Fields of other names are left alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .._checks import require
from .._typing import Json

Test = Callable[[Any], bool]


def _is(*kinds: type) -> Test:
    return lambda value: isinstance(value, kinds) and not isinstance(value, bool)


def _list_of(test: Test) -> Test:
    return lambda value: isinstance(value, list) and all(map(test, value))


def _whole(value: Any) -> bool:
    return _is(int)(value) and 0 <= value < 2**63


def _number(value: Any) -> bool:
    try:
        return _is(int, float)(value) and math.isfinite(value)
    except OverflowError:  # a whole number beyond float64
        return False


def _positive(value: Any) -> bool:
    return _number(value) and value > 0


def _rising(value: Any) -> bool:
    known = value is None or (_list_of(_positive)(value) and bool(value))
    return known and (value is None or value == sorted(set(value)))


def _rounding(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("precision"), str)


def _numbers(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_number, value.values()))


TEXT, COUNT = _is(str), _whole
NEEDED: dict[str, tuple[str, Test]] = {
    **{name: ("text", TEXT) for name in (
        "girsanov", "model", "data", "data_name", "moments_from")},
    **{name: ("a whole number", COUNT) for name in ("examples", "draws", "seed", "calls")},
    "shape": ("sizes", _list_of(COUNT)), "seconds": ("a number", _number),
    "diameter": ("a number >= 0", lambda value: _number(value) and value >= 0),
    "exact": ("true or false", lambda value: isinstance(value, bool)),
}  # fmt: skip
KNOWN: dict[str, tuple[str, Test]] = {
    **{name: ("a whole number", COUNT) for name in (
        "trajectories", "levels_between", "training_examples")},
    "reference": ("text", TEXT), "kind": ("text", TEXT),
    "training_stopped": ("true or false", lambda value: isinstance(value, bool)),
    "in_diffusers": ("true or false", lambda value: isinstance(value, bool)),
    "class_order": ("number or text", lambda value: value in ("number", "text")),
    "process": ("vp or cld", lambda value: value in ("vp", "cld")),
    "guidance": ("a number", _number), "scale": ("a number > 0", _positive),
    "commands": ("lines of text", _list_of(TEXT)), "notes": ("lines of text", _list_of(TEXT)),
    "trained_levels": ("SNRs, increasing", _rising), "arithmetic": ("a precision", _rounding),
    **{name: ("an object", _is(dict)) for name in ("pipeline", "units", "vae", "precision")},
    "suspects": ("row numbers", _list_of(COUNT)), "cannot_tell": ("text", TEXT),
    "beaten": ("an object of numbers", lambda value: value is None or _numbers(value)),
    "untrained": ("an object of numbers", lambda value: value is None or _numbers(value)),
}  # fmt: skip


# what an audit is of: two records that share it are of one measurement, or of the same again
IDENTITY = ("model", "data", "examples", "draws", "seed", "calls")


def same_audit(one: Json, other: Json) -> bool:
    """Return whether two records, as of an audit and within a plan, are of one audit."""
    return all(one.get(name) == other.get(name) for name in IDENTITY)


def rows_of(about: Json) -> object:
    """Return what tells the rows that were audited from others, labels left out."""
    return about.get("rows", about["data"])


def require_record(about: Any, where: str) -> None:
    """Refuse the record of an audit in which a field is missing or of another kind."""
    require(isinstance(about, dict), where, "must have the record of an audit", about)
    again = "Run girsanov audit again"
    for name, (kind, test) in NEEDED.items():
        require(name in about, where, f"must have {name}", None, again)
        require(test(about[name]), where, f"must have {kind} as {name}", about[name], again)
    for name, (kind, test) in KNOWN.items():
        good = name not in about or test(about[name])
        require(good, where, f"must have {kind} as {name}", about.get(name), again)
