r"""The share of samples that keep their label, judged by a classifier trained on the data.

The data, with their labels, are cut into `JUDGE_FOLDS`; a classifier trained on all but one fold
judges the rows of that fold and as large a part of the samples, so that both are judged by
classifiers that learnt from equally many rows. With k of n rows given their own label the
interval is exact
(Clopper and Pearson 1934),

    low  = B^-1(a/2;     k,     n - k + 1),    high = B^-1(1 - a/2; k + 1, n - k),         (1)

B the beta law, a = 1 - confidence: it speaks of more rows, for these classifiers. That samples
keep fewer than the data's own is tested by Fisher's exact test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import stats

from ..._checks import need
from ...noise import NoiseSource
from ..jackknife import Interval
from .measure import SIGNIFICANT, Lack, Measure, MeasureRow

if TYPE_CHECKING:
    from ..._typing import Array
    from ..sets import Sets

JUDGE_FOLDS = 5
TREES, MOST_COLUMNS = 2000, 100  # rows from which, and numbers up to which, trees judge


class LabelsMeasure(Measure):
    """The share of samples that keep their label, beside that of the data's own."""

    name, extra = "labels", ("sklearn.linear_model", "compare")

    @classmethod
    def lack(cls, sets: Sets) -> Lack | None:
        """Return that labels of both sets are needed, of two classes or more."""
        if sets.labels is None or sets.sample_labels is None or len(np.unique(sets.labels)) < 2:
            rule = "must be known of samples and of data, of two classes or more, to see them kept"
            return "labels", rule, "Name their column: --labels"
        return None

    @classmethod
    def row(cls, sets: Sets) -> MeasureRow:
        """Return the share of samples; the floor is that of data which the judge has not seen."""
        assert sets.sample_labels is not None  # or it lacked something
        assert sets.labels is not None
        samples, data = (sets.x, sets.sample_labels), (sets.y, sets.labels)
        shares = labels_kept(samples, data, confidence=sets.confidence, seed=sets.seed)
        own, value = shares.data, shares.samples.value
        note = (
            "share of samples to which a classifier trained on data gives their own label, beside "
            f"the same of rows of data that it has not seen, {own.value:.3f} "
            f"({own.low:.3f} .. {own.high:.3f})"
        )
        return MeasureRow(cls.name, *shares.samples, value, own, shares.p_value, note)

    @classmethod
    def verdict(cls, row: MeasureRow) -> str:
        """Return in words whether samples keep their label less often than data do."""
        fewer = row.p_value is not None and row.p_value <= SIGNIFICANT
        keep = "samples than rows of data keep their label"
        return f"fewer {keep}" if fewer else f"no fewer {keep}, as far as these tell"


class LabelsKept(NamedTuple):
    """The shares that keep their label, with (1); p_value: that samples keep no fewer."""

    samples: Interval
    data: Interval
    p_value: float


def labels_kept(
    samples: tuple[Array, np.ndarray],
    data: tuple[Array, np.ndarray],
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> LabelsKept:
    """Return what share of samples, and of data, keep their label; rows [n, d] and codes [n]."""
    (x, mine), (y, own) = samples, data
    source = NoiseSource(seed, "labels")
    folds = [source.uniform(k, 0, len(z)).argsort() % JUDGE_FOLDS for k, z in enumerate((x, y))]
    right = np.zeros(2, dtype=np.int64)
    for fold in range(JUDGE_FOLDS):
        there = folds[1] != fold
        judge = _classifier(len(y), y.shape[1], seed).fit(y[there], own[there])
        for k, (z, label) in enumerate((samples, data)):
            here = folds[k] == fold
            right[k] += int((judge.predict(z[here]) == label[here]).sum()) if here.any() else 0
    of_samples, of_data = (
        share_kept(int(k), len(z), confidence) for k, z in zip(right, (x, y), strict=True)
    )
    table = [[right[0], len(mine) - right[0]], [right[1], len(own) - right[1]]]
    p_value = float(stats.fisher_exact(table, alternative="less").pvalue)
    return LabelsKept(of_samples, of_data, p_value)


def _classifier(rows: int, dimension: int, seed: int) -> Any:
    """Return boosted trees for many rows of few numbers, else a logistic regression."""
    if rows >= TREES and dimension <= MOST_COLUMNS:
        trees: Any = need("sklearn.ensemble", "compare").HistGradientBoostingClassifier
        return trees(random_state=seed % 2**32)
    linear: Any = need("sklearn.linear_model", "compare").LogisticRegression
    scaled: Any = need("sklearn.preprocessing", "compare").StandardScaler
    pipeline: Any = need("sklearn.pipeline", "compare").make_pipeline
    return pipeline(scaled(), linear(max_iter=1000))


def share_kept(k: float, n: float, confidence: float) -> Interval:
    """Return k/n with (1); k and n need not be whole."""
    half = (1 - confidence) / 2
    low = float(stats.beta.ppf(half, k, n - k + 1)) if k else 0.0
    high = float(stats.beta.ppf(1 - half, k + 1, n - k)) if k < n else 1.0
    return Interval(k / n, low, high)
