"""Volumes as pictures: the middle slice across each axis, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..._typing import Array

LINE = 1  # pixels between slices


def middle_slices(volumes: Array, empty: float, times: int = 1) -> Array:
    """Return of volumes [n, C, D, H, W] the first channel's middle slices, [n, h, w].

    They stand side by side, across D, H and W in that order, each value `times` wide and high,
    with a line of `empty` between.
    """
    first = volumes[:, 0]
    d, h, w = (size // 2 for size in first.shape[1:])
    parts = [first[:, d], first[:, :, h], first[:, :, :, w]]
    parts = [part.repeat(times, axis=1).repeat(times, axis=2) for part in parts]
    tall = max(part.shape[1] for part in parts)
    placed = [_placed(part, tall, empty) for part in parts]
    return np.concatenate(placed, axis=2)[:, :, :-LINE]


def _placed(part: Array, tall: int, empty: float) -> Array:
    """Return slices [n, h, w] in the middle of [n, tall, w + LINE]."""
    out = np.full((len(part), tall, part.shape[2] + LINE), empty, dtype=part.dtype)
    top = (tall - part.shape[1]) // 2
    out[:, top : top + part.shape[1], :-LINE] = part
    return out


def words_of(shape: tuple[int, ...]) -> str:
    """Return what pictures of volumes (C, D, H, W) show."""
    channel = "" if shape[0] == 1 else f"the first of {shape[0]} channels, "
    size = " x ".join(map(str, shape[1:]))
    return f"Volumes of {size} values: {channel}the middle slice across each of the three axes."
