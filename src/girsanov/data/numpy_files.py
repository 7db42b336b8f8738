"""NumPy's files: `.npy`, memory-mapped, and `.npz`, unpacked within a limit; never unpickled."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._checks import InputError, refuse, require

UNPACK_LIMIT = 4 * 2**30  # bytes; a .npz is held in memory, so what is larger must be .npy
DATA_KEYS = ("x", "data", "images")
LABEL_KEYS = ("y", "labels", "label")
BROKEN = (
    ValueError, EOFError, OverflowError, TypeError, SyntaxError, KeyError, MemoryError,
    tokenize.TokenError,  # NumPy tokenizes a header that it cannot parse
)  # fmt: skip


class NpzContent(NamedTuple):
    """The rows of a `.npz` and, if it has them, its labels [n]."""

    rows: NDArray[Any]
    labels: NDArray[Any] | None


def read_npy(path: Path) -> NDArray[Any]:
    """Return a `.npy` file memory-mapped; nothing of it is unpickled."""
    what = str(path)
    try:
        with open(path, "rb") as file:
            content = _content(file, what)
            room = path.stat().st_size - file.tell()
        rule = f"must be a whole .npy file, with {content} bytes below its header"
        require(content <= room, what, rule, room)
        return np.lib.format.open_memmap(path, mode="r")
    except InputError:
        raise
    except BROKEN as cause:
        raise InputError(f"{path}: must be a whole .npy file; {_brief(cause)}") from cause


def read_npz(path: Path, label_key: str | None) -> NpzContent:
    """Return the rows and labels of a `.npz`.

    The rows are the array `x`, `data` or `images`, or the only one besides the labels; the
    labels are `label_key`, or else `y`, `labels` or `label`. An array that would unpack to more
    than 4 GiB is refused by its header, before any of it is read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            keys = [n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy")]
            data, label = _npz_keys(keys, label_key, str(path))
            rows = _read_member(archive, data, str(path))
            labels = None if label is None else _read_member(archive, label, str(path))
            return NpzContent(rows, labels)
    except InputError:
        raise
    except (*BROKEN, zipfile.BadZipFile, zlib.error, RuntimeError) as cause:
        raise InputError(f"{path}: must be a whole .npz file; {_brief(cause)}") from cause


def _npz_keys(keys: list[str], wanted: str | None, what: str) -> tuple[str, str | None]:
    found = ", ".join(keys) or "no array"
    if wanted is not None:
        require(
            wanted in keys, "labels", f"must name an array of {what}", wanted, f"It has {found}"
        )
    label = wanted or next((key for key in LABEL_KEYS if key in keys), None)
    others = [key for key in keys if key != label]
    named = [key for key in DATA_KEYS if key in others]
    if named or len(others) == 1:
        return (named or others)[0], label
    # The only array may be called "label" and still be the data.
    if wanted is None and len(keys) == 1:
        return keys[0], None
    refuse(what, "must have an array x, data or images, or one array besides its labels", found)


def _read_member(archive: zipfile.ZipFile, key: str, path: str) -> NDArray[Any]:
    info, what = archive.getinfo(f"{key}.npy"), f"{path} array {key}"
    with archive.open(info) as file:
        content = _content(file, what)
        room = info.file_size - file.tell()
    rule, remedy = f"must unpack to at most {UNPACK_LIMIT} bytes", "Save it as .npy instead"
    require(content <= UNPACK_LIMIT, what, rule, content, remedy)
    require(content == room, what, f"must have {content} bytes below its header", room)
    with archive.open(info) as file:
        values: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return values


def _content(file: IO[bytes], what: str) -> int:
    """Read the header of a `.npy` and return how many bytes must follow it."""
    version = np.lib.format.read_magic(file)
    # Version 3 differs from 2 in the encoding of field names only.
    old = version == (1, 0)
    read = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    require(not dtype.hasobject, what, "must hold numbers", "Python objects")
    require(all(n >= 0 for n in shape), what, "must have a shape", shape)
    return math.prod(shape) * dtype.itemsize


def _brief(cause: BaseException) -> str:
    return " ".join(str(cause).split())[:120] or type(cause).__name__
