"""Bands: coordinates of similar variance that are measured together in large dimensions."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .._typing import Array, Tensor

FINE_BANDS = 256  # bands for the errors: single coordinates up to this dimension
PROBED_BANDS = 64  # bands whose products are kept, from which corrections are fitted and priced
COARSE_BANDS = 16  # pools of these, for examples too few to fit each by itself


@dataclass(frozen=True)
class Bands:
    """A partition of d coordinates; index: the band of each coordinate, int [d]."""

    index: NDArray[np.int64]
    _placed: dict[Any, tuple[Tensor, Tensor]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @cached_property
    def count(self) -> int:
        """The number of bands J."""
        return int(self.index.max()) + 1

    @cached_property
    def sizes(self) -> Array:
        """The number of coordinates in each band, float64 [J]."""
        return np.bincount(self.index, minlength=self.count).astype(np.float64)

    @cached_property
    def single(self) -> bool:
        """Whether every coordinate is a band of its own, in order."""
        return bool(np.array_equal(self.index, np.arange(len(self.index))))

    def average(self, rows: Tensor) -> Tensor:
        """Return the mean over each band of rows [..., d], as [..., J]."""
        import torch

        if self.single:
            return rows
        key = (rows.dtype, rows.device)
        if key not in self._placed:  # on a GPU each would be waited for at every call
            sizes = torch.as_tensor(self.sizes, dtype=rows.dtype, device=rows.device)
            self._placed[key] = torch.as_tensor(self.index, device=rows.device), sizes
        index, sizes = self._placed[key]
        out = rows.new_zeros(*rows.shape[:-1], self.count)
        return out.index_add_(-1, index, rows) / sizes

    def spread(self, values: Array) -> Array:
        """Return values [..., J] given to each coordinate of the band, [..., d]."""
        return np.asarray(values[..., self.index])


def bands_by_variance(variances: Array, most: int) -> Bands:
    """Return at most `most` bands of neighbouring variance; the largest variances come finest."""
    d = len(variances)
    rank = np.empty(d, dtype=np.int64)
    rank[np.argsort(-variances, kind="stable")] = np.arange(d)
    if d <= most:
        return Bands(np.arange(d))
    edges = np.unique(np.geomspace(1, d + 1, most + 1).astype(np.int64))  # ranks + 1
    return Bands(np.asarray(np.searchsorted(edges, rank + 1, side="right") - 1, dtype=np.int64))
