r"""The Frechet distance: equation (1) of `gaussian_w2.py`, squared, in features of the rows.

The features are given; or, when the data has labels, the last hidden layer of a small classifier
trained on them; or else the leading principal coordinates of the data that hold `HELD_VARIANCE`
of its variance, each divided by its deviation. As everywhere, what is reported is the square.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._checks import need, plural, refuse, require
from ..._typing import Array
from .gaussian_w2 import bures, bures_squared, moments, principal_axes
from .measure import MeasureRow, SquaredDistance

if TYPE_CHECKING:
    from ..jackknife import Squared
    from ..sets import Sets

HELD_VARIANCE = 0.95
MOST_COORDINATES = 32  # principal coordinates
LAYERS = (128, 32)
EPOCHS = 60

Features = Callable[[Array], Array]  # rows [n, d] to features [n, f]


class Frechet(SquaredDistance):
    """The Frechet distance in `features`; note: which they are, in words."""

    name, square, of_labels = "frechet", True, True

    def __init__(self, features: Features, note: str) -> None:
        self.features, self.note = features, note

    @classmethod
    def fit(cls, data: Array, labels: np.ndarray | None = None, seed: int = 0) -> Frechet:
        """Return it in features learnt from data [m, d] and labels [m], if it has them."""
        if labels is None or len(np.unique(labels)) < 2:
            return principal(data)
        features = classifier_features(data, labels, seed=seed)
        of = f"a classifier trained on the labels of {len(data)} rows"
        return cls(features, f"in {LAYERS[-1]} features of {of}")

    @classmethod
    def row(cls, sets: Sets) -> MeasureRow:
        """Return it in the features of both sets that the user gave, or else in learnt ones."""
        if isinstance(sets.features, str) and sets.features == "builtin":
            return cls.fit(*sets.learnt(), sets.seed).row_of(sets.x, sets.y, sets)
        x, y = (
            np.asarray(f, dtype=np.float64).reshape(len(f), -1)[one.rows]
            for f, one in zip(_given_features(sets), sets.chosen[:2], strict=True)
        )
        return cls(lambda f: f, f"in {x.shape[1]} given features").row_of(x, y, sets)

    def squared(self, x: Array, y: Array) -> Squared:
        """Return the distance of x [n, d] and y [m, d]."""
        return bures_squared(self.features(x), self.features(y))

    def plugin(self, x: Array, y: Array) -> float:
        """Return the distance of x and y as computed."""
        return bures(*moments(self.features(x)), *moments(self.features(y)))


def _given_features(sets: Sets) -> tuple[Any, Any]:
    """Return given features of both sets, checked."""
    pair = sets.features
    if not isinstance(pair, tuple | list):
        try:
            with np.load(pair, allow_pickle=False) as file:
                pair = (file["samples"], file["data"])
        except (OSError, ValueError, KeyError, TypeError) as cause:
            refuse("features", "must be a .npz with arrays samples and data", str(cause))
    require(len(pair) == 2, "features", "must be a pair, of the samples and of the data")
    for values, one, name in zip(pair, sets.chosen[:2], ("samples", "data"), strict=True):
        rule = f"must have one row for each of the {name}"
        require(len(values) > one.rows.max(), "features", rule, len(values))
    same = np.shape(pair[0])[1:] == np.shape(pair[1])[1:]
    require(same, "features", "must be as many of the samples as of the data")
    return pair[0], pair[1]


def classifier_features(data: Array, labels: np.ndarray, *, seed: int = 0) -> Features:
    """Return the last hidden layer of a classifier trained on data [m, d] with labels [m]."""
    network: Any = need("sklearn.neural_network", "compare").MLPClassifier
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # stopping before it has converged is what is asked for
        net = network(LAYERS, random_state=seed % 2**32, max_iter=EPOCHS).fit(data, labels)
    layers = list(zip(net.coefs_[:-1], net.intercepts_[:-1], strict=True))

    def features(x: Array) -> Array:
        for weight, bias in layers:
            x = np.maximum(x @ weight + bias, 0)
        return x

    return features


def principal(data: Array) -> Frechet:
    """Return the distance in the leading principal coordinates of data [m, d], each scaled."""
    axes, variances, _ = principal_axes(data, len(data))
    total = np.cumsum(variances) / max(float(variances.sum()), np.finfo(float).tiny)
    count = min(MOST_COORDINATES, int(np.searchsorted(total, HELD_VARIANCE)) + 1, len(variances))
    scaled = axes[:, :count] / np.sqrt(np.maximum(variances[:count], np.finfo(float).tiny))
    held = 100 * total[count - 1]
    axes_kept = plural(count, "principal coordinate")
    note = f"in {axes_kept} of the data ({held:.0f} % of its variance), scaled"
    return Frechet(lambda x: x @ scaled, note)
