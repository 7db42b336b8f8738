"""How much of the data's variance samples keep."""

import math

import numpy as np
import pytest

from girsanov import Gaussian, compare, load_data
from girsanov.comparison.spread import spread_words, spreads

RNG = np.random.default_rng(7)
ROOT = np.array([[3.0, 0.0, 0.0], [1.0, 1.0, 0.0], [-0.5, 0.2, 0.3]])


def rows(count, shrink=1.0, seed=0):
    """Skewed rows off the origin; shrink: of the deviation along the data's second axis."""
    rng = np.random.default_rng(seed)
    z = rng.exponential(size=(count, 3)) - 1
    x = z @ ROOT.T
    _, axes = np.linalg.eigh(ROOT @ ROOT.T)
    u = axes[:, 1]
    return x + (shrink - 1) * np.outer(x @ u, u) + [5.0, -3.0, 1.0]


def test_the_ratio_is_that_of_variances_in_the_direction_that_lost_some():
    found = spreads(rows(40_000, 0.8, seed=1), rows(40_000), (), None, 0.9999)
    assert [s.name for s in found] == ["all", "direction 1", "direction 2", "direction 3"]
    assert found[2].low < 0.64 < found[2].high
    assert found[1].low < 1 < found[1].high
    assert f"{100 * (1 - found[2].ratio):.0f} % too narrow in direction 2" in spread_words(found)
    assert "direction 1" not in spread_words(found)


def test_intervals_cover_as_often_as_they_say():
    inside = 0
    for k in range(200):
        _, first, *_ = spreads(rows(400, seed=2 * k), rows(400, seed=2 * k + 1), (), None, 0.95)
        inside += first.low < 1 < first.high
    # binomial of 200 at .95, 4 standard errors; heavy tails make the delta method a little short
    assert inside / 200 > 0.95 - 0.03 - 4 * math.sqrt(0.95 * 0.05 / 200)


def test_directions_of_few_rows_have_no_bias():
    d, count = 20, 80
    ratios = [
        spreads(RNG.normal(size=(2000, d)), RNG.normal(size=(count, d)), (), None, 0.95)[1].ratio
        for _ in range(40)
    ]
    # found and measured on the same rows, the first direction has about twice the variance
    assert np.mean(ratios) == pytest.approx(1, abs=5 * np.std(ratios) / math.sqrt(40) + 0.06)


def test_a_comparison_says_it_by_direction_and_column(tmp_path):
    path = tmp_path / "table.csv"
    data, made = rows(800), rows(800, 0.5, seed=3)
    for name, values in (("table.csv", data), ("samples.csv", made)):
        lines = ["a,b,c", *(",".join(f"{v:.6f}" for v in row) for row in values)]
        (tmp_path / name).write_text("\n".join(lines))
    found = compare(load_data(tmp_path / "samples.csv"), load_data(path), by=["sliced-w2"])
    assert [s.name for s in found.spread[-3:]] == ["a", "b", "c"]
    told = found.to_json()["spread"]
    assert told[0]["name"] == "all"
    assert told[0]["low"] < told[0]["ratio"] < told[0]["high"]
    assert "too narrow" in str(found)


def test_of_one_law_nothing_is_said():
    law = Gaussian([1.0, 2.0], [4.0, 1.0])
    found = compare(law.sample(2000, seed=1).numpy(), law.sample(2000, seed=2).numpy(),
                    by=["sliced-w2"])  # fmt: skip
    assert "no direction is certainly" in str(found).replace("\n", " ")
