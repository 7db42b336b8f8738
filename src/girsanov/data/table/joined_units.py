"""Units of a table that take rows of other tables too: their categories, and their gaps.

A category that no row of the data has gets the frequency 0, and a column that misses no value
there a mark of gaps, of which the share is 0. What the data's own rows are in these units does not
change, but for coordinates that are the same for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from .columns import CategoryColumn
from .missing_values import GapColumn
from .table_units import TableStandardisation
from .tables import TableRows
from .values import Categories, Gapped

if TYPE_CHECKING:
    from ..dataset import Dataset
    from ..standardise import Standardisation
    from .table_units import ColumnUnits
    from .values import Values


def joined_units(data: Dataset, others: Sequence[Dataset]) -> Standardisation:
    """Return the units of `data`, which take the rows of `others` as well where they can."""
    units = data.standardisation
    if not isinstance(units, TableStandardisation):
        return units
    tables = [one.rows.columns for one in others if isinstance(one.rows, TableRows)]
    columns = [_joined(c, [t[c.name] for t in tables if c.name in t]) for c in units.columns]
    same = all(one is own for one, own in zip(columns, units.columns, strict=True))
    return units if same else replace(units, columns=tuple(columns))


def _joined(column: ColumnUnits, others: Sequence[Values]) -> ColumnUnits:
    if isinstance(column, CategoryColumn):
        names = {
            name for values in others if isinstance(values, Categories) for name in values.names
        }
        more = tuple(sorted(names - set(column.categories)))
        if not more:
            return column
        frequencies = (*column.frequencies, *(0.0 for _ in more))
        return replace(column, categories=(*column.categories, *more), frequencies=frequencies)
    gaps = any(isinstance(values, Gapped) for values in others)
    return GapColumn(column, 0.0) if gaps and not isinstance(column, GapColumn) else column
