"""The file of a series: JSON lines, first what all checkpoints share, then one a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import InputError, require
from .._files import write_text
from .series import MEASURE_AGAIN, SERIES_FORMAT, Snapshot, TrainingSeries

if TYPE_CHECKING:
    from .._typing import Array, PathLike


def save_series(series: TrainingSeries, path: PathLike) -> None:
    """Write a series, whole or not at all."""
    lines = [series.header(), *(c.to_json() for c in series.checkpoints)]
    write_text(path, "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines))


def load_series(path: PathLike) -> TrainingSeries:
    """Return the series of a file; InputError where it is none."""
    where = str(path)
    try:
        rows = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as cause:
        raise InputError(f"{where}: cannot be read as lines of JSON ({cause})") from cause
    ours = bool(rows) and isinstance(rows[0], dict) and rows[0].get("format") == SERIES_FORMAT
    require(ours, where, f"must begin with a line of format {SERIES_FORMAT}", None, MEASURE_AGAIN)
    try:
        return _series(rows)
    except (KeyError, TypeError, ValueError) as cause:
        raise InputError(f"{where}: is damaged ({cause}). {MEASURE_AGAIN}") from cause


def _series(rows: list[Any]) -> TrainingSeries:
    head = rows[0]
    levels, shares = _array(head["levels"]), _array(head["shares"])
    seen = None if head["seen_shares"] is None else _array(head["seen_shares"])
    rising = levels.ndim == 1 and len(levels) > 1 and bool((np.diff(levels) > 0).all())
    require(rising and levels[0] > 0, "levels", "must be SNRs, increasing")
    own = (head["dimension"], str(head["data"]), head["seed"])
    series = TrainingSeries(levels, shares, int(own[0]), own[1], int(own[2]), seen)
    for row in rows[1:]:
        series = series.with_checkpoint(
            Snapshot(
                str(row["name"]),
                None if row["step"] is None else int(row["step"]),
                _errors(row["held_out"], levels, shares),
                None if row.get("seen") is None or seen is None
                else _errors(row["seen"], levels, seen),
            )
        )  # fmt: skip
    return series


def _array(values: Any) -> Array:
    array = np.asarray(values, dtype=np.float64)
    require(bool(np.isfinite(array).all()), "series", "must hold finite numbers")
    return array


def _errors(values: Any, levels: Array, shares: Array) -> Array:
    array, shape = _array(values), (len(levels), len(shares))
    require(array.shape == shape, "errors", f"must have shape {shape}", array.shape)
    return array
