"""Whole numbers beyond 2^53, which float64 has not all of: refused wherever data come in."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from girsanov._checks import InputError
from girsanov.data import load_data

FOUND = 9223372036854775296  # two rows of it came back 512 lower
LAST = 2**53
SAID = "must hold whole numbers of at most 2^53 in size: longer ones lose their last digits"


def structured(values, dtype="i8"):
    rows = np.zeros(len(values), [("a", dtype), ("b", "f8")])
    rows["a"], rows["b"] = values, np.arange(len(values))
    return rows


def written(path, values, kind):
    """Write whole numbers (None: missing) as a file of this kind, beside a column of others."""
    if kind == "csv":
        cells = "".join(f"{'' if v is None else v},{k}\n" for k, v in enumerate(values))
        (path / "t.csv").write_text("a,b\n" + cells)
        return path / "t.csv"
    if kind == "npy":
        np.save(path / "t.npy", np.array(values, object).astype("i8").reshape(-1, 1))
        return path / "t.npy"
    if kind == "npz":
        np.savez(path / "t.npz", x=structured(values))
        return path / "t.npz"
    of = pa.decimal128(30) if kind == "decimal" else pa.int64()
    cells = [None if v is None else decimal.Decimal(v) for v in values]
    table = {
        "a": pa.array(cells if kind == "decimal" else values, of),
        "b": np.arange(len(values)),
    }
    if kind == "folder":  # of files of which one has gaps
        pq.write_table(pa.table(table), path / "1.parquet")
        gaps = pa.table({"a": pa.array([None, 3], pa.int64()), "b": np.arange(2)})
        pq.write_table(gaps, path / "2.parquet")
        return path
    pq.write_table(pa.table(table), path / "t.parquet")
    return path / "t.parquet"


KINDS = ("csv", "npy", "npz", "parquet", "decimal", "folder")
TOO_LONG = ([FOUND, FOUND], [1, LAST + 1], [-LAST - 1, -3])


@pytest.mark.parametrize("values", TOO_LONG, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_files_with_longer_numbers_are_refused_in_a_line(tmp_path, kind, values):
    with pytest.raises(InputError) as told:
        load_data(written(tmp_path, values, kind))
    assert SAID in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("kind", ["csv", "parquet", "decimal"])
def test_so_are_files_in_which_some_are_missing(tmp_path, kind):
    with pytest.raises(InputError) as told:
        load_data(written(tmp_path, [LAST + 1, None, 5], kind))
    assert SAID in str(told.value)
    assert "--drop a" in str(told.value)
    data = load_data(written(tmp_path, [LAST, None, 5], kind))
    assert data.raw(slice(None))["a"].tolist()[0::2] == [LAST, 5]


@pytest.mark.parametrize(
    "source",
    [
        np.array([[FOUND], [FOUND]]),
        np.array([2**64 - 1, 2**64 - 1], np.uint64),
        np.full((3, 4, 4), LAST + 1),
        structured([FOUND, FOUND]),
        structured([2**64 - 1, 3], "u8"),
        torch.tensor([[FOUND], [FOUND]]),
        pd.DataFrame({"a": [FOUND, FOUND]}),
        pd.DataFrame({"a": pd.array([LAST + 1, None], "Int64")}),
        pd.DataFrame({"a": pd.array([LAST + 1, None], "object")}),
        pd.DataFrame({"a": pd.array([2**63, -1], "object")}),  # of both, NumPy makes floats
        pd.DataFrame({"a": pd.array([LAST + 1, 0.5], "object")}),
        pd.DataFrame({"a": pd.array([10**30, 1], "object")}),
    ],
    ids=str,
)
def test_arrays_and_frames_with_longer_numbers_are_refused(source):
    with pytest.raises(InputError) as told:
        load_data(source)
    assert SAID in str(told.value)


def test_a_frame_that_gives_whole_numbers_with_gaps_as_floats_is_refused():
    class Column:
        """As polars gives a column of whole numbers with gaps."""

        dtype = "Int64"

        def __init__(self, values):
            self.values = values

        def to_numpy(self):
            return np.array(self.values, np.float64)

    class Frame(dict):
        columns = ("a",)

        def to_numpy(self):
            raise NotImplementedError

    with pytest.raises(InputError, match=r"at most 2\^53"):
        load_data(Frame(a=Column([LAST + 1, np.nan])))
    assert len(load_data(Frame(a=Column([LAST - 1, np.nan, 2])))) == 3


@pytest.mark.parametrize("cells", [["9223372036854775808", "1"], [str(LAST + 1), "0.5"]])
def test_longer_numbers_among_fractions_or_beyond_64_bits_are_refused(tmp_path, cells):
    (tmp_path / "t.csv").write_text("a\n" + "\n".join(cells) + "\n")
    with pytest.raises(InputError, match=rf"lose their last digits; line 2; got {cells[0]}"):
        load_data(tmp_path / "t.csv")


@pytest.mark.parametrize("kind", ["csv", "npy", "npz", "parquet", "decimal"])
@pytest.mark.parametrize("value", [LAST, -LAST, LAST - 1])
def test_the_longest_that_are_taken_come_back_exactly(tmp_path, kind, value):
    data = load_data(written(tmp_path, [value, value], kind))
    rows = data.raw(slice(None))
    back = data.standardisation.decode(data.standardisation.encode(rows))
    for found in (rows, back):
        values = found["a"] if found.dtype.names else found
        assert [int(v) for v in values.ravel()] == [value, value]


def test_labels_are_exact_at_any_length(tmp_path):
    labels = [FOUND, FOUND - 1, FOUND]
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{k},{v}\n" for k, v in enumerate(labels)))
    rows = np.arange(6.0).reshape(3, 2)
    of_file = load_data(tmp_path / "t.csv", labels="y")
    for data in (of_file, load_data(rows, labels=np.array(labels))):
        assert data.label_names == (str(FOUND - 1), str(FOUND))
    floats = load_data(rows, labels=np.array([1e25, 2.0, 1e25]))
    assert floats.label_names == ("2", str(int(1e25)))


def test_dates_of_any_length_are_exact():
    first = np.datetime64(datetime.datetime(2199, 5, 6), "ns")
    rows = np.zeros(2, [("a", "M8[ns]")])
    rows["a"] = first + np.timedelta64(1, "ns")
    s = load_data(rows).standardisation
    assert (s.decode(s.encode(rows))["a"] == rows["a"]).all()
