"""Functions that take a request by its fields: what `help` shows, and which names are refused."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar, cast

from ._checks import require_choice

Function = TypeVar("Function", bound=Callable[..., Any])


def takes(*requests: type) -> Callable[[Function], Function]:
    """Show the fields of the dataclasses `requests` in place of ``**options`` of a function.

    A name that is none of them is refused in one line.
    """

    def taking(function: Function) -> Function:
        own = inspect.signature(function)
        named = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
        for request in requests:
            by_name, own_names = inspect.signature(request).parameters, {p.name for p in named}
            named += [by_name[f.name] for f in fields(request) if f.name not in own_names]
        names = [p.name for p in named]

        @functools.wraps(function)
        def checked(*args: Any, **options: Any) -> Any:
            for name in options:
                require_choice("option", name, names)
            return function(*args, **options)

        checked.__signature__ = own.replace(parameters=named)  # type: ignore[attr-defined]
        return cast(Function, checked)

    return taking
