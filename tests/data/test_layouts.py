"""Series and volumes: which axes of an array are which, their units, and the way back."""

import json

import numpy as np
import pandas as pd
import pytest

from girsanov._checks import InputError
from girsanov.data import Standardisation, load_data
from girsanov.data.layouts import layout_between, layout_of, shape_seen
from girsanov.data.write import check_destination, write_samples

RNG = np.random.default_rng(3)


@pytest.mark.parametrize(
    ("shape", "rows", "layout", "seen"),
    [
        ((9, 64), None, None, (64,)),
        ((9, 64), "series", "l", (1, 64)),
        ((9, 3, 64), "series", "cl", (3, 64)),
        ((9, 64, 3), "series", "lc", (3, 64)),
        ((9, 5, 5), "series", "cl", (5, 5)),
        ((9, 3, 64), None, "hw", (1, 3, 64)),
        ((9, 6, 7, 3), None, "hwc", (3, 6, 7)),
        ((9, 5, 6, 7), None, "dhw", (1, 5, 6, 7)),
        ((9, 2, 6, 7, 8), None, "cdhw", (2, 6, 7, 8)),
        ((9, 3, 6, 7, 4), None, "cdhw", (3, 6, 7, 4)),
        ((9, 13, 1, 20, 21), None, "cdhw", (13, 1, 20, 21)),
    ],
)
def test_which_axes_are_which(shape, rows, layout, seen):
    x = RNG.gamma(2.0, size=shape) * 1e3
    data = load_data(x, rows=rows)
    assert layout_of(shape, "x", rows) == layout
    assert data.shape == data.standardisation.shape == seen
    batch = data.batch(slice(None))
    assert batch.shape == (9, *seen)
    np.testing.assert_allclose(data.standardisation.decode(batch), x, rtol=1e-5)
    if layout not in (None, "hw", "hwc"):
        assert layout_between(shape[1:], seen) == layout


@pytest.mark.parametrize(
    ("shape", "rows", "words"),
    [
        ((9,), "series", r"must be \[n, L\], \[n, C, L\] or \[n, L, C\] to be series; got shape"),
        ((9, 1), "series", "must have at least 2 values in a series"),
        ((9, 4, 4, 4), "series", "to be series"),
        ((9, 2, 8, 8), None, r"pictures with 1, 3 or 4 channels.*own axes: \[n, C, D, H, W\]"),
        ((9, 8, 8, 2), None, "pictures with 1, 3 or 4 channels"),
        ((9, 8, 8, 8, 1), None, r"channels of volumes first.*moveaxis\(x, -1, 1\)"),
        ((9, 2, 2, 2, 2, 2), None, r"must be \[n, d\], pictures .* or volumes"),
    ],
)
def test_what_cannot_be_told_is_refused_in_a_line(shape, rows, words):
    with pytest.raises(InputError, match=words) as error:
        load_data(np.zeros(shape), rows=rows)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("shape", "rows"), [((500, 2, 12), "series"), ((500, 2, 5, 6, 7), None)])
def test_each_channel_has_its_own_units(shape, rows):
    trend = np.linspace(0, 5, shape[-1])  # which stays, at every place of its own
    scale = np.array([1.0, 40.0]).reshape(1, 2, *[1] * (len(shape) - 2))
    x = (RNG.gamma(0.7, size=shape) + trend) * scale - 9 * scale
    units = load_data(x, rows=rows).standardisation
    for c in range(2):
        assert units.mean[c] == pytest.approx(x[:, c].mean(), rel=1e-12)
        assert units.scale[c] == pytest.approx(x[:, c].std(), rel=1e-12)
    encoded = units.encode(x)
    want = (x - x.mean(axis=tuple({*range(x.ndim)} - {1}), keepdims=True)) / np.array(
        [x[:, c].std() for c in range(2)]
    ).reshape(scale.shape)
    np.testing.assert_allclose(encoded, want, rtol=2e-5, atol=2e-6)
    assert units.scale_in_units is None
    again = Standardisation.from_json(json.loads(json.dumps(units.to_json(), allow_nan=False)))
    np.testing.assert_array_equal(again.encode(x), encoded)


def test_whole_numbers_and_constant_channels_come_back():
    x = RNG.integers(0, 40, (30, 2, 8)).astype(np.int16)
    x[:, 1] = 7
    units = load_data(x, rows="series").standardisation
    assert (units.encode(x)[:, 1] == 0).all()
    back = units.decode(units.encode(x))
    assert back.dtype == np.int16
    np.testing.assert_array_equal(back, x)
    assert (units.decode(np.full((1, 2, 8), 3.3))[:, 1] == 7).all()
    assert units.scale_in_units == pytest.approx(x[:, 0].std())


