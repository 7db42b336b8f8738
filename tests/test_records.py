"""Records as JSON: what was written comes back, and nothing else is read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from girsanov._checks import InputError
from girsanov._records import FieldRule, as_json, from_json


@dataclass(frozen=True)
class Part:
    """A record within another."""

    name: str
    sizes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Whole:
    """A record of every kind of field."""

    class_: str
    count: int
    share: Annotated[float | None, FieldRule("a share", lambda value: 0 <= value <= 1)]
    flag: bool = False
    extra: dict[str, Any] | None = None
    part: Part | None = None
    parts: tuple[Part, ...] = ()


GOOD = Whole("a", 3, 0.5, True, {"b": 1}, Part("c", (1, 2)), (Part("d"), Part("e", (4,))))


@pytest.mark.parametrize("record", [GOOD, Whole("a", 0, None), Whole("", 2**40, 1.0)])
def test_what_was_written_comes_back(record):
    assert from_json(Whole, json.loads(json.dumps(as_json(record))), "it") == record


def test_defaults_are_not_written_and_an_underscore_is_no_part_of_a_key():
    assert as_json(Whole("a", 3, None)) == {"class": "a", "count": 3, "share": None}
    assert as_json(GOOD)["parts"] == [{"name": "d"}, {"name": "e", "sizes": [4]}]


def test_other_names_are_left_out():
    assert from_json(Part, {"name": "a", "colour": "red"}, "it") == Part("a")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"class": None}, "it: must have text as class"),
        ({"count": -1}, "it: must have a whole number as count"),
        ({"count": True}, "it: must have a whole number as count"),
        ({"count": 2.0}, "it: must have a whole number as count"),
        ({"count": 2**63}, "it: must have a whole number as count"),
        ({"share": 1.5}, "it: must have a share as share"),
        ({"share": float("nan")}, "it: must have a share as share"),
        ({"share": 10**400}, "it: must have a share as share"),
        ({"flag": 1}, "it: must have true or false as flag"),
        ({"extra": []}, "it: must have an object as extra"),
        ({"part": 3}, "it: must have an object as part"),
        ({"part": {}}, "it: part: must have name"),
        ({"part": {"name": "a", "sizes": [1, "2"]}}, "it: part: must have whole numbers as sizes"),
        ({"parts": {}}, "it: must have a list as parts"),
        ({"parts": [{"name": "a"}, {"name": 1}]}, "it: parts 1: must have text as name"),
    ],
)
def test_a_field_of_another_kind_is_refused(change, words):
    with pytest.raises(InputError, match=f"{words}.*Write it again") as error:
        from_json(Whole, {**as_json(GOOD), **change}, "it", "Write it again")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [None, [], "a", 3])
def test_what_is_no_object_is_refused(content):
    with pytest.raises(InputError, match="it: must be an object"):
        from_json(Whole, content, "it")
