"""The standardisation of a table, column by column: how it is learnt, and what was left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..._checks import refuse, require
from ...volume import Volume, no_volume, volume_of
from ..rows import Index, column_statistics
from ..standardise import Standardisation
from ..units import number_dtype
from .columns import CategoryColumn, NumberColumn, decimals_of
from .dates import DateColumn, resolution_of, whole_dates
from .missing_values import GapColumn
from .mixtures import Mixture, OneOf
from .scores import Scores, learn_scores
from .selected_columns import leave_out
from .values import Categories, Gapped, Values, chunks, missing, stored

if TYPE_CHECKING:
    from ..._typing import Json

ColumnUnits = NumberColumn | CategoryColumn | DateColumn | GapColumn


@dataclass(frozen=True, eq=False)
class TableStandardisation(Standardisation):
    """ColumnUnits by column; rows are structured arrays with one field per column.

    left_out: the columns that the rows learnt from had besides, and that were left out.
    """

    kind: ClassVar[str] = "table"
    columns: tuple[ColumnUnits, ...]
    left_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a table without columns, or with two of one name."""
        names = [column.name for column in self.columns]
        require(bool(names), "standardisation", "must have at least one column")
        require(len(set(names)) == len(names), "standardisation", "must not repeat a name", names)

    @property
    def shape(self) -> tuple[int, ...]:
        """(d,): one for a column of numbers or dates, K for K categories, one more for gaps."""
        return (sum(column.width for column in self.columns),)

    @property
    def scored(self) -> bool:
        """Whether all numbers are in units of their normal scores."""
        return all(column.scored for column in self.columns)

    @property
    def mixtures(self) -> tuple[Mixture | OneOf, ...]:
        """What each column is alone, where numbers are in units of their scores, or ()."""
        if not self.scored:
            return ()
        return tuple(law for column in self.columns for law in column.mixtures())

    @property
    def scale_in_units(self) -> float | None:
        """The scale of the only column, if it is of numbers."""
        only = self.columns[0]
        if len(self.columns) > 1 or not isinstance(only, NumberColumn) or only.scores:
            return None
        return only.scale

    @property
    def volume(self) -> Volume:
        """By the scale of each column of numbers; there is none where a column has another map."""
        numbers = [c for c in self.columns if isinstance(c, NumberColumn) and not c.scores]
        other = [c.name for c in self.columns if c not in numbers]
        if other:
            why = "categories, dates, gaps and normal scores have no density in the data's units"
            return no_volume(f"{why} (column {other[0]})")
        return volume_of((c.scale for c in numbers), (c.step for c in numbers))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The structured dtype of a row."""
        return np.dtype([(column.name, column.dtype) for column in self.columns])

    @property
    def bounded(self) -> tuple[str, ...]:
        """The names of the columns whose decoded numbers are kept within bounds."""
        return tuple(column.name for column in self.columns if column.bounded)

    def as_drawn(self) -> TableStandardisation:
        """Return this with no bounds on what it decodes, but for those of a column's dtype."""
        return replace(self, columns=tuple(column.free() for column in self.columns))

    def encode(self, raw: NDArray[Any]) -> NDArray[np.float32]:
        """Return structured rows [b] standardised: float32 [b, d]; fields may be in any order."""
        names: Sequence[str] = getattr(getattr(raw, "dtype", None), "names", None) or ()
        wanted = [column.name for column in self.columns]
        if set(names) != set(wanted):
            refuse("raw", *self._unlike(names, wanted, type(raw).__name__))
        return np.concatenate([column.encode(raw[column.name]) for column in self.columns], axis=1)

    def _unlike(
        self, names: Sequence[str], wanted: Sequence[str], kind: str
    ) -> tuple[str, str, str]:
        """Return the rule for columns, what arrived instead, and what to do about it."""
        listed = ", ".join(wanted)
        if not names:
            return f"must be a structured array with the columns {listed}", kind, ""
        rule = f"must be rows with the columns {listed}"
        absent = [name for name in wanted if name not in names]
        more = [name for name in names if name not in wanted]
        if absent:
            return rule, f"no {', '.join(absent)}", ""
        left = set(more) <= set(self.left_out)
        remedy = "Leave out what its model left out: load_data(..., like=model)"
        return rule, ", ".join(names), remedy if left else leave_out(more[0])

    def decode(self, x: ArrayLike) -> NDArray[Any]:
        """Return x [b, d] as structured rows [b] in the user's units and types."""
        values = self._examples(x)
        rows = np.empty(len(values), self.dtype)
        start = 0
        for column in self.columns:
            rows[column.name] = column.decode(values[:, start : start + column.width])
            start += column.width
        return rows

    def to_json(self) -> Json:
        """Return the columns as JSON values."""
        content = {"kind": self.kind, "columns": [column.to_json() for column in self.columns]}
        return {**content, "left_out": list(self.left_out)} if self.left_out else content

    @classmethod
    def _read(cls, content: Json) -> TableStandardisation:
        columns = tuple(_read_column(column) for column in content["columns"])
        return cls(columns, tuple(str(name) for name in content.get("left_out", ())))


