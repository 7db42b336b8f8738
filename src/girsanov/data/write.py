"""Samples in the user's units to a file or a folder, whole or not at all.

`.npy` and `.npz` hold anything; `.csv` and `.parquet` hold tables and vectors (columns x0, x1,
...); a folder holds images as PNG, whose 8 bits show the learnt range [low, high] as 0..255 and
so are exact for 8-bit pictures only. Labels go into the `.npz` (key y), into a column, or into
sub-folders; a `.npy` has no room for them.
"""

from __future__ import annotations

import csv
import itertools
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .._checks import InputError, need, require
from .._files import replacing
from .._typing import PathLike
from .standardise import ImageStandardisation, Standardisation
from .table.columns import NumberColumn, decimals_of
from .table.dates import DateColumn
from .table.missing_values import GapColumn
from .table.table_units import Column, TableStandardisation
from .table.values import missing

OURS = re.compile(r"\d{6,}\.png")
CHUNK_ROWS = 2**14
WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")


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
    target, suffix = Path(path), Path(path).suffix.lower()
    image = isinstance(standardisation, ImageStandardisation)
    if _is_folder(path, standardisation):
        require(
            image, str(path), "a folder can hold images only", None, "Name a .npy or .csv file"
        )
        _require_replaceable(target, force)
    else:
        allowed = (".npy", ".npz") if image else (".npy", ".npz", ".csv", ".parquet")
        choice = ", ".join(allowed) + (" or a folder (ending in /)" if image else "")
        require(suffix in allowed, str(path), f"must end in {choice}", suffix or "no suffix")
        room = not (labelled and suffix == ".npy")
        require(room, str(path), "has no room for labels", None, "Name a .npz file instead")
        there = target.exists() and not force
        require(not there, str(path), "already exists", None, "Remove it or use --force")
    if suffix == ".parquet":
        need("pyarrow.parquet", "parquet")
    parent = next(p for p in target.absolute().parents if p.exists())
    rule = "must be in a folder that can be written to"
    require(parent.is_dir() and os.access(parent, os.W_OK), str(path), rule, str(parent))


def write_samples(
    decoded: NDArray[Any],
    standardisation: Standardisation,
    path: PathLike,
    *,
    labels: NDArray[np.int64] | None = None,
    label_names: Sequence[str] = (),
    force: bool = False,
) -> None:
    """Write samples in the user's units to `path`, whole or not at all.

    decoded: what `standardisation.decode` returned, [n, ...]; labels: codes [n] into
    `label_names`. Raises InputError as `check_destination` does, and if the writing fails.
    """
    check_destination(path, standardisation, force=force, labelled=labels is not None)
    example = getattr(standardisation, "example", ())
    rule = f"must be what decode returned, rows of shape {example}"
    require(decoded.shape[1:] == example, "decoded", rule, decoded.shape)
    if labels is not None:
        require(len(labels) == len(decoded), "labels", "must be one per sample", len(labels))
    values = None if labels is None else _label_values(labels, label_names)
    if isinstance(standardisation, ImageStandardisation) and _is_folder(path, standardisation):
        _write_folder(decoded, standardisation, Path(os.path.realpath(path)), values)
        return
    with replacing(path) as temporary:
        match Path(path).suffix.lower():
            case ".npy":
                with open(temporary, "wb") as file:
                    np.save(file, decoded, allow_pickle=False)
            case ".npz":
                with open(temporary, "wb") as file:
                    if values is None:
                        np.savez(file, x=decoded)
                    else:
                        np.savez(file, x=decoded, y=values)
            case ".csv":
                columns = _columns(decoded, standardisation, values)
                shortened = _shortened(columns, standardisation)
                _write_csv(shortened, _decimals(standardisation), temporary)
            case _:
                _write_parquet(_columns(decoded, standardisation, values), temporary)


def _is_folder(path: PathLike, standardisation: Standardisation) -> bool:
    # A Path has lost the slash that a user typed, hence the third way to mean a folder.
    bare = Path(path).suffix == "" and isinstance(standardisation, ImageStandardisation)
    return str(path).endswith(("/", os.sep)) or Path(path).is_dir() or bare


def _require_replaceable(folder: Path, force: bool) -> None:
    if not folder.exists():
        return
    require(folder.is_dir(), str(folder), "must be a folder", "a file")
    entries = list(folder.iterdir())
    require(
        force or not entries,
        str(folder),
        "must be an empty folder or a new one",
        f"{len(entries)} entries",
        "Choose another or use --force",
    )
    inner = [f for e in entries if e.is_dir() and not e.is_symlink() for f in e.iterdir()]
    files = [e for e in entries if not e.is_dir() or e.is_symlink()]
    for file in (*files, *inner):
        ours = OURS.fullmatch(file.name) is not None
        rule = "holds files that are not numbered PNG images, so it is not replaced"
        require(ours, str(folder), rule, file.name, "Choose another folder")


def _label_values(labels: NDArray[np.int64], names: Sequence[str]) -> NDArray[Any]:
    """Return labels as the names they stand for: whole numbers if all names are."""
    if not names:
        return labels
    whole = all(WHOLE.fullmatch(name) for name in names)
    return np.asarray([int(name) for name in names] if whole else list(names))[labels]


def _columns(
    rows: NDArray[Any], standardisation: Standardisation, labels: NDArray[Any] | None
) -> dict[str, NDArray[Any]]:
    if isinstance(standardisation, TableStandardisation):
        columns = {c.name: _column(rows[c.name], c) for c in standardisation.columns}
    else:
        columns = {f"x{k}": values for k, values in enumerate(rows.reshape(len(rows), -1).T)}
    if labels is not None:
        name = "label"
        while name in columns:
            name += "_"
        columns[name] = labels
    return columns


