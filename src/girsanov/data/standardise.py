r"""The user's units and types on one side, the model's units on the other.

A standardisation is an affine map, undone with the user's type and layout restored:

    encode:  x = (raw - centre) / scale        float32, shape [b, *shape],                (1)
    decode:  raw = centre + scale x            rounded for integers, in the user's dtype. (2)

``vector``: centre and scale are each column's mean and standard deviation. A constant column
has scale 0, which stands for 1 in (1): it encodes to 0 and decodes to the constant whatever x.
``image``: one centre and one scale for all, so that [low, high] becomes [-1, 1], or those that a
network was trained with, a channel or a pixel; the model sees channels first. Integers decoded
from images are clipped to [low, high], which are the values a picture can take; those of vectors
only to their dtype, so that a sample outside what was observed is not hidden.
``channels``: of series and volumes, in `channel_units.py`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import InputError, refuse, require, shown
from ..volume import Volume, volume_of, whole
from .layouts import PICTURE_LAYOUTS, Layout, as_given, channels_first, shape_seen
from .units import cast, number_dtype, numeric_rows, reduce_units, restore_units, whole_numbers

if TYPE_CHECKING:
    from .._typing import Array, Json
    from .table.mixtures import Mixture, OneOf

UNITS = "standardisation"  # what a refusal calls it


class Standardisation(ABC):
    """The map between the user's units and the model's, equations (1) and (2)."""

    kind: ClassVar[str]
    _kinds: ClassVar[dict[str, type[Standardisation]]] = {}

    def __init_subclass__(cls) -> None:
        """Enter the subclass in the list that `from_json` chooses from."""
        Standardisation._kinds[cls.kind] = cls

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape of one encoded row."""

    @property
    @abstractmethod
    def scale_in_units(self) -> float | None:
        """User units in one standardised unit; None when the coordinates do not share one."""

    @property
    @abstractmethod
    def volume(self) -> Volume:
        """What one unit of volume of (1) is in the user's units."""

    @abstractmethod
    def encode(self, raw: NDArray[Any]) -> NDArray[np.float32]:
        """Return equation (1) for rows [b, ...] in the user's units: float32 [b, *shape].

        Raises InputError when the rows have another shape or type than those learnt from.
        """

    @abstractmethod
    def decode(self, x: ArrayLike) -> NDArray[Any]:
        """Return equation (2) for x [b, *shape]: rows in the user's units, dtype and layout.

        Raises InputError when x has another shape or is not finite.
        """

    def linear(self, rows: Array) -> tuple[Array, Array]:
        """Return A [q, d] and b [q] with rows . raw = A x + b, for rows [q, *raw.shape].

        Raises InputError for rows of another shape, and where (2) is no affine map.
        """
        rule = "must have units of plain numbers: a table has columns (use --fix or --fill)"
        refuse("operator", rule, self.kind)

    @abstractmethod
    def to_json(self) -> Json:
        """Return the numbers that define the map, for `from_json`."""

    @property
    def mixtures(self) -> tuple[Mixture | OneOf, ...]:
        """What each column is alone, where that is known, in units of a table's scores."""
        return ()

    @property
    def bounded(self) -> tuple[str, ...]:
        """The names of the columns whose decoded numbers are kept within what was seen."""
        return ()

    def as_drawn(self) -> Standardisation:
        """Return this map without such bounds."""
        return self

    @classmethod
    @abstractmethod
    def _read(cls, content: Json) -> Standardisation: ...

    @staticmethod
    def from_json(content: Json) -> Standardisation:
        """Return the standardisation that `to_json` described; InputError if it is not one."""
        kind = content.get("kind") if isinstance(content, dict) else content
        kinds = Standardisation._kinds
        rule = "must be of kind " + ", ".join(sorted(kinds))
        require(isinstance(kind, str) and kind in kinds, UNITS, rule, kind)
        try:
            return kinds[str(kind)]._read(content)
        except InputError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as cause:
            rule = f"must be as girsanov wrote it; {shown(repr(cause))}"
            raise InputError(f"{UNITS}: {rule}") from cause

    def _rows(self, rows: Array) -> Array:
        """Return rows of a linear map [q, d] or [q, *example] as [q, *example]."""
        example: tuple[int, ...] = getattr(self, "example", self.shape)
        fits = rows.shape[1:] == example or rows.shape[1:] == (math.prod(example),)
        rule = f"must have rows of shape {example}, as the data have"
        require(fits, "operator", rule, rows.shape)
        return rows.reshape(-1, *example)

    def _examples(self, x: ArrayLike) -> Array:
        values = np.asarray(x, dtype=np.float64)
        fits = values.ndim > 0 and values.shape[1:] == self.shape
        require(
            fits, "x", f"must have shape [b, {str(self.shape)[1:].rstrip(',)')}]", values.shape
        )
        require(bool(np.isfinite(values).all()), "x", "must be finite; it holds NaN or infinity")
        return values


