"""What samples are drawn given, from files and words: a measurement, cells, a table with gaps."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import InputError, refuse, require
from ..data.formats.npy_files import read_npy
from ..data.table.columns import CategoryColumn, NumberColumn
from ..data.table.missing_values import GapColumn
from ..data.table.table_units import TableStandardisation
from ..sampling.gaps import Gaps, rows_with_gaps
from ..sampling.observation import Observation

if TYPE_CHECKING:
    from .._typing import PathLike
    from ..denoise.base import Denoiser
    from .more_requests import SampleRequest


def observed_of(
    request: SampleRequest, denoiser: Denoiser, say: Callable[[str], None] | None
) -> Observation | Gaps | None:
    """Return what a request says is known of its samples, None where it says nothing.

    say: what to do with the line that says which known cells lie far out.
    """
    if request.operator is not None:
        assert request.measured is not None
        return measurement(request.operator, request.noise, request.measured)
    argument = "--fill" if request.fill is not None else "--fix"
    if request.fill is None and not request.fix:
        return None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = request.fill if request.fill is not None else fixed(denoiser, request.fix)
        known = replace(rows_with_gaps(denoiser, table, argument), many=request.fill is not None)
    for warning in caught if say is not None else ():
        say(str(warning.message))  # type: ignore[misc]
    return known


def measurement(
    operator: PathLike, noise: float | None, measured: PathLike | None = None
) -> Observation:
    """Return the observation in these files, .npy."""
    a = _array(operator, "--operator")
    y = None if measured is None else _array(measured, "--measured")
    try:
        return Observation(a, noise, y)
    except InputError as cause:
        raise InputError(f"--{cause}") from cause


def _array(path: PathLike, option: str) -> np.ndarray:
    there = Path(path).suffix.lower() == ".npy" and Path(path).is_file()
    require(there, option, "must be a .npy file that is there", str(path))
    return np.asarray(read_npy(Path(path)))


def fixed(denoiser: Denoiser, cells: Sequence[str]) -> np.ndarray:
    """Return a row of a table with these cells, column=value."""
    units = getattr(denoiser, "standardisation", None)
    if not isinstance(units, TableStandardisation):
        refuse("--fix", "must be for a model of a table, whose columns have names")
    columns = {column.name: column for column in units.columns}
    found: dict[str, np.ndarray] = {}
    for cell in cells:
        name, parted, text = cell.partition("=")
        require(bool(parted and text), "--fix", "must be column=value", cell)
        few = ", ".join(list(columns)[:12]) + (", …" if len(columns) > 12 else "")
        require(name in columns, "--fix", f"must name a column of the model's ({few})", name)
        require(name not in found, "--fix", "must name a column once", name)
        column = columns[name]
        inner = column.inner if isinstance(column, GapColumn) else column
        try:
            value: Any = text
            if not isinstance(inner, CategoryColumn):
                number = isinstance(inner, NumberColumn)
                value = float(text) if number else np.datetime64(text)
        except ValueError:
            kind = "a number" if isinstance(inner, NumberColumn) else "a date (2024-01-31)"
            refuse("--fix", f"must have {kind} for {name}", text)
        found[name] = np.array([value])
    row = np.empty(1, [(name, value.dtype) for name, value in found.items()])
    for name, cell_value in found.items():
        row[name] = cell_value
    return row
