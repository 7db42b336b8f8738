"""Conditions y beside rows x: read, split with them, and the regression of x on y."""

import numpy as np
import pytest

import girsanov as gv
from girsanov.data.conditions import conditions_from, learn_conditions
from girsanov.data.load import load_given
from girsanov.data.standardise import unchanged


@pytest.fixture
def frame():
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    n = 400
    a, b = rng.gamma(2.0, size=n), rng.choice(["u", "v", "w"], n)
    x = 3 * a + 2 * (b == "u") + 0.3 * rng.normal(size=n)
    gaps = np.where(rng.random(n) < 0.1, np.nan, a)
    return pandas.DataFrame({"x": x, "a": gaps, "z": rng.normal(size=n), "b": b})


def plain_regression(x, y):
    """Least squares by numpy, as an independent truth."""
    line = np.column_stack([np.ones(len(y)), y])
    coefficients = np.linalg.lstsq(line, x, rcond=None)[0]
    rest = x - line @ coefficients
    return coefficients, rest


def test_the_line_is_least_squares_where_rows_are_many():
    rng = np.random.default_rng(1)
    y = rng.gamma(2.0, size=(20_000, 3)) * [1, 100, 0.01] + [5, -300, 0]
    x = y @ rng.normal(size=(3, 2)) * [1, 0.1] + rng.gamma(1.0, size=(20_000, 2)) + 40
    parts = ((x[a : a + 700], y[a : a + 700]) for a in range(0, len(x), 700))
    told = learn_conditions(parts, unchanged(3), y[:5].astype(np.float32))
    truth, rest = plain_regression(x, y)
    np.testing.assert_allclose(told.coefficients, truth[1:], rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(told.rest, rest.std(axis=0), rtol=1e-3)
    np.testing.assert_allclose(told.residual(x, y), rest / told.rest, atol=2e-4)
    np.testing.assert_allclose(told.whole(told.residual(x, y), y), x, rtol=1e-5, atol=1e-4)


def test_the_ridge_does_not_learn_noise_by_heart():
    rng = np.random.default_rng(2)
    y, x = rng.normal(size=(150, 100)), rng.normal(size=(150, 1))
    held_y, held_x = rng.normal(size=(2000, 100)), rng.normal(size=(2000, 1))
    told = learn_conditions([(x, y)], unchanged(100), y[:5].astype(np.float32))
    _, fitted = plain_regression(x, y)
    line = np.column_stack([np.ones(2000), held_y]) @ plain_regression(x, y)[0]
    plain = float(np.var(held_x - line))  # two thirds of 150 numbers were fitted to noise
    ours = float(np.var(told.residual(held_x, held_y) * told.rest))
    assert float(fitted.var()) < 0.5
    assert plain > 1.8
    assert ours < 1.2
    assert 0.8 < float(told.rest[0]) ** 2 < 1.3  # and says so itself


def test_a_row_that_is_not_told_lies_about_the_mean():
    rng = np.random.default_rng(3)
    y = rng.normal(2.0, 1.0, size=(500, 2))
    x = y @ np.array([[1.0], [2.0]]) + rng.normal(size=(500, 1))
    told = learn_conditions([(x, y)], unchanged(2), y[:50].astype(np.float32))
    nothing = np.full((1, 2), np.nan)
    np.testing.assert_allclose(told.told(nothing)[0], x.mean(axis=0))
    np.testing.assert_allclose(told.whole(np.zeros((1, 1)), nothing)[0], x.mean(axis=0))


def test_columns_of_a_table_with_gaps_and_categories(frame):
    data = gv.load_data(frame, given=["a", "b"], drop=["z"])
    assert data.shape == (1,)
    assert len(data.beside) == len(data)
    assert data.rows.left_out == ("z",)  # what is given is not left out
    first, rest = data.split(0.5, seed=3)
    for part in (first, rest):
        x, y = part.raw(slice(None))["x"], part.beside.raw(slice(None))
        row = {float(v): k for k, v in enumerate(frame["x"])}
        at = [row[float(v)] for v in x]
        assert list(frame["b"].to_numpy()[at]) == list(y["b"])
        np.testing.assert_array_equal(frame["a"].to_numpy()[at], y["a"])
    told = first.learn_conditions()
    assert told.names == ("a", "a", "b", "b", "b")
    y = rest.with_conditions(told).batch_labels(slice(None)).numpy()
    assert np.isfinite(y).all()
    gaps = np.isnan(rest.beside.raw(slice(None))["a"])
    assert gaps.any()
    assert len(np.unique(y[gaps, 1])) == 1
    assert (y[~gaps, 1] != y[gaps, 1][0]).all()


def test_a_record_of_columns_is_read_back(frame):
    class Like:
        def __init__(self, data):
            self.standardisation, self.training = data.standardisation, {"reading": data.reading}

    data = gv.load_data(frame, given="a, b")
    again = gv.load_data(frame, like=Like(data))
    assert again.fingerprint == data.fingerprint
    assert again.fingerprint != gv.load_data(frame, given="a", drop=["b"]).fingerprint


def test_arrays_are_columns_y0_y1_and_may_have_gaps(tmp_path):
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(60, 2)), rng.normal(size=(60, 2))
    y[3, 1] = np.nan
    np.save(tmp_path / "y.npy", y)
    in_memory, on_disk = gv.load_data(x, given=y), gv.load_data(x, given=tmp_path / "y.npy")
    assert in_memory.fingerprint == on_disk.fingerprint
    assert in_memory.learn_conditions().names == ("y0", "y1", "y1")
    assert len(load_given(y[:1])) == 1  # one row is enough to draw given it


