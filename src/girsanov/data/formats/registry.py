"""The kinds of data files by suffix, in the order in which messages and help name them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .csv_files import Csv, Tsv
from .npy_files import Npy
from .npz_files import Npz
from .parquet_files import Parquet

if TYPE_CHECKING:
    from ..._typing import PathLike
    from .data_format import DataFormat

FORMATS: dict[str, DataFormat] = {f.suffix: f for f in (Npy(), Npz(), Csv(), Tsv(), Parquet())}


def data_format_of(path: PathLike) -> DataFormat | None:
    """Return the kind of file that a path's suffix names, None if it names none."""
    return FORMATS.get(Path(path).suffix.lower())


def suffixes(*, folders: bool = False) -> list[str]:
    """Return the suffixes of all kinds, or of those of which a folder is one data set."""
    return [f.suffix for f in FORMATS.values() if f.folders or not folders]
