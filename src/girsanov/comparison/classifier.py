r"""The classifier two-sample test: how often a classifier tells samples from data.

Both sets, equally many of each, are cut into folds; each fold is judged by a classifier trained
on the others, and the share of right answers is 1/2 when the laws are one (Lopez-Paz and Oquab
2017). The classifier is a ridge regression of the labels on random Fourier-like features (the
Nystrom features of a Gaussian kernel) and the coordinates themselves. It is linear in the
labels, so that permuting them within folds costs next to nothing and the p-value is exact.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._checks import need
from .._typing import Array
from ..montecarlo import Estimate
from ..noise import NoiseSource
from .mmd import median_distance

ROWS = 2000  # of each set
FOLDS = 5
FEATURES = 200
DEALS = 199


class Told(NamedTuple):
    """accuracy: share of right answers; p_value: how often chance alone gives as much or more."""

    accuracy: Estimate
    p_value: float


def classifier_test(x: Array, y: Array, *, seed: int = 0, deals: int = DEALS) -> Told:
    """Return how well samples x [n, d] are told from data y [m, d].

    The standard error is the larger of the binomial one and the spread under permutations.
    """
    size = min(len(x), len(y), ROWS) // FOLDS * FOLDS
    source = NoiseSource(seed, "classifier")
    fold, z, labels = _pooled(x[:size], y[:size], source)
    z = _features(z, seed)
    right = np.zeros(1 + deals)
    answers = np.concatenate([labels[:, None], _permuted(labels, fold, deals, source)], axis=1)
    ridge: Any = need("sklearn.linear_model", "compare").Ridge
    for k in range(FOLDS):
        rest, here = fold != k, fold == k
        model = ridge(alpha=1.0).fit(z[rest], answers[rest])
        guess = model.predict(z[here])
        right += ((guess > 0) == (answers[here] > 0)).sum(axis=0)
    accuracy = right / len(z)
    share = float(accuracy[0])
    binomial = np.sqrt(share * (1 - share) / len(z))
    p_value = float(np.mean(accuracy >= share - 1e-12))
    return Told(Estimate(share, float(max(binomial, accuracy[1:].std(ddof=1)))), p_value)


def _pooled(x: Array, y: Array, source: NoiseSource) -> tuple[np.ndarray, Array, Array]:
    """Return folds [N], rows [N, d] and labels ±1 [N], in random order, folds balanced."""
    labels = np.repeat([1.0, -1.0], [len(x), len(y)])
    fold = np.concatenate([np.arange(len(x)) % FOLDS, np.arange(len(y)) % FOLDS])
    order = source.uniform(0, 0, len(labels)).argsort(kind="stable")
    return fold[order], np.concatenate([x, y])[order], labels[order]


def _features(z: Array, seed: int) -> Array:
    """Return Nystrom features and coordinates, all with mean 0 and deviation 1."""
    approximation = need("sklearn.kernel_approximation", "compare")
    scaler = need("sklearn.preprocessing", "compare").StandardScaler
    z = scaler().fit_transform(z)
    width = median_distance(z)
    count = min(FEATURES, len(z) // 4)
    nystrom = approximation.Nystroem(
        gamma=1 / (2 * width**2), n_components=count, random_state=seed % 2**32
    )
    both = np.concatenate([nystrom.fit_transform(z), z[:, : len(z) // 4]], axis=1)
    return np.asarray(scaler().fit_transform(both))


def _permuted(labels: Array, fold: np.ndarray, deals: int, source: NoiseSource) -> Array:
    """Return labels permuted within each fold, [N, deals]."""
    out = np.empty((len(labels), deals))
    place = np.argsort(fold, kind="stable")
    for k in range(deals):
        keys = source.uniform(1 + k, 0, len(labels))
        out[place, k] = labels[np.lexsort((keys, fold))]
    return out
