"""Parquet files and data frames: the same columns, and what is refused."""

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from girsanov._checks import InputError, MissingExtra
from girsanov.data import load_data
from girsanov.data.formats import parquet_files

COLUMNS = {
    "price": np.array([1.5, 9.0, -2.0], "f4"),
    "rooms": np.array([2, 30, 1], "i2"),
    "town": ["Ulm", "Bonn", "Ulm"],
    "sold": [True, False, True],
}
DTYPE = [("price", "f4"), ("rooms", "i2"), ("town", "U4"), ("sold", "?")]


def stored(tmp_path, columns):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def expected():
    rows = np.empty(3, DTYPE)
    for name, values in COLUMNS.items():
        rows[name] = values
    return rows


def test_parquet_keeps_types_and_values(tmp_path):
    data = load_data(stored(tmp_path, COLUMNS))
    raw = data.raw(slice(None))
    assert raw.dtype == DTYPE
    np.testing.assert_array_equal(raw, expected())
    back = data.standardisation.decode(data.batch(slice(None)))
    assert back.dtype == DTYPE
    assert back["town"].tolist() == COLUMNS["town"]


def test_parquet_reads_categories_and_labels(tmp_path):
    towns = pa.array(COLUMNS["town"]).dictionary_encode()
    data = load_data(stored(tmp_path, {**COLUMNS, "town": towns}), labels="town")
    assert data.label_names == ("Bonn", "Ulm")
    assert data.labels.tolist() == [1, 0, 1]


def test_a_frame_is_the_same_table(tmp_path):
    frame = pd.DataFrame(COLUMNS)
    same = load_data(stored(tmp_path, COLUMNS)).fingerprint
    assert load_data(frame).fingerprint == same
    assert load_data(frame.astype({"town": "category"})).fingerprint == same
    assert load_data(frame.astype({"town": "string", "rooms": "Int16"})).shape == (5,)


def test_a_frame_by_duck_typing():
    class Column:
        def __init__(self, values):
            self.values = values

        def to_numpy(self):
            return np.array(self.values)

    class Frame:  # as polars: columns is a list of names
        columns = ("a", "b")
        to_numpy = None

        def __getitem__(self, name):
            return Column({"a": [1, 2], "b": ["x", "y"]}[name])

    data = load_data(Frame(), labels="b")
    assert data.raw(slice(None))["a"].tolist() == [1, 2]
    assert data.label_names == ("x", "y")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([None, None], "must have values, and all of them are missing"),
        (["", None], "must have values, and all of them are missing"),
        ([float("nan"), None], "must have values, and all of them are missing"),
        ([1.0, float("inf")], "must hold finite numbers below 1e150"),
        ([datetime.time(10, 0)] * 2, "must hold numbers, dates or text; got time64"),
        ([datetime.timedelta(1)] * 2, "must hold numbers, dates or text; got duration"),
        ([[1], [2]], "must hold numbers, dates or text; got list"),
    ],
)
def test_bad_parquet_columns_are_refused(tmp_path, column, message):
    with pytest.raises(InputError, match=f"column 'bad': {message}") as caught:
        load_data(stored(tmp_path, {"good": [1, 2], "bad": pa.array(column)}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([None, None], "must have values, and all of them are missing"),
        (pd.array([None, None], "Int64"), "must have values, and all of them are missing"),
        ([1.0, float("-inf")], "got -inf at row 1"),
        (pd.to_timedelta(["1 days", "2 days"]), "must not hold durations"),
        ([datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1)], "dates or times, not both"),
        (["a", 1], "must hold numbers, dates or text; got int, str"),
        ([1j, 2j], "real numbers"),
        ([np.zeros(2), np.zeros(2)], "must hold numbers, dates or text; got ndarray"),
    ],
)
def test_bad_frame_columns_are_refused(column, message):
    frame = pd.DataFrame({"good": [1, 2], "bad": column})
    with pytest.raises(InputError, match=f"column 'bad'.*{message}") as caught:
        load_data(frame)
    assert "\n" not in str(caught.value)


def test_bad_frames_are_refused():
    with pytest.raises(InputError, match="must not repeat a column's name; got a"):
        load_data(pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]))
    with pytest.raises(InputError, match="at least 2 rows; got 1"):
        load_data(pd.DataFrame({"a": [1]}))
    with pytest.raises(InputError, match="at least one column"):
        load_data(pd.DataFrame())


def test_broken_files_are_refused(tmp_path):
    path = stored(tmp_path, COLUMNS)
    whole = path.read_bytes()
    for content in (b"x,y\n1,2\n", whole[: len(whole) // 2], whole[:40] + b"\x00" * 200):
        path.write_bytes(content)
        with pytest.raises(InputError, match="must be a whole Parquet file") as caught:
            load_data(path)
        assert "\n" not in str(caught.value)


def test_a_file_that_would_unpack_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_files, "UNPACK_LIMIT", 10_000)
    path = stored(tmp_path, {"a": np.zeros(2000), "b": np.zeros(2000)})
    assert path.stat().st_size < 10_000
    with pytest.raises(InputError, match="at most 10000 bytes of numbers; got 32000"):
        load_data(path)


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    path = stored(tmp_path, COLUMNS)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtra, match=r"girsanov\[parquet\]"):
        load_data(path)


def test_the_index_of_a_frame_is_left_out_as_pandas_does(tmp_path):
    x = np.random.default_rng(0).normal(size=60)
    frames = {
        "filtered": pd.DataFrame({"x": x})[lambda d: d.x > 0],
        "dates": pd.DataFrame({"x": x}, index=pd.date_range("2020", periods=60)),
        "named": pd.DataFrame({"x": x}, index=pd.Index(np.arange(60) ** 2, name="who")),
        "again": pd.concat([pd.DataFrame({"x": x})] * 2),
    }
    for name, frame in frames.items():
        path = tmp_path / f"{name}.parquet"
        frame.to_parquet(path)
        data = load_data(path)
        assert list(data.rows.columns) == ["x"]
        assert len(data.notes) == (name == "named")
        np.testing.assert_array_equal(data.raw(slice(None))["x"], frame.x)
        (tmp_path / name).mkdir()
        path.rename(tmp_path / name / "0.parquet")
        assert load_data(tmp_path / name).fingerprint == data.fingerprint
    kept = load_data(tmp_path / "named", only=["who", "x"])
    assert kept.raw(slice(0, 2))["who"].tolist() == [0, 1]
    assert load_data(tmp_path / "named", labels="who").label_names[0] == "0"