GOOD = {"kind": "channels", "example": [2, 5], "layout": "cl", "dtype": "<f8",
        "mean": [0, 1], "scale": [1, 2]}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"layout": "hw"}, "series or volumes that agree"),
        ({"layout": "l"}, "series or volumes that agree"),
        ({"mean": [0]}, "must have 2 means and scales"),
        ({"scale": [1, -1]}, "scales >= 0"),
        ({"names": ["a", "b"]}, "must name every value"),
        ({"example": 3}, "as girsanov wrote it"),
    ],
)
def test_foreign_units_are_refused(change, words):
    Standardisation.from_json(GOOD)
    with pytest.raises(InputError, match=words):
        Standardisation.from_json(GOOD | change)


def test_a_table_of_one_series_a_row(tmp_path):
    values = RNG.gamma(2.0, size=(40, 6)).round(3)
    frame = pd.DataFrame(values, columns=[f"hour {k}" for k in range(6)])
    frame["kind"] = RNG.choice(["a", "b"], 40)
    frame.to_csv(tmp_path / "x.csv", index=False)
    for source in (tmp_path / "x.csv", frame):
        data = load_data(source, labels="kind", rows="series")
        assert data.shape == (1, 6)
        assert data.label_names == ("a", "b")
        np.testing.assert_array_equal(data.raw(slice(None)), values)
        assert data.reading == {**data.reading, "labels": "kind", "rows": "series"}
    units = data.standardisation
    drawn = units.decode(units.encode(values))
    write_samples(drawn, units, tmp_path / "s.csv")
    assert list(pd.read_csv(tmp_path / "s.csv").columns) == list(frame.columns[:-1])
    back = load_data(tmp_path / "s.csv", like={"reading": {"rows": "series"}})
    np.testing.assert_allclose(back.raw(slice(None)), values, rtol=1e-5)
    with pytest.raises(InputError, match=r"'kind'.*numbers alone.*got text.*--drop kind"):
        load_data(tmp_path / "x.csv", rows="series")
    frame.loc[3, "hour 2"] = np.nan
    with pytest.raises(InputError, match=r"'hour 2'.*must hold numbers alone.*got gaps"):
        load_data(frame.drop(columns="kind"), rows="series")


def test_files_keep_shape_and_type(tmp_path):
    every = [((12, 9), "series"), ((12, 2, 9), "series"), ((12, 2, 5, 6, 7), None),
             ((12, 5, 6, 7), None)]  # fmt: skip
    for name, (shape, rows) in zip("abcd", every, strict=True):
        x = RNG.normal(size=shape).astype(np.float32)
        np.save(tmp_path / f"{name}.npy", x)
        data = load_data(tmp_path / f"{name}.npy", rows=rows)
        units = data.standardisation
        drawn = units.decode(data.batch(slice(0, 4)))
        for suffix in (".npy", ".npz"):
            out = tmp_path / f"{name}-out{suffix}"
            write_samples(drawn, units, out, reading=data.reading)
            got = np.load(out)
            got = got if suffix == ".npy" else got["x"]
            assert (got.shape, got.dtype) == ((4, *shape[1:]), x.dtype)
        if len(shape) > 2:
            with pytest.raises(InputError, match=r"must end in \.npy, \.npz; got \.csv"):
                check_destination(tmp_path / "x.csv", units)
        with pytest.raises(InputError, match="a folder can hold images only"):
            check_destination(f"{tmp_path}/new/", units)


def test_pictures_and_digits_are_no_series(tmp_path):
    with pytest.raises(InputError, match=r"digits: must be an array .* to be series"):
        load_data("digits", rows="series")


def test_a_model_reads_data_as_it_did(tmp_path):
    x = RNG.normal(size=(20, 9))
    record = {"reading": {"rows": "series"}}
    assert load_data(x, like=record).shape == (1, 9)
    vectors = load_data(x)
    series = vectors.with_standardisation(load_data(x, rows="series").standardisation)
    assert series.shape == (1, 9)  # in the units of such a model they are what it takes
    assert series.batch(slice(0, 3)).shape == (3, 1, 9)
    first, rest = vectors.split(0.5)
    for part in (vectors, first, rest):
        again = part.as_series()
        assert again.shape == (1, 9)
        assert again.lineage == part.lineage
        np.testing.assert_array_equal(again.raw(slice(None)), part.raw(slice(None)))
    np.testing.assert_array_equal(
        rest.as_series().standardisation.mean, first.as_series().standardisation.mean
    )
    pictures = load_data(RNG.normal(size=(20, 4, 4)))
    assert pictures.as_series() is pictures


def test_seen_shapes():
    assert shape_seen((4, 5, 3), "hwc") == (3, 4, 5)
    assert layout_between((4, 5), (1, 4, 5)) is None  # pictures
    assert layout_between((20,), (20,)) is None  # vectors
