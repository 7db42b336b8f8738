r"""The empirical measure: a mixture whose covariances are zero.

    X_0 = x_i with probability w_i,
    m(x, s) = sum_i r_i x_i,    r = softmax(log w_i - s |x - x_i|^2 / 2).                 (1)

It is what a network that has memorised its data would compute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import require
from .base import LAW_FORMAT, as_array
from .mixture import GaussianMixture

if TYPE_CHECKING:
    from .._typing import Array, Json


class Points(GaussianMixture):
    """The law that puts mass w_i on x_i, equation (1); without noise it has no density.

    points: x [n, d]; weights: w [n], nonnegative, summing to one within 1e-6; equal if None.
    """

    kind = "points"

    def __init__(self, points: Any, weights: Any = None) -> None:
        places = as_array("points", points)
        rule = "must have shape [n, d]; in one dimension [[x1], [x2], ...]"
        require(places.ndim == 2, "points", rule, places.shape)
        n = len(places)
        super().__init__(np.full(n, 1 / n) if weights is None else weights, places, 0.0)

    @property
    def points(self) -> Array:
        """Return the points [n, d]."""
        return self.means

    def to_json(self) -> Json:
        """Return the law as the content of a law.json file."""
        fields = {"points": self.points.tolist(), "weights": self.weights.tolist()}
        return {"format": LAW_FORMAT, "law": "points", **fields}
