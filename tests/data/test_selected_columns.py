"""Columns left out: unread, recorded in the units, and left out again of the same data."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from girsanov._checks import InputError
from girsanov.data import Standardisation, load_data

ID = [f"{k:x}" * 20 for k in range(1200)]  # more text than a category may have
FRAME = pd.DataFrame(
    {"id": ID, "size": np.arange(1200) % 7, "town": ["Ulm", "Bonn"] * 600, "kind": [1, 2, 3] * 400}
)


def source(kind, tmp_path):
    path = tmp_path / f"t.{kind}"
    match kind:
        case "csv":
            FRAME.to_csv(path, index=False)
        case "parquet":
            FRAME.to_parquet(path)
        case "folder":
            path.mkdir()
            FRAME[:700].to_parquet(path / "0.parquet")
            FRAME[700:].to_parquet(path / "1.parquet")
        case "npy":
            rows = FRAME.to_records(index=False, column_dtypes={"id": "U60", "town": "U4"})
            np.save(path, np.array(rows, rows.dtype.descr))
        case _:
            return FRAME
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet", "folder", "npy", "frame"])
def test_columns_are_left_out_unread_and_again(tmp_path, kind):
    given = source(kind, tmp_path)
    with pytest.raises(InputError, match=r"'id': .*text.*, or leave it out with --drop id"):
        load_data(given)
    data = load_data(given, drop=["id", "kind"])
    assert data.raw(slice(0, 1)).dtype.names == ("size", "town")
    units = Standardisation.from_json(json.loads(json.dumps(data.standardisation.to_json())))
    assert units.left_out == ("id", "kind")
    assert load_data(given, only=["town", "size"]).fingerprint == data.fingerprint
    again = load_data(given, like=units)
    assert again.fingerprint == data.fingerprint
    assert again.with_standardisation(units).batch(slice(0, 3)).shape == (3, 3)
    labelled = load_data(given, only=["size"], labels="town")
    assert labelled.label_names == ("Bonn", "Ulm")
    assert labelled.standardisation.left_out == ("id", "kind")


def test_columns_left_out_need_not_be_there(tmp_path):
    units = load_data(FRAME, drop=["id"]).standardisation
    assert (
        load_data(FRAME.drop(columns="id"), like=units).shape
        == load_data(FRAME, drop=["id"]).shape
    )
    assert load_data(np.zeros((4, 2)), like=units).shape == (2,)
    assert load_data(FRAME, drop=["id"], like=units, labels="town").label_names


def test_whole_data_is_not_taken_for_that_of_a_model():
    small = FRAME[["size", "town"]]
    units = load_data(small, drop=["town"]).standardisation
    with pytest.raises(InputError, match=r"the columns size; got size, town\. .*like=model"):
        load_data(small).with_standardisation(units)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"drop": ["price"]}, r"^drop: must name columns of .*\(id, size.*; got price"),
        ({"only": ["price"]}, r"^only: must name columns of .*; got price"),
        ({"drop": ["id"], "only": ["size"]}, "^drop: cannot be given with only"),
        ({"drop": "id"}, "^drop: must be a list of names"),
        ({"drop": ["id", "size", "town", "kind"]}, "^drop: must leave a column"),
        ({"drop": ["town"], "labels": "town"}, "^drop: must not name the labels"),
        ({"only": ["id"], "labels": "town"}, "'id'.*text"),
    ],
)
def test_names_that_make_no_sense_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        load_data(FRAME, **options)


@pytest.mark.parametrize("given", ["digits", np.zeros((4, 2))])
@pytest.mark.parametrize("argument", ["drop", "only"])
def test_data_without_columns_has_none_to_leave_out(given, argument):
    with pytest.raises(InputError, match=f"{argument}: must name columns of a table"):
        load_data(given, **{argument: ["x0"]})


def test_what_is_left_out_may_hold_anything(tmp_path):
    pq.write_table(pa.table({"a": [1, 2], "bad": [[1], [2]]}), tmp_path / "t.parquet")
    assert load_data(tmp_path / "t.parquet", drop=["bad"]).shape == (1,)
    (tmp_path / "t.csv").write_text("a,bad\n1,\n2,\n")
    assert load_data(tmp_path / "t.csv", drop=["bad"]).shape == (1,)
