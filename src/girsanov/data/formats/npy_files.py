"""NumPy's `.npy`: an array of any shape, memory-mapped, and a folder of them; never unpickled.

Rows of a folder are read where they are, file after file in the order of their names.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..._checks import InputError, require
from ..arrays import EndToEnd, array_rows
from .data_format import DataFormat, Loaded, Samples, from_array, refuse_columns
from .npy_header import UNPARSED, brief, content_bytes

if TYPE_CHECKING:
    from ..table.selected_columns import Wanted


class Npy(DataFormat):
    """An array of any shape; it has no room for labels."""

    suffix, pictures, labels, folders = ".npy", True, False, True

    def read(self, path: Path, wanted: Wanted) -> Loaded:
        """Return the rows of a file, memory-mapped."""
        return from_array(read_npy(path), wanted, str(path))

    def read_folder(self, files: Sequence[Path], wanted: Wanted, what: str) -> Loaded:
        """Return the rows of files, which must agree in dtype and in the shape of a row."""
        refuse_columns(wanted)
        arrays = [read_npy(path) for path in files]
        first = arrays[0]
        for path, array in zip(files, arrays, strict=True):
            plain, remedy = array.dtype.names is None, "Keep tables as Parquet files"
            require(plain, str(path), "must hold plain numbers", "named columns", remedy)
            require(array.ndim > 0, str(path), "must have rows", "a single number")
            same = (array.dtype, array.shape[1:]) == (first.dtype, first.shape[1:])
            rule = f"must be like {files[0].name}, {first.dtype} of shape {first.shape[1:]}"
            require(same, str(path), rule, f"{array.dtype} of shape {array.shape[1:]}")
        kept = tuple(a for a in arrays if len(a)) or (first,)
        whole = EndToEnd(kept, np.cumsum([len(a) for a in kept]))
        return Loaded(array_rows(whole, what, wanted.written.rows))

    def write(self, samples: Samples, path: Path) -> None:
        """Write samples as they are."""
        with open(path, "wb") as file:
            np.save(file, samples.rows, allow_pickle=False)


def read_npy(path: Path) -> NDArray[Any]:
    """Return a `.npy` file memory-mapped; nothing of it is unpickled."""
    what = str(path)
    try:
        with open(path, "rb") as file:
            content = content_bytes(file, what)
            room = path.stat().st_size - file.tell()
        rule = f"must be a whole .npy file, with {content} bytes below its header"
        require(content <= room, what, rule, room)
        return np.lib.format.open_memmap(path, mode="r")
    except InputError:
        raise
    except UNPARSED as cause:
        raise InputError(f"{path}: must be a whole .npy file; {brief(cause)}") from cause