def _column(values: NDArray[Any], column: Column) -> NDArray[Any]:
    """Return a column in the type of its values that are there, the others masked."""
    if values.dtype.kind == "U":
        gaps = values == ""
        return np.ma.MaskedArray(values, gaps) if gaps.any() else values
    if not isinstance(column, GapColumn):
        return values
    gaps = missing(values)
    held = np.where(gaps, np.zeros(1, values.dtype), values).astype(column.inner.dtype)
    return np.ma.MaskedArray(held, gaps)


def _shortened(
    columns: dict[str, NDArray[Any]], standardisation: Standardisation
) -> dict[str, NDArray[Any]]:
    """Return columns with dates finer than seconds as coarse as their values are given to."""
    dates = {}
    for column in getattr(standardisation, "columns", ()):
        inner = column.inner if isinstance(column, GapColumn) else column
        if isinstance(inner, DateColumn) and inner.unit not in ("D", "m", "s"):
            # ISO 8601 has no times of hours alone
            text = inner.resolution if inner.resolution not in ("h", "m") else "m"
            dates[inner.name] = columns[inner.name].astype(f"M8[{text}]")
    return {**columns, **dates}


def _decimals(standardisation: Standardisation) -> dict[str, int]:
    """Return to how many decimals columns of fractions are written, as in the data: 0.00, 3.50."""
    named = {}
    for column in getattr(standardisation, "columns", ()):
        inner = column.inner if isinstance(column, GapColumn) else column
        if isinstance(inner, NumberColumn) and inner.dtype.kind == "f" and inner.decimals:
            named[inner.name] = inner.decimals
    return named


def _write_csv(columns: dict[str, NDArray[Any]], decimals: dict[str, int], path: Path) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        count = len(next(iter(columns.values())))
        for start in range(0, count, CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            parts = [_texts(values[rows], decimals.get(n)) for n, values in columns.items()]
            writer.writerows(zip(*parts, strict=True))


def _texts(values: NDArray[Any], decimals: int | None = None) -> list[str]:
    # NumPy writes a float32 with as few digits as bring it back; Python would write a float64.
    plain = values.astype(np.int8) if values.dtype.kind == "b" else values
    held = np.ma.getdata(plain)
    if decimals is None or decimals_of(held[~np.isnan(held)], decimals) != decimals:
        texts = [str(text) for text in held.astype(np.str_)]
    else:
        texts = [f"{v + 0.0:.{decimals}f}" for v in held.tolist()]  # no -0.0
    if not isinstance(values, np.ma.MaskedArray):
        return texts
    return ["" if gap else t for t, gap in zip(texts, np.ma.getmaskarray(values), strict=True)]


def _write_parquet(columns: dict[str, NDArray[Any]], path: Path) -> None:
    parquet, arrow = need("pyarrow.parquet", "parquet"), need("pyarrow", "parquet")
    # pyarrow takes the machine's own byte order and one-dimensional, unit-stride arrays.
    made = {}
    for name, values in columns.items():
        plain = np.ma.getdata(values)
        unit = "M8[s]" if plain.dtype in ("M8[h]", "M8[m]") else plain.dtype.newbyteorder("=")
        gaps = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
        made[name] = arrow.array(np.ascontiguousarray(plain.astype(unit)), mask=gaps)
    parquet.write_table(arrow.table(made), path)


def _write_folder(
    images: NDArray[Any],
    standardisation: ImageStandardisation,
    target: Path,
    labels: NDArray[Any] | None,
) -> None:
    """Write PNG files to a folder beside `target`, then let it take the name."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Its contents, not itself, are moved: mkdtemp's folder is closed to other users.
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as place:
            fresh, old = Path(place, "new"), Path(place, "old")
            fresh.mkdir()
            names = {} if labels is None else _folder_names(np.unique(labels).tolist())
            for row, image in enumerate(images):
                folder = fresh if labels is None else fresh / names[labels[row]]
                folder.mkdir(exist_ok=True)
                picture = Image.fromarray(_picture(image, standardisation))
                picture.save(folder / f"{row:06d}.png")
            _swap(fresh, target, old)
    except OSError as cause:
        raise InputError(f"{target}: cannot be written ({cause.strerror or cause})") from cause


def _swap(fresh: Path, target: Path, old: Path) -> None:
    """Give `fresh` the name `target`; what had it becomes `old`, or stays if that fails."""
    if target.exists():
        os.replace(target, old)
    try:
        os.replace(fresh, target)
    except OSError:
        if old.exists():
            os.replace(old, target)
        raise


def _folder_names(labels: Sequence[Any]) -> dict[Any, str]:
    """Return a folder's name a label, never one name for two, whatever a file system allows."""
    names: dict[Any, str] = {}
    taken: set[str] = set()  # in one case: some file systems do not tell a from A
    for label in labels:
        safe = re.sub(r'[/\\:*?"<>|\x00-\x1f]', "_", str(label)).strip(". ") or "_"
        choices = itertools.chain([safe], (f"{safe}_{k}" for k in itertools.count(2)))
        names[label] = next(name for name in choices if name.casefold() not in taken)
        taken.add(names[label].casefold())
    return names


def _picture(image: NDArray[Any], standardisation: ImageStandardisation) -> NDArray[np.uint8]:
    low, span = standardisation.low, standardisation.high - standardisation.low
    shares = np.clip((image.astype(np.float64) - low) / (span or 1.0), 0.0, 1.0)
    if standardisation.layout == "chw":
        shares = np.moveaxis(shares, 0, -1)
    flat = shares[..., 0] if shares.ndim == 3 and shares.shape[-1] == 1 else shares
    return np.ascontiguousarray(np.rint(255 * flat).astype(np.uint8))
