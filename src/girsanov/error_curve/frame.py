"""The coordinates that errors are measured in: bases, their bands, and the mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..basis import MOST_AXES, Basis, coordinate_basis, dct_basis
from .bands import FINE_BANDS, PROBED_BANDS, Bands, bands_by_variance

if TYPE_CHECKING:
    from .._typing import Array
    from ..moments import Moments


@dataclass(frozen=True)
class Frame:
    """The coordinates errors are measured in: a basis, how it is banded, and the mean.

    basis, bands, probe_bands: for the main basis; others: further bases with their bands.
    """

    moments: Moments
    bands: Bands
    probe_bands: Bands
    others: dict[str, tuple[Basis, Bands]]

    @property
    def variances(self) -> Array:
        """The data's variance in each band of the main basis, [J]."""
        return np.bincount(self.bands.index, self.moments.variances) / self.bands.sizes

    @property
    def class_variances(self) -> Array:
        """The variances of each class along its own axes [C, d], or by band [C, J]."""
        classes = self.moments.classes
        assert classes is not None
        if classes.axes is not None:
            return classes.variances
        rows = [np.bincount(self.bands.index, v) for v in classes.variances]
        return np.asarray(rows) / self.bands.sizes

    def start_variances(self, start: str) -> Array:
        """Return the variances of a gaussian start by band, or those of each class."""
        return self.class_variances if start == "class" else self.variances

    def spread(self, variances: Array) -> Array:
        """Return variances in bands of the main basis [..., J], or of coordinates, as [..., d]."""
        d = self.moments.basis.dimension
        return variances if variances.shape[-1] == d else self.bands.spread(variances)

    @property
    def probe_variances(self) -> Array:
        """The data's variance in each of the probe's bands, [P]."""
        return np.bincount(self.probe_bands.index, self.moments.variances) / self.probe_bands.sizes

    @property
    def bases(self) -> dict[str, tuple[Basis, Bands]]:
        """All bases by name, the main one first."""
        return {self.moments.basis.kind: (self.moments.basis, self.bands), **self.others}


def make_frame(moments: Moments, shape: tuple[int, ...]) -> Frame:
    """Return the coordinates to measure in: the moments' basis, single coordinates, cosines."""
    others: dict[str, tuple[Basis, Bands]] = {}
    candidates = [coordinate_basis(moments.basis.dimension)]
    if 2 <= len(shape) <= MOST_AXES:
        candidates.append(dct_basis(shape))
    for basis in candidates:
        if basis.kind != moments.basis.kind:
            others[basis.kind] = (basis, bands_by_variance(_variances(moments, basis), FINE_BANDS))
    return Frame(
        moments,
        bands_by_variance(moments.variances, FINE_BANDS),
        bands_by_variance(moments.variances, PROBED_BANDS),
        others,
    )


def _variances(moments: Moments, basis: Basis) -> Array:
    """Return the variances of the coordinates of another `basis`, where they are known."""
    if moments.basis.kind != "pca":
        return np.ones(basis.dimension)
    axes = np.ascontiguousarray(np.asarray(moments.basis.factors[0]).T)  # rows u_i
    return np.asarray(moments.variances @ basis.to_coordinates(axes) ** 2)
