"""Samples next to data: pictures and slices of volumes as grids of pixels, series as lines,
tables and vectors as histograms.

Rows are taken evenly spaced from the whole file, so that a file sorted by class shows all of it
and the same file always gives the same page.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from ..._checks import require
from ...data import Dataset
from ...data.arrays import picture_range
from ...data.layouts import channels_first, layout_between, layout_of
from .marginals import Column, histogram, pair_figure
from .series import SeriesFigure, series_figures
from .svg import el
from .volumes import middle_slices, words_of

Raw = NDArray[Any]  # rows in the user's own units and layout, [n, ...]
Shown = Dataset | Raw
SEEN = 20_000  # rows that histograms are made of
TILES, LARGE_TILES = 48, 16
LARGE = 64  # pixels from which fewer pictures are shown
TILE = 40  # small pictures are enlarged to about so many pixels
MOST_PIXELS = 160  # large ones are reduced to
COLUMNS, PAIRED = 12, 4
STRIP, LEAD = 12, 3  # pictures, or columns, at the top of the page


@dataclass(frozen=True)
class Grid:
    """A picture of pictures: its caption, PNG as a data URL, size in pixels, how many it shows."""

    caption: str
    url: str
    width: int
    height: int
    count: int

    @property
    def figure(self) -> Markup:
        """The picture as a drawing, for a file of its own."""
        size = {"width": self.width, "height": self.height}
        return el(
            "svg", el("image", href=self.url, **size), viewBox=f"0 0 {self.width} {self.height}"
        )


@dataclass(frozen=True)
class Pictures:
    """The section: grids for pictures and volumes, lines for series; histograms and a pair plot
    for tables and vectors.

    note: what grids or lines show, in words.
    """

    grids: tuple[Grid, ...] = ()
    lines: tuple[SeriesFigure, ...] = ()
    note: str = ""
    histograms: tuple[Markup, ...] = ()
    names: tuple[str, ...] = ()  # of the columns of these
    pairs: Markup | None = None
    hidden: int = 0  # columns that are not shown
    sampled: bool = True
    compared: bool = True
    strip: Grid | None = None  # a row of pictures for the top of the page
    lead: tuple[Markup, ...] = ()  # or the first columns


def pictures(
    samples: Shown | None, data: Shown | None, shape: tuple[int, ...] = ()
) -> Pictures | None:
    """Return the section for samples, data or both; None when neither is given.

    samples, data: a Dataset, or rows in the user's units: [n], [n, d], arrays as `load_data`
    takes them, or a structured array for a table; shape: in which the model sees an example,
    which tells series and volumes from vectors and pictures. Raises `InputError` when the two
    differ in shape or columns.
    """
    given = {"samples": samples, "data": data}
    shown = {
        k: v if isinstance(v, Dataset) else np.asarray(v)
        for k, v in given.items()
        if v is not None
    }
    if not shown:
        return None
    few = {k: sample_rows(v, k, TILES) for k, v in shown.items()}
    _require_alike(few)
    example = next(iter(few.values())).shape[1:]
    layout = layout_between(example, shape)
    if layout is not None:
        seen = {k: channels_first(v.astype(np.float64), layout) for k, v in few.items()}
        return _of_axes(seen, shape)
    if next(iter(few.values())).ndim > 2:
        grids, strip = _grids(few)
        return Pictures(
            tuple(grids), sampled="samples" in few, compared=len(few) == 2, strip=strip
        )
    columns = {k: columns_of(sample_rows(v, k, SEEN)) for k, v in shown.items()}
    return _histograms(columns)


def _of_axes(few: dict[str, Raw], shape: tuple[int, ...]) -> Pictures:
    """Return the section of series or volumes [n, *shape]."""
    if len(shape) == 2:
        lines, words = series_figures(few)
        section = Pictures(lines=lines, note=words)
    else:
        brightest = float(np.nanmax(few["data"] if "data" in few else few["samples"]))
        times = max(1, TILE // max(shape[1:]))
        slices = {name: middle_slices(rows, brightest, times) for name, rows in few.items()}
        grids, strip = _grids(slices)
        section = Pictures(tuple(grids), note=words_of(shape), strip=strip)
    return replace(section, sampled="samples" in few, compared=len(few) == 2)


def sample_rows(source: Shown, what: str, most: int) -> Raw:
    """Return at most `most` evenly spaced rows in the user's units."""
    n = len(source) if isinstance(source, Dataset) or source.ndim else 0
    require(n > 0, what, "must have at least one row")
    index = np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))
    rows = source.raw(index) if isinstance(source, Dataset) else source[index]
    kinds = "biuf" if rows.dtype.names is None else "V"
    require(rows.dtype.kind in kinds, what, "must hold numbers", str(rows.dtype))
    return rows


