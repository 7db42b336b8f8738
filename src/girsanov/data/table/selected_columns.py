"""Which columns of a table are read: all but those left out, by name."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..._checks import refuse, require
from .values import Values

Columns = dict[str, Values | None]  # the columns of a table by name; None: left out, not read


@dataclass(frozen=True)
class Wanted:
    """What a user asked for: columns to leave out, or the only ones to keep.

    labels: the column of labels, which is kept; left_out_before: columns, of the data that
    a model learnt from, which need not be there.
    """

    drop: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    labels: str | None = None
    left_out_before: tuple[str, ...] = ()

    @classmethod
    def asked(
        cls, drop: Sequence[str], only: Sequence[str], labels: str | None, like: Any
    ) -> Wanted:
        """Return it, checked.

        like: a model or a standardisation whose columns are wanted, or the names it left out.
        """
        units = getattr(like, "standardisation", like)
        needed = [c.name for c in getattr(units, "columns", ()) if c.name in drop]
        if needed:
            rule = "must not name a column that the model was fitted on"
            refuse("drop", rule, needed[0], f"Read it here, or fit again with --drop {needed[0]}")
        named = tuple(like if isinstance(like, list) else getattr(units, "left_out", ()))
        for argument, names in (("drop", drop), ("only", only)):
            texts = not isinstance(names, str) and all(isinstance(n, str) for n in names)
            require(texts, argument, "must be a list of names of columns", names)
        both = not (drop and only)
        require(both, "drop", "cannot be given with only, which drops all others", list(drop))
        require(labels not in drop, "drop", "must not name the labels", labels)
        return cls(tuple(drop), tuple(only), labels, named)

    @property
    def asks(self) -> bool:
        """Whether the user named columns, so that the data must have some."""
        return bool(self.drop or self.only)

    def of(self, names: Iterable[str], what: str) -> dict[str, bool]:
        """Return, for the names of all columns of `what`, whether each is to be read."""
        there = list(names)
        _require_names(there, what)
        for argument, given in (("drop", self.drop), ("only", self.only)):
            for name in given:
                rule = f"must name columns of {what} ({', '.join(there)})"
                require(name in there, argument, rule, name)
        only = {*(self.only or there), self.labels}
        out = {*self.drop, *(self.left_out_before if not self.only else ())} - {self.labels}
        kept = {name: name in only and name not in out for name in there}
        if there and not any(kept.values()):
            refuse("drop", f"must leave a column of {what}", ", ".join(self.drop))
        return kept


def _require_names(names: list[str], what: str) -> None:
    """Refuse columns without a name or with one name."""
    for place, name in enumerate(names):
        if not name.strip():
            remedy = "Name every column (in pandas: to_csv(..., index=False))"
            refuse(what, f"must name column {place + 1}", "an empty name", remedy)
        require(name not in names[:place], what, "must not repeat a column's name", name)


def leave_out(name: str) -> str:
    """Return the advice to leave out the column of this name."""
    return f"Leave it out with --drop {shlex.quote(name)} (in Python drop=[{name!r}])"


def in_numbers(name: str) -> str:
    """Return the advice for a column of durations or of times of day without a date."""
    return f"Give them as numbers, such as seconds or hours. Or l{leave_out(name)[1:]}"
