"""Near copies across a split, (1) and (2) of copies.py: found where they were planted."""

import numpy as np
import pytest

from girsanov.comparison.copies import near_copies
from girsanov.data import load_data


def parts(x, seed=0):
    return load_data(x).split(0.8, seed=seed)


def planted(x, share, far=0.05, seed=1):
    """Pictures x and near copies of a share of them."""
    draw = np.random.default_rng(seed)
    some = x[draw.random(len(x)) < share]
    return np.concatenate([x, some + far * x.std(axis=0) * draw.normal(size=some.shape)])


@pytest.fixture(scope="module")
def digits():
    return load_data("digits").raw(slice(None)).astype(float)


@pytest.mark.parametrize("share", [0.06, 0.2, 1.0])
def test_planted_copies_are_found(digits, share):
    found = near_copies(*parts(planted(digits, share)))
    assert found.many
    # a held-out row has its twin in the training part four times in five
    expected = 0.8 * 2 * share / (1 + share)
    error = np.sqrt(expected * (1 - expected) / found.rows)
    assert found.share <= expected + 4 * error
    assert found.share >= expected / 2
    assert f"{found.share:.1%} of {found.rows} held-out rows" in str(found)


@pytest.mark.parametrize("seed", range(5))
def test_digits_have_none(digits, seed):
    found = near_copies(*parts(digits, seed))
    assert found.share < 0.005
    assert not found.many


def test_as_many_are_near_by_chance_as_equation_2_says():
    x = np.random.default_rng(2).normal(size=(6000, 5))
    found = near_copies(*parts(x))
    assert 4.5 < found.dimension < 6
    error = np.sqrt(found.expected / found.rows)
    assert abs(found.share - found.expected) < 5 * error + 1e-3


def mixture(seed):
    """Rows of a random law, some with heavy tails and columns that all but agree."""
    draw = np.random.default_rng(seed)
    d, count = int(draw.choice([5, 8, 12, 20])), int(draw.integers(1, 8))
    means, spreads = draw.normal(0, 3, (count, d)), draw.gamma(0.5, 0.5, (count, d)) + 1e-4
    which = draw.choice(count, size=2400, p=draw.dirichlet(np.ones(count)))
    x = means[which] + spreads[which] * draw.normal(size=(2400, d))
    x = np.exp(x) if draw.random() < 0.3 else x
    x = np.c_[x, draw.standard_t(2, 2400)] if draw.random() < 0.3 else x
    return np.c_[x, 2 * x[:, :1] + 1e-3 * draw.normal(size=(2400, 1))]


def test_laws_raise_no_alarm():
    judged = [near_copies(*parts(mixture(seed))) for seed in range(40)]
    assert sum(found is not None for found in judged) >= 15
    assert not any(found.many for found in judged if found is not None)


ROWS = np.random.default_rng(3)
TABLE = np.empty(3000, [("a", "f8"), ("b", "f8"), ("c", "U1")])
TABLE["a"], TABLE["b"], TABLE["c"] = 1.0, ROWS.normal(size=3000), ROWS.choice(["x", "y"], 3000)


@pytest.mark.parametrize(
    "x",
    [
        ROWS.integers(0, 4, (3000, 8)) + 1.0,  # numbers that come twice
        np.c_[ROWS.integers(0, 2, (3000, 9)), 1e-3 * ROWS.normal(size=3000)],  # equal but for one
        np.repeat(ROWS.normal(size=(300, 8)), 12, axis=0),
        ROWS.normal(size=(200, 8)),  # few rows
        ROWS.normal(size=(3000, 2)),  # few dimensions
        np.ones((3000, 3)),
        TABLE,
    ],
)
def test_where_nothing_can_be_told_nothing_is_said(x):
    assert near_copies(*parts(x)) is None
