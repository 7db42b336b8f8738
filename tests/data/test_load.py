"""The door for data: arrays, `.npy`, `.npz`, digits; and one line for what cannot be used."""

import io
import json
import struct
import zipfile

import numpy as np
import pandas as pd
import pytest
import torch

from girsanov._checks import InputError, MissingExtra
from girsanov.data import arrays, load_data
from girsanov.data.formats import npz_files

X = np.random.default_rng(1).gamma(1.0, size=(6, 2)) + 3


def saved(path, array, **options):
    np.save(path, array, **options)
    return path


def refused(source, **options):
    with pytest.raises(InputError) as caught:
        load_data(source, **options)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_npy_is_memory_mapped(tmp_path):
    data = load_data(str(saved(tmp_path / "x.npy", X)))
    assert isinstance(data.rows.values.base, np.memmap)
    assert data.name == "x.npy"
    np.testing.assert_array_equal(data.raw(slice(None)), X)
    with pytest.raises(ValueError, match="read-only"):
        data.rows.values[0] = 0


def test_fortran_order_reads_the_same(tmp_path):
    data = load_data(saved(tmp_path / "x.npy", np.asfortranarray(X)))
    np.testing.assert_array_equal(data.raw(np.array([4, 1])), X[[4, 1]])


@pytest.mark.parametrize("key", ["x", "data", "images", "anything"])
def test_npz_rows_and_labels(tmp_path, key):
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "x.npz", **{key: X, "y": [5, 5, 1, 1, 5, 9]})
        data = load_data(tmp_path / "x.npz")
        np.testing.assert_array_equal(data.raw(slice(None)), X)
        assert data.label_names == ("1", "5", "9")
        assert data.labels.tolist() == [1, 1, 0, 0, 1, 2]


def test_npz_labels_by_name_and_text(tmp_path):
    np.savez(tmp_path / "x.npz", x=X, y=np.arange(6), kind=np.array(list("bababb")))
    data = load_data(tmp_path / "x.npz", labels="kind")
    assert data.label_names == ("a", "b")
    assert data.labels.tolist() == [1, 0, 1, 0, 1, 1]


def test_npz_with_one_array_called_label_is_data(tmp_path):
    np.savez(tmp_path / "x.npz", label=X)
    data = load_data(tmp_path / "x.npz")
    assert data.labels is None
    assert data.shape == (2,)


def test_npz_refusals(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, a=X, b=X)
    assert "must have an array x, data or images" in refused(path)
    assert "got a, b" in refused(path)
    np.savez(path, x=X, y=np.arange(5))
    assert "must be one for each of 6 rows; got 5" in refused(path)
    assert "must name an array" in refused(path, labels="z")
    np.savez(path, x=np.array([{}, {}], dtype=object))
    assert "array x: must hold numbers; got Python objects" in refused(path)
    path.write_bytes(path.read_bytes()[:-30])
    assert "must be a whole .npz file" in refused(path)
    np.savez(path)
    assert "got no array" in refused(path)


