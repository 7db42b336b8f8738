"""What a standardisation learns of one column of a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..rows import Index, column_statistics
from .columns import CategoryColumn, NumberColumn, decimals_of
from .dates import DateColumn, resolution_of, whole_dates
from .missing_values import GapColumn
from .table_units import Column
from .values import Categories, Gapped, Values, chunks, missing, stored

WHOLE = np.dtype(np.int64)


def learn_column(name: str, values: Values, index: Index | None) -> Column:
    """Return the map of column `values` to the model's units, learnt from rows `index` or all."""
    if isinstance(values, Categories):
        codes = values.codes if index is None else values.codes[index]
        counts = np.bincount(codes, minlength=len(values.names))
        return CategoryColumn(name, values.names, tuple((counts / len(codes)).tolist()))
    learn = _learn_dates if values.dtype.kind == "M" else _learn_numbers
    column = learn(name, values, index)
    if not isinstance(values, Gapped):
        return column
    gaps = sum(int(missing(part).sum()) for part in chunks(values, index))
    return GapColumn(column, gaps / (len(values) if index is None else len(index)))


def _learn_numbers(name: str, values: Values, index: Index | None) -> NumberColumn:
    dtype = values.of if isinstance(values, Gapped) else values.dtype
    # of all rows, as categories are: the form of the table, nothing learnt from it
    decimals = _decimals(values) if dtype.kind == "f" else None
    return _numbers(name, dtype, _there(values, index), decimals)


def _learn_dates(name: str, values: Values, index: Index | None) -> DateColumn:
    unit = np.datetime_data(stored(values).dtype)[0]
    resolution = resolution_of(chunks(values), unit)
    firsts = (whole_dates(part, resolution).min() for part in _there(values, index))
    origin = int(min(firsts, default=0))
    counts = (whole_dates(part, resolution) - origin for part in _there(values, index))
    return DateColumn(unit, resolution, origin, _numbers(name, WHOLE, counts, None))


def _numbers(
    name: str, dtype: np.dtype[Any], parts: Iterable[NDArray[Any]], decimals: int | None
) -> NumberColumn:
    found = column_statistics(parts)
    if not len(found.mean):  # none of these rows has a value
        return NumberColumn(name, dtype, 0.0, 0.0, decimals)
    mean, deviation = float(found.mean[0]), float(found.deviation[0])
    low, high = float(found.low[0]), float(found.high[0])
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
