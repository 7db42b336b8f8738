"""Arithmetic between the user's numbers and the model's: overflow, rounding, dtypes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._checks import refuse, require

if TYPE_CHECKING:
    from .._typing import Array


def numeric_rows(raw: NDArray[Any], example: tuple[int, ...]) -> Array:
    """Return rows of shape `example` in float64, or refuse them."""
    rule = f"must be numbers of shape [b{''.join(f', {n}' for n in example)}]"
    numbers = isinstance(raw, np.ndarray) and raw.dtype.kind in "biuf"
    require(numbers, "raw", rule, str(getattr(raw, "dtype", type(raw).__name__)))
    require(raw.ndim > 0 and raw.shape[1:] == example, "raw", rule, raw.shape)
    return raw.astype(np.float64)


def reduce_units(raw: Array, centre: Any, scale: Any) -> NDArray[np.float32]:
    """Return (raw - centre) / scale (1 for a scale of 0); refuse what float32 cannot hold."""
    with np.errstate(over="ignore"):
        ratio = (raw - centre) / np.where(np.asarray(scale) == 0, 1.0, scale)
        x: NDArray[np.float32] = ratio.astype(np.float32)
    rule = "must be finite and within 1e38 standard deviations of the rows learnt from"
    require(bool(np.isfinite(x).all()), "raw", rule)
    return x


def restore_units(x: Array, centre: Any, scale: Any) -> Array:
    """Return centre + scale x in float64; what overflows is left to `cast`, which clips it."""
    with np.errstate(over="ignore"):
        return np.asarray(centre + scale * x)


def cast(values: Array, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return values in `dtype`: rounded if it is of integers, clipped to what it can hold."""
    if dtype.kind == "f":
        largest = float(np.finfo(dtype).max)
        return np.clip(values, -largest, largest).astype(dtype)
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    top = float(high)
    if int(top) > high:  # float64 has no 2^63 - 1, and casting 2^63 wraps round
        top = math.nextafter(top, 0.0)
    return np.clip(np.rint(values), float(low), top).astype(dtype)


def number_dtype(text: Any) -> np.dtype[Any]:
    """Return the dtype of that name if it is of plain numbers."""
    dtype = np.dtype(text) if isinstance(text, str) else np.dtype(object)
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        refuse("standardisation", "must have a dtype of plain numbers", text)
    return dtype


def whole_numbers(values: Any) -> tuple[int, ...]:
    """Return a list of JSON numbers as a shape."""
    shape = tuple(int(v) for v in values)
    require(all(n > 0 for n in shape), "standardisation", "must have positive sizes", shape)
    return shape
