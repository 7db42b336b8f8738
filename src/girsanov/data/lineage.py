r"""Lineage: which rows of a file a data set holds, told by the splits that led to it.

A split of n rows by a seed is a permutation p cut in two,

    first = p[: round(fraction n)],   rest = p[round(fraction n) :],                       (1)

so that the chain of splits from the whole file, with the file's fingerprint and its number of
rows, names every row of a part without listing them; two parts of one file can then be compared
row by row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._checks import InputError, shown

if TYPE_CHECKING:
    from .._typing import Json


def cut(rows: int, fraction: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the row numbers of both parts of equation (1) for n = `rows`."""
    order = np.random.default_rng(seed).permutation(rows)
    count = round(fraction * rows)
    return order[:count], order[count:]


def lineage_rows(lineage: Json) -> NDArray[np.int64]:
    """Return the row numbers, within the whole file, of the data with this lineage."""
    rows = np.arange(int(lineage["rows"]))
    for fraction, seed, part in lineage["splits"]:
        rows = rows[cut(len(rows), float(fraction), int(seed))[int(part)]]
    return rows


def shared_rows(own: Json, others: Any) -> int:
    """Return how many rows of the data with lineage `own` occur in any of `others`.

    Files are told apart by their rows' fingerprint; labels do not matter. What is no lineage,
    such as the record of a model trained elsewhere, shares nothing that could be known.
    """
    listed = others if isinstance(others, list | tuple) else ()  # a damaged record holds anything
    same = [o for o in listed if isinstance(o, dict) and o.get("root") == own["root"]]
    if not same:
        return 0
    seen = np.zeros(int(own["rows"]), dtype=bool)
    for other in same:
        try:
            seen[lineage_rows({**other, "rows": own["rows"]})] = True
        except (KeyError, IndexError, TypeError, ValueError, OverflowError) as cause:
            rule = "must tell by which splits it was made"
            raise InputError(f"lineage: {rule}; {shown(repr(cause))}") from cause
    return int(seen[lineage_rows(own)].sum())
