"""Data sets of Hugging Face `datasets` (the extra `datasets`): saved on this disk, or streamed.

A folder that `save_to_disk` wrote is read as it is. Only a name of the form
``hub:owner/name@split`` is ever fetched, as a stream, and not with `HF_HUB_OFFLINE=1`; no code
of the data set's own is run. Rows come a batch at a time and are kept in a temporary file
(`spool.py`). The rows are the one column of images or of arrays of one size, and other columns are
then left aside; with no such column they are a table of the columns of numbers and text. The
only column of class labels gives the labels, unless another one is named.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..._checks import InputError, need, refuse, require, shown
from ..arrays import array_rows
from ..table.spool import Spool, gathered
from .arrow_tables import arrow_columns, index_columns
from .data_format import Loaded, from_columns
from .pictures import Kind, common_kind, kind_of, opened_picture, pixels_of, upright_size

if TYPE_CHECKING:
    from ..table.selected_columns import Wanted

DATA_HUB = "hub:"
PICTURE_ROWS = 256  # rows of pictures or arrays decoded at a time
TABLE_ROWS = 2**14  # rows of a table
PICTURES = ("Image",)
ARRAYS = ("Array2D", "Array3D", "Sequence", "List", "LargeList")


def is_saved(folder: Path) -> bool:
    """Return whether `save_to_disk` of Hugging Face datasets wrote this folder."""
    return any((folder / name).is_file() for name in ("dataset_dict.json", "state.json"))


def saved_set(folder: Path, wanted: Wanted) -> Loaded:
    """Return the rows of a folder that `save_to_disk` wrote."""
    what = str(folder)
    if (folder / "dataset_dict.json").is_file():
        parts = ", ".join(sorted(p.name for p in folder.iterdir() if p.is_dir()))
        refuse(what, "holds several data sets", parts, f"Name one: {folder}/NAME")
    library = need("datasets", "datasets")
    with _quiet(library, what):
        source = library.load_from_disk(str(folder))
        # Arrow trusts the places that a file names, and a damaged one makes it read elsewhere
        source.data.table.validate(full=True)
        return _rows_of(source, wanted, what)


def hub_set(name: str, wanted: Wanted) -> Loaded:
    """Return the rows of ``hub:owner/name@split`` (by default train), fetched as a stream."""
    library = need("datasets", "datasets")
    place, _, split = name.removeprefix(DATA_HUB).partition("@")
    require(bool(place), "source", "must name a data set: hub:owner/name@split", name)
    with _quiet(library, name):
        source = library.load_dataset(place, split=split or "train", streaming=True)
        return _rows_of(source, wanted, name)


@contextmanager
def _quiet(library: Any, what: str) -> Iterator[None]:
    """Do without the library's progress bars, and say in a line about `what` what it raises."""
    library.disable_progress_bars()
    # without a network it tells of every retry, and then fails with the same words
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        yield
    except InputError:
        raise
    except Exception as cause:  # from many packages: they share no class that could be named
        why = shown(str(cause) or type(cause).__name__, 160)
        raise InputError(f"{what}: cannot be read; {why}") from cause


def _rows_of(source: Any, wanted: Wanted, what: str) -> Loaded:
    """Return the rows and labels of a data set of the library's, map-style or streamed."""
    kinds = {name: type(feature).__name__ for name, feature in (source.features or {}).items()}
    require(bool(kinds), what, "must say which columns it has", "none")
    labels = wanted.label_among(kinds)
    rule = f"must be a column of {what} ({', '.join(kinds)})"
    require(labels is None or labels in kinds, "labels", rule, labels)
    classes = [name for name, kind in kinds.items() if kind == "ClassLabel"]
    label = labels or (classes[0] if len(classes) == 1 else None)
    wide = [n for n, kind in kinds.items() if kind in (*PICTURES, *ARRAYS) and n != label]
    if not wide:
        return _table(source, replace(wanted, labels=label, labels_before=None), classes, what)
    rule = "must have one column of pictures or arrays"
    require(len(wide) == 1, what, rule, ", ".join(wide), "Select one with select_columns")
    picture = kinds[wide[0]] in PICTURES
    rows_of = _Pictures(source, wide[0], what) if picture else _Arrays(wide[0], what)
    codes = Spool(f"{what} column {label!r}")
    for batch in _batches(
        rows_of.raw(source), [wide[0], *([label] if label else [])], PICTURE_ROWS
    ):
        rows_of.append(batch[wide[0]])
        if label:
            codes.append(np.asarray(batch[label]))
    require(not wanted.asks, "drop", "must name columns of a table; this data is none")
    rows = array_rows(rows_of.rows(), what, wanted.written.rows)
    if label is None:
        return Loaded(rows)
    loaded = Loaded(rows, np.array(codes.rows()), reading={"labels": label})
    return _named(loaded, source, label) if label in classes else loaded


