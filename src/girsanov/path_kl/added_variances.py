"""The variances that the steps of a grid add about their predictions, and along which axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..basis import Basis
from ..error_curve.interpolate import covariances

if TYPE_CHECKING:
    from .._typing import Array, Indices
    from .grid_cost import Prices


def added_variances(price: Prices, here: Indices) -> tuple[Array | None, tuple[Basis, ...]]:
    """Return v of the steps from nodes `here`, None of samplers without, and their bases."""
    if not price.sampler.covariance:
        return None, ()
    curve, frame, more = price.curve, price.audit.frame, price.unseen(here)
    if price.covariance == "scalar":
        return (price.variances(here) + more)[:, 0], ()
    if price.covariance == "full":
        d, full = curve.dimension, covariances(price.audit.curve, curve.levels[here])
        values, vectors = np.linalg.eigh(full.mean(axis=1))
        return np.maximum(values, 0) + more, tuple(Basis("pca", (d,), (v,)) for v in vectors)
    name = str(price.covariance)
    basis, bands = frame.bases[name]
    return bands.spread(price.variances(here) + more), (basis,) if len(here) else ()
