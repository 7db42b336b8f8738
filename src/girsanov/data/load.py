"""The one door for data: a file, a folder, a word, or an array in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from .._checks import InputError, need, refuse, require, require_choice, shown
from .arrays import array_rows
from .dataset import Dataset
from .folders import data_files, npy_rows, parquet_columns
from .hugging_face import HUB, hub_set, is_saved, saved_set
from .images import read_folder
from .numpy_files import read_npy, read_npz
from .streaming import Rows
from .table.csv_files import read_csv
from .table.parquet_files import read_parquet
from .table.selected_columns import Found, Wanted
from .table.tables import (
    CATEGORY_LIMIT,
    column,
    frame_columns,
    structured_columns,
    table_rows,
)
from .table.values import Categories, Gapped, Values

ACCEPTED = (
    ".npy, .npz, .csv, .parquet, a folder of images, of .npy or of .parquet files, "
    "or the word digits"
)
NO_COLUMN = "must name a column of a table or an array of a .npz; this data has neither"


CLASS_ORDERS = ("number", "text")


class Loaded(NamedTuple):
    """Rows with the labels that came with them: codes with names, a column, or nothing."""

    rows: Rows
    labels: Values | None = None
    names: tuple[str, ...] | None = None


def load_data(
    source: Any,
    *,
    labels: str | NDArray[Any] | None = None,
    drop: Sequence[str] = (),
    only: Sequence[str] = (),
    like: Any = None,
    name: str | None = None,
    class_order: str = "number",
) -> Dataset:
    """Return a data set; its rows stay where they are and are read when asked for.

    source: path to a `.npy` (memory-mapped), `.npz`, `.csv` (with a header), `.parquet`, a
    folder of images (sub-folders are labels), of `.npy` or of `.parquet` files (their rows end
    to end), or of a saved Hugging Face data set; ``hub:owner/name@split``, the only thing that
    is ever fetched; the word ``digits`` (scikit-learn's); a NumPy array (structured: a table), a
    torch tensor, or a data frame. Arrays are not copied.
    labels: a table's column, a `.npz`'s array, or one label per row [n] (whole numbers or text).
    drop: columns of a table to leave out, unread; only: or those to keep (and the labels). What
    was left out is recorded in a model that is fitted on it, and like, such a model, leaves out
    the same of other data that has these columns.
    name: what to call it in reports; the file's name by default. class_order: which class of a
    pipeline without class names a label is that is a whole number: by ``number``, or sorted as
    ``text``, as loaders of image folders number folders 0, 1, 10, 11, 2, ...
    Raises InputError, one line, for whatever cannot be used.
    """
    what = str(source) if isinstance(source, str | Path) else type(source).__name__
    column_name = labels if isinstance(labels, str) else None
    wanted = Wanted.asked(drop, only, column_name, like)
    try:
        loaded = _load(source, wanted, what)
    except OSError as cause:
        raise InputError(f"{what}: cannot be read ({cause.strerror or cause})") from cause
    if labels is not None and column_name is None:
        loaded = Loaded(loaded.rows, _given_labels(labels))
    codes, names = _label_codes(loaded, what)
    title = Path(what).name if isinstance(source, str | Path) else what
    made = Dataset(loaded.rows, name or title or what, labels=codes, label_names=names)
    made.class_order = require_choice("class_order", class_order, CLASS_ORDERS)
    return made


def _load(source: Any, wanted: Wanted, what: str) -> Loaded:
    if isinstance(source, str | Path):
        return _from_word(str(source), wanted)
    if isinstance(source, torch.Tensor):
        return _from_array(_tensor_array(source), wanted, what)
    if isinstance(source, np.ndarray):
        return _from_array(source, wanted, what)
    if hasattr(source, "columns") and hasattr(source, "to_numpy"):
        return _from_columns(frame_columns(source, what, wanted), wanted, what)
    if hasattr(source, "to_numpy"):
        return _from_array(np.asarray(source.to_numpy()), wanted, what)
    refuse("source", f"must be a path ({ACCEPTED}), an array, a tensor or a data frame", what)


def _given_labels(labels: Any) -> NDArray[Any]:
    try:
        return np.asarray(labels)
    except (TypeError, ValueError):  # of lists of several lengths
        refuse("labels", "must be one for each row, whole numbers or text", labels)


def _from_word(source: str, wanted: Wanted) -> Loaded:
    path = Path(source)
    if source == "digits":
        return _digits(wanted)
    if source.startswith(HUB):
        return Loaded(*hub_set(source, wanted))
    if path.is_dir():
        return _from_folder(path, wanted)
    require(
        path.suffix.lower() in (".npy", ".npz", ".csv", ".parquet"),
        source,
        f"must be {ACCEPTED}",
        path.suffix or "no such folder",
    )
    require(path.is_file(), source, "must be an existing file", "no such file")
    require(path.stat().st_size > 0, source, "must not be empty", "0 bytes")
    match path.suffix.lower():
        case ".npy":
            return _from_array(read_npy(path), wanted, source)
        case ".npz":
            rows, found = read_npz(path, wanted.labels)
            alone = replace(wanted, labels=None)
            return _from_array(rows, alone, source)._replace(labels=found)
        case ".csv":
            return _from_columns(read_csv(path, wanted), wanted, source)
        case _:
            return _from_columns(read_parquet(path, wanted), wanted, source)


def _from_folder(path: Path, wanted: Wanted) -> Loaded:
    what, files = str(path), data_files(path)
    if is_saved(path):
        return Loaded(*saved_set(path, wanted))
    if files and files[0].suffix.lower() == ".parquet":
        return _from_columns(parquet_columns(files, what, wanted), wanted, what)
    _require_no_columns(wanted)
    return Loaded(npy_rows(files, what)) if files else Loaded(*read_folder(path))


def _require_no_columns(wanted: Wanted) -> None:
    """Refuse names of columns for data that has none."""
    require(wanted.labels is None, "labels", NO_COLUMN, wanted.labels)
    names = ", ".join((*wanted.drop, *wanted.only))
    argument = "drop" if wanted.drop else "only"
    require(not wanted.asks, argument, "must name columns of a table; this data has none", names)


def _digits(wanted: Wanted) -> Loaded:
    _require_no_columns(wanted)
    digits = need("sklearn.datasets", "demo").load_digits()
    return Loaded(array_rows(digits.images.astype(np.uint8), "digits"), digits.target)


def _from_array(values: NDArray[Any], wanted: Wanted, what: str) -> Loaded:
    if values.dtype.names is not None:
        return _from_columns(structured_columns(values, what, wanted), wanted, what)
    _require_no_columns(wanted)
    return Loaded(array_rows(values, what))


def _from_columns(columns: Found, wanted: Wanted, what: str) -> Loaded:
    labels = wanted.labels
    found = columns.get(labels) if labels is not None else None
    if labels is not None and found is None:
        refuse("labels", f"must be a column of {what} ({', '.join(columns)})", labels)
    rest = {name: values for name, values in columns.items() if name != labels}
    return Loaded(table_rows(rest, what), found)


def _tensor_array(tensor: torch.Tensor) -> NDArray[Any]:
    try:
        plain = tensor.detach().cpu()
        # NumPy has no bfloat16.
        values: NDArray[Any] = (plain.float() if plain.dtype == torch.bfloat16 else plain).numpy()
    except (TypeError, RuntimeError) as cause:
        raise InputError(f"source: must be a dense tensor; {shown(str(cause))}") from cause
    return values


def _label_codes(loaded: Loaded, what: str) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Return labels as codes [n] into names, sorted: as numbers if they are, else as text."""
    values, where = loaded.labels, f"labels of {what}"
    if values is None:
        return None, ()
    require(
        len(values) == len(loaded.rows),
        where,
        f"must be one for each of {len(loaded.rows)} rows",
        len(values),
    )
    if loaded.names is not None and isinstance(values, np.ndarray):
        return values, loaded.names
    known = column(values, "labels", what) if isinstance(values, np.ndarray) else values
    gaps = isinstance(known, Gapped) or (isinstance(known, Categories) and "" in known.names)
    require(not gaps, where, "must not be missing in any row", None, "Drop those rows")
    if isinstance(known, Categories):
        return known.codes.astype(np.int64), known.names
    assert isinstance(known, np.ndarray)  # neither categories nor with gaps
    kind = known.dtype.kind
    whole = kind in "biu" or (kind == "f" and bool((known == np.rint(known)).all()))
    require(whole, where, "must be whole numbers or text", str(known.dtype))
    distinct, codes = np.unique(known, return_inverse=True)
    rule = f"must have at most {CATEGORY_LIMIT} distinct values"
    require(len(distinct) <= CATEGORY_LIMIT, where, rule, len(distinct))
    numbers = [int(v) if kind == "f" else v for v in distinct.tolist()]
    return codes.astype(np.int64), tuple(map(str, numbers))