def test_pictures_given_pictures():
    rng = np.random.default_rng(5)
    y = rng.integers(0, 255, size=(40, 4, 4)).astype(np.uint8)
    data = gv.load_data((y // 2).astype(np.uint8), given=y)
    told = data.learn_conditions()
    assert told.width == 16
    assert len(np.unique(told.rest)) == 1
    assert data.with_conditions(told).batch(slice(0, 3)).shape == (3, 1, 4, 4)


def test_how_far_outside_the_training_range():
    y = np.linspace(0, 10, 50)[:, None]
    told = learn_conditions([(y, y)], unchanged(1), y[:5].astype(np.float32))
    (line,) = told.beyond(np.array([[3.0], [15.0], [-1.0]]))
    assert "y0 of row 1" in line
    assert "0.5 of its width" in line
    assert "2 of 3 rows" in line
    assert told.beyond(np.array([[0.0], [10.0]])) == []


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("a,q", "given: must name columns of"),
        (np.zeros(5), "given: must have a row for each of the 400"),
    ],
)
def test_refusals(frame, given, why):
    with pytest.raises(gv.InputError, match=why):
        gv.load_data(frame, given=given)


def test_refusals_of_other_rows(frame):
    data = gv.load_data(frame, given=["a", "b"], drop=["z"])
    told = data.learn_conditions()
    with pytest.raises(gv.InputError, match="cannot stand beside given"):
        gv.load_data(frame, given="a", labels="b")
    with pytest.raises(gv.InputError, match="must come with what the model was given"):
        gv.load_data(frame, only=["x"]).with_conditions(told)
    with pytest.raises(gv.InputError, match="categories learnt"):
        told.encode(load_given(frame.assign(b="other"), ("a", "b")).raw(slice(None)))
    whole = gv.load_data(frame.dropna(), given=["a", "b"], drop=["z"]).learn_conditions()
    gaps = load_given(frame[frame["a"].isna()], ("a", "b")).raw(slice(None))
    with pytest.raises(gv.InputError, match="must not have missing values"):
        whole.encode(gaps)


def test_what_was_written_is_read_back_and_what_was_not_is_refused(frame):
    told = gv.load_data(frame, given=["a", "b"], drop=["z"]).learn_conditions()
    again = conditions_from(told.units.to_json(), told.tensors(), "here")
    assert again.fingerprint == told.fingerprint
    for name, bad in (
        ("rest", -told.rest),
        ("middle", told.middle[:2]),
        ("low", told.low * np.inf),
    ):
        with pytest.raises(gv.InputError, match="here"):
            conditions_from(told.units.to_json(), told.tensors() | {name: bad}, "here")
