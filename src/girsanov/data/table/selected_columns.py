"""What is read of a source, and how: columns by name, the labels, and what may mean two things."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from ..._checks import refuse, require, require_choice
from ..layouts import ROW_KINDS
from ..rows import LABEL_READING
from .values import Values

if TYPE_CHECKING:
    from ..._typing import Json

Columns = dict[str, Values | None]  # the columns of a table by name; None: left out, not read


DAY_ORDERS = ("day-first", "month-first")
CELL_CHOICES = {"decimal": (".", ","), "dates": DAY_ORDERS}  # which the cells of a column tell
CHOICES = {**CELL_CHOICES, "rows": ROW_KINDS}
READING = (
    *LABEL_READING,
    "array",
    "given",
    *CHOICES,
)  # what a model remembers of how its data was read


class WrittenKeywords(TypedDict, total=False):
    """The fields of `AsWritten` by name, each of which may be left out."""

    decimal: str | None
    dates: str | None
    rows: str | None


@dataclass(frozen=True, kw_only=True)
class AsWritten:
    """How to read what may mean two things, None where nobody says.

    decimal: the mark before a fraction, "." or ","; dates: ``day-first`` or ``month-first``;
    rows: ``series`` where rows of numbers are series, along an axis that has an order.
    """

    decimal: str | None = None
    dates: str | None = None
    rows: str | None = None

    def __post_init__(self) -> None:
        """Refuse other words."""
        for name, choices in CHOICES.items():
            if getattr(self, name) is not None:
                require_choice(name, getattr(self, name), choices)


@dataclass(frozen=True)
class Wanted:
    """What a user asked for: columns to leave out, or the only ones to keep.

    labels: the column of labels, which is kept; written: how to read what may mean two things;
    given: whether it is read as conditions, which may be one row alone; left_out_before: columns,
    of the data that a model learnt from, which need not be there, and labels_before: its labels,
    likewise.
    """

    drop: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    labels: str | None = None
    written: AsWritten = AsWritten()
    left_out_before: tuple[str, ...] = ()
    labels_before: str | None = None
    given: bool = False

    @property
    def fewest(self) -> int:
        """The rows that a source must have."""
        return 1 if self.given else 2

    @classmethod
    def asked(
        cls, drop: Sequence[str], only: Sequence[str], labels: str | None, like: Any = None,
        written: AsWritten | None = None,
    ) -> Wanted:  # fmt: skip
        """Return it, checked.

        like: a model, a standardisation or a record of samples, whose columns are wanted and whose
        data is read alike, or the names of columns that it left out.
        """
        units = getattr(like, "standardisation", like)
        needed = [c.name for c in getattr(units, "columns", ()) if c.name in drop]
        if needed:
            rule = "must not name a column that the model was fitted on"
            refuse("drop", rule, needed[0], f"Read it here, or fit again with --drop {needed[0]}")
        for argument, names in (("drop", drop), ("only", only)):
            texts = not isinstance(names, str) and all(isinstance(n, str) for n in names)
            require(texts, argument, "must be a list of names of columns", names)
        both = not (drop and only)
        require(both, "drop", "cannot be given with only, which drops all others", list(drop))
        require(labels not in drop, "drop", "must not name the labels", labels)
        before = reading_of(like)
        told = written or AsWritten()
        told = AsWritten(**{name: getattr(told, name) or before.get(name) for name in CHOICES})
        own = before.get("labels") if labels is None else None
        own = None if own in drop else own
        return cls(tuple(drop), tuple(only), labels, told, left_out_of(like), own)

    def label_among(self, names: Collection[str]) -> str | None:
        """Return the labels asked for, or those of before if they are among these names."""
        return self.labels_before if self.labels_before in names else self.labels

    @property
    def asks(self) -> bool:
        """Whether the user named columns, so that the data must have some."""
        return bool(self.drop or self.only)

    def of(self, names: Iterable[str], what: str, index: Collection[str] = ()) -> dict[str, bool]:
        """Return, for the names of all columns of `what`, whether each is to be read.

        index: of a data frame that was saved with it, which is read where the user names it.
        """
        there = list(names)
        _require_names(there, what)
        only = "given" if self.given else "only"
        for argument, given in (("drop", self.drop), (only, self.only)):
            for name in given:
                rule = f"must name columns of {what} ({', '.join(there)})"
                require(name in there, argument, rule, name)
        label = self.label_among(there)
        those = {*(self.only or there), label}
        out = {*self.drop, *(() if self.only else (*self.left_out_before, *index))} - {label}
        kept = {name: name in those and name not in out for name in there}
        if there and not any(kept.values()):
            refuse("drop", f"must leave a column of {what}", ", ".join(self.drop))
        return kept


def reading_of(like: Any) -> Json:
    """Return how data was read that a model learnt from, or samples go back to; {} if unknown."""
    record = like if isinstance(like, dict) else getattr(like, "training", {})
    reading = record.get("reading") or {} if isinstance(record, dict) else {}
    good = isinstance(reading, dict) and all(
        name in READING and isinstance(value, str) and value in CHOICES.get(name, (value,))
        for name, value in reading.items()
    )
    require(good, "reading", "must say how data was read, as in a record of ours", reading)
    return dict(reading)


def rows_like(record: Json, left_out: Sequence[str] = ()) -> Json:
    """Return a record by which samples are read: as series where their data was, no more.

    Samples are numbers as computers write them, however those of the data are written.
    """
    rows = reading_of(record).get("rows")
    return {"left_out": list(left_out), "reading": {"rows": rows} if rows else {}}


def left_out_of(like: Any) -> tuple[str, ...]:
    """Return the columns that a model left out, or that a record says it did."""
    units = getattr(like, "standardisation", like)
    names = like.get("left_out") or [] if isinstance(like, dict) else like
    names = names if isinstance(like, dict | list) else list(getattr(units, "left_out", ()))
    good = isinstance(names, list) and all(isinstance(name, str) for name in names)
    require(good, "left_out", "must be a list of names of columns in a record of ours", names)
    return tuple(names)


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
