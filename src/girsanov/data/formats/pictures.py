"""One rule for pictures, whether they lie in a folder or in a data set.

A picture is turned upright as its EXIF orientation says. It is grey, of colours, or deep: grey in
16 bits, as scans are, read whole as numbers in 0..65535. What is transparent is laid on white,
palettes and CMYK become RGB, or grey where all of a palette is, and 1-bit pictures 0 and 255.
Colours of 16 bits, numbers of 32 bits, animations and pictures above 2^25 pixels are refused.
"""

from __future__ import annotations

import io
import math
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..._checks import InputError, require
from ..arrays import picture_range
from ..layouts import Layout
from ..standardise import ImageStandardisation

Kind = Literal["grey", "colour", "deep"]
UNREADABLE = (
    OSError, ValueError, SyntaxError, EOFError, struct.error, MemoryError,
    Image.DecompressionBombError,
)  # fmt: skip
PIXEL_LIMIT = 2**25
FILES = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF")
GREY_MODES = ("1", "L", "LA", "La")
COLOUR_MODES = ("P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
ORIENTATION = 0x0112  # of EXIF
Turn = Image.Transpose
UPRIGHT = {
    2: Turn.FLIP_LEFT_RIGHT, 3: Turn.ROTATE_180, 4: Turn.FLIP_TOP_BOTTOM, 5: Turn.TRANSPOSE,
    6: Turn.ROTATE_270, 7: Turn.TRANSVERSE, 8: Turn.ROTATE_90,
}  # fmt: skip
LYING = (5, 6, 7, 8)


@contextmanager
def opened_picture(source: Path | bytes, what: str) -> Iterator[Image.Image]:
    """Yield a picture whose header was read; InputError for all that can be wrong with it."""
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of bombs, and of odd metadata
            with Image.open(file, formats=FILES) as image:
                pixels = math.prod(image.size)
                rule = f"must have at most {PIXEL_LIMIT} pixels"
                require(pixels <= PIXEL_LIMIT, what, rule, pixels)
                yield image
    except InputError:
        raise
    except UNREADABLE as cause:
        why = " ".join(str(cause).split())
        raise InputError(f"{what}: must be a whole image; {why}") from cause


def kind_of(image: Image.Image, what: str) -> Kind:
    """Return what a picture holds, by its header; refuse what its pixels would lose."""
    require(not getattr(image, "is_animated", False), what, "must not be animated")
    deep = image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG")
    if deep:
        return "deep"
    wide = any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))
    eight = image.mode in (*GREY_MODES, *COLOUR_MODES) and not wide
    rule = "must have 8 bits a channel, or 16 bits of grey"
    got = "16 bits a channel" if wide else f"mode {image.mode}"
    require(eight, what, rule, got, "Convert it, or save all as one .npy array")
    return "grey" if _is_grey(image) else "colour"


def _is_grey(image: Image.Image) -> bool:
    if image.mode != "P":
        return image.mode in GREY_MODES
    colours = np.asarray(image.getpalette("RGB")).reshape(-1, 3)
    return bool((colours == colours[:, :1]).all())


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return the width and height of a picture when it is upright, by its header."""
    width, height = image.size
    # Pillow turns TIFFs itself; what stands behind a PNG's pixels is found when these are read
    early = image.format != "PNG" or any("exif" in str(key) for key in image.info)
    told = early and image.format != "TIFF"
    return (height, width) if told and _orientation(image) in LYING else (width, height)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except (*UNREADABLE, KeyError, TypeError, AttributeError, IndexError):
        return 1  # damaged metadata say nothing


def pixels_of(image: Image.Image, kind: Kind, size: tuple[int, int], what: str) -> NDArray[Any]:
    """Return the pixels of a picture of this upright size, [H, W] or [H, W, 3], as `kind`."""
    image.load()
    turn = UPRIGHT.get(_orientation(image))
    upright = image if turn is None else image.transpose(turn)
    rule, remedy = f"must have size {size}", "Resize the images to one size"
    require(upright.size == size, what, rule, upright.size, remedy)
    if kind == "deep":
        return np.asarray(upright).astype(np.uint16)
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        white = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(white, upright.convert("RGBA"))
    return np.asarray(upright.convert("L" if kind == "grey" else "RGB"))


def common_kind(one: Kind | None, other: Kind, what: str) -> Kind:
    """Return as what two pictures are read together: grey ones beside colours as colours."""
    if one is None or one == other:
        return other
    rule = "must have 16 bits of grey, as others here, or none of them may"
    require("deep" not in (one, other), what, rule, f"{other if one == 'deep' else one} of 8 bits")
    return "colour"


def units_of_pictures(
    size: tuple[int, int], kind: Kind, low: float = 0.0, high: float = 255.0
) -> ImageStandardisation:
    """Return the map of low..high to [-1, 1] for pictures of this size (W, H) and kind."""
    example = (*size[::-1], 3) if kind == "colour" else size[::-1]
    layout: Layout = "hwc" if kind == "colour" else "hw"
    dtype = np.dtype(np.uint16 if kind == "deep" else np.uint8)
    if kind == "deep":
        low, high = picture_range(low, high, dtype)
    return ImageStandardisation(example, layout, dtype, low, high)