def require_units(mean: Array, scale: Array, count: int) -> None:
    """Raise InputError unless there are `count` finite means and scales, no scale below 0."""
    shapes = (mean.shape, scale.shape)
    require(shapes == ((count,), (count,)), UNITS, f"must have {count} means and scales", shapes)
    good = bool(np.isfinite(mean).all() and np.isfinite(scale).all() and (scale >= 0).all())
    require(good, UNITS, "must have finite means and scales >= 0")


def common_scale(scale: Array) -> float | None:
    """Return the scale that all which are not 0 share, 0 where all are, None if they differ."""
    scales = np.unique(scale[scale > 0])
    return None if len(scales) > 1 else float(scales.sum())


@dataclass(frozen=True, eq=False)
class VectorStandardisation(Standardisation):
    """Each column by its own mean and standard deviation.

    example: shape of a raw row, (d,) or () for a flat array; dtype: the user's;
    mean, scale: [d], scale 0 marks a constant column.
    """

    kind: ClassVar[str] = "vector"
    example: tuple[int, ...]
    dtype: np.dtype[Any]
    mean: Array
    scale: Array

    def __post_init__(self) -> None:
        """Refuse numbers that do not fit together."""
        require_units(self.mean, self.scale, math.prod(self.example))

    @property
    def shape(self) -> tuple[int, ...]:
        """(d,)."""
        return (len(self.mean),)

    @property
    def scale_in_units(self) -> float | None:
        """The scale, if all columns that vary share it (0 if none varies)."""
        return common_scale(self.scale)

    @property
    def volume(self) -> Volume:
        """By the scale of each column."""
        return volume_of(self.scale, np.full(len(self.scale), whole(self.dtype.kind)))

    def encode(self, raw: NDArray[Any]) -> NDArray[np.float32]:
        """Return equation (1) for raw [b, d] (or [b]): float32 [b, d]."""
        rows = numeric_rows(raw, self.example)
        return reduce_units(rows.reshape(len(rows), -1), self.mean, self.scale)

    def decode(self, x: ArrayLike) -> NDArray[Any]:
        """Return equation (2) for x [b, d]: rows [b, d] (or [b]) of the user's dtype."""
        values = restore_units(self._examples(x), self.mean, self.scale)
        return cast(values, self.dtype).reshape(-1, *self.example)

    def linear(self, rows: Array) -> tuple[Array, Array]:
        """Return A [q, d] and b [q] with rows . raw = A x + b."""
        flat = self._rows(rows).reshape(len(rows), -1)
        return flat * self.scale, flat @ self.mean

    def to_json(self) -> Json:
        """Return the fields as JSON values."""
        return {
            "kind": self.kind,
            "example": list(self.example),
            "dtype": self.dtype.str,
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
        }

    @classmethod
    def _read(cls, content: Json) -> VectorStandardisation:
        return cls(
            whole_numbers(content["example"]),
            number_dtype(content["dtype"]),
            np.asarray(content["mean"], np.float64),
            np.asarray(content["scale"], np.float64),
        )


def unchanged(dimension: int) -> VectorStandardisation:
    """Return the map of a model that works in the units of its rows: nothing is done."""
    zeros, ones = np.zeros(dimension), np.ones(dimension)
    return VectorStandardisation((dimension,), np.dtype(np.float64), zeros, ones)


