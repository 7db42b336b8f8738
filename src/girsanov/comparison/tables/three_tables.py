r"""Samples, real rows and data as columns of numbers and categories, in the data's own units.

Every figure f of a table stands beside the same figure of real rows,

    f(samples, data)    beside    f(real, data),                                            (1)

so both have as many rows. Real rows are training rows where these are given, else one half of the
data, of which the other half are then the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...noise import NoiseSource

if TYPE_CHECKING:
    from ..._typing import Array
    from ...data import Dataset

WHOLE = 10  # rows are whole tens, so that all sets have groups of equal size
LABEL = "label"  # of labels that came without a name


class Chosen(NamedTuple):
    """A data set and which of its rows are compared."""

    data: Dataset
    rows: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ThreeTables:
    """Samples [k, c], real rows [k, c] and data [m, c]: numbers, NaN where missing, or codes.

    names: of the columns; categories: of each column of text, which codes count, () of numbers
    and dates; a missing text is the category ""; trained: whether the real rows are training rows.
    """

    names: tuple[str, ...]
    categories: tuple[tuple[str, ...], ...]
    samples: Array
    real: Array
    data: Array
    trained: bool

    @classmethod
    def of(cls, samples: Chosen, data: Chosen, train: Chosen | None) -> ThreeTables:
        """Return them with equally many samples and real rows, whose order is random."""
        sets = [samples, data] + ([] if train is None else [train])
        names, categories, (drawn, held, *seen) = _coded(sets)
        half = len(held) // 2
        real, rest = (seen[0], held) if seen else (held[half:], held[:half])
        size = _whole(min(len(drawn), len(real)))
        return cls(
            names, categories, drawn[:size], real[:size], rest[: _whole(len(rest))], bool(seen)
        )

    @property
    def real_words(self) -> str:
        """What the real rows are, and how many."""
        return f"{len(self.real)} {'training rows' if self.trained else 'other rows of the data'}"

    @property
    def words(self) -> str:
        """What is held against what."""
        return (
            f"{len(self.samples)} samples against {len(self.data)} rows of the data, beside "
            f"{self.real_words} against these"
        )

    def dealt(self, turn: int, seed: int) -> ThreeTables:
        """Return real rows in the samples' place beside the data, dealt out anew for each turn.

        Turn 0 has them as they are.
        """
        if turn == 0:
            return ThreeTables(
                self.names, self.categories, self.real, self.real, self.data, self.trained
            )
        both = np.concatenate([self.real, self.data])
        order = NoiseSource(seed, "real rows").uniform(turn, 0, len(both)).argsort(kind="stable")
        real, data = np.split(both[order], [len(self.real)])
        return ThreeTables(self.names, self.categories, real, real, data, self.trained)


def _whole(count: int) -> int:
    return count - count % WHOLE if count >= WHOLE else count


def _coded(
    sets: list[Chosen],
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...], list[Array]]:
    """Return names, categories and values [n, c] of the columns that all sets have in common."""
    raw = [one.data.raw(one.rows) for one in sets]
    own = sets[1]  # whose columns and names they are
    names = raw[1].dtype.names or ()
    columns = {name: [rows[name] for rows in raw] for name in names}
    if all(one.data.labels is not None for one in sets):
        columns[_label_name(own.data, columns)] = [_labels(one) for one in sets]
    categories, values = zip(*map(_codes, columns.values()), strict=True)
    return tuple(columns), categories, [np.stack(v, axis=1) for v in zip(*values, strict=True)]


def _label_name(data: Dataset, taken: Any) -> str:
    name = str(data.reading.get("labels") or LABEL)
    return f"{name} ({LABEL})" if name in taken else name


def _labels(chosen: Chosen) -> NDArray[Any]:
    assert chosen.data.labels is not None
    return np.asarray(chosen.data.label_names)[chosen.data.labels[chosen.rows]]


def _codes(parts: list[NDArray[Any]]) -> tuple[tuple[str, ...], list[Array]]:
    """Return the categories of one column, () of numbers, and its values in every set."""
    if parts[0].dtype.kind == "U":
        words, codes = np.unique(np.concatenate(parts), return_inverse=True)
        cuts = np.cumsum([len(part) for part in parts])[:-1]
        return tuple(map(str, words)), np.split(codes.astype(np.float64), cuts)
    if parts[0].dtype.kind == "M":
        unit = np.result_type(*parts)
        return (), [_date_numbers(part.astype(unit)) for part in parts]
    return (), [part.astype(np.float64) for part in parts]


def _date_numbers(dates: NDArray[Any]) -> Array:
    numbers = dates.astype(np.int64).astype(np.float64)
    numbers[np.isnat(dates)] = np.nan
    return numbers
