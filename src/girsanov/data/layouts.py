"""How the axes of one example of an array are laid out, and how a model sees them.

A layout has a letter for each axis of an example: c for channels; h and w of pictures, l of
series, and d, h and w of volumes. A model sees channels first, one where there is no c.

    [n, H, W]                                      pictures, grey
    [n, H, W, C], [n, C, H, W], C in 1, 3, 4       pictures
    [n, D, H, W], neither D nor W below 5          volumes of one channel
    [n, C, D, H, W]                                volumes
    [n], [n, d]                                    vectors, which have no layout
    [n, L], [n, C, L], [n, L, C]                   series, where they are asked for

Where both layouts of pictures fit, the shorter axis is C, then the first; so it is with series.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .._checks import plural, refuse, require

Layout = Literal["hw", "hwc", "chw", "l", "cl", "lc", "dhw", "cdhw"]
PICTURE_LAYOUTS: tuple[Layout, ...] = ("hw", "hwc", "chw")
SERIES_LAYOUTS: tuple[Layout, ...] = ("l", "cl", "lc")
VOLUME_LAYOUTS: tuple[Layout, ...] = ("dhw", "cdhw")
CHANNEL_LAYOUTS = (*SERIES_LAYOUTS, *VOLUME_LAYOUTS)  # whose units are those of each channel
CHANNELS = (1, 3, 4)  # of pictures
ROW_KINDS = ("series",)  # what rows may be asked to be
FEWEST_VALUES = 2  # of a series
SHALLOWEST = 5  # of volumes without an axis of channels


def layout_of(shape: tuple[int, ...], what: str, rows: str | None = None) -> Layout | None:
    """Return the layout of an array [n, ...] of this shape, None for vectors.

    rows: ``series`` where they are asked for. Raises InputError, naming `what`, for others.
    """
    if rows == "series":
        return _of_series(shape, what)
    if len(shape) <= 2:
        return None
    if len(shape) == 3:
        return "hw"
    if len(shape) == 4:
        return _of_four_axes(shape, what)
    rule = "must be [n, d], pictures [n, H, W], [n, H, W, C] or [n, C, H, W], or volumes "
    rule += "[n, C, D, H, W]"
    require(len(shape) == 5, what, rule, f"shape {shape}", "Reshape it, or use [n, d] for vectors")
    last = shape[4] in CHANNELS and shape[1] > max(CHANNELS)
    rule = "must have the channels of volumes first, [n, C, D, H, W]"
    require(not last, what, rule, f"shape {shape}", "Use numpy.moveaxis(x, -1, 1)")
    return "cdhw"


def _of_series(shape: tuple[int, ...], what: str) -> Layout:
    rule = "must be [n, L], [n, C, L] or [n, L, C] to be series"
    require(len(shape) in (2, 3), what, rule, f"shape {shape}")
    rule = f"must have at least {FEWEST_VALUES} values in a series"
    require(max(shape[1:]) >= FEWEST_VALUES, what, rule, f"shape {shape}")
    if len(shape) == 2:
        return "l"
    return "cl" if shape[1] <= shape[2] else "lc"


def _of_four_axes(shape: tuple[int, ...], what: str) -> Layout:
    first, last = shape[1] in CHANNELS, shape[3] in CHANNELS
    if first and last:
        return "hwc" if shape[3] < shape[1] else "chw"
    if first or last:
        return "chw" if first else "hwc"
    if min(shape[1], shape[3]) < SHALLOWEST:
        rule = "must be pictures with 1, 3 or 4 channels, or volumes [n, D, H, W] with D and W "
        remedy = "Give channels and volumes their own axes: [n, C, D, H, W]; D may be 1"
        refuse(what, rule + f"of {SHALLOWEST} or more", f"shape {shape}", remedy)
    return "dhw"


def layout_between(example: tuple[int, ...], shape: tuple[int, ...]) -> Layout | None:
    """Return the layout of series or volumes `example` that a model sees as `shape`, or None."""
    fit = (
        x for x in CHANNEL_LAYOUTS if len(x) == len(example) and shape_seen(example, x) == shape
    )
    return next(fit, None)


def shape_seen(example: tuple[int, ...], layout: Layout) -> tuple[int, ...]:
    """Return the shape in which a model sees an example: channels, and then the other axes."""
    at = layout.find("c")
    return (1, *example) if at < 0 else (example[at], *example[:at], *example[at + 1 :])


def channels_first(rows: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """Return rows [b, *example] as [b, *shape_seen]."""
    at = layout.find("c")
    return rows[:, None] if at < 0 else np.moveaxis(rows, 1 + at, 1)


def as_given(x: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """Return x [b, *shape_seen] as rows [b, *example], contiguous."""
    at = layout.find("c")
    return x[:, 0] if at < 0 else np.ascontiguousarray(np.moveaxis(x, 1, 1 + at))


def taken_for(example: tuple[int, ...], layout: Layout | None) -> str | None:
    """Return what was taken for channels and axes, where a user may have meant others."""
    if layout is None or layout in (*PICTURE_LAYOUTS, "l"):
        return None
    channels, *sides = shape_seen(example, layout)
    if layout in SERIES_LAYOUTS:
        return f"read as series of {plural(sides[0], 'value')} in {plural(channels, 'channel')}"
    size = " x ".join(map(str, sides))
    return f"read as volumes of {size} values in {plural(channels, 'channel')}"
