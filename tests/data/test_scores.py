"""Normal scores of a column: there and back, the law they have, and what no row had."""

import json

import numpy as np
import pytest
from scipy import stats

from girsanov._checks import InputError
from girsanov.data.load import load_data
from girsanov.data.standardise import Standardisation
from girsanov.data.table.scores import MOST_VALUES, Scores, learn_scores

RNG = np.random.default_rng(5)
COLUMNS = {
    "heavy": RNG.standard_t(1.5, 3000) * 1e4,
    "piled": np.where(RNG.random(4000) < 0.4, 0.0, RNG.lognormal(2, 1.5, 4000).round(3)),
    "counts": RNG.poisson(1.3, 2500).astype(float),
    "rare": (RNG.random(5000) < 0.03).astype(float),
    "bounded": RNG.beta(0.3, 0.4, 2000),
    "two piles": RNG.permutation(
        np.r_[np.full(900, -5.0), np.full(300, 7.5), RNG.normal(size=99)]
    ),
    "few rows": RNG.gamma(2.0, size=12).round(1),
    "constant": np.full(40, 3.25),
}


def scores_of(name):
    values = COLUMNS[name]
    return values, learn_scores(values)


@pytest.mark.parametrize("name", COLUMNS)
def test_every_value_learnt_from_comes_back(name):
    values, scores = scores_of(name)
    back = scores.decode(scores.encode(values))
    if len(np.unique(values)) <= MOST_VALUES:
        assert np.array_equal(back, values)
    assert np.allclose(back, values, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", COLUMNS)
def test_scores_rise_with_the_values(name):
    values, scores = scores_of(name)
    spread = values.std() or 1.0
    ordered = np.sort(
        np.r_[values, np.linspace(values.min() - spread, values.max() + spread, 500)]
    )
    assert (np.diff(scores.encode(ordered)) >= 0).all()
    normal = np.sort(RNG.normal(size=3000) * 1.5)
    assert (np.diff(scores.decode(normal)) >= 0).all()


@pytest.mark.parametrize("name", COLUMNS)
def test_normal_numbers_decode_to_the_column_s_own_law(name):
    values, scores = scores_of(name)
    drawn = scores.decode(RNG.normal(size=20_000))
    assert stats.ks_2samp(drawn, values).statistic < 2.2 * (1 / 20_000 + 1 / len(values)) ** 0.5
    if scores.few:
        assert set(drawn) <= set(values)


@pytest.mark.parametrize("name", ["heavy", "bounded"])
def test_a_column_without_piles_has_normal_scores(name):
    values, scores = scores_of(name)
    assert (
        stats.kstest(scores.encode(values), "norm").statistic < 2 / len(values) + 1 / MOST_VALUES
    )
    assert scores.mixture().weight[-1] == pytest.approx(1 / (len(values) + 1))


@pytest.mark.parametrize("name", COLUMNS)
def test_the_mixture_is_the_law_of_the_scores(name):
    values, scores = scores_of(name)
    law, z = scores.mixture(), scores.encode(values)
    assert law.weight.sum() == pytest.approx(1.0, abs=1e-12)
    assert (law.weight > 0).all()
    n, atoms = len(values), law.low == law.high
    for weight, at in zip(law.weight[atoms], law.low[atoms], strict=True):
        assert (z == at).mean() == pytest.approx(weight, abs=2 / n)
    cut = ~atoms & (law.high - law.low < 20)
    for weight, low, high in zip(law.weight[cut], law.low[cut], law.high[cut], strict=True):
        inside = (z > low) & (z < high) & ~np.isin(z, law.low[atoms])
        assert inside.mean() == pytest.approx(weight, abs=0.01 + 2 / n)


def test_what_no_row_had_goes_on_beyond_the_ends_and_comes_back():
    values = COLUMNS["heavy"]
    scores = learn_scores(values)
    beyond = np.array([values.min() - 3e6, values.max() + 1.0, values.max() + 1e7, 17.123])
    z = scores.encode(beyond)
    assert np.allclose(scores.decode(z), beyond, rtol=1e-9)
    assert np.abs(z).max() < 8


def test_many_values_are_kept_at_equal_shares_with_all_piles():
    values = np.r_[RNG.normal(size=60_000), np.full(4000, 0.5), np.full(900, -1.25)]
    scores = learn_scores(values)
    assert 0.9 * MOST_VALUES <= len(scores.values) <= MOST_VALUES + 2
    assert set(scores.values[scores.piles]) == {0.5, -1.25}
    assert np.array_equal(scores.decode(scores.encode(np.array([0.5, -1.25]))), [0.5, -1.25])


def test_amounts_of_which_most_are_nothing_are_not_few_values():
    paid = np.where(RNG.random(4000) < 0.83, 0.0, np.exp(RNG.normal(8, 1, 4000)))
    scores = learn_scores(paid)
    drawn = scores.decode(RNG.normal(size=4000))
    assert not scores.few
    assert (drawn == 0).mean() == pytest.approx(0.83, abs=0.02)
    assert not set(drawn[drawn > 0]) <= set(paid)


def test_an_end_goes_on_by_the_spread_that_is_there():
    """Groups at 0, 10 and 1000: what lies beyond the first is not thrown far by the last."""
    groups = np.r_[RNG.normal(size=900), 10 + RNG.normal(size=900), 1000 + RNG.normal(size=900)]
    scores = learn_scores(groups)
    z = scores.encode(np.array([groups.min(), groups.max()]))
    below, above = scores.decode(np.array([z[0] - 0.3, z[1] + 0.3]))
    assert groups.min() - 2 < below < groups.min()
    assert groups.max() < above < groups.max() + 2
    assert np.abs(scores.encode(np.array([-1e6, 1e6]))).max() < 20


def table(n=400):
    rng = np.random.default_rng(8)
    day = np.datetime64("2020-02-27") + rng.integers(0, 30, n)
    rows = np.zeros(n, dtype=[("a", "f8"), ("n", "i4"), ("day", "M8[D]"), ("kind", "U5")])
    rows["a"] = np.where(rng.random(n) < 0.2, np.nan, rng.lognormal(size=n).round(2))
    rows["n"], rows["day"] = rng.poisson(3, n), day
    rows["kind"] = rng.choice(["dwarf", "giant"], n, p=[0.85, 0.15])
    return rows


def test_a_table_in_units_of_its_scores_comes_back_and_is_kept_in_json():
    rows = table()
    data = load_data(rows)
    units = data.scored_units
    kept = Standardisation.from_json(json.loads(json.dumps(units.to_json())))
    x = units.encode(rows)
    assert np.array_equal(kept.encode(rows), x)
    back = kept.decode(x)
    assert all(np.array_equal(back[name], rows[name]) for name in ("n", "day", "kind"))
    gone = np.isnan(rows["a"])
    assert np.array_equal(np.isnan(back["a"]), gone)
    assert np.array_equal(back["a"][~gone], rows["a"][~gone])
    assert len(units.mixtures) == 5  # a and its mark, n, day, kind
    assert data.standardisation.mixtures == ()


def test_scores_are_learnt_from_the_rows_that_train():
    rows = table()
    train, rest = load_data(rows).split(0.5, seed=1)
    learnt, raw = train.scored_units, train.raw(slice(None))
    assert learnt.to_json() == rest.scored_units.to_json()
    alone = load_data(raw).scored_units
    assert np.array_equal(alone.encode(raw), learnt.encode(raw))
    assert train.with_standardisation(train.scored_units).scored_units is train.scored_units


@pytest.mark.parametrize("change", [
    {"values": [1.0, 1.0]}, {"values": [1.0, float("nan")]}, {"share": [0.5, 0.0]},
    {"below": [0.0, 0.9]}, {"below": [0.0, 0.1]}, {"rows": 0}, {"units": [0.0, 1.0]}, {"values":
    []},
])  # fmt: skip
def test_refuses_scores_that_are_none(change):
    good = {"values": [1.0, 2.0], "below": [0.0, 0.5], "share": [0.5, 0.5], "rows": 4,
            "units": [1.0, 2.0], "few": True}  # fmt: skip
    Scores.from_json(good)
    with pytest.raises(InputError, match="must have scores of increasing values"):
        Scores.from_json(good | change)
