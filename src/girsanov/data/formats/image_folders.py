"""A folder of images, read when they are asked for; its sub-folders, sorted, are the labels.

Where there is a metadata.csv, metadata.jsonl or captions.csv beside them (`captions.py`), its
texts are the labels instead.

Files are `.png`, `.jpg`, `.jpeg`, `.bmp`, `.webp`, `.gif` and `.tif(f)`, sorted by name, all of
one size when they are upright. If every image is grey they are read as [H, W], else all as RGB
[H, W, 3]; how a picture is read is said by `pictures.py`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._checks import refuse, require
from ..rows import Index, RowSource, row_chunks, value_range
from ..standardise import ImageStandardisation
from .captions import captions_of
from .data_format import Loaded
from .pictures import (
    Kind,
    common_kind,
    kind_of,
    opened_picture,
    pixels_of,
    units_of_pictures,
    upright_size,
)

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff")


@dataclass(frozen=True, eq=False)
class ImageRows(RowSource):
    """Image files of one upright size (W, H), read as their kind says: [H, W] or [H, W, 3]."""

    paths: tuple[Path, ...]
    size: tuple[int, int]
    kind: Kind

    @property
    def shape(self) -> tuple[int, ...]:
        """(1, H, W) or (3, H, W)."""
        return units_of_pictures(self.size, self.kind).shape

    def __len__(self) -> int:
        """The number of images."""
        return len(self.paths)

    def take(self, index: Index) -> NDArray[Any]:
        """Return images `index`, uint8 or uint16 [b, H, W] or [b, H, W, 3]."""
        units = units_of_pictures(self.size, self.kind)
        images = np.empty((len(index), *units.example), units.dtype)
        for place, row in enumerate(index):
            images[place] = self._pixels(self.paths[row])
        return images

    def _pixels(self, path: Path) -> NDArray[Any]:
        with opened_picture(path, str(path)) as image:
            return pixels_of(image, self.kind, self.size, str(path))

    def learn(self, index: Index | None) -> ImageStandardisation:
        """Return the map to [-1, 1] of 0..255, or of the range of 16-bit images."""
        if self.kind != "deep":
            return units_of_pictures(self.size, self.kind)
        parts = row_chunks(len(self), math.prod(self.size), index)
        low, high = value_range(self.take(rows) for rows in parts)
        return units_of_pictures(self.size, self.kind, low, high)

    def content(self) -> Iterator[bytes | memoryview]:
        """Yield the hash of every file, in order."""
        held = {"grey": "True", "colour": "False"}.get(self.kind, self.kind)
        yield f"images {self.size} {held} {len(self)}".encode()
        for path in self.paths:
            with open(path, "rb") as file:
                yield hashlib.file_digest(file, "sha256").digest()


def read_image_folder(path: Path) -> Loaded:
    """Return a folder's images and the label of each, if its sub-folders or texts tell one.

    Raises InputError unless all can be read and have one size.
    """
    what, loose = str(path), _image_files(path)
    classes = sorted(p.name for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    groups = {name: files for name in classes if (files := _image_files(path / name))}
    model, rule = (
        (path / "model_index.json").is_file(),
        "must be data, and is the folder of a model",
    )
    require(not model, what, rule, None, "Check the order of the arguments")
    require(
        bool(loose or groups),
        what,
        "must hold images (" + ", ".join(PICTURE_SUFFIXES) + ")",
        "none",
    )
    if loose and groups:
        rule = "must have its images either all in sub-folders (the labels) or all beside them"
        refuse(what, rule, f"{loose[0].name} beside {next(iter(groups))}/")
    paths = tuple(loose or [p for files in groups.values() for p in files])
    require(len(paths) > 1, what, "must hold at least 2 images", len(paths))
    rows = ImageRows(paths, *_size_and_kind(paths))
    texts = captions_of(path, paths)
    if texts is not None:
        names, codes = np.unique(np.array(texts, dtype=object), return_inverse=True)
        return Loaded(rows, codes.reshape(-1).astype(np.int64), tuple(str(n) for n in names))
    if loose:
        return Loaded(rows)
    sizes = [len(files) for files in groups.values()]
    return Loaded(rows, np.repeat(np.arange(len(groups)), sizes), tuple(groups))


def _image_files(folder: Path) -> list[Path]:
    files = (p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES)
    return sorted(p for p in files if p.is_file() and not p.name.startswith("."))


def _size_and_kind(paths: tuple[Path, ...]) -> tuple[tuple[int, int], Kind]:
    """Return the upright size (W, H) of all images, and as what they are read, by their
    headers."""
    first: tuple[int, int] | None = None
    kind: Kind | None = None
    for path in paths:
        with opened_picture(path, str(path)) as image:
            kind, size = (
                common_kind(kind, kind_of(image, str(path)), str(path)),
                upright_size(image),
            )
        first = size if first is None else first
        rule = f"must have size {first}, as {paths[0].name}"
        require(size == first, str(path), rule, size, "Resize the images to one size")
    assert first is not None  # there are two images or more
    assert kind is not None
    return first, kind
