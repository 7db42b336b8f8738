"""Columns that come in batches of rows, kept on a temporary file each (`spool.py`).

The whole has the numbers and the fingerprint of one table that held all rows in that order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from ..._checks import require
from ..rows import require_exact
from .selected_columns import Columns, leave_out
from .spool import Spool
from .tables import Coder
from .values import Categories, Gapped, Values, missing, stored, with_gaps


def gathered(batches: Iterable[Columns], what: str) -> Columns:
    """Return the columns of all batches, which must have the same ones."""
    columns: dict[str, GatheredColumn | None] = {}
    for batch in batches:
        if not columns:
            columns = {n: v if v is None else GatheredColumn(n, what) for n, v in batch.items()}
        rule = "must have the same columns in all parts: " + ", ".join(columns)
        require(list(batch) == list(columns), what, rule, ", ".join(batch))
        for name, values in batch.items():
            column = columns[name]
            if column is not None and values is not None:
                column.append(values)
    require(bool(columns), what, "must have rows", "none")
    return {name: None if column is None else column.finish() for name, column in columns.items()}


class GatheredColumn:
    """One column of numbers, dates or text, in batches."""

    def __init__(self, name: str, what: str) -> None:
        self.name, self.where = name, f"{what} column {name!r}"
        self.spool, self.coder = Spool(self.where), Coder(name, what)
        self.gaps = Spool(self.where)  # of numbers and dates: which are missing
        self.text: bool | None = None
        self.gapped = False

    def append(self, values: Values) -> None:
        """Keep values [b]; a column is of numbers, of dates or of text in all batches."""
        text = isinstance(values, Categories)
        self.text = text if self.text is None else self.text
        kind = "text" if self.text else "numbers"
        require(text == self.text, self.where, f"must hold {kind} in all parts", None)
        if isinstance(values, Categories):
            codes = np.array([self.coder.code(name) for name in values.names], np.int32)
            self.spool.append(codes[values.codes])
            return
        gaps = missing(stored(values))
        if isinstance(values, Gapped):
            # in their own type, since other batches may have no gaps
            self.gapped = True
            values = np.where(gaps, np.zeros(1, values.dtype), values.values).astype(values.of)
        self.gaps.append(gaps)
        self.spool.append(values)

    def finish(self) -> Values:
        """Return the whole column [n], memory-mapped; text coded by its sorted values."""
        values = self.spool.rows()
        if self.text:
            rank, names = self.coder.ranked()
            for part in _parts(len(values)):
                values[part] = rank[values[part]]
            return Categories(values, names)
        if not self.gapped:
            return values
        gaps, whole = self.gaps.rows(), Spool(self.where)
        for part in _parts(len(values)):
            require_exact(values[part], self.where, leave_out(self.name))
            whole.append(with_gaps(values[part], gaps[part]))
        return Gapped(whole.rows(), values.dtype)


def _parts(count: int) -> Iterator[slice]:
    for first in range(0, count, 2**20):
        yield slice(first, first + 2**20)
