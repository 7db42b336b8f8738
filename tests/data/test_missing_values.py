"""Equation (1) of missing_values.py; tables with gaps come back from every file."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from girsanov._checks import InputError
from girsanov.data import Standardisation, load_data, write_samples
from girsanov.data.table.missing_values import GapColumn


def across(rows):
    return list(zip(*rows, strict=True))


ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(-500, 500),
        st.none() | st.integers(-4000, 4000).map(lambda k: k / 8),
        st.none() | st.sampled_from(["Ulm", "Bonn", "Rom, old"]),
        st.none() | st.integers(0, 40_000),  # days since 1970
        st.none() | st.booleans(),
    ),
    min_size=3,
    max_size=15,
).filter(lambda rows: all(any(v is not None for v in column) for column in across(rows)))
NAMES = ("count", "price", "town", "day", "sold")
TYPES = (pa.int16(), pa.float64(), pa.string(), pa.date32(), pa.bool_())


def through_json(units):
    return Standardisation.from_json(json.loads(json.dumps(units.to_json(), allow_nan=False)))


def stored(path, rows):
    columns = [pa.array(list(c), t) for c, t in zip(across(rows), TYPES, strict=True)]
    table = pa.table(dict(zip(NAMES, columns, strict=True)))
    pq.write_table(table, path)
    return table


@given(ROWS)
def test_a_table_with_gaps_comes_back_exactly(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("gaps")
    table = stored(folder / "a.parquet", rows)
    data = load_data(folder / "a.parquet")
    units = through_json(data.standardisation)
    back = units.decode(data.batch(slice(None)))
    write_samples(back, units, folder / "b.parquet")
    again = pq.read_table(folder / "b.parquet")
    assert again.to_pydict() == table.to_pydict()
    assert again.schema == table.schema
    # a text file has no types, so its fingerprint differs, but the same model reads it alike
    write_samples(back, units, folder / "b.csv")
    if not any(all(v is None for v in row) for row in rows):
        read = load_data(folder / "b.csv").with_standardisation(units)
        np.testing.assert_array_equal(read.batch(slice(None)), data.batch(slice(None)))
    write_samples(back, units, folder / "b.npy")
    read = load_data(folder / "b.npy").with_standardisation(units)
    np.testing.assert_array_equal(read.batch(slice(None)), data.batch(slice(None)))


def test_coordinates_are_those_of_equation_1():
    raw = np.array([(3.5,), (np.nan,), (5.5,), (np.nan,), (np.nan,)], [("v", "f8")])
    data = load_data(raw)
    column = data.standardisation.columns[0]
    assert column.share == 0.6
    c = np.sqrt(0.6 * 0.4)
    expected = [[-1, -0.6 / c], [0, 0.4 / c], [1, -0.6 / c], [0, 0.4 / c], [0, 0.4 / c]]
    np.testing.assert_allclose(data.batch(slice(None)), expected, rtol=1e-6)
    assert data.batch(slice(None))[:, 1].var(unbiased=False) == pytest.approx(1, rel=1e-6)
    half = (0.5 - 0.6) / c
    back = column.decode(np.array([[0.5, half - 0.01], [0.5, half + 0.01]]))
    np.testing.assert_array_equal(back, [5.0, np.nan])


def test_shares_are_learnt_from_the_first_part_and_gaps_from_all():
    raw = np.array([(float(k),) if k else (np.nan,) for k in range(20)], [("v", "f8")])
    first, rest = load_data(raw).split(0.5, seed=1)
    column = first.standardisation.columns[0]
    assert not np.isnan(first.raw(slice(None))["v"]).any()  # the seed leaves the gap out
    assert isinstance(column, GapColumn)
    assert column.share == 0
    back = first.standardisation.decode(rest.batch(slice(None)))["v"]
    np.testing.assert_array_equal(np.isnan(back), np.isnan(rest.raw(slice(None))["v"]))


def test_rows_without_any_value_teach_a_constant():
    raw = np.array([(np.nan,), (np.nan,), (7.0,), (np.nan,)], [("v", "f8")])
    whole = load_data(raw)
    seed = next(s for s in range(50) if 2 not in whole.split(0.5, seed=s)[0].index)
    first, rest = whole.split(0.5, seed=seed)
    assert rest.batch(slice(None)).isfinite().all()
    assert np.isnan(first.standardisation.decode(first.batch(slice(None)))["v"]).all()


def test_gaps_where_a_model_learnt_of_none_are_refused():
    full = np.array([(1.0, "a"), (2.0, "b"), (3.0, "a")], [("v", "f8"), ("w", "U1")])
    units = load_data(full).standardisation
    gap = full.copy()
    gap["v"][2] = np.nan
    with pytest.raises(InputError, match="column 'v': must not have missing values: the rows"):
        load_data(gap).with_standardisation(units)
    gap = full.copy()
    gap["w"][2] = ""
    with pytest.raises(InputError, match=r"column 'w': must hold categories.*got no value"):
        load_data(gap).with_standardisation(units)
    learnt = load_data(np.array([(1.0,), (np.nan,)], [("v", "f8")])).standardisation
    assert load_data(full[["v"]]).with_standardisation(learnt).batch(slice(None)).shape == (3, 2)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "", "3"], [1, None, 3]),
        (["1.5", "NA", "nan", "NULL", "3"], [1.5, None, None, None, 3]),
        (["-", "?", ".", "7"], [None, None, None, 7]),
        (["a", "", "NA"], ["a", "", "NA"]),  # a word among words
        (["-", "+", "-"], ["-", "+", "-"]),
        (["01", "", "02"], ["01", "", "02"]),
    ],
)
def test_what_is_missing_in_a_text_file(tmp_path, cells, expected):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "".join(f"{cell},1\n" for cell in cells))
    values = load_data(path).raw(slice(None))["a"].tolist()
    assert [None if v != v else v for v in values] == expected


def test_a_file_of_one_column_keeps_its_gaps(tmp_path):
    raw = np.array([(1.0,), (np.nan,), (2.0,)], [("v", "f8")])
    write_samples(raw, load_data(raw).standardisation, tmp_path / "t.csv")
    np.testing.assert_array_equal(load_data(tmp_path / "t.csv").raw(slice(None))["v"], raw["v"])


def test_frames_say_what_is_missing_in_many_ways():
    frame = pd.DataFrame(
        {
            "a": pd.array([1, None, 3], "Int32"),
            "b": [True, None, False],
            "c": ["x", None, "y"],
            "d": pd.to_datetime(["2020-01-02", None, "2020-01-01"]),
            "e": [1.5, float("nan"), 2.0],
            "f": pd.array(["x", None, "y"], "string"),
        }
    )
    data = load_data(frame)
    raw, back = data.raw(slice(None)), data.standardisation.decode(data.batch(slice(None)))
    for name in frame.columns:
        assert [str(v) in ("nan", "NaT", "") for v in raw[name]] == [False, True, False], name
        np.testing.assert_array_equal(back[name], raw[name])


def test_a_mask_is_a_gap():
    mask = [(False, True), (True, False), (False, False)]
    rows = np.ma.array([(1, "a"), (2, "b"), (3, "c")], [("v", "i8"), ("w", "U1")], mask=mask)
    raw = load_data(rows).raw(slice(None))
    np.testing.assert_array_equal(raw["v"], [1, np.nan, 3])
    assert raw["w"].tolist() == ["", "b", "c"]


def test_parts_of_a_folder_may_have_gaps_or_not(tmp_path):
    parts = [
        [(1, 0.5, "Ulm", 3, True)] * 3,
        [(2, None, None, None, None), (None, 1.5, "Rom", 9, False)],
    ]
    for k, rows in enumerate(parts):
        stored(tmp_path / f"{k}.parquet", rows)
    (tmp_path / "one").mkdir()
    whole = stored(tmp_path / "one" / "all.parquet", parts[0] + parts[1])
    data, single = load_data(tmp_path), load_data(tmp_path / "one" / "all.parquet")
    assert data.fingerprint == single.fingerprint
    np.testing.assert_array_equal(data.batch(slice(None)), single.batch(slice(None)))
    write_samples(data.raw(slice(None)), data.standardisation, tmp_path / "b.parquet")
    assert pq.read_table(tmp_path / "b.parquet").to_pydict() == whole.to_pydict()


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_shares_that_are_none_are_refused(share):
    units = load_data(np.array([(1.0,), (np.nan,)], [("v", "f8")])).standardisation.to_json()
    units["columns"][0]["missing"] = share
    with pytest.raises(InputError, match="share of missing values, 0 to 1, for v"):
        Standardisation.from_json(units)