@dataclass(frozen=True, eq=False)
class ImageStandardisation(Standardisation):
    """All pixels by one affine map that takes [low, high] to [-1, 1], or by mean and scale.

    example: shape of a raw image; layout: ``hw``, ``hwc`` or ``chw``; dtype: the user's;
    low, high: the range of the values, equal for images that are all one colour; mean, scale: of
    (1), both or neither, with as many axes as `shape` and for each its length or 1.
    """

    kind: ClassVar[str] = "image"
    example: tuple[int, ...]
    layout: Layout
    dtype: np.dtype[Any]
    low: float
    high: float
    mean: Array | None = None
    scale: Array | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that do not fit together."""
        fits = self.layout in PICTURE_LAYOUTS and len(self.example) == len(self.layout)
        rule = "must have an image shape and layout that agree"
        require(fits, UNITS, rule, (self.example, self.layout))
        ordered = math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high
        require(ordered, UNITS, "must have low <= high", (self.low, self.high))
        if self.mean is not None or self.scale is not None:
            good = self._fits(self.mean, -math.inf) and self._fits(self.scale, 0.0)
            rule = f"must have a finite mean and a scale > 0 that fit {self.shape}"
            require(good, UNITS, rule)

    def _fits(self, value: Array | None, least: float) -> bool:
        if value is None or value.ndim != 3:
            return False
        fits = all(n in (1, m) for n, m in zip(value.shape, self.shape, strict=True))
        return fits and bool((np.isfinite(value) & (value > least)).all())

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, H, W)."""
        return shape_seen(self.example, self.layout)

    @property
    def scale_in_units(self) -> float | None:
        """(high - low) / 2, or the scale of its own, if all pixels share it."""
        if self.scale is None:
            return self.high / 2 - self.low / 2
        return float(self.scale.flat[0]) if np.ptp(self.scale) == 0 else None

    @property
    def volume(self) -> Volume:
        """By the scale of each pixel."""
        scales = np.broadcast_to(np.asarray(self._scale, np.float64), self.shape).ravel()
        return volume_of(scales, np.full(len(scales), whole(self.dtype.kind)))

    def encode(self, raw: NDArray[Any]) -> NDArray[np.float32]:
        """Return equation (1) for images [b, *example]: float32 [b, C, H, W]."""
        rows = numeric_rows(raw, self.example)
        same, ranges = (raw.dtype.kind == "f") == (self.dtype.kind == "f"), "different ranges"
        rule = (
            f"must hold images of dtype {self.dtype} (whole numbers and fractions have {ranges})"
        )
        require(same, "raw", rule, str(raw.dtype))
        rows = channels_first(rows, self.layout)
        return np.ascontiguousarray(reduce_units(rows, self._centre, self._scale))

    def decode(self, x: ArrayLike) -> NDArray[Any]:
        """Return equation (2) for x [b, C, H, W]: images [b, *example] of the user's dtype."""
        values = restore_units(self._examples(x), self._centre, self._scale)
        if self.dtype.kind != "f":
            values = np.clip(np.rint(values), self.low, self.high)
        return cast(as_given(values, self.layout), self.dtype)

    def linear(self, rows: Array) -> tuple[Array, Array]:
        """Return A [q, d] and b [q] with rows . raw = A x + b."""
        seen = channels_first(self._rows(rows), self.layout)
        shift = (seen * self._centre).reshape(len(rows), -1).sum(axis=1)
        return (seen * self._scale).reshape(len(rows), -1), shift

    @property
    def _centre(self) -> float | Array:
        return self.low / 2 + self.high / 2 if self.mean is None else self.mean

    @property
    def _scale(self) -> float | Array:
        return self.high / 2 - self.low / 2 if self.scale is None else self.scale

    def to_json(self) -> Json:
        """Return the fields as JSON values."""
        return {
            "kind": self.kind,
            "example": list(self.example),
            "layout": self.layout,
            "dtype": self.dtype.str,
            "low": self.low,
            "high": self.high,
            **({} if self.mean is None else {"mean": self.mean.tolist()}),
            **({} if self.scale is None else {"scale": self.scale.tolist()}),
        }

    @classmethod
    def _read(cls, content: Json) -> ImageStandardisation:
        own = (content.get(name) for name in ("mean", "scale"))
        return cls(
            whole_numbers(content["example"]),
            content["layout"],
            number_dtype(content["dtype"]),
            float(content["low"]),
            float(content["high"]),
            *(None if value is None else np.asarray(value, np.float64) for value in own),
        )
