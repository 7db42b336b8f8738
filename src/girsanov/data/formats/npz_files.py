"""NumPy's `.npz`: several arrays, unpacked within a limit; never unpickled."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..._checks import InputError, refuse, require
from .data_format import UNPACK_LIMIT, DataFormat, Loaded, Samples, from_array
from .npy_header import UNPARSED, brief, content_bytes

if TYPE_CHECKING:
    from ..table.selected_columns import Wanted

DATA_KEYS = ("x", "data", "images")
LABEL_KEYS = ("y", "labels", "label")


class Npz(DataFormat):
    """An array of any shape and its labels.

    The rows are the array `x`, `data` or `images`, or the only one besides the labels; the labels
    are the array that the user names, or else `y`, `labels` or `label`. An array that would
    unpack to more than 4 GiB is refused by its header, before any of it is read.
    """

    suffix, pictures = ".npz", True

    def read(self, path: Path, wanted: Wanted) -> Loaded:
        """Return the rows and labels of a file."""
        what = str(path)
        try:
            with zipfile.ZipFile(path) as archive:
                keys = [n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy")]
                data, label = _keys(keys, wanted.label_among(keys), what)
                rows = _read_member(archive, data, what)
                labels = None if label is None else _read_member(archive, label, what)
        except InputError:
            raise
        except (*UNPARSED, zipfile.BadZipFile, zlib.error, RuntimeError) as cause:
            raise InputError(f"{path}: must be a whole .npz file; {brief(cause)}") from cause
        unlabelled = replace(wanted, labels=None, labels_before=None)
        loaded = from_array(rows, unlabelled, what)
        names = {"array": data} | ({} if label is None else {"labels": label})
        return loaded._replace(labels=labels, reading=names)

    def write(self, samples: Samples, path: Path) -> None:
        """Write samples and labels under the data's own names, or as `x` and `y`."""
        label = self.label_name([], samples.label)
        rows = samples.array or ("x" if label != "x" else "data")
        arrays = {rows: samples.rows}
        arrays |= {} if samples.labels is None else {label: samples.labels}
        with open(path, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    def label_name(self, taken: Sequence[str], label: str | None = None) -> str:
        """Return the name of the array of labels."""
        return label or "y"


def _keys(keys: list[str], wanted: str | None, what: str) -> tuple[str, str | None]:
    """Return which array holds the rows, and which the labels."""
    listed = ", ".join(keys) or "no array"
    if wanted is not None:
        rule = f"must name an array of {what}"
        require(wanted in keys, "labels", rule, wanted, f"It has {listed}")
    label = wanted or next((key for key in LABEL_KEYS if key in keys), None)
    others = [key for key in keys if key != label]
    named = [key for key in DATA_KEYS if key in others]
    if named or len(others) == 1:
        return (named or others)[0], label
    # The only array may be called "label" and still be the data.
    if wanted is None and len(keys) == 1:
        return keys[0], None
    refuse(what, "must have an array x, data or images, or one array besides its labels", listed)


def _read_member(archive: zipfile.ZipFile, key: str, path: str) -> NDArray[Any]:
    info, what = archive.getinfo(f"{key}.npy"), f"{path} array {key}"
    with archive.open(info) as file:
        content = content_bytes(file, what)
        room = info.file_size - file.tell()
    rule, remedy = f"must unpack to at most {UNPACK_LIMIT} bytes", "Save it as .npy instead"
    require(content <= UNPACK_LIMIT, what, rule, content, remedy)
    require(content == room, what, f"must have {content} bytes below its header", room)
    with archive.open(info) as file:
        values: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return values
