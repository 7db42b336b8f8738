"""Frozen dataclasses as JSON objects: read with every field of its kind, or refused in one line.

The kind of a field is its annotation; ``Annotated[..., Rule]`` asks for more. A field with a
default may be missing, and is not written while it has that default. Of a name that ends in an
underscore (``class_``) the key has none.
"""

from __future__ import annotations

import functools
import math
import types
from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields, is_dataclass
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    NamedTuple,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from ._checks import require

if TYPE_CHECKING:
    from ._typing import Json

R = TypeVar("R")
WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
LISTS = {str: "lines of text", int: "whole numbers", float: "numbers"}


class FieldRule(NamedTuple):
    """What a field must be besides its type: in words, and as a test."""

    words: str
    test: Callable[[Any], bool] = lambda _: True


def as_json(record: Any) -> Json:
    """Return a frozen dataclass as a JSON object, without fields that have their default."""
    shown = ((f.name, getattr(record, f.name), f.default) for f in fields(record))
    return {
        name.rstrip("_"): _plain(value)
        for name, value, default in shown
        if default is MISSING or not (value is default or value == default)
    }


def from_json(kind: type[R], content: Any, where: str, remedy: str = "") -> R:
    """Return the record of this kind that `as_json` wrote; other names are left out.

    where: the file or field, which a refusal names. Raises InputError for a field that is missing
    or of another kind.
    """
    require(isinstance(content, dict), where, "must be an object", content, remedy)
    names = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    return kind(**fields_of(kind, names, content, where, remedy))


def fields_of(
    kind: type, names: Iterable[str], content: Json, where: str, remedy: str = ""
) -> Json:
    """Return these fields of a dataclass by name, read from a JSON object as `from_json` does."""
    hints, by_name = _hints(kind), {f.name: f for f in fields(kind)}
    out = {}
    for name in names:
        key = name.rstrip("_")
        if key in content:
            out[name] = _value(hints[name], content[key], where, key, remedy)
        else:
            f = by_name[name]
            optional = not (f.default is MISSING and f.default_factory is MISSING)
            require(optional, where, f"must have {key}", None, remedy)
    return out


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return as_json(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _value(hint: Any, value: Any, where: str, key: str, remedy: str) -> Any:
    """Return the value of a field with this annotation, or refuse it."""
    hint, rule = get_args(hint) if get_origin(hint) is Annotated else (hint, None)
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    if value is None and types.NoneType in options:
        return None
    kind = options[0]
    words = rule.words if rule else _words(kind)
    good = _fits(kind, value) and (rule is None or rule.test(value))
    require(good, where, f"must have {words} as {key}", value, remedy)
    if is_dataclass(kind):
        return from_json(kind, value, f"{where}: {key}", remedy)  # type: ignore[arg-type]
    if get_origin(kind) is not tuple:
        return float(value) if kind is float else value
    item = get_args(kind)[0]
    return tuple(_value(item, one, where, f"{key} {k}", remedy) for k, one in enumerate(value))


def _words(kind: Any) -> str:
    if get_origin(kind) is tuple:
        return LISTS.get(get_args(kind)[0], "a list")
    return WORDS.get(kind, "an object")


def _fits(kind: Any, value: Any) -> bool:
    """Return whether a value of JSON is of this type; whole numbers are of 63 bits."""
    if get_origin(kind) is tuple:
        item = get_args(kind)[0]
        return isinstance(value, list) and all(_fits(item, one) for one in value)
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    if kind is str:
        return isinstance(value, str)
    if kind is int:
        return isinstance(value, int) and 0 <= value < 2**63
    if kind is float:
        return isinstance(value, int | float) and _finite(value)
    return isinstance(value, dict)


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond float64
        return False
