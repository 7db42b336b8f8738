r"""Rows of a table of which some cells are known: what is known, as a measurement of its numbers.

A known cell fixes the coordinates of its column, up to `EXACT` of their deviation: A of
`observation.py` (2) is the identity, with a gap at every coordinate of a cell that is not known.
Where a column had gaps in training, a cell that is not known has a value all the same: its mark
of a gap is measured, as "there".
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._checks import InputError, refuse, require
from ..data.table.columns import CategoryColumn
from ..data.table.missing_values import GapColumn
from ..data.table.selected_columns import CHOICES, AsWritten, reading_of
from ..data.table.table_units import TableStandardisation
from ..data.table.values import missing
from .observation import Measured, require_observable

if TYPE_CHECKING:
    from .._typing import Array
    from ..data.table.table_units import ColumnUnits
    from ..denoise.base import Denoiser

EXACT = 1e-2  # of a deviation of 1


@dataclass(frozen=True, eq=False)
class Gaps:
    """Rows of which some cells are known.

    units: of the table; known: by column, which cells are [R]; cells: their values, and anything
    where they are not [R], by column; values: the numbers of known cells, NaN elsewhere [R, d];
    many: whether these are rows of a table, not the cells of one alone.
    """

    units: TableStandardisation
    known: Mapping[str, NDArray[np.bool_]]
    cells: Mapping[str, NDArray[Any]]
    values: Array
    many: bool = True

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.values)

    def seen_by(self, denoiser: Denoiser, units: Any, each: int, label: Any) -> Measured:
        """Return what is known as a measurement, for `each` samples of a row."""
        d = self.values.shape[1]
        return Measured(np.eye(d) / EXACT, self.values / EXACT, each)

    def restored(self, drawn: NDArray[Any]) -> NDArray[Any]:
        """Return drawn rows [R, K], or [K] of one, with the cells that are known as they were."""
        out = drawn.reshape(len(self), -1).copy()
        for name, known in self.known.items():
            out[name][known] = self.cells[name][known][:, None]
        return out.reshape(drawn.shape)


def rows_with_gaps(denoiser: Denoiser, table: Any, argument: str = "fill") -> Gaps:
    """Return rows of a table as a model of such rows sees them.

    table: what `load_data` takes: a path to a .csv or a .parquet, a data frame or a structured
    array; columns that it lacks are not known, and those that the model was not fitted on are not
    read. Warns of numbers outside those of the training data. Raises InputError for a model of
    something else, for a table without a known cell, and for cells that no row of it can have.
    """
    from ..data.load import load_given

    require_observable(denoiser)
    units = getattr(denoiser, "standardisation", None)
    rule = "must be of a table with columns, whose cells can be known"
    if not isinstance(units, TableStandardisation):
        refuse("model", rule, getattr(units, "kind", None))
    rule = "must be left out: this model is told its label, which may not be known of a row"
    require(not denoiser.classes, argument, rule, None, "Fit without --labels")
    wanted = {name: reading_of(denoiser).get(name) for name in CHOICES}
    raw = load_given(table, written=AsWritten(**wanted)).raw(slice(None))
    there = raw.dtype.names or ()
    rule = f"must have a column of the model's ({', '.join(c.name for c in units.columns)})"
    named = [c.name for c in units.columns if c.name in there]
    require(bool(named), argument, rule, ", ".join(there) or "no columns")
    known, cells, numbers = {}, {}, []
    for column in units.columns:
        own = raw[column.name] if column.name in there else None
        column_known, values = _cells(column, own, len(raw))
        _require_writable(column, values[column_known], argument)
        try:
            numbers.append(_numbers(column, values, column_known))
        except InputError as cause:
            raise InputError(f"{argument}: {cause}") from cause
        known[column.name], cells[column.name] = column_known, values
        _warn_of_range(column, values[column_known], argument)
    return Gaps(units, known, cells, np.concatenate(numbers, axis=1))


def _cells(
    column: ColumnUnits, own: NDArray[Any] | None, count: int
) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    """Return which cells of a column are known, and their values in the type of the table."""
    if own is None:
        return np.zeros(count, bool), np.zeros(count, column.dtype)
    if isinstance(column, CategoryColumn):
        text = own if own.dtype.kind == "U" else np.array(
            ["" if gap else f"{v:.15g}" for v, gap in zip(own.tolist(), missing(own), strict=True)]
        )  # fmt: skip
        return text != "", text
    if own.dtype.kind == "U" and not (own != "").any():  # a column of gaps alone
        return np.zeros(count, bool), np.zeros(count, column.dtype)
    return ~missing(own), own


def _require_writable(column: ColumnUnits, values: NDArray[Any], argument: str) -> None:
    """Refuse known cells that the column's own type would change, such as 3.7 of whole numbers."""
    kinds = {"i": "whole numbers", "u": "whole numbers", "M": "dates as coarse as in training"}
    what = kinds.get(column.dtype.kind)
    if what is None or values.dtype.kind not in "iufM":
        return
    changed = values[values.astype(column.dtype) != values]
    rule = f"column {column.name!r} must hold {what}, as the training data do"
    require(not len(changed), argument, rule, str(changed[0]) if len(changed) else None)


def _numbers(column: ColumnUnits, values: NDArray[Any], known: NDArray[np.bool_]) -> Array:
    """Return the coordinates of a column, NaN where nothing is known, [R, width]."""
    out = np.full((len(values), column.width), np.nan)
    if known.any():
        out[known] = column.encode(values[known])
    if isinstance(column, GapColumn):
        out[:, -1] = column.there
    return out


def _warn_of_range(column: ColumnUnits, values: NDArray[Any], argument: str) -> None:
    """Warn of known numbers that no row of the training data comes near."""
    inner: Any = column.inner if isinstance(column, GapColumn) else column
    low, high = getattr(inner, "low", None), getattr(inner, "high", None)
    if low is None or high is None or values.dtype.kind not in "biuf" or not len(values):
        return
    outside = (values < low) | (values > high)
    if outside.any():
        worst = values[outside][0]
        warnings.warn(
            f"{argument}: {column.name} = {worst:g} lies outside the training range {low:g} to "
            f"{high:g} ({int(outside.sum())} of {len(values)} known cells are outside)",
            stacklevel=4,
        )
