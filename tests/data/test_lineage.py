"""Lineages name rows without listing them: equation (1) of data/lineage.py."""

import numpy as np
import pytest

from girsanov._checks import InputError
from girsanov.data import load_data
from girsanov.data.lineage import cut, lineage_rows, shared_rows


def numbered(n=60):
    return load_data(np.arange(2.0 * n).reshape(n, 2), labels=np.arange(n) % 3)


def numbers(data):
    return (data.raw(slice(None))[:, 0] / 2).astype(int)


def test_a_lineage_names_the_rows_in_their_order():
    whole = numbered()
    first, rest = whole.split(0.7, seed=1)
    parts = [whole, first, rest, *rest.split(0.3, seed=2), first.split(0.5)[1].split(0.5)[0]]
    for part in parts:
        assert lineage_rows(part.lineage).tolist() == numbers(part).tolist()
        assert lineage_rows(part.without_labels().lineage).tolist() == numbers(part).tolist()


def test_shared_rows_are_counted_once_over_all_the_others():
    whole = numbered()
    (a, b), (c, d) = whole.split(0.5, seed=1), whole.split(0.5, seed=2)
    assert shared_rows(a.lineage, [b.lineage]) == 0
    assert shared_rows(a.lineage, [b.lineage, a.lineage, whole.lineage]) == len(a)
    common = set(numbers(a)) & set(numbers(c))
    assert 0 < len(common) < 30
    assert shared_rows(a.lineage, [c.lineage]) == len(common)
    assert shared_rows(a.lineage, [c.lineage, d.lineage]) == len(a)


@pytest.mark.parametrize("other", [None, {}, {"of": "x"}, 3])
def test_another_file_or_no_lineage_shares_nothing(other):
    own = numbered().lineage
    assert shared_rows(own, [other, numbered(61).lineage]) == 0


@pytest.mark.parametrize("others", [None, 3.5, "x", {}])
def test_a_record_that_is_no_list_shares_nothing(others):
    assert shared_rows(numbered().lineage, others) == 0


@pytest.mark.parametrize("splits", [[[0.5, 1]], [[float("nan"), 0, 0]], [[0.5, -1, 0]], 7])
def test_a_damaged_lineage_is_refused(splits):
    own = numbered().lineage
    with pytest.raises(InputError, match="lineage: must tell by which splits"):
        shared_rows(own, [{**own, "splits": splits}])


def test_a_cut_is_a_permutation_in_two():
    first, rest = cut(10, 0.34, 5)
    assert (len(first), sorted([*first, *rest])) == (3, list(range(10)))
