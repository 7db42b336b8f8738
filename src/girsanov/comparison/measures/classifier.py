r"""The classifier two-sample test: how often a classifier tells samples from data.

Both sets, equally many of each, are cut into folds; each fold is judged by a classifier trained
on the others, and the share of right answers is 1/2 when the laws are one (Lopez-Paz and Oquab
2017). The classifier is a ridge regression of the labels on random Fourier-like features (the
Nystrom features of a Gaussian kernel) and the coordinates themselves. It is linear in the
labels, so that permuting them within folds costs next to nothing and the p-value is exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..._checks import need
from ...montecarlo import Estimate
from ...noise import NoiseSource
from ..sets import Sets, halves
from .measure import MeasureRow, ShareAndTest, ShareMeasure
from .mmd import median_distance

if TYPE_CHECKING:
    from ..._typing import Array

CLASSIFIED = 2000  # rows of each set
TEST_FOLDS = 5
FEATURES = 200
LABEL_DEALS = 199


class ClassifierMeasure(ShareMeasure):
    """The share of rows that a classifier tells apart rightly."""

    name, extra = "classifier", ("sklearn.linear_model", "compare")

    @classmethod
    def row(cls, sets: Sets) -> MeasureRow:
        """Return the share of samples and data, and that of two halves of the data."""
        tested = classifier_test(sets.x, sets.y, seed=sets.seed)
        cuts = [
            classifier_test(*halves(sets.y, turn, sets.seed), seed=sets.seed, deals=2).share.value
            for turn in range(3)
        ]
        rows = min(len(sets.x), len(sets.y), CLASSIFIED)
        note = f"share told apart rightly of {rows} of each; chance is 1/2"
        return cls.row_of(tested, sets, (float(np.mean(cuts)), min(cuts), max(cuts)), note)


def classifier_test(
    x: Array, y: Array, *, seed: int = 0, deals: int = LABEL_DEALS
) -> ShareAndTest:
    """Return what share of samples x [n, d] and data y [m, d] is told apart rightly.

    The standard error is the larger of the binomial one and the spread under permutations.
    """
    size = min(len(x), len(y), CLASSIFIED) // TEST_FOLDS * TEST_FOLDS
    source = NoiseSource(seed, "classifier")
    fold, z, labels = _pooled(x[:size], y[:size], source)
    z = _features(z, seed)
    right = np.zeros(1 + deals)
    answers = np.concatenate([labels[:, None], _permuted(labels, fold, deals, source)], axis=1)
    ridge: Any = need("sklearn.linear_model", "compare").Ridge
    for k in range(TEST_FOLDS):
        rest, here = fold != k, fold == k
        model = ridge(alpha=1.0).fit(z[rest], answers[rest])
        guess = model.predict(z[here])
        right += ((guess > 0) == (answers[here] > 0)).sum(axis=0)
    accuracy = right / len(z)
    share = float(accuracy[0])
    binomial = np.sqrt(share * (1 - share) / len(z))
    p_value = float(np.mean(accuracy >= share - 1e-12))
    return ShareAndTest(Estimate(share, float(max(binomial, accuracy[1:].std(ddof=1)))), p_value)


def _pooled(x: Array, y: Array, source: NoiseSource) -> tuple[np.ndarray, Array, Array]:
    """Return folds [N], rows [N, d] and labels ±1 [N], in random order, folds balanced."""
    labels = np.repeat([1.0, -1.0], [len(x), len(y)])
    fold = np.concatenate([np.arange(len(x)) % TEST_FOLDS, np.arange(len(y)) % TEST_FOLDS])
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
