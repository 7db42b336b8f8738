"""A folder of data files is the one file that holds all of their rows, in bounded memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import girsanov as gv
from girsanov._checks import InputError
from girsanov.data import load_data
from girsanov.data.arrays import EndToEnd

RNG = np.random.default_rng(11)
VECTORS = RNG.gamma(2.0, size=(201, 3)).astype("f4")
IMAGES = RNG.integers(0, 255, size=(60, 5, 6, 3)).astype("u1")
CUTS = ((0, 7), (7, 7), (7, 120), (120, 201))  # one part without rows
TABLE = {
    "size": RNG.integers(0, 30, 201).astype("i4"),
    "town": np.array(["Ulm", "Bonn", "Rom", "Ai"])[np.minimum(np.arange(201) // 60, 3)],
    "price": RNG.gamma(2.0, size=201).round(2),
}


def cut(folder, values):
    folder.mkdir()
    for k, (first, last) in enumerate(CUTS):
        if isinstance(values, dict):
            part = pa.table({name: column[first:last] for name, column in values.items()})
            pq.write_table(part, folder / f"{k}.parquet")
        elif first < len(values):
            np.save(folder / f"{k}.npy", values[first:last])
    return folder


def same(one, many):
    assert many.fingerprint == one.fingerprint
    assert (len(many), many.shape, many.label_names) == (len(one), one.shape, one.label_names)
    np.testing.assert_array_equal(many.raw(slice(None)), one.raw(slice(None)))
    index = RNG.permutation(len(one))[:50]
    np.testing.assert_array_equal(many.raw(index), one.raw(index))
    parts = [data.split(0.7, seed=3) for data in (one, many)]
    for a, b in zip(*parts, strict=True):
        np.testing.assert_array_equal(a.batch(slice(None)), b.batch(slice(None)))


@pytest.mark.parametrize("values", [VECTORS, IMAGES, VECTORS[:, 0]], ids=["d", "images", "flat"])
def test_npy_files_are_one_array(tmp_path, values):
    np.save(tmp_path / "one.npy", values)
    same(load_data(tmp_path / "one.npy"), load_data(cut(tmp_path / "many", values)))


@pytest.mark.parametrize("labels", [None, "town", "size"])
def test_parquet_files_are_one_table(tmp_path, labels):
    pq.write_table(pa.table(TABLE), tmp_path / "one.parquet")
    many = load_data(cut(tmp_path / "many", TABLE), labels=labels)
    same(load_data(tmp_path / "one.parquet", labels=labels), many)
    again = many.standardisation.decode(many.batch(slice(None)))
    if labels is None:
        assert again["town"].tolist() == TABLE["town"].tolist()


def test_a_model_and_its_audit_are_those_of_the_single_file(tmp_path):
    np.save(tmp_path / "one.npy", VECTORS)
    cut(tmp_path / "many", VECTORS)
    made = []
    for name in ("one.npy", "many"):
        train, held_out = load_data(tmp_path / name).split(0.6, seed=1)
        model = gv.fit(train, steps=20, network="mlp", seed=1)
        made.append(gv.audit(model, held_out, levels=5, seed=2))
    assert made[0].facts.model == made[1].facts.model
    assert made[0].facts.data == made[1].facts.data
    np.testing.assert_array_equal(made[0].curve.traces, made[1].curve.traces)


def test_indices_reach_every_part():
    parts = EndToEnd((np.arange(3), np.arange(3, 5), np.arange(5, 9)), np.array([3, 5, 9]))
    np.testing.assert_array_equal(parts[np.array([8, 0, 3, 2, 5, 4, 3])], [8, 0, 3, 2, 5, 4, 3])
    assert len(parts) == 9
    assert parts.shape == (9,)


def test_what_does_not_belong_together_is_refused(tmp_path):
    folder = cut(tmp_path / "many", VECTORS)
    for wrong, rule in (
        (VECTORS.astype("f8"), "must be like 0.npy, float32"),
        (VECTORS[:, :2], "must be like 0.npy"),
        (np.float32(3.0), "must have rows"),
        (np.zeros(3, [("a", "f4")]), "must hold plain numbers"),
        (np.full_like(VECTORS, np.nan), "finite numbers"),
    ):
        np.save(folder / "9.npy", wrong)
        with pytest.raises(InputError, match=rule):
            load_data(folder)
    (folder / "9.npy").write_bytes(b"x")
    with pytest.raises(InputError, match=r"9\.npy: must be a whole \.npy file"):
        load_data(folder)
    (folder / "9.npy").unlink()
    with pytest.raises(InputError, match="labels: must name a column"):
        load_data(folder, labels="town")
    pq.write_table(pa.table(TABLE), folder / "x.parquet")
    with pytest.raises(InputError, match=r"data files of one kind; got \.npy and \.parquet"):
        load_data(folder)


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"size": [1], "price": [1.0], "town": ["x"]}, "the same columns in all parts"),
        ({"size": ["x"], "town": ["x"], "price": [1.0]}, "'size': must hold numbers in all parts"),
        ({"size": [1], "town": ["x"], "price": [1.0]}, "'size': must be alike in all rows"),
        ({**{n: v[:1] for n, v in TABLE.items()}, "town": [None]}, "'town': must have values"),
    ],
)
def test_tables_that_do_not_belong_together_are_refused(tmp_path, wrong, rule):
    folder = cut(tmp_path / "many", TABLE)
    pq.write_table(pa.table(wrong), folder / "9.parquet")
    with pytest.raises(InputError, match=rule):
        load_data(folder)


def with_gaps(part, j, k):
    """Column j of part k: numbers, whole numbers and dates, with gaps in the later parts."""
    column = part[:, j]
    column = column if j % 3 == 0 else (1000 * column).astype("i8")
    column = column.astype("M8[s]") if j % 3 == 2 else column
    return pa.array(column, mask=(part[:, 0] > 1) & (k > 1))


@pytest.mark.parametrize("kind", ["npy", "parquet", "gaps"])
def test_memory_is_bounded_whatever_the_folder_holds(tmp_path, kind):
    """40 MB of rows; NumPy tells tracemalloc what it allocates, and mapped files are no memory."""
    folder = tmp_path / "many"
    folder.mkdir()
    for k in range(5):
        part = RNG.normal(size=(31_250, 32)).astype("f8")
        if kind == "npy":
            np.save(folder / f"{k}.npy", part)
        elif kind == "gaps":
            columns = {f"c{j}": with_gaps(part, j, k) for j in range(32)}
            pq.write_table(pa.table(columns), folder / f"{k}.parquet")
            del columns
        else:
            pq.write_table(pa.table({f"c{j}": part[:, j] for j in range(32)}),
                           folder / f"{k}.parquet")  # fmt: skip
    del part
    tracemalloc.start()
    try:
        data = load_data(folder)
        first, second = data.split(0.5, seed=0)
        assert first.standardisation.shape == ((64,) if kind == "gaps" else (32,))
        assert len(data.fingerprint) == 64
        second.batch(np.arange(512))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(data) * 32 * 8 == 40_000_000
    assert peak < 24e6, peak
