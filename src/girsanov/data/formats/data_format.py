"""A kind of data file: its suffix, what it can hold, how rows are read and samples written.

A new kind is one file, such as `csv_files.py`, and one line of `registry.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._checks import refuse, require
from ..arrays import SideBySide, array_rows
from ..rows import LABEL_READING
from ..table.missing_values import GapColumn
from ..table.selected_columns import leave_out
from ..table.table_units import ColumnUnits, TableStandardisation
from ..table.tables import column, structured_columns, table_rows
from ..table.values import Categories, Gapped, Values, missing

if TYPE_CHECKING:
    from ..rows import RowSource
    from ..standardise import Standardisation
    from ..table.selected_columns import Columns, Wanted

UNPACK_LIMIT = 4 * 2**30  # bytes; a file that is held in memory may not unpack to more
GIVEN_COLUMNS = 256  # of an array of conditions that becomes a table, in which gaps may be
NO_COLUMN = "must name a column of a table or an array of a .npz; this data has neither"


class Loaded(NamedTuple):
    """Rows with the labels that came with them: codes with names, a column, or nothing.

    notes: how it was read, where that is worth a word; reading: what a model remembers of it,
    such as the name of the labels (`READING`).
    """

    rows: RowSource
    labels: Values | None = None
    names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    reading: Mapping[str, str] = MappingProxyType({})


class Samples(NamedTuple):
    """Samples [n, ...] in the user's units, with the map to these and the label of each [n].

    label, array: what the data called its labels and its rows, after: the column that its labels
    stood before, None where it does not say.
    """

    rows: NDArray[Any]
    units: Standardisation
    labels: NDArray[Any] | None = None
    label: str | None = None
    array: str | None = None
    after: str | None = None


class DataFormat(ABC):
    """A kind of data file.

    suffix: in lower case, with its dot; extra: the module that it needs and the extra that brings
    it; pictures: whether it holds arrays of any shape, not only tables and vectors; labels:
    whether it has room for them; folders: whether a folder of such files is one data set;
    tables: whether it is what a table is usually kept in.
    """

    suffix: ClassVar[str]
    extra: ClassVar[tuple[str, str] | None] = None
    pictures: ClassVar[bool] = False
    labels: ClassVar[bool] = True
    folders: ClassVar[bool] = False
    tables: ClassVar[bool] = False

    @abstractmethod
    def read(self, path: Path, wanted: Wanted) -> Loaded:
        """Return the rows of a file; InputError, one line, for one that is damaged."""

    @abstractmethod
    def write(self, samples: Samples, path: Path) -> None:
        """Write samples to `path`, a temporary file that takes its name when all is written."""

    def read_folder(self, files: Sequence[Path], wanted: Wanted, what: str) -> Loaded:
        """Return the rows of several files as one data set, where `folders` says so."""
        raise NotImplementedError

    def label_name(self, taken: Sequence[str], label: str | None = None) -> str | None:
        """Return what labels are called beside columns of these names, None if nothing.

        label: what the data called them.
        """
        return free_label(taken, label) if self.labels else None


def free_label(taken: Sequence[str], label: str | None = None) -> str:
    """Return a name for the column of labels that no other column has: the data's own if it
    may."""
    name = label or "label"
    while name in taken:
        name += "_"
    return name


def from_array(values: NDArray[Any], wanted: Wanted, what: str) -> Loaded:
    """Return an array [n, ...] as rows, those of a structured one as a table.

    Conditions [n, p] are a table too, of columns y0, y1, ...
    """
    if values.dtype.names is not None:
        return from_columns(structured_columns(values, what, wanted), wanted, what)
    if wanted.given and values.ndim in (1, 2) and values.size <= GIVEN_COLUMNS * len(values):
        numbers = enumerate(values.reshape(len(values), -1).T)
        columns: Columns = {f"y{k}": column(v, f"y{k}", what) for k, v in numbers}
        return from_columns(columns, wanted, what)
    refuse_columns(wanted)
    return Loaded(array_rows(values, what, wanted.written.rows, fewest=wanted.fewest))


def from_columns(columns: Columns, wanted: Wanted, what: str) -> Loaded:
    """Return columns as a table, beside the one of labels."""
    labels = wanted.label_among(columns)
    series = wanted.written.rows == "series"
    rows_of = _series_rows if series else partial(table_rows, fewest=wanted.fewest)
    if labels is None:
        return Loaded(rows_of(columns, what))
    if columns.get(labels) is None:
        refuse("labels", f"must be a column of {what} ({', '.join(columns)})", labels)
    rest = {name: values for name, values in columns.items() if name != labels}
    read = [name for name, values in columns.items() if values is not None]
    place = read.index(labels)
    reading = dict(zip(LABEL_READING, read[place : place + 2], strict=False))
    return Loaded(rows_of(rest, what), columns[labels], reading=reading)


def _series_rows(columns: Columns, what: str) -> RowSource:
    """Return columns of numbers as series, one a row, in the order of the columns."""
    kept = {name: values for name, values in columns.items() if values is not None}
    for name, values in kept.items():
        numbers = isinstance(values, np.ndarray) and values.dtype.kind in "biuf"
        held = {Gapped: "gaps", Categories: "text"}.get(type(values), "dates")
        rule = "must hold numbers alone to be a value of series"
        require(numbers, f"{what} column {name!r}", rule, held, leave_out(name))
    arrays = tuple(values for values in kept.values() if isinstance(values, np.ndarray))
    return array_rows(SideBySide(arrays), what, "series", tuple(kept))


def refuse_columns(wanted: Wanted) -> None:
    """Refuse names of columns for data that has none."""
    require(wanted.labels is None, "labels", NO_COLUMN, wanted.labels)
    names = ", ".join((*wanted.drop, *wanted.only))
    argument = "drop" if wanted.drop else "given" if wanted.given else "only"
    require(not wanted.asks, argument, "must name columns of a table; this data has none", names)


def sample_columns(samples: Samples) -> dict[str, NDArray[Any]]:
    """Return a column [n] for each of a table or of vectors (x0, x1, ...), and one for labels.

    Labels stand where they stood in the data, or else last.
    What is missing is masked, in the type of the values that are there.
    """
    rows, units = samples.rows, samples.units
    if isinstance(units, TableStandardisation):
        columns = {c.name: _with_gaps_masked(rows[c.name], c) for c in units.columns}
    else:
        flat = rows.reshape(len(rows), -1)
        names = getattr(units, "names", ()) or [f"x{k}" for k in range(flat.shape[1])]
        columns = dict(zip(names, flat.T, strict=True))
    if samples.labels is None:
        return columns
    names = list(columns)
    place = names.index(samples.after) if samples.after in columns else len(names)
    names.insert(place, free_label(names, samples.label))
    columns[names[place]] = samples.labels
    return {name: columns[name] for name in names}


def _with_gaps_masked(values: NDArray[Any], column: ColumnUnits) -> NDArray[Any]:
    if values.dtype.kind == "U":
        gaps = values == ""
        return np.ma.MaskedArray(values, gaps) if gaps.any() else values
    if not isinstance(column, GapColumn):
        return values
    gaps = missing(values)
    held = np.where(gaps, np.zeros(1, values.dtype), values).astype(column.inner.dtype)
    return np.ma.MaskedArray(held, gaps)