def bomb(path, shape, *, weight):
    """A member whose header announces `shape` of float64 but which holds `weight` zero bytes."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": "<f8", "fortran_order": False, "shape": shape}
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", head.getvalue() + bytes(weight))


def test_npz_that_would_unpack_too_large_is_refused_by_its_header(tmp_path, monkeypatch):
    bomb(tmp_path / "x.npz", (2**29 + 1, 1), weight=10)

    def unpack(*_, **__):
        raise AssertionError("the member was unpacked")

    monkeypatch.setattr(np.lib.format, "read_array", unpack)
    assert "must unpack to at most 4294967296 bytes; got 4294967304" in refused(tmp_path / "x.npz")
    monkeypatch.setattr(npz_files, "UNPACK_LIMIT", 10_000)
    np.savez_compressed(tmp_path / "y.npz", x=np.zeros((2000, 5)))
    assert "array x: must unpack to at most 10000 bytes; got 80000" in refused(tmp_path / "y.npz")


def test_npz_member_shorter_than_its_header_is_refused(tmp_path):
    bomb(tmp_path / "x.npz", (1000, 2), weight=10)
    assert "array x: must have 16000 bytes below its header; got 10" in refused(tmp_path / "x.npz")


def test_npz_with_damaged_bytes_is_refused(tmp_path):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, x=np.random.default_rng(0).normal(size=(100, 9)))
    content = bytearray(path.read_bytes())
    content[1000:1010] = bytes(10)
    path.write_bytes(content)
    assert "must be a whole .npz file" in refused(path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: None, "must be an existing file"),
        (lambda p: p.write_bytes(b""), "must not be empty; got 0 bytes"),
        (lambda p: p.write_text("1,2,3"), "must be a whole .npy file"),
        (lambda p: p.write_bytes(b"\x93NUMPY\x01\x00\xff"), "must be a whole .npy file"),
        (lambda p: saved(p, X).write_bytes(p.read_bytes()[:-8]), "must be a whole .npy file"),
        (lambda p: saved(p, np.array([{}, 1], object), allow_pickle=True), "got Python objects"),
        (lambda p: saved(p, X + 1j), "real numbers.*dtype complex128"),
        (lambda p: saved(p, np.array(["a", "b"])), "real numbers.*dtype <U1"),
        (lambda p: saved(p, np.array(["2020", "2021"], "M8[Y]")), "real numbers.*datetime64"),
        (lambda p: saved(p, X.astype(np.longdouble)), "at most 64 bits"),
        (lambda p: saved(p, np.array(3.0)), "must have rows"),
        (lambda p: saved(p, np.zeros((0, 3))), "must not be empty"),
        (lambda p: saved(p, np.zeros((3, 0))), "must not be empty"),
        (lambda p: saved(p, X[:1]), "at least 2 rows"),
        (
            lambda p: saved(p, np.zeros((2, 3, 4, 5, 6, 7))),
            r"must be \[n, d\], pictures \[n, H, W\]",
        ),
        (lambda p: saved(p, np.zeros((2, 5, 5, 2))), r"3 or 4 channels.*got shape \(2, 5, 5, 2\)"),
        (lambda p: saved(p, np.where(np.eye(6, 2), np.nan, X)), r"got nan at row 0, column \[0\]"),
        (lambda p: saved(p, X * 1e307), "finite numbers below 1e150"),
    ],
)
def test_bad_npy_is_refused_in_one_line(tmp_path, make, message):
    make(tmp_path / "x.npy")
    with pytest.raises(InputError, match=message) as caught:
        load_data(tmp_path / "x.npy")
    assert str(caught.value).startswith(str(tmp_path / "x.npy"))
    assert "\n" not in str(caught.value)


def test_npy_with_a_lying_header_is_refused(tmp_path):
    for shape in ((2**40, 2**40), (-1, 3), (10**30,), (2**61, 8)):
        head = repr({"descr": "<f8", "fortran_order": False, "shape": shape}).encode() + b"\n"
        text = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + bytes(64)
        (tmp_path / "x.npy").write_bytes(text)
        got = refused(tmp_path / "x.npy")
        assert "must have a shape" in got if shape[0] < 0 else "must be a whole .npy file" in got


def test_nothing_is_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("it was unpickled",))

    saved(tmp_path / "x.npy", np.array([Trap(), Trap()], object), allow_pickle=True)
    refused(tmp_path / "x.npy")
    np.savez(tmp_path / "x.npz", x=X, y=np.array([Trap()] * 6, object))
    refused(tmp_path / "x.npz")


@pytest.mark.parametrize("source", ["law.json", "x.txt", "nothing", "", "http://a.b/c"])
def test_other_paths_say_what_is_accepted(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "law.json").write_text(json.dumps({"kind": "gaussian"}))
    if source:
        text = refused(source)
        assert (
            "must be .npy, .npz, .csv, .tsv, .parquet, a folder of images, of .npy or of" in text
        )
        assert ".parquet files, or the word digits; got" in text
    else:
        assert "must hold images" in refused(source)  # the folder one is in


def test_unreadable_file_is_refused(tmp_path, monkeypatch):
    def deny(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(np.lib.format, "open_memmap", deny)
    saved(tmp_path / "x.npy", X)
    assert refused(tmp_path / "x.npy").endswith("cannot be read (Permission denied)")


def test_arrays_tensors_and_series_in_memory():
    for source in (X, torch.tensor(X), torch.tensor(X, requires_grad=True), list):
        if source is list:
            assert "source: must be a path" in refused(X.tolist())
        else:
            np.testing.assert_array_equal(load_data(source).raw(slice(None)), X)
    assert load_data(pd.Series([1, 2, 9])).shape == (1,)
    half = torch.tensor([1.5, 2.0], dtype=torch.bfloat16)
    assert load_data(half).raw(slice(None)).dtype == np.float32
    assert "dense tensor" in refused(torch.eye(3).to_sparse())
    assert "masked" in refused(np.ma.masked_greater(X, 3.5))
    assert load_data(X).name == "ndarray"


def test_a_name_for_labels_needs_columns():
    assert refused(X, labels="y").startswith("labels: must name a column of a table")
    assert refused("digits", labels="y").startswith("labels: must name a column of a table")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.arange(5), "one for each of 6 rows"),
        (np.linspace(0, 1, 6), "whole numbers or text"),
        (np.array(["2020-01-01"] * 6, "M8[D]"), "whole numbers or text"),
        (np.zeros((6, 2), int), "one value per row"),
        (np.array([*list("abcde"), ""]), "must not be missing in any row"),
        (np.array([1, 2, 3, 4, 5, np.nan]), "must not be missing in any row"),
    ],
)
def test_bad_labels_are_refused(labels, message):
    assert message in refused(X, labels=labels)


def test_too_many_labels_are_refused():
    assert "at most 1000 distinct values; got 1001" in refused(
        np.arange(1001.0), labels=np.arange(1001)
    )


def test_labels_sort_as_numbers_when_they_are():
    assert load_data(X, labels=np.array([10, 9, 2, 2, 2, 2])).label_names == ("2", "9", "10")
    assert load_data(X, labels=np.array([1.0, 0, 0, 0, 0, 1])).label_names == ("0", "1")
    assert load_data(X, labels=np.array([True, False] * 3)).label_names == ("False", "True")


def test_digits():
    data = load_data("digits")
    assert (len(data), data.shape, data.label_names) == (1797, (1, 8, 8), tuple("0123456789"))
    raw = data.raw(slice(0, 3))
    assert raw.dtype == np.uint8
    assert raw.shape == (3, 8, 8)
    assert data.labels[:3].tolist() == [0, 1, 2]
    assert data.standardisation.scale_in_units == 8.0
    np.testing.assert_array_equal(
        data.standardisation.decode(data.batch(slice(None))), data.raw(slice(None))
    )


def test_digits_without_scikit_learn_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtra, match=r"girsanov\[demo\]"):
        load_data("digits")


def test_structured_npy_is_a_table_read_lazily(tmp_path):
    raw = np.array([(1.5, "a"), (2.5, "b"), (9.0, "a")], [("v", "f8"), ("kind", "U1")])
    data = load_data(saved(tmp_path / "t.npy", raw))
    assert isinstance(data.rows.columns["v"].base, np.memmap)
    np.testing.assert_array_equal(data.raw(slice(None)), raw)
    assert load_data(tmp_path / "t.npy", labels="kind").label_names == ("a", "b")
    np.savez(tmp_path / "t.npz", x=raw, y=[0, 1, 1])
    assert load_data(tmp_path / "t.npz").shape == (3,)


def test_picture_range_of_fractions_is_what_was_seen():
    assert arrays.picture_range(0.1, 200.0, np.dtype("f4")) == (0.1, 200.0)
