"""The wording of every refusal: the argument, the rule, what arrived, what to do."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NoReturn

import numpy as np

ROUNDING_ALONE = 1e-12  # below which a number is what adding up in float64 leaves


class InputError(ValueError):
    """A mistake in what the user gave; its text is one line that says how to mend it."""


class MissingExtra(InputError, ImportError):
    """A part of the library was asked for whose optional packages are not installed."""


def shown(value: Any, limit: int = 80) -> str:
    """Return `value` as a user wrote it, on one line, cut to `limit` characters."""
    value = value.tolist() if isinstance(value, np.ndarray) else value
    text = " ".join((value if isinstance(value, str) else repr(value)).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: 0 steps, 1 step, 2 trajectories."""
    many = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count} {noun if count == 1 else many}"


def figure(value: float, digits: int = 3) -> str:
    """Return a value to so many significant digits, without a power of ten below 1e15: 10, 0.3."""
    return f"{float(f'{value:.{digits}g}'):.15g}"


def three_digits(value: float | None) -> str:
    """Return a value to three significant digits, 0 for rounding alone, a dash for none."""
    if value is None:
        return "-"
    return "0" if abs(value) < ROUNDING_ALONE else figure(value)


def refuse(argument: str, rule: str, got: Any = None, remedy: str = "") -> NoReturn:
    """Raise `InputError` with the house wording; `got=None` leaves out what arrived."""
    arrived = "" if got is None else f"; got {shown(got)}"
    message = f"{argument}: {rule}{arrived}" + (f". {remedy}" if remedy else "")
    raise InputError("\\n".join(message.splitlines()))  # a name of a file may hold a line's end


def require(ok: bool, argument: str, rule: str, got: Any = None, remedy: str = "") -> None:
    """Refuse unless `ok`."""
    if not ok:
        refuse(argument, rule, got, remedy)


def require_count(argument: str, value: Any, at_least: int = 1) -> int:
    """Return `value` as an int that is at least `at_least`."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    require(whole and value >= at_least, argument, f"must be a whole number >= {at_least}", value)
    return int(value)


def require_number(argument: str, value: Any, above: float = -math.inf) -> float:
    """Return `value` as a finite float strictly above `above`."""
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(
        value, bool
    )
    rule = "must be a finite number" + (f" > {above:g}" if above > -math.inf else "")
    try:
        number = float(value) if real else math.nan
    except OverflowError:  # a whole number beyond float64
        number = math.nan
    require(math.isfinite(number) and number > above, argument, rule, value)
    return number


def require_choice(argument: str, value: Any, choices: Iterable[str]) -> str:
    """Return `value` if it is one of `choices`."""
    names = list(choices)
    valid = isinstance(value, str) and value in names
    require(valid, argument, "must be one of " + ", ".join(names), value)
    return str(value)


def require_levels(argument: str, value: Any, at_least: int = 1) -> np.ndarray:
    """Return `value` as a float64 array of positive, finite, strictly increasing SNRs."""
    try:
        levels = np.atleast_1d(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError, OverflowError):
        refuse(argument, "must be a list of numbers (SNRs)", value)
    flat = levels.ndim == 1 and levels.size >= at_least
    require(flat, argument, f"must be a flat list of at least {at_least} SNRs", levels.shape)
    good = np.isfinite(levels).all() and levels[0] > 0 and (np.diff(levels) > 0).all()
    require(bool(good), argument, "must be positive, finite and strictly increasing SNRs", value)
    return levels


def need(module: str, extra: str) -> Any:
    """Import an optional module, or say which extra brings it.

    Python's random numbers stay the caller's: some modules draw one when they are imported.
    """
    import importlib
    import random

    state = random.getstate()
    try:
        return importlib.import_module(module)
    except ImportError as cause:
        raise MissingExtra(
            f"{module}: is needed for this and could not be imported ({shown(str(cause))}). "
            f'Install it with: pip install "girsanov[{extra}]"'
        ) from cause
    finally:
        random.setstate(state)
