"""A folder of images, read when they are asked for; its sub-folders, sorted, are the labels.

Where there is a metadata.csv, metadata.jsonl or captions.csv beside them (`captions.py`), its
texts are the labels instead.

Files are `.png`, `.jpg`, `.jpeg`, `.bmp`, `.webp` and `.gif`, sorted by name, all of one size.
If every image is grey they are read as [H, W], else all as RGB [H, W, 3]; transparent pixels
are laid on white, palettes and CMYK become RGB, 1-bit images become 0 and 255. Images of more
than 8 bits, animations, and images above 2^25 pixels are refused.
"""

from __future__ import annotations

import hashlib
import math
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..._checks import InputError, refuse, require
from ..rows import Index, RowSource
from ..standardise import ImageStandardisation, Layout
from .captions import captions_of
from .data_format import Loaded

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif")
UNREADABLE = (
    OSError, ValueError, SyntaxError, EOFError, struct.error, MemoryError,
    Image.DecompressionBombError,
)  # fmt: skip
PIXEL_LIMIT = 2**25
GREY_MODES = ("1", "L", "LA", "La")
COLOUR_MODES = ("P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")


@dataclass(frozen=True, eq=False)
class ImageRows(RowSource):
    """Image files of one size (W, H), read as grey [H, W] or RGB [H, W, 3] in uint8."""

    paths: tuple[Path, ...]
    size: tuple[int, int]
    grey: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """(1, H, W) or (3, H, W)."""
        return self._standardisation.shape

    @property
    def _standardisation(self) -> ImageStandardisation:
        example = self.size[::-1] if self.grey else (*self.size[::-1], 3)
        layout: Layout = "hw" if self.grey else "hwc"
        return ImageStandardisation(example, layout, np.dtype(np.uint8), 0.0, 255.0)

    def __len__(self) -> int:
        """The number of images."""
        return len(self.paths)

    def take(self, index: Index) -> NDArray[Any]:
        """Return images `index`, uint8 [b, H, W] or [b, H, W, 3]."""
        images = np.empty((len(index), *self._standardisation.example), np.uint8)
        for place, row in enumerate(index):
            images[place] = self._pixels(self.paths[row])
        return images

    def _pixels(self, path: Path) -> NDArray[Any]:
        with opened_image(path) as image:
            require(image.size == self.size, str(path), f"must have size {self.size}", image.size)
            return flattened(image, self.grey)

    def learn(self, index: Index | None) -> ImageStandardisation:
        """Return the map of 0..255 to [-1, 1]; nothing is learnt from 8-bit files."""
        return self._standardisation

    def content(self) -> Iterator[bytes | memoryview]:
        """Yield the hash of every file, in order."""
        yield f"images {self.size} {self.grey} {len(self)}".encode()
        for path in self.paths:
            with open(path, "rb") as file:
                yield hashlib.file_digest(file, "sha256").digest()


def flattened(image: Image.Image, grey: bool) -> NDArray[Any]:
    """Return the pixels, uint8 [H, W] or [H, W, 3]; what is transparent is laid on white."""
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.asarray(image.convert("L" if grey else "RGB"))


@contextmanager
def opened_image(path: Path) -> Iterator[Image.Image]:
    """Yield an image whose header was read; InputError for all that can be wrong with it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=("PNG", "JPEG", "BMP", "WEBP", "GIF")) as image:
                pixels = math.prod(image.size)
                rule = f"must have at most {PIXEL_LIMIT} pixels"
                require(pixels <= PIXEL_LIMIT, str(path), rule, pixels)
                yield image
    except InputError:
        raise
    except UNREADABLE as cause:
        why = " ".join(str(cause).split())
        raise InputError(f"{path}: must be a whole image; {why}") from cause


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
    rows = ImageRows(paths, *_size_and_grey(paths))
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


def _size_and_grey(paths: tuple[Path, ...]) -> tuple[tuple[int, int], bool]:
    """Return the size (W, H) of all images, and whether all are grey; read from their headers."""
    first, grey = None, True
    for path in paths:
        with opened_image(path) as image:
            require(not getattr(image, "is_animated", False), str(path), "must not be animated")
            eight, rule = image.mode in (*GREY_MODES, *COLOUR_MODES), "must have 8 bits a channel"
            remedy = "Convert it, or save all as one .npy array"
            require(eight, str(path), rule, f"mode {image.mode}", remedy)
            grey &= _is_grey(image)
        first = image.size if first is None else first
        rule, remedy = (
            f"must have size {first}, as {paths[0].name}",
            "Resize the images to one size",
        )
        require(image.size == first, str(path), rule, image.size, remedy)
    assert first is not None  # there are two images or more
    return first, grey


def _is_grey(image: Image.Image) -> bool:
    if image.mode != "P":
        return image.mode in GREY_MODES
    colours = np.asarray(image.getpalette("RGB")).reshape(-1, 3)
    return bool((colours == colours[:, :1]).all())
