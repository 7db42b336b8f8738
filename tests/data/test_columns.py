"""Equation (1) of columns.py: one-hot blocks of unit variance, and tables that come back."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from girsanov._checks import InputError
from girsanov.data import (
    CategoryColumn,
    Standardisation,
    TableStandardisation,
    load_data,
)

NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=6
)
ROW = st.tuples(
    st.floats(-1e6, 1e6, allow_subnormal=False), st.integers(-1000, 1000), NAMES, st.booleans()
)
DTYPE = [("price", "f8"), ("rooms", "i8"), ("town", "U6"), ("sold", "?")]


def table(rows):
    return np.array(rows, dtype=DTYPE)


SMALL = table([(1.5, 2, "Ulm", True), (2.5, 2, "Bonn", False), (9.0, 5, "Ulm", False)])


@given(st.lists(ROW, min_size=2, max_size=12))
def test_tables_come_back(rows):
    raw = table(rows)
    s = load_data(raw).standardisation
    back = s.decode(s.encode(raw))
    assert back.dtype.names == raw.dtype.names
    for name in ("rooms", "town", "sold"):
        np.testing.assert_array_equal(back[name], raw[name])
    assert back["rooms"].dtype == np.int64
    assert back["sold"].dtype == bool
    assert back["town"].dtype.kind == "U"
    span = np.ptp(raw["price"]) + 1e-300
    np.testing.assert_allclose(back["price"], raw["price"], rtol=1e-14, atol=2e-7 * span)


def test_a_block_of_categories_has_the_variance_of_one_column():
    towns = np.array(["a"] * 70 + ["b"] * 20 + ["c"] * 9 + ["d"])
    raw = np.empty(100, [("town", "U1"), ("size", "f8")])
    raw["town"], raw["size"] = towns, np.random.default_rng(0).gamma(1.0, size=100)
    x = load_data(raw).standardisation.encode(raw)
    assert x.shape == (100, 5)
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-6)
    assert x[:, :4].var(0).sum() == pytest.approx(1, rel=1e-5)
    assert x[:, 4].var() == pytest.approx(1, rel=1e-5)


def test_coordinates_are_those_of_equation_1():
    s = CategoryColumn("town", ("Bonn", "Ulm"), (0.25, 0.75))
    c = np.sqrt(1 - 0.25**2 - 0.75**2)
    got = s.encode(np.array(["Ulm", "Bonn"]))
    np.testing.assert_allclose(got, np.array([[-0.25, 0.25], [0.75, -0.75]]) / c, rtol=1e-6)


def test_decoding_takes_the_likeliest_category_not_the_largest_coordinate():
    s = CategoryColumn("town", ("Bonn", "Ulm"), (0.1, 0.9))
    assert s.decode(np.array([[0.1, 0.0]])).tolist() == ["Ulm"]  # 0.9 beats 0.1 + 0.1 c
    assert s.decode(np.array([[2.0, 0.0]])).tolist() == ["Bonn"]


def test_a_single_category_is_a_constant():
    s = CategoryColumn("town", ("Bonn",), (1.0,))
    assert s.encode(np.array(["Bonn", "Bonn"])).tolist() == [[0.0], [0.0]]
    assert s.decode(np.array([[-7.0]])).tolist() == ["Bonn"]


def test_frequencies_are_learnt_from_the_first_part_and_categories_from_all():
    raw = table([(float(k), k, "rare" if k == 0 else "common", True) for k in range(20)])
    first, rest = load_data(raw).split(0.5, seed=1)
    column = first.standardisation.columns[2]
    assert set(first.raw(slice(None))["town"]) == {"common"}  # the seed leaves the rare row out
    assert column.categories == ("common", "rare")
    assert column.frequencies == (1.0, 0.0)
    assert rest.batch(slice(None)).isfinite().all()


def test_fields_may_come_in_another_order():
    s = load_data(SMALL).standardisation
    shuffled = SMALL[["town", "sold", "price", "rooms"]]
    np.testing.assert_array_equal(s.encode(shuffled), s.encode(SMALL))


def test_unknown_category_and_missing_column_are_refused():
    s = load_data(SMALL).standardisation
    other = SMALL.copy()
    other["town"][1] = "Köln"
    with pytest.raises(InputError, match=r"column 'town': must hold categories.*got Köln"):
        s.encode(other)
    with pytest.raises(
        InputError, match=r"columns price, rooms, town, sold; got no rooms, town, sold"
    ):
        s.encode(SMALL[["price"]])
    with pytest.raises(InputError, match="got ndarray"):
        s.encode(np.zeros((3, 4)))
    text = SMALL.astype([("price", "U9"), ("rooms", "i8"), ("town", "U6"), ("sold", "?")])
    with pytest.raises(InputError, match="column 'price': must hold numbers"):
        s.encode(text)


def test_with_standardisation_finds_an_unknown_category_in_any_row():
    model = load_data(SMALL).standardisation
    other = np.concatenate([SMALL, SMALL])
    other["town"][-1] = "Köln"
    with pytest.raises(InputError, match="got Köln"):
        load_data(other).with_standardisation(model)


def test_json_brings_back_the_same_map():
    s = load_data(SMALL).standardisation
    t = Standardisation.from_json(json.loads(json.dumps(s.to_json(), allow_nan=False)))
    assert isinstance(t, TableStandardisation)
    assert t.columns == s.columns
    np.testing.assert_array_equal(t.decode(t.encode(SMALL)), s.decode(s.encode(SMALL)))


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"name": "a", "categories": ["x", "x"], "frequencies": [0.5, 0.5]}, "one frequency per"),
        ({"name": "a", "categories": ["x"], "frequencies": [0.5]}, "adding up to 1"),
        ({"name": "a", "dtype": "f8", "mean": 0, "scale": -1}, "scale >= 0"),
        ({"name": "a", "dtype": "M8[s]", "mean": 0, "scale": 1}, "plain numbers"),
        ({"dtype": "f8"}, "as girsanov wrote it"),
    ],
)
def test_foreign_columns_are_refused(column, message):
    with pytest.raises(InputError, match=message):
        Standardisation.from_json({"kind": "table", "columns": [column]})


def test_scale_in_units():
    assert load_data(SMALL).standardisation.scale_in_units is None
    one = load_data(SMALL[["rooms"]]).standardisation
    assert one.scale_in_units == pytest.approx(np.std([2, 2, 5]))


@pytest.mark.parametrize(
    ("values", "decimals"),
    [
        ([17.99, 20.5, 3.0, -1.01], 2),
        ([100.0, 250.0, 7.0], 0),
        ([0.1, 1 / 3, 2.0], None),
        ([1e-7, 0.5, 1.0], None),
        ([1e15 + 0.5, 0.25, 3.0], 2),
    ],
)
@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_samples_have_the_decimals_of_their_column(values, decimals, kind):
    raw = np.array(values, kind).view([("v", kind)])
    s = load_data(raw).standardisation
    if not (kind == "f4" and abs(values[0]) > 1e9):  # float32 has no halves there
        assert s.columns[0].decimals == decimals
    again = Standardisation.from_json(json.loads(json.dumps(s.to_json())))
    drawn = again.as_drawn().decode(np.random.default_rng(3).normal(size=(200, 1)))["v"]
    if decimals is None:
        assert len(np.unique(drawn)) == 200
    else:
        np.testing.assert_array_equal(drawn, drawn.astype("f8").round(decimals).astype(kind))


def test_decimals_that_are_none_are_refused():
    content = load_data(np.array([(1.5,), (2.5,)], [("v", "f8")])).standardisation.to_json()
    for wrong in (-1, 7, "2", 1.5):
        content["columns"][0]["decimals"] = wrong
        with pytest.raises(InputError, match="0 to 6 decimals"):
            Standardisation.from_json(content)


COUNTS = np.array(
    [(0, 0.0, 0.25, -1.0, 3), (9, 7.0, 4.5, 2.5, 1), (1, 1.0, 0.5, 0.25, 2)],
    [("whole", "i8"), ("written", "f8"), ("positive", "f8"), ("signed", "f8"), ("small", "u1")],
)


def test_what_is_drawn_is_kept_to_what_can_be():
    units = load_data(COUNTS).standardisation
    again = Standardisation.from_json(json.loads(json.dumps(units.to_json())))
    assert again.bounded == ("whole", "written", "positive", "small")
    x = np.random.default_rng(5).normal(size=(4000, 5)) * 3
    drawn, free = again.decode(x), again.as_drawn().decode(x)
    for name, low, high in (("whole", 0, 9), ("written", 0, 7), ("small", 1, 3)):
        assert (drawn[name].min(), drawn[name].max()) == (low, high)  # as they were seen
        inside = (free[name] >= low) & (free[name] <= high)
        np.testing.assert_array_equal(drawn[name][inside], free[name][inside])
    assert free["whole"].min() < 0 < 9 < free["whole"].max()
    assert drawn["positive"].min() == 0
    assert drawn["positive"].max() > 4.5  # nothing keeps a number that is not whole from above
    np.testing.assert_array_equal(drawn["signed"], free["signed"])
    assert again.as_drawn().bounded == ()


def test_bounds_are_learnt_from_the_training_rows_alone():
    rows = np.array([(k,) for k in [*range(100), 1000]], [("n", "i8")])
    part = load_data(rows).split(0.5, seed=0)[0]
    column = part.standardisation.columns[0]
    seen = part.raw(slice(None))["n"]
    assert (column.low, column.high) == (seen.min(), seen.max())


def test_a_model_made_before_there_were_bounds_is_read_as_it_was():
    content = load_data(COUNTS).standardisation.to_json()
    for column in content["columns"]:
        del column["low"], column["high"]
    old = Standardisation.from_json(content)
    assert old.bounded == ()
    assert old.to_json() == content
    assert old.decode(np.full((1, 5), -9.0))["whole"] < 0


@pytest.mark.parametrize(("low", "high"), [(2.0, 1.0), (None, 1.0), (0.0, float("inf"))])
def test_bounds_that_are_none_are_refused(low, high):
    content = load_data(COUNTS).standardisation.to_json()
    content["columns"][0] |= {"low": low, "high": high}
    if low is None:
        content["columns"][0] |= {"low": 0.0, "high": None}
    with pytest.raises(InputError, match="finite bounds low <= high"):
        Standardisation.from_json(content)
