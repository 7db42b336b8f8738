"""The one door for data: a file, a folder, a word, or an array in memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import NDArray

from .._checks import InputError, need, refuse, require, require_choice, shown
from .._signatures import takes
from .arrays import ArrayRows, array_rows
from .dataset import CLASS_ORDERS, Dataset
from .formats.data_format import Loaded, from_array, from_columns, refuse_columns
from .formats.hugging_face import DATA_HUB, hub_set, is_saved, saved_set
from .formats.image_folders import read_image_folder
from .formats.registry import FORMATS, data_format_of, suffixes
from .rows import LABEL_READING
from .table.selected_columns import AsWritten, Wanted, WrittenKeywords, reading_of
from .table.tables import CATEGORY_LIMIT, TableRows, column, frame_columns
from .table.values import Categories, Gapped
from .torch_sets import is_of_torch, read_set

if TYPE_CHECKING:
    from .._typing import Json

SHEETS = (".xlsx", ".xls", ".xlsm", ".ods", ".numbers")


class LoadKeywords(WrittenKeywords, total=False):
    """The fields of `LoadOptions` by name, each of which may be left out."""

    given: Any


@dataclass(frozen=True, kw_only=True)
class LoadOptions(AsWritten):
    """How to read a source, and what its rows are given."""

    given: Any = None


@takes(LoadOptions)
def load_data(
    source: Any,
    *,
    labels: str | NDArray[Any] | None = None,
    drop: Sequence[str] = (),
    only: Sequence[str] = (),
    like: Any = None,
    name: str | None = None,
    class_order: str = "number",
    **options: Unpack[LoadKeywords],
) -> Dataset:
    """Return a data set; its rows stay where they are and are read when asked for.

    source: path to a `.npy` (memory-mapped), `.npz`, `.csv` (with a header), `.parquet`, a
    folder of images (sub-folders are labels), of `.npy` or of `.parquet` files (their rows end
    to end), or of a saved Hugging Face data set; ``hub:owner/name@split``, the only thing that
    is ever fetched; the word ``digits`` (scikit-learn's); a NumPy array (structured: a table), a
    torch tensor, or a data frame, which are not copied; a data set or loader of torch, or a
    generator of batches, with or without labels, which is read once into memory.
    labels: a table's column, a `.npz`'s array, or one label per row [n] (whole numbers or text).
    given: conditions y for a model of x given y: names of columns of the table, which are then no
    part of x, or another source of as many rows: numbers, categories, dates and gaps, or pictures.
    drop: columns of a table to leave out, unread; only: or those to keep (and the labels). What
    was left out is recorded in a model that is fitted on it, and like, such a model, leaves out
    the same of other data that has these columns, whose labels and ways of writing it knows too.
    name: what to call it in reports; the file's name by default. class_order: which class of a
    pipeline without class names a label is that is a whole number: by ``number``, or sorted as
    ``text``, as loaders of image folders number folders 0, 1, 10, 11, 2, ...
    rows: ``series`` where rows of numbers ([n, L], [n, C, L], a table) are series; what arrays of
    more axes are taken for is in `layouts.py`. decimal, dates: as `AsWritten` says.
    Raises InputError, one line, for whatever cannot be used.
    """
    path = isinstance(source, str | Path)
    what = str(source) if path else type(source).__name__
    column_name = labels if isinstance(labels, str) else None
    asked = LoadOptions(**options)
    given, columns = asked.given, _given_columns(asked.given, like)
    title = name or (Path(what).name if path else what) or what
    wanted = Wanted.asked(drop, only, column_name, like, asked)
    if given is not None or columns:
        remedy = "Name their column in given"
        require(labels is None, "labels", "cannot stand beside given", labels, remedy)
        y_of = source if columns else given
        return _beside(source, load_given(y_of, columns, written=wanted.written), wanted, title)
    loaded = _loaded(source, wanted)
    if labels is not None and column_name is None:
        loaded = loaded._replace(labels=_given_labels(labels), names=None)
    loaded = _noted(loaded, wanted.written.rows, what)
    codes, names = _label_codes(loaded, what)
    order = require_choice("class_order", class_order, CLASS_ORDERS)
    return Dataset(
        loaded.rows, title, labels=codes, label_names=names, class_order=order,
        notes=loaded.notes, reading=dict(loaded.reading),
    )  # fmt: skip


def load_given(
    source: Any, columns: Sequence[str] = (), *, written: AsWritten | None = None
) -> Dataset:
    """Return conditions y as a data set of one row or more: columns of a table, or a source.

    columns: by name, () for all; written: how to read what may mean two things.
    """
    told = replace(written or AsWritten(), rows=None)
    loaded = _loaded(source, Wanted(only=tuple(columns), written=told, given=True))
    reading = {"given": json.dumps(columns)} if columns else {}
    return Dataset(loaded.rows, "given", notes=loaded.notes, reading=reading)


def _loaded(source: Any, wanted: Wanted) -> Loaded:
    path = isinstance(source, str | Path)
    what = str(source) if path else type(source).__name__
    try:
        return _from_word(what, wanted) if path else _from_memory(source, wanted, what)
    except OSError as cause:
        raise InputError(f"{what}: cannot be read ({cause.strerror or cause})") from cause


def _given_columns(given: Any, like: Any) -> tuple[str, ...]:
    """Return the columns of the source that are conditions, () where another source holds them."""
    if given is None:
        return columns_given(reading_of(like))
    if isinstance(given, str):
        return () if is_source(given) else tuple(name.strip() for name in given.split(","))
    named = isinstance(given, list | tuple) and all(isinstance(n, str) for n in given)
    return tuple(given) if named else ()


def is_source(word: str) -> bool:
    """Return whether a word names a file or a folder, and no column."""
    return data_format_of(word) is not None or Path(word).exists() or word.startswith(DATA_HUB)


def columns_given(reading: Json) -> tuple[str, ...]:
    """Return the columns of conditions that a record of reading names, () if none."""
    try:
        names = json.loads(reading.get("given", "[]"))
    except ValueError:
        names = None
    good = isinstance(names, list) and all(isinstance(name, str) for name in names)
    require(good, "reading", "must name the columns that were given", reading.get("given"))
    return tuple(names)


def _beside(source: Any, beside: Dataset, wanted: Wanted, title: str) -> Dataset:
    """Return rows x with their conditions, whose columns are neither in x nor left out."""
    columns = columns_given(beside.reading)
    if not wanted.only:
        wanted = replace(wanted, drop=tuple(dict.fromkeys((*wanted.drop, *columns))))
    loaded = _loaded(source, replace(wanted, labels_before=None))
    loaded = _noted(loaded, wanted.written.rows, title)
    rows, reading = loaded.rows, {**loaded.reading, **beside.reading}
    rule = f"must have a row for each of the {len(rows)} of {title}"
    require(len(beside) == len(rows), "given", rule, len(beside))
    if isinstance(rows, TableRows):
        left = tuple(column for column in rows.left_out if column not in columns)
        rows = replace(rows, left_out=left)
    for name in LABEL_READING:
        reading.pop(name, None)
    notes = (*loaded.notes, *(note for note in beside.notes if note not in loaded.notes))
    return Dataset(rows, title, beside=beside, notes=notes, reading=reading)


def _noted(loaded: Loaded, rows: str | None, what: str) -> Loaded:
    """Return what was loaded with what it was taken for; refuse what cannot be as asked for."""
    array = loaded.rows if isinstance(loaded.rows, ArrayRows) else None
    if rows == "series":
        series = array is not None and array.are_series
        rule, remedy = (
            "must be an array [n, L] or [n, C, L], or a table of numbers",
            "Read it plain",
        )
        require(series, what, f"{rule}, to be series", None, remedy)
        loaded = loaded._replace(reading={**loaded.reading, "rows": rows})
    if array is None or array.note is None:
        return loaded
    return loaded._replace(notes=(*loaded.notes, array.note))


def accepted() -> str:
    """Return what `load_data` reads, in words."""
    folders = " or ".join(f"of {suffix}" for suffix in suffixes(folders=True))
    return f"{', '.join(FORMATS)}, a folder of images, {folders} files, or the word digits"


def _from_word(source: str, wanted: Wanted) -> Loaded:
    path, file_format = Path(source), data_format_of(source)
    if source == "digits":
        refuse_columns(wanted)
        digits = need("sklearn.datasets", "demo").load_digits()
        return Loaded(array_rows(digits.images.astype(np.uint8), "digits"), digits.target)
    if source.startswith(DATA_HUB):
        return hub_set(source, wanted)
    if path.is_dir():
        return _from_folder(path, wanted)
    require_source(source)
    assert file_format is not None
    return file_format.read(path, wanted)


def require_source(source: str) -> None:
    """Refuse a word that names no data, without opening what it names."""
    path, file_format = Path(source), data_format_of(source)
    if source == "digits" or source.startswith(DATA_HUB) or path.is_dir():
        return
    if file_format is None:
        sheet = "Save it as CSV UTF-8 (in Excel: Save As)" if path.suffix.lower() in SHEETS else ""
        refuse(source, f"must be {accepted()}", path.suffix or "no such folder", sheet)
    require(path.is_file(), source, "must be an existing file", "no such file")
    require(path.stat().st_size > 0, source, "must not be empty", "0 bytes")


def _from_folder(folder: Path, wanted: Wanted) -> Loaded:
    """Return the rows of a saved data set, of data files of one kind, or of images."""
    able = suffixes(folders=True)
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in able and p.is_file())
    files = [p for p in files if not p.name.startswith(".")]
    kinds = sorted({p.suffix.lower() for p in files})
    require(len(kinds) < 2, str(folder), "must hold data files of one kind", " and ".join(kinds))
    if is_saved(folder):
        return saved_set(folder, wanted)
    if files:
        return FORMATS[kinds[0]].read_folder(files, wanted, str(folder))
    refuse_columns(wanted)
    return read_image_folder(folder)


def _from_memory(source: Any, wanted: Wanted, what: str) -> Loaded:
    if hasattr(source, "detach"):  # a tensor, without importing torch for whoever has none
        return from_array(_tensor_array(source), wanted, what)
    if isinstance(source, np.ndarray):
        return from_array(source, wanted, what)
    if hasattr(source, "columns") and hasattr(source, "to_numpy"):
        return from_columns(frame_columns(source, what, wanted), wanted, what)
    if hasattr(source, "to_numpy"):
        return from_array(np.asarray(source.to_numpy()), wanted, what)
    if is_of_torch(source):
        values, labels = read_set(source, what)
        return from_array(values, wanted, what)._replace(labels=labels)
    refuse("source", f"must be a path ({accepted()}), an array, a tensor, a data frame, or a data "
           "set or loader of torch", what)  # fmt: skip


def _tensor_array(tensor: Any) -> NDArray[Any]:
    try:
        plain = tensor.detach().cpu()
        # NumPy has no bfloat16.
        narrow = str(plain.dtype) == "torch.bfloat16"
        values: NDArray[Any] = (plain.float() if narrow else plain).numpy()
    except (TypeError, RuntimeError) as cause:
        raise InputError(f"source: must be a dense tensor; {shown(str(cause))}") from cause
    return values


def _given_labels(labels: Any) -> NDArray[Any]:
    try:
        return np.asarray(labels)
    except (TypeError, ValueError):  # of lists of several lengths
        refuse("labels", "must be one for each row, whole numbers or text", labels)


def _label_codes(loaded: Loaded, what: str) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Return labels as codes [n] into names, sorted: as numbers if they are, else as text."""
    labels, where, count = loaded.labels, f"labels of {what}", len(loaded.rows)
    if labels is None:
        return None, ()
    require(len(labels) == count, where, f"must be one for each of {count} rows", len(labels))
    if loaded.names is not None and isinstance(labels, np.ndarray):
        return labels, loaded.names
    values = column(labels, "labels", what) if isinstance(labels, np.ndarray) else labels
    gaps = isinstance(values, Gapped) or (isinstance(values, Categories) and "" in values.names)
    require(not gaps, where, "must not be missing in any row", None, "Drop those rows")
    if isinstance(values, Categories):
        return values.codes.astype(np.int64), values.names
    assert isinstance(values, np.ndarray)  # neither categories nor with gaps
    kind = values.dtype.kind
    whole = kind in "biu" or (kind == "f" and bool((values == np.rint(values)).all()))
    require(whole, where, "must be whole numbers or text", str(values.dtype))
    distinct, codes = np.unique(values, return_inverse=True)
    rule = f"must have at most {CATEGORY_LIMIT} distinct values"
    require(len(distinct) <= CATEGORY_LIMIT, where, rule, len(distinct))
    numbers = [int(v) if kind == "f" else v for v in distinct.tolist()]
    return codes.astype(np.int64), tuple(map(str, numbers))
