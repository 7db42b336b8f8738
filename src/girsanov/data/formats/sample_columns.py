"""Samples as named columns, for files that hold tables."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..table.missing_values import GapColumn
from ..table.table_units import Column, TableStandardisation
from ..table.values import missing
from .data_format import Samples, free_label


def sample_columns(samples: Samples) -> dict[str, NDArray[Any]]:
    """Return a column [n] for each of a table or of vectors (x0, x1, ...), and one for labels.

    What is missing is masked, in the type of the values that are there.
    """
    rows, units = samples.rows, samples.units
    if isinstance(units, TableStandardisation):
        columns = {c.name: _with_gaps_masked(rows[c.name], c) for c in units.columns}
    else:
        columns = {f"x{k}": values for k, values in enumerate(rows.reshape(len(rows), -1).T)}
    if samples.labels is not None:
        columns[free_label(list(columns))] = samples.labels
    return columns


def _with_gaps_masked(values: NDArray[Any], column: Column) -> NDArray[Any]:
    if values.dtype.kind == "U":
        gaps = values == ""
        return np.ma.MaskedArray(values, gaps) if gaps.any() else values
    if not isinstance(column, GapColumn):
        return values
    gaps = missing(values)
    held = np.where(gaps, np.zeros(1, values.dtype), values).astype(column.inner.dtype)
    return np.ma.MaskedArray(held, gaps)
