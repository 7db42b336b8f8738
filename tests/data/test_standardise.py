"""Equations (1) and (2): the map to the model's units and its inverse, for vectors and images."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from girsanov._checks import InputError
from girsanov.data import Standardisation, load_data
from girsanov.data.layouts import layout_of
from girsanov.data.rows import LARGEST_WHOLE
from girsanov.data.standardise import ImageStandardisation, VectorStandardisation
from girsanov.data.units import cast

NUMBERS = ["u1", "i1", "i2", "<i4", ">i4", "i8", "f2", "f4", ">f4", "f8", "?"]


def elements(dtype):
    if dtype.kind == "f":
        top = {2: 6e4, 4: 3e38, 8: 9e149}[dtype.itemsize]
        width = 8 * dtype.itemsize
        top = float(np.dtype(dtype.newbyteorder("=")).type(top))
        return st.floats(-top, top, width=width, allow_subnormal=False)
    ends = {"min_value": -LARGEST_WHOLE, "max_value": LARGEST_WHOLE} if dtype.itemsize == 8 else {}
    return hnp.from_dtype(dtype, **ends)


def arrays(shapes):
    return st.sampled_from(NUMBERS).flatmap(
        lambda t: hnp.arrays(np.dtype(t), shapes, elements=elements(np.dtype(t)))
    )


def assert_back(got, raw):
    """Equal, up to float32's 2^-24 of each row's distance from the centre."""
    assert got.dtype == raw.dtype
    assert got.shape == raw.shape
    a, b = got.astype(np.float64), raw.astype(np.float64)
    span = np.ptp(b / 4, axis=0) * 4 if raw.ndim == 2 else np.ptp(b / 4) * 4
    coarse = 2.0**-10 if raw.dtype == np.float16 else 2.0**-23
    slack = 2.0**-22 * span + np.abs(b) * (coarse if raw.dtype.kind == "f" else 2.0**-51)
    if raw.dtype.kind != "f":
        slack = np.where(span < 2**20, 0.0, slack + 1)
    assert (np.abs(a - b) <= slack + 1e-300).all()


@given(arrays(st.tuples(st.integers(2, 8), st.integers(1, 3))))
def test_vectors_come_back_in_value_type_and_layout(raw):
    s = load_data(raw).standardisation
    x = s.encode(raw)
    assert x.dtype == np.float32
    assert x.shape == raw.shape
    assert_back(s.decode(x), raw)


@given(arrays(st.tuples(st.integers(2, 5), st.integers(1, 4), st.integers(1, 4))))
def test_grey_images_come_back(raw):
    s = load_data(raw).standardisation
    x = s.encode(raw)
    assert x.shape == (len(raw), 1, *raw.shape[1:])
    assert np.abs(x).max() <= 1 + 1e-6
    assert_back(s.decode(x), raw)


@pytest.mark.parametrize("shape", [(5, 6, 7, 3), (5, 3, 6, 7), (5, 6, 7, 1), (5, 4, 6, 7)])
@pytest.mark.parametrize("dtype", ["u1", "f4"])
def test_colour_layouts_reach_the_model_channels_first_and_come_back(shape, dtype):
    raw = (np.random.default_rng(1).gamma(2.0, 40.0, shape) % 256).astype(dtype)
    s = load_data(raw).standardisation
    x = s.encode(raw)
    first = shape[1] in (1, 3, 4)
    assert x.shape == (5, *s.shape)
    assert s.shape == (shape[1:] if first else (shape[3], *shape[1:3]))
    pixel = raw[2, 1, 4, 5] if first else raw[2, 4, 5, 0]
    channel = 1 if first else 0
    assert x[2, channel, 4, 5] == pytest.approx((float(pixel) - s._centre) / s.scale_in_units)
    assert_back(s.decode(x), raw)


def test_vectors_have_mean_zero_and_deviation_one():
    raw = np.random.default_rng(2).gamma(0.7, size=(500, 3)) * [1, 50, 1e-6] + [9, -4, 1]
    x = load_data(raw).standardisation.encode(raw)
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(x.std(0), 1, rtol=1e-5)


def test_constant_column_encodes_to_zero_and_decodes_to_itself():
    raw = np.column_stack([np.arange(5.0), np.full(5, 0.1)])
    s = load_data(raw).standardisation
    assert (s.encode(raw)[:, 1] == 0).all()
    assert (s.decode(np.full((4, 2), 3.7))[:, 1] == 0.1).all()
    # A row that differs from the constant is not hidden: the divisor is 1.
    assert s.encode(np.array([[0.0, 2.1]]))[0, 1] == pytest.approx(2.0)


def test_flat_array_stays_flat():
    raw = np.array([3, 8, 1, 1])
    s = load_data(raw).standardisation
    assert s.shape == (1,)
    np.testing.assert_array_equal(s.decode(s.encode(raw)), raw)


def test_integers_are_rounded_and_vectors_clipped_to_their_dtype_only():
    raw = np.array([[10], [20]], np.uint8)
    s = load_data(raw).standardisation  # mean 15, deviation 5
    np.testing.assert_array_equal(s.decode([[1.1], [3.3], [1e6], [-9.0]])[:, 0], [20, 32, 255, 0])


def test_images_of_integers_are_clipped_to_the_range():
    raw = np.zeros((2, 2, 2), np.uint8)
    raw[1] = 16
    s = load_data(raw).standardisation
    assert (s.low, s.high) == (0, 16)
    np.testing.assert_array_equal(s.decode(np.full((1, 1, 2, 2), 5.0)), np.full((1, 2, 2), 16))


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([0, 16], "u1", (0, 16)),
        ([3, 250], "u1", (0, 255)),
        ([3, 250], "i8", (0, 255)),
        ([3, 127], "u1", (3, 127)),
        ([-5, 250], "i2", (-5, 250)),
        ([0, 4095], "u2", (0, 4095)),
        ([0.25, 0.75], "f4", (0.25, 0.75)),
        ([0, 1], "?", (0, 1)),
    ],
)
def test_range_of_pictures(values, dtype, expected):
    raw = np.array(values, dtype)[:, None, None] * np.ones((1, 2, 3), dtype)
    s = load_data(raw).standardisation
    assert (s.low, s.high) == expected
    assert s.scale_in_units == (expected[1] - expected[0]) / 2


def test_images_of_one_colour_come_back():
    raw = np.full((3, 2, 2), 7, np.uint8)
    s = load_data(raw).standardisation
    assert (s.encode(raw) == 0).all()
    np.testing.assert_array_equal(s.decode(np.full((3, 1, 2, 2), 2.0)), raw)


def test_scale_in_units_is_given_only_when_shared():
    x = np.array([[0.0, 0.0], [2.0, 4.0]])
    assert load_data(x).standardisation.scale_in_units is None
    assert load_data(x[:, [0, 0]]).standardisation.scale_in_units == 1.0
    assert load_data(np.array([[1.0, 5.0], [3.0, 5.0]])).standardisation.scale_in_units == 1.0


@pytest.mark.parametrize(
    "raw",
    [
        np.array([[0.1, 5], [0.7, 5]], ">f4"),
        np.array([1, 2, 9], np.int16),
        np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3),
    ],
)
def test_json_brings_back_the_same_map(raw):
    s = load_data(raw).standardisation
    t = Standardisation.from_json(json.loads(json.dumps(s.to_json(), allow_nan=False)))
    assert type(t) is type(s)
    np.testing.assert_array_equal(t.encode(raw), s.encode(raw))
    assert t.decode(s.encode(raw)).dtype == raw.dtype
    np.testing.assert_array_equal(t.decode(s.encode(raw)), s.decode(s.encode(raw)))


VECTOR = {"kind": "vector", "example": [2], "dtype": "<f8", "mean": [0, 1], "scale": [1, 2]}
IMAGE = {
    "kind": "image", "example": [4, 4], "layout": "hw", "dtype": "|u1", "low": 0, "high": 9,
}  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "must be of kind channels, image, table, vector"),
        ({"kind": "sphere"}, "must be of kind.*got sphere"),
        ({**VECTOR, "dtype": "O"}, "dtype of plain numbers.*got O"),
        ({**VECTOR, "dtype": "f16"}, "dtype of plain numbers"),
        ({**VECTOR, "mean": [0]}, "must have 2 means"),
        ({**VECTOR, "scale": [1, -2]}, "scales >= 0"),
        ({**VECTOR, "mean": [0, float("nan")]}, "finite means"),
        ({**VECTOR, "mean": ["a", "b"]}, "as girsanov wrote it"),
        ({**VECTOR, "example": [-2]}, "positive sizes"),
        ({"kind": "vector"}, "as girsanov wrote it.*example"),
        ({**IMAGE, "layout": "whc"}, "layout that agree"),
        ({**IMAGE, "example": [4, 4, 3]}, "layout that agree"),
        ({**IMAGE, "low": 10}, "low <= high"),
        ({"kind": "table", "columns": []}, "at least one column"),
        ({"kind": "table", "columns": 3}, "as girsanov wrote it"),
    ],
)
def test_foreign_json_is_refused(content, message):
    with pytest.raises(InputError, match=message):
        Standardisation.from_json(content)


def test_rows_unlike_those_learnt_from_are_refused():
    vectors = Standardisation.from_json(VECTOR)
    images = Standardisation.from_json(IMAGE)
    with pytest.raises(InputError, match=r"shape \[b, 2\]; got \(3, 4\)"):
        vectors.encode(np.zeros((3, 4)))
    with pytest.raises(InputError, match="must be numbers"):
        vectors.encode(np.array([["a", "b"]]))
    with pytest.raises(InputError, match="finite"):
        vectors.encode(np.array([[np.nan, 0.0]]))
    with pytest.raises(InputError, match="must hold images of dtype uint8"):
        images.encode(np.zeros((1, 4, 4)))
    with pytest.raises(InputError, match=r"shape \[b, 2\]"):
        vectors.decode(np.zeros((3, 1)))
    with pytest.raises(InputError, match="NaN or infinity"):
        vectors.decode([[np.inf, 0.0]])


def test_far_rows_are_refused_rather_than_made_infinite():
    s = VectorStandardisation((1,), np.dtype(float), np.zeros(1), np.array([1e-200]))
    with pytest.raises(InputError, match="within 1e38 standard deviations"):
        s.encode(np.array([[1.0]]))


def test_far_samples_are_clipped_to_what_the_dtype_holds():
    s = VectorStandardisation((1,), np.dtype("f4"), np.zeros(1), np.array([1e38]))
    assert s.decode([[1e6]])[0, 0] == np.finfo("f4").max
    assert cast(np.array([1e30, -1e30]), np.dtype("i8")).tolist() == [2**63 - 1024, -(2**63)]
    assert cast(np.array([1e30]), np.dtype("u8"))[0] > 2**63


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        ((9,), None),
        ((9, 4), None),
        ((9, 28, 28), "hw"),
        ((9, 3, 8, 8), "chw"),
        ((9, 8, 8, 3), "hwc"),
        ((9, 4, 4, 1), "hwc"),
        ((9, 1, 4, 4), "chw"),
        ((9, 3, 3, 3), "chw"),
        ((9, 4, 7, 3), "hwc"),
    ],
)
def test_layout(shape, layout):
    assert layout_of(shape, "x") == layout


def test_image_standardisation_of_the_three_layouts_has_one_shape():
    u1 = np.dtype("u1")
    shapes = {
        ImageStandardisation((3, 5, 7), "chw", u1, 0, 255).shape,
        ImageStandardisation((5, 7, 3), "hwc", u1, 0, 255).shape,
    }
    assert shapes == {(3, 5, 7)}
    assert ImageStandardisation((5, 7), "hw", u1, 0, 255).shape == (1, 5, 7)