def _read_column(content: Json) -> ColumnUnits:
    name = str(content["name"])
    if "categories" in content:
        categories = tuple(str(c) for c in content["categories"])
        return CategoryColumn(name, categories, tuple(float(p) for p in content["frequencies"]))
    dtype = number_dtype(content["dtype"])
    mean, scale = float(content["mean"]), float(content["scale"])
    low, high = (None if content.get(k) is None else float(content[k]) for k in ("low", "high"))
    column: NumberColumn | DateColumn
    scores = Scores.from_json(content["scores"]) if "scores" in content else None
    column = NumberColumn(name, dtype, mean, scale, content.get("decimals"), low, high, scores)
    if "dates" in content:
        dates = content["dates"]
        units = (str(dates["unit"]), str(dates["resolution"]))
        column = DateColumn(*units, int(dates["origin"]), column)
    return GapColumn(column, float(content["missing"])) if "missing" in content else column


def learn_column(
    name: str, values: Values, index: Index | None, *, scored: bool = False
) -> ColumnUnits:
    """Return the map of column `values` to the model's units, learnt from rows `index` or all.

    scored: whether numbers are in units of their normal scores, not of their deviation.
    """
    if isinstance(values, Categories):
        codes = values.codes if index is None else values.codes[index]
        counts = np.bincount(codes, minlength=len(values.names))
        return CategoryColumn(name, values.names, tuple((counts / len(codes)).tolist()))
    learn = _learn_dates if values.dtype.kind == "M" else _learn_numbers
    column = learn(name, values, index, scored)
    if not isinstance(values, Gapped):
        return column
    gaps = sum(int(missing(part).sum()) for part in chunks(values, index))
    return GapColumn(column, gaps / (len(values) if index is None else len(index)))


def _learn_numbers(name: str, values: Values, index: Index | None, scored: bool) -> NumberColumn:
    dtype = values.of if isinstance(values, Gapped) else values.dtype
    # of all rows, as categories are: the form of the table, nothing learnt from it
    decimals = _decimals(values) if dtype.kind == "f" else None
    number = _numbers(name, dtype, _there(values, index), decimals)
    return _scored(number, _there(values, index)) if scored else number


def _learn_dates(name: str, values: Values, index: Index | None, scored: bool) -> DateColumn:
    unit = np.datetime_data(stored(values).dtype)[0]
    resolution = resolution_of(chunks(values), unit)
    firsts = (whole_dates(part, resolution).min() for part in _there(values, index))
    origin = int(min(firsts, default=0))

    def counts() -> Iterator[NDArray[np.int64]]:
        return (whole_dates(part, resolution) - origin for part in _there(values, index))

    number = _numbers(name, np.dtype(np.int64), counts(), None)
    return DateColumn(unit, resolution, origin, _scored(number, counts()) if scored else number)


def _scored(number: NumberColumn, parts: Iterable[NDArray[Any]]) -> NumberColumn:
    """Return a column in units of the scores of its values, which are none where it has none."""
    values = np.concatenate([np.zeros(0, number.dtype), *parts])
    if not len(values):
        values = np.zeros(1, number.dtype)
    return replace(number, scores=learn_scores(values))


def _numbers(
    name: str, dtype: np.dtype[Any], parts: Iterable[NDArray[Any]], decimals: int | None
) -> NumberColumn:
    statistics = column_statistics(parts)
    if not len(statistics.mean):  # none of these rows has a value
        return NumberColumn(name, dtype, 0.0, 0.0, decimals)
    low, high, mean, deviation = (float(values[0]) for values in statistics)
    return NumberColumn(name, dtype, mean, deviation, decimals, low, high)


def _there(values: Values, index: Index | None) -> Iterator[NDArray[Any]]:
    """Yield the values that are not missing, part by part; no part is empty."""
    for part in chunks(values, index):
        there = part[~missing(part)] if isinstance(values, Gapped) else part
        if len(there):
            yield there


def _decimals(values: Values) -> int | None:
    most: int | None = 0
    for part in _there(values, None):
        if most is not None:
            most = decimals_of(part, most)
    return most
