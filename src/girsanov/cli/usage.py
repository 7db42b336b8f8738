"""What typer says of a command that cannot be parsed, in the house wording: with what arrived."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from .._checks import refuse, require, shown

RULES = (  # how typer words a rule, and how we do
    ("valid integer", "must be a whole number"),
    ("valid number", "must be a number"),
    ("greater than or equal to ", "must be at least "),
    ("less than or equal to ", "must be at most "),
)


def require_no_empty(arguments: Sequence[str]) -> None:
    """Refuse an empty argument, which as a path would be the folder one works in."""
    for place, text in enumerate(arguments):
        before = arguments[place - 1] if place else ""
        what = before if before.startswith("--") else f"argument {place}"
        require(text != "", what, "must not be empty", "''")
        name, equals, value = text.partition("=")
        if name.startswith("--") and equals and not value:
            refuse(name, "must not be empty", text)


NETWORK_AS: dict[str, tuple[str, ...]] = {  # what stands before a model in each command
    "audit": (), "sample": (), "check": (), "plan": ("--model",), "compare": ("--model",),
}  # fmt: skip


def network_as_model(arguments: Sequence[str]) -> Sequence[str]:
    """Return arguments in which --network FILE.py:function is the model of the command.

    Of `fit`, --network is another option, and is left as it is.
    """
    before = NETWORK_AS.get(arguments[0]) if arguments else None
    place = next((k for k, a in enumerate(arguments) if a.split("=")[0] == "--network"), None)
    if before is None or place is None:
        return arguments
    name, equals, value = arguments[place].partition("=")
    after = place + (1 if equals else 2)
    value = value if equals else "".join(arguments[place + 1 : after])
    require(".py:" in value, name, "must be FILE.py:function", value or "nothing")
    return [arguments[0], *before, value, *arguments[1:place], *arguments[after:]]


def usage_line(mistake: Any, arguments: Sequence[str]) -> str:
    """Return the line for a usage error of typer's."""
    context = getattr(mistake, "ctx", None)
    command = context.command_path if context else "girsanov"
    message = mistake.format_message().rstrip(".")
    names = getattr(getattr(mistake, "param", None), "opts", [])
    values = [value for name in names for value in _given(name, arguments)]
    for theirs, ours in RULES:
        before, rule, after = message.partition(theirs)
        if values and rule and before.startswith("Invalid value"):
            bound = after if ours.endswith(" ") else ""
            message = f"{names[0]}: {ours}{bound}; got {shown(values[-1])}"
    return f"{message}. See {command} --help"


def _given(name: str, arguments: Sequence[str]) -> list[str]:
    """Return the values that an option was given, --name VALUE or --name=VALUE."""
    apart = [value for option, value in pairwise(arguments) if option == name]
    return [*apart, *(a[len(name) + 1 :] for a in arguments if a.startswith(f"{name}="))]
