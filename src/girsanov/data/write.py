"""Samples in the user's units to a file or a folder, whole or not at all.

What a file can hold is said by its kind (`formats/data_format.py`); a folder holds images as PNG.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._checks import need, require
from .._files import replacing
from .formats.data_format import DataFormat, Samples
from .formats.png_folders import require_replaceable, write_png_folder
from .formats.registry import FORMATS, data_format_of
from .standardise import ImageStandardisation, Standardisation

if TYPE_CHECKING:
    from .._typing import PathLike

WHOLE_NUMBER = re.compile(r"-?(0|[1-9]\d{0,17})")


def check_destination(
    path: PathLike,
    standardisation: Standardisation,
    *,
    force: bool = False,
    labelled: bool = False,
) -> None:
    """Refuse, before any work is done, a destination that `write_samples` could not write to.

    path: where the samples will go; a folder ends in "/", exists, or (for images) has no suffix;
    force: whether something that exists may be replaced; labelled: whether labels come along.
    Raises InputError for a suffix that cannot hold such samples, for something that exists, and
    for a place that cannot be written to. A folder that holds other things than numbered PNG
    files is never replaced.
    """
    target, image = Path(path), isinstance(standardisation, ImageStandardisation)
    if _is_folder(path, standardisation):
        rule, remedy = "a folder can hold images only", "Name a .npy or .csv file"
        require(image, str(path), rule, None, remedy)
        require_replaceable(target, force)
    else:
        _check_file(path, image, _is_flat(standardisation), labelled)
        there = target.exists() and not force
        require(not there, str(path), "already exists", None, "Remove it or use --force")
    file_format = data_format_of(path)
    if file_format is not None and file_format.extra is not None:
        need(*file_format.extra)
    parent = next(p for p in target.absolute().parents if p.exists())
    rule = "must be in a folder that can be written to"
    require(parent.is_dir() and os.access(parent, os.W_OK), str(path), rule, str(parent))


def _is_flat(standardisation: Standardisation) -> bool:
    """Return whether an example is a row of a table, or numbers along one axis."""
    return len(getattr(standardisation, "example", ())) < 2


def _check_file(path: PathLike, image: bool, flat: bool, labelled: bool) -> None:
    """Refuse a kind of file that cannot hold such samples with their labels.

    flat: whether each is a row of a table or of numbers.
    """
    able = [f for f in FORMATS.values() if f.pictures or flat]
    file_format, suffix = data_format_of(path), Path(path).suffix.lower()
    choice = ", ".join(f.suffix for f in able) + (" or a folder (ending in /)" if image else "")
    require(file_format in able, str(path), f"must end in {choice}", suffix or "no suffix")
    room = file_format is None or file_format.labels or not labelled
    roomy = next(f.suffix for f in able if f.labels)
    require(room, str(path), "has no room for labels", None, f"Name a {roomy} file instead")


def write_samples(
    decoded: NDArray[Any],
    standardisation: Standardisation,
    path: PathLike,
    *,
    labels: NDArray[np.int64] | None = None,
    label_names: Sequence[str] = (),
    force: bool = False,
    reading: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write samples in the user's units to `path`, whole or not at all.

    decoded: what `standardisation.decode` returned, [n, ...]; labels: codes [n] into
    `label_names`; reading: `Dataset.reading` of the data, whose names samples and labels get.
    Raises InputError as `check_destination` does, and if the writing fails.
    """
    check_destination(path, standardisation, force=force, labelled=labels is not None)
    example = getattr(standardisation, "example", ())
    rule = f"must be what decode returned, rows of shape {example}"
    require(decoded.shape[1:] == example, "decoded", rule, decoded.shape)
    if labels is not None:
        require(len(labels) == len(decoded), "labels", "must be one per sample", len(labels))
    values = None if labels is None else _label_values(labels, label_names)
    if isinstance(standardisation, ImageStandardisation) and _is_folder(path, standardisation):
        write_png_folder(decoded, standardisation, values, Path(os.path.realpath(path)))
        return
    with replacing(path) as temporary:
        names = (reading.get(key) for key in ("labels", "array", "after_labels"))
        _kind(path).write(Samples(decoded, standardisation, values, *names), temporary)


def label_column(
    path: PathLike, values: NDArray[Any], reading: Mapping[str, str] = MappingProxyType({})
) -> str | None:
    """Return what `write_samples` calls the labels in a file; a folder of images needs no name."""
    file_format, label = data_format_of(path), reading.get("labels")
    taken = values.dtype.names or ()
    return None if file_format is None else file_format.label_name(taken, label)


def _kind(path: PathLike) -> DataFormat:
    return FORMATS[Path(path).suffix.lower()]


def _is_folder(path: PathLike, standardisation: Standardisation) -> bool:
    # A Path has lost the slash that a user typed, hence the third way to mean a folder.
    bare = Path(path).suffix == "" and isinstance(standardisation, ImageStandardisation)
    return str(path).endswith(("/", os.sep)) or Path(path).is_dir() or bare


def _label_values(labels: NDArray[np.int64], names: Sequence[str]) -> NDArray[Any]:
    """Return labels as the names they stand for: whole numbers if all names are."""
    if not names:
        return labels
    whole = all(WHOLE_NUMBER.fullmatch(name) for name in names)
    return np.asarray([int(name) for name in names] if whole else list(names))[labels]
