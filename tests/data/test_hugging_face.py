"""Saved Hugging Face data sets: the rows, labels and numbers of the files they were made of."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from girsanov._checks import InputError
from girsanov.data import load_data

datasets = pytest.importorskip("datasets")
RNG = np.random.default_rng(12)
PIXELS = RNG.integers(0, 255, size=(30, 4, 5)).astype("u1")
KINDS = np.arange(30) % 3


@pytest.fixture(autouse=True)
def quiet():
    datasets.disable_progress_bars()


def saved(folder, columns, features=None):
    datasets.Dataset.from_dict(columns, features=features).save_to_disk(folder)
    return folder


def test_a_table_is_that_of_a_parquet_file(tmp_path):
    columns = {
        "size": RNG.integers(0, 9, 50).tolist(),
        "town": [("Ulm", "Bonn")[k % 2] for k in range(50)],
        "price": RNG.gamma(2.0, size=50).tolist(),
    }
    pq.write_table(pa.table(columns), tmp_path / "one.parquet")
    folder = saved(tmp_path / "set", columns)
    for labels in (None, "town"):
        one, many = (load_data(p, labels=labels) for p in (tmp_path / "one.parquet", folder))
        assert one.fingerprint == many.fingerprint
        np.testing.assert_array_equal(one.raw(slice(None)), many.raw(slice(None)))


@pytest.mark.parametrize("colour", [False, True])
def test_pictures_and_their_classes(tmp_path, colour):
    pixels = np.stack([PIXELS] * 3, axis=-1) if colour else PIXELS
    features = datasets.Features(
        image=datasets.Image(), label=datasets.ClassLabel(names=["b", "a", "c"]),
        note=datasets.Value("string"),
    )  # fmt: skip
    columns = {"image": [Image.fromarray(p) for p in pixels], "label": KINDS.tolist()}
    data = load_data(saved(tmp_path / "set", {**columns, "note": ["x"] * 30}, features))
    assert data.label_names == ("b", "a", "c")
    assert data.labels.tolist() == KINDS.tolist()
    np.testing.assert_array_equal(data.raw(slice(None)), pixels)
    np.save(tmp_path / "one.npy", pixels)
    one = load_data(tmp_path / "one.npy")
    assert data.without_labels().fingerprint == one.fingerprint


@pytest.mark.parametrize("kind", ["list", "array"])
def test_columns_of_arrays(tmp_path, kind):
    x = RNG.normal(size=(40, 6, 6)).astype("f4")
    features = datasets.Features(
        x=datasets.Array2D((6, 6), "float32") if kind == "array" else datasets.Sequence(
            datasets.Sequence(datasets.Value("float32")))
    )  # fmt: skip
    data = load_data(saved(tmp_path / "set", {"x": x.tolist()}, features))
    np.testing.assert_allclose(data.raw(slice(None)), x, rtol=1e-7)
    assert data.shape == (1, 6, 6)


def test_what_cannot_be_rows_is_refused(tmp_path):
    ragged = saved(tmp_path / "ragged", {"x": [[1.0, 2.0], [3.0]]})
    with pytest.raises(InputError, match="ragged: cannot be read"):
        load_data(ragged)
    several = datasets.DatasetDict(train=datasets.Dataset.from_dict({"x": [1.0, 2.0]}))
    several.save_to_disk(tmp_path / "several")
    with pytest.raises(InputError, match=r"holds several data sets; got train\. Name one"):
        load_data(tmp_path / "several")
    assert len(load_data(tmp_path / "several" / "train")) == 2
    sizes = [Image.fromarray(PIXELS[0]), Image.fromarray(PIXELS[0][:3])]
    with pytest.raises(InputError, match=r"must have size \(5, 4\); got \(5, 3\)"):
        load_data(saved(tmp_path / "sizes", {"image": sizes}))
    with pytest.raises(InputError, match="labels: must be a column"):
        load_data(ragged, labels="kind")
    (tmp_path / "ragged" / "state.json").write_text("{")
    with pytest.raises(InputError, match="ragged: cannot be read") as mistake:
        load_data(ragged)
    assert "\n" not in str(mistake.value)


OFFLINE = """
import sys
seen = []
def hook(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        seen.append(event)
sys.addaudithook(hook)
from girsanov import InputError, load_data
try:
    load_data("hub:owner/no-such-set@test")
except InputError as mistake:
    print(str(mistake).startswith("hub:owner/no-such-set@test: cannot be read"), seen)
"""


def test_offline_is_respected(tmp_path):
    said = subprocess.run(
        [sys.executable, "-c", OFFLINE], capture_output=True, text=True, timeout=100, check=False,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)},
    )  # fmt: skip
    assert said.stdout.strip() == "True []", said.stderr[-1500:]


def test_a_file_that_points_outside_itself_is_refused(tmp_path):
    folder = saved(tmp_path / "set", {"x": RNG.normal(size=(30, 3)).tolist()})
    (file,) = folder.glob("*.arrow")
    ends = np.arange(0, 93, 3, dtype="i4")  # where each row's list begins
    data = file.read_bytes()
    assert data.count(ends.tobytes()) == 1
    wild = ends.copy()
    wild[7] = 2**30  # Arrow reads there, and the process dies
    file.write_bytes(data.replace(ends.tobytes(), wild.tobytes()))
    with pytest.raises(InputError, match=r"set: cannot be read; .*[Oo]ffset"):
        load_data(folder)
