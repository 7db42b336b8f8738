"""Statistics of a pass in chunks, equations (1) and (2), against the statistics of the whole."""

import math

import numpy as np
import pytest

from girsanov._checks import InputError
from girsanov.data import rows
from girsanov.data.rows import column_statistics, require_usable, row_chunks, value_range


def skewed(n=1001, d=3):
    rng = np.random.default_rng(5)
    return rng.gamma(0.5, size=(n, d)) * [1e-3, 1.0, 1e4] + [1e3, -2.0, 7e5]


@pytest.mark.parametrize("size", [1, 2, 7, 1000, 5000])
def test_chunked_moments_are_the_moments_of_the_whole(size):
    x = skewed()
    chunks = [x[i : i + size] for i in range(0, len(x), size)]
    got = column_statistics(chunks)
    columns = [[float(v) for v in column] for column in x.T]
    mean = [math.fsum(c) / len(c) for c in columns]
    spread = [
        math.sqrt(math.fsum((v - m) ** 2 for v in c) / len(c))
        for c, m in zip(columns, mean, strict=True)
    ]
    np.testing.assert_allclose(got.mean, mean, rtol=1e-13)
    np.testing.assert_allclose(got.deviation, spread, rtol=1e-9)
    np.testing.assert_array_equal(got.low, x.min(0))
    np.testing.assert_array_equal(got.high, x.max(0))


def test_constant_column_has_no_deviation_and_its_exact_mean():
    # 0.1 added up and divided is not 0.1.
    got = column_statistics([np.full((7, 1), 0.1), np.full((3, 1), 0.1)])
    assert got.deviation[0] == 0
    assert got.mean[0] == 0.1


@pytest.mark.parametrize("scale", [1e-200, 9e149])
def test_extreme_numbers_have_a_finite_positive_scale(scale):
    got = column_statistics([np.array([[-1.0], [0.5]]) * scale, np.array([[1.0]]) * scale])
    assert 0 < got.deviation[0] <= scale * 1.001
    assert np.isfinite(got.deviation[0])


def test_row_chunks_cover_the_index_once_in_increasing_bounded_pieces(monkeypatch):
    monkeypatch.setattr(rows, "CHUNK_VALUES", 30)
    index = np.random.default_rng(0).permutation(100)[:41]
    chunks = list(row_chunks(100, 10, index))
    assert max(map(len, chunks)) == 3
    np.testing.assert_array_equal(np.concatenate(chunks), np.sort(index))
    np.testing.assert_array_equal(np.concatenate(list(row_chunks(100, 10))), np.arange(100))
    assert [len(c) for c in row_chunks(3, 1000)] == [1, 1, 1]  # a row wider than a chunk


def test_value_range():
    assert value_range([np.array([3, 200], np.uint8), np.array([9], np.uint8)]) == (3.0, 200.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e150, -1e308])
def test_unusable_number_is_refused_by_row_and_column(bad):
    x = skewed(6, 2 + 1)
    x[4, 2] = bad
    with pytest.raises(InputError, match=r"finite numbers below 1e150.*at row 14, column \[2\]"):
        require_usable(x, np.arange(10, 16), "x.npy")


def test_largest_numbers_of_small_floats_are_usable():
    require_usable(np.array([65504.0], np.float16), np.arange(1), "x")
    require_usable(np.array([3e38], np.float32), np.arange(1), "x")
    require_usable(np.array([2**63 - 1]), np.arange(1), "x")
    with pytest.raises(InputError, match="at row 0"):
        require_usable(np.array([np.inf], np.float16), np.arange(1), "x")