def _batches(source: Any, names: list[str], size: int) -> Iterator[dict[str, list[Any]]]:
    yield from source.select_columns(names).with_format(None).iter(batch_size=size)


class _Arrays:
    """The rows of a column of arrays of one shape."""

    def __init__(self, name: str, what: str) -> None:
        self.spool = Spool(f"{what} column {name!r}")

    def raw(self, source: Any) -> Any:
        """Return the data set as it is read."""
        return source

    def append(self, values: Iterable[Any]) -> None:
        """Keep some rows."""
        self.spool.append(np.asarray(list(values)))  # ragged lists fail, and `_quiet` refuses them

    def rows(self) -> NDArray[Any]:
        """Return all rows [n, ...]."""
        return self.spool.rows()


class _Pictures(_Arrays):
    """The rows of a column of pictures of one size, by the rule of folders (`pictures.py`)."""

    def __init__(self, source: Any, name: str, what: str) -> None:
        super().__init__(name, what)
        self.name, self.feature, self.count = name, source.features[name], 0
        self.size: tuple[int, int] | None = None
        self.kind: Kind | None = None

    def raw(self, source: Any) -> Any:
        """Return the data set with its files in place of what the library makes of them."""
        return source.cast_column(self.name, type(self.feature)(decode=False))

    def append(self, values: Iterable[Any]) -> None:
        """Keep some pictures; all become coloured with the first that is."""
        chosen: list[NDArray[Any]] = []
        for value in values:
            what = f"{self.spool.what} row {self.count}"
            with self._opened(value, what) as image:
                kind, size = kind_of(image, what), upright_size(image)
                both = common_kind(self.kind, kind, what)
                self.size, self.count = self.size or size, self.count + 1
                if both != (self.kind or both):
                    self._colour()
                    chosen = [np.stack([one] * 3, axis=-1) for one in chosen]
                self.kind = both
                chosen.append(pixels_of(image, both, self.size, what))
        self.spool.append(np.stack(chosen))

    def _colour(self) -> None:
        """Make what was kept so far coloured."""
        grey, self.spool = self.spool, Spool(self.spool.what)
        rows = grey.rows() if grey.count else ()
        for first in range(0, len(rows), PICTURE_ROWS):
            self.spool.append(np.stack([rows[first : first + PICTURE_ROWS]] * 3, axis=-1))

    @contextmanager
    def _opened(self, value: Any, what: str) -> Iterator[Any]:
        told = value if isinstance(value, dict) else {}
        held, path = told.get("bytes"), Path(str(told.get("path")))
        if held is None and not path.is_file():
            yield self.feature.decode_example(value)  # of the hub, which the library fetches
            return
        with opened_picture(path if held is None else bytes(held), what) as image:
            deep = kind_of(image, what) == "deep"
            yield image if deep or not self.feature.mode else image.convert(self.feature.mode)


def _table(source: Any, wanted: Wanted, classes: list[str], what: str) -> Loaded:
    """Return a table and its labels; classes: the columns of class labels, which have names."""
    parts = source.with_format("arrow").iter(batch_size=TABLE_ROWS)
    kept = wanted.of(list(source.features), what, index_columns(source.features.arrow_schema))
    columns = gathered((arrow_columns(part, what, kept) for part in parts), what)
    loaded, label = from_columns(columns, wanted, what), wanted.labels
    return _named(loaded, source, label) if label in classes else loaded


def _named(loaded: Loaded, source: Any, label: str) -> Loaded:
    """Return class labels with the names that the data set gives them."""
    names = tuple(str(name) for name in source.features[label].names)
    codes = np.asarray(loaded.labels).astype(np.int64)
    inside = bool(((codes >= 0) & (codes < len(names))).all())
    require(inside, f"labels of {label}", f"must lie in 0..{len(names) - 1}", codes.min())
    return loaded._replace(labels=codes, names=names)