def _require_alike(few: dict[str, Raw]) -> None:
    if len(few) < 2:
        return
    a, b = few["samples"], few["data"]
    if a.dtype.names or b.dtype.names:
        same = set(a.dtype.names or ()) == set(b.dtype.names or ())
        require(same, "samples", "must have the columns of data", str(a.dtype.names))
        for name in a.dtype.names or ():
            alike = (a.dtype[name].kind == "U") == (b.dtype[name].kind == "U")
            require(alike, f"samples column {name!r}", "must hold what it holds in data")
    else:
        rule = f"must have the shape of data, {b.shape[1:]} a row"
        require(a.shape[1:] == b.shape[1:], "samples", rule, a.shape[1:])


def _grids(few: dict[str, Raw]) -> tuple[list[Grid], Grid]:
    """Return a grid of each, and a strip of the first."""
    reference = few.get("data", few.get("samples"))
    assert reference is not None
    low, high = picture_range(
        float(np.nanmin(reference)), float(np.nanmax(reference)), reference.dtype
    )
    tiles = {name: to_pixels(rows, name, low, high) for name, rows in few.items()}
    first = next(iter(tiles))
    grids = [_grid(name, each, montage(each)) for name, each in tiles.items()]
    return grids, _grid(first, tiles[first][:STRIP], montage(tiles[first][:STRIP], STRIP))


def _grid(name: str, tiles: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> Grid:
    return Grid(name, data_url(pixels), pixels.shape[1], pixels.shape[0], len(tiles))


def to_pixels(rows: Raw, what: str, low: float, high: float) -> NDArray[np.uint8]:
    """Return pictures as 8-bit [n, H, W, 4] with [low, high] shown as 0..255."""
    layout = layout_of(rows.shape, what)
    values = np.nan_to_num(rows.astype(np.float64), nan=low, posinf=high, neginf=low)
    scaled = (values - low) / ((high - low) or 1.0) * 255
    eight = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    if layout == "hw":
        eight = eight[..., None]
    elif layout == "chw":
        eight = np.moveaxis(eight, 1, -1)
    if eight.shape[-1] == 1:
        eight = np.repeat(eight, 3, axis=-1)
    opaque = np.full((*eight.shape[:-1], 1), 255, np.uint8)
    return eight if eight.shape[-1] == 4 else np.concatenate([eight, opaque], axis=-1)


def montage(tiles: NDArray[np.uint8], across: int = 0) -> NDArray[np.uint8]:
    """Return tiles [n, H, W, 4] side by side on a transparent ground, enlarged pixel by pixel.

    across: how many a row, 8 or 4 by default.
    """
    h, w = tiles.shape[1:3]
    if max(h, w) > LARGE:
        tiles = tiles[:: max(1, len(tiles) // LARGE_TILES)][:LARGE_TILES]
    if max(h, w) > MOST_PIXELS:
        size = (max(1, w * MOST_PIXELS // max(h, w)), max(1, h * MOST_PIXELS // max(h, w)))
        tiles = np.stack([np.asarray(Image.fromarray(t).resize(size)) for t in tiles])
    times = max(1, TILE // max(h, w))
    tiles = tiles.repeat(times, axis=1).repeat(times, axis=2)
    n, h, w = tiles.shape[:3]
    across = min(n, across or (8 if n > LARGE_TILES else 4))
    gap = 4
    down = -(-n // across)
    out = np.zeros((down * (h + gap) - gap, across * (w + gap) - gap, 4), np.uint8)
    for k in range(n):
        y, x = (k // across) * (h + gap), (k % across) * (w + gap)
        out[y : y + h, x : x + w] = tiles[k]
    return out


def data_url(pixels: NDArray[np.uint8]) -> str:
    """Return [H, W, 4] pixels as a PNG in a data URL."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def columns_of(rows: Raw) -> list[Column]:
    """Return the columns of a table, or of vectors [n] or [n, d], with their names."""
    if rows.dtype.names is not None:
        return [Column(name, np.asarray(rows[name])) for name in rows.dtype.names]
    flat = rows.reshape(len(rows), -1)
    return [Column(f"x{j}", flat[:, j]) for j in range(flat.shape[1])]


def _histograms(columns: dict[str, list[Column]]) -> Pictures:
    first = columns.get("data") or columns["samples"]
    drawn = {k: {c.name: c for c in v} for k, v in columns.items()}
    sides = drawn.get("samples", {}), drawn.get("data", {})

    def figure(column: Column, index: int) -> Markup:
        return histogram([side.get(column.name) for side in sides], index)

    figures = [figure(c, k) for k, c in enumerate(first[:COLUMNS])]
    numeric = [c.name for c in first if c.numeric][:PAIRED]
    sets: Sequence[list[Column]] = [
        [drawn[k][name] for name in numeric] if k in drawn else [] for k in ("samples", "data")
    ]
    return Pictures(
        histograms=tuple(figures),
        names=tuple(c.name for c in first[:COLUMNS]),
        pairs=pair_figure(sets[0], sets[1]) if len(numeric) > 1 else None,
        hidden=max(0, len(first) - COLUMNS),
        sampled="samples" in columns,
        compared=len(columns) == 2,
        lead=tuple(figure(c, COLUMNS + k) for k, c in enumerate(first[:LEAD])),
    )
