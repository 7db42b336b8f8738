r"""The share of samples that keep their label, judged by a classifier trained on the data.

The data, with their labels, are cut into `FOLDS`; a classifier trained on all but one fold judges
the rows of that fold and as large a part of the samples, so that both are judged by classifiers
that learnt from equally many rows. With k of n rows given their own label the interval is exact
(Clopper and Pearson 1934),

    low  = B^-1(a/2;     k,     n - k + 1),    high = B^-1(1 - a/2; k + 1, n - k),         (1)

B the beta law, a = 1 - confidence: it speaks of more rows, for these classifiers. That samples
keep fewer than the data's own is tested by Fisher's exact test.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from .._checks import need
from .._typing import Array
from ..noise import NoiseSource

FOLDS = 5
TREES, WIDE = 2000, 100  # rows from which, and numbers up to which, trees judge


class Share(NamedTuple):
    """A share of rows with its exact interval (1)."""

    value: float
    low: float
    high: float


class Kept(NamedTuple):
    """The shares that keep their label, of samples and of data; p_value: that none has fewer."""

    samples: Share
    data: Share
    p_value: float


def labels_kept(
    samples: tuple[Array, np.ndarray],
    data: tuple[Array, np.ndarray],
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> Kept:
    """Return what share of samples, and of data, keep their label; rows [n, d] and codes [n]."""
    (x, mine), (y, own) = samples, data
    source = NoiseSource(seed, "labels")
    folds = [source.uniform(k, 0, len(z)).argsort() % FOLDS for k, z in enumerate((x, y))]
    right = np.zeros(2, dtype=np.int64)
    for fold in range(FOLDS):
        there = folds[1] != fold
        judge = _classifier(len(y), y.shape[1], seed).fit(y[there], own[there])
        for k, (z, label) in enumerate((samples, data)):
            here = folds[k] == fold
            right[k] += int((judge.predict(z[here]) == label[here]).sum()) if here.any() else 0
    of_samples, of_data = (
        _share(int(k), len(z), confidence) for k, z in zip(right, (x, y), strict=True)
    )
    table = [[right[0], len(mine) - right[0]], [right[1], len(own) - right[1]]]
    p_value = float(stats.fisher_exact(table, alternative="less").pvalue)
    return Kept(of_samples, of_data, p_value)


def _classifier(rows: int, dimension: int, seed: int) -> Any:
    """Return boosted trees for many rows of few numbers, else a logistic regression."""
    if rows >= TREES and dimension <= WIDE:
        trees: Any = need("sklearn.ensemble", "compare").HistGradientBoostingClassifier
        return trees(random_state=seed % 2**32)
    linear: Any = need("sklearn.linear_model", "compare").LogisticRegression
    scaled: Any = need("sklearn.preprocessing", "compare").StandardScaler
    pipeline: Any = need("sklearn.pipeline", "compare").make_pipeline
    return pipeline(scaled(), linear(max_iter=1000))


def _share(k: int, n: int, confidence: float) -> Share:
    """Return k/n with (1)."""
    half = (1 - confidence) / 2
    low = float(stats.beta.ppf(half, k, n - k + 1)) if k else 0.0
    high = float(stats.beta.ppf(1 - half, k + 1, n - k)) if k < n else 1.0
    return Share(k / n, low, high)
