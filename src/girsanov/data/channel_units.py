"""Units of series and volumes: each channel by its own mean and standard deviation.

Equations (1) and (2) of `standardise.py` with one centre and one scale a channel, of all its
places in all examples: what an axis shows (a trend, a hump, a rhythm) stays as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import require
from ..volume import Volume, volume_of, whole
from .layouts import CHANNEL_LAYOUTS, Layout, as_given, channels_first, shape_seen
from .rows import column_statistics
from .standardise import UNITS, Standardisation, common_scale, require_units
from .units import cast, number_dtype, numeric_rows, reduce_units, restore_units, whole_numbers

if TYPE_CHECKING:
    from .._typing import Array, Json


@dataclass(frozen=True, eq=False)
class ChannelStandardisation(Standardisation):
    """Each channel of series or volumes by its own mean and standard deviation.

    example: shape of a raw row; layout: of its axes; dtype: the user's; mean, scale: [C], scale 0
    marks a constant channel; names: of the columns that the values of a series were, if any.
    """

    kind: ClassVar[str] = "channels"
    example: tuple[int, ...]
    layout: Layout
    dtype: np.dtype[Any]
    mean: Array
    scale: Array
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse numbers that do not fit together."""
        fits = self.layout in CHANNEL_LAYOUTS and len(self.example) == len(self.layout)
        rule = "must have a shape and a layout of series or volumes that agree"
        require(fits, UNITS, rule, (self.example, self.layout))
        require_units(self.mean, self.scale, self.shape[0])
        named = not self.names or (len(self.names),) == self.example
        require(named, UNITS, "must name every value of a series or none", len(self.names))

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, L) or (C, D, H, W)."""
        return shape_seen(self.example, self.layout)

    @property
    def scale_in_units(self) -> float | None:
        """The scale, if all channels that vary share it (0 if none varies)."""
        return common_scale(self.scale)

    @property
    def volume(self) -> Volume:
        """Each place of a channel has its scale."""
        scales = np.repeat(self.scale, math.prod(self.shape[1:]))
        return volume_of(scales, np.full(len(scales), whole(self.dtype.kind)))

    def encode(self, raw: NDArray[Any]) -> NDArray[np.float32]:
        """Return equation (1) for rows [b, *example]: float32 [b, *shape]."""
        rows = channels_first(numeric_rows(raw, self.example), self.layout)
        return np.ascontiguousarray(
            reduce_units(rows, self._each(self.mean), self._each(self.scale))
        )

    def decode(self, x: ArrayLike) -> NDArray[Any]:
        """Return equation (2) for x [b, *shape]: rows [b, *example] of the user's dtype."""
        centre, scale = self._each(self.mean), self._each(self.scale)
        values = restore_units(self._examples(x), centre, scale)
        return cast(as_given(values, self.layout), self.dtype)

    def linear(self, rows: Array) -> tuple[Array, Array]:
        """Return A [q, d] and b [q] with rows . raw = A x + b."""
        seen = channels_first(self._rows(rows), self.layout)
        shift = (seen * self._each(self.mean)).reshape(len(rows), -1).sum(axis=1)
        return (seen * self._each(self.scale)).reshape(len(rows), -1), shift

    def _each(self, values: Array) -> Array:
        """Return a number a channel with an axis of one place for each of the others."""
        return values.reshape(-1, *[1] * (len(self.shape) - 1))

    def to_json(self) -> Json:
        """Return the fields as JSON values."""
        return {
            "kind": self.kind,
            "example": list(self.example),
            "layout": self.layout,
            "dtype": self.dtype.str,
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            **({"names": list(self.names)} if self.names else {}),
        }

    @classmethod
    def _read(cls, content: Json) -> ChannelStandardisation:
        return cls(
            whole_numbers(content["example"]),
            content["layout"],
            number_dtype(content["dtype"]),
            np.asarray(content["mean"], np.float64),
            np.asarray(content["scale"], np.float64),
            tuple(str(name) for name in content.get("names", ())),
        )


def channel_units(
    chunks: Iterable[NDArray[Any]], example: tuple[int, ...], layout: Layout,
    dtype: np.dtype[Any], names: tuple[str, ...] = (),
) -> ChannelStandardisation:  # fmt: skip
    """Learn the units from rows in `chunks`, each [b, *example]."""
    channels = shape_seen(example, layout)[0]
    places = (np.moveaxis(channels_first(part, layout), 1, -1) for part in chunks)
    of = column_statistics(part.reshape(-1, channels) for part in places)
    return ChannelStandardisation(example, layout, dtype, of.mean, of.deviation, names)
