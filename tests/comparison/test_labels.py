"""The share of samples that keep their label, where the truth is known in closed form."""

import math

import numpy as np
import pytest
from scipy import stats

import girsanov as gv
from girsanov._checks import InputError
from girsanov.comparison.measures.labels import TREES, labels_kept, share_kept

OFF = 1.5  # from the border between two classes, in deviations
BAYES = float(stats.norm.cdf(OFF))


def two_classes(n, seed, wrong=0.0):
    """Rows of two classes, `OFF` from their border, of which a share are said to be the other."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 2, n)
    x = random.standard_normal((n, 3))
    x[:, 1] += OFF * (2 * truth - 1)
    return x, np.where(random.random(n) < wrong, 1 - truth, truth)


@pytest.mark.parametrize("rows", [600, TREES])
def test_data_keep_as_many_labels_as_bayes_rule(rows):
    found = labels_kept(two_classes(900, 1), two_classes(rows, 2))
    for share, n in ((found.samples, 900), (found.data, rows)):
        se = math.sqrt(BAYES * (1 - BAYES) / n)
        # a classifier of so few rows is behind Bayes' rule by a few hundredths at most
        assert BAYES - 0.04 - 4 * se < share.value < BAYES + 4 * se
    assert found.p_value > 0.001


@pytest.mark.parametrize("wrong", [0.15, 0.5, 1.0])
def test_samples_with_wrong_labels_keep_fewer(wrong):
    found = labels_kept(two_classes(2000, 1, wrong), two_classes(1000, 2))
    truth = wrong * (1 - BAYES) + (1 - wrong) * BAYES
    assert abs(found.samples.value - truth) < 0.02 + 4 * math.sqrt(0.25 / 2000)
    assert found.samples.high < found.data.low
    assert found.p_value < 1e-6


def test_intervals_are_exact():
    for k, n in ((0, 9), (3, 10), (10, 10)):
        want = stats.binomtest(k, n).proportion_ci(0.9, method="exact")
        assert share_kept(k, n, 0.9) == pytest.approx((k / n, want.low, want.high))


def test_compare_says_what_share_of_samples_keeps_its_label():
    (x, mine), (y, own) = two_classes(800, 1, 0.3), two_classes(800, 2)
    names = np.array(["no", "yes"])
    samples, data = gv.load_data(x, labels=names[mine]), gv.load_data(y, labels=names[own])
    found = gv.compare(samples, data, by=["labels"])
    row = found["labels"]
    assert row.low < row.value < row.high < row.floor[1] < row.floor[0] < row.floor[2]
    said = " ".join(str(found).split())
    assert "; fewer samples than rows of data keep their label" in said
    assert found.to_json()["measures"][0]["floor"] == row.floor
    same = gv.compare(
        gv.load_data(two_classes(800, 4)[0]), data.without_labels(), by=["sliced-w2"]
    )
    assert [r.name for r in same.rows] == ["sliced-w2"]


def test_labels_are_compared_where_both_have_them_and_asked_for_where_one_has_none():
    (x, mine), (y, own) = two_classes(64, 1), two_classes(64, 2)
    samples, data = gv.load_data(x, labels=mine), gv.load_data(y, labels=own)
    assert "labels" in [row.name for row in gv.compare(samples, data).rows]
    assert "labels" not in [row.name for row in gv.compare(x, data).rows]
    with pytest.raises(InputError, match="labels: must be known of samples and of data"):
        gv.compare(x, data, by=["labels"])
    with pytest.raises(InputError, match="must have labels among 0, 1"):
        gv.compare(gv.load_data(x, labels=mine + 5), data)
