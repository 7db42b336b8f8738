"""Streamed moments against numpy, where sums of squares would cancel; files and refusals."""

import numpy as np
import pytest
import torch

from girsanov._checks import InputError
from girsanov._files import read_tensors, write_tensors
from girsanov.moments import (
    load_moments,
    measure_moments,
    moments_from_covariance,
    moments_from_tensors,
    structured_basis,
)

RNG = np.random.default_rng(2)
MIX = np.array([[1.0, 0.4, 0.0], [0.0, 0.7, -0.3], [0.2, 0.0, 0.1]])


def skewed(n, offset):
    return RNG.gamma(1.5, size=(n, 3)) @ MIX.T + offset


def in_parts(x, sizes):
    ends = np.cumsum(sizes)
    return [torch.from_numpy(part) for part in np.split(x, ends) if len(part)]


@pytest.mark.parametrize("offset", [0.0, 1e6, [1e6, -3e6, 0.0]])
def test_streamed_moments_are_those_of_numpy(offset):
    x = skewed(1000, np.asarray(offset))
    got = measure_moments(in_parts(x, [1, 7, 300]), (3,))
    covariance = np.cov(x.T)
    np.testing.assert_allclose(got.mean, x.mean(0), rtol=1e-14)
    u = np.asarray(got.basis.factors[0])
    found = (u * got.variances) @ u.T
    # data near 3e6 have digits down to 5e-10; sums of squares about 0 would be off by 1e-3
    np.testing.assert_allclose(found, covariance, atol=1e-8)
    assert got.count == 1000
    assert got.variance == pytest.approx(np.trace(covariance), abs=1e-8)
    assert got.second_moment == pytest.approx(got.variance + x.mean(0) @ x.mean(0), rel=1e-14)
    assert (np.diff(got.variances) <= 0).all()


def test_the_batches_do_not_matter():
    x = skewed(200, 50.0)
    one = measure_moments([torch.from_numpy(x)], (3,))
    many = measure_moments(in_parts(x, [1] * 199), (3,))
    np.testing.assert_allclose(many.mean, one.mean, rtol=1e-14)
    np.testing.assert_allclose(many.variances, one.variances, rtol=1e-10)


def test_items_are_flattened_and_single_precision_is_summed_in_double():
    x = torch.from_numpy(RNG.gamma(1.0, size=(5000, 2, 3)) + 1000).float()
    got = measure_moments([x], (2, 3))
    rows = x.double().numpy().reshape(5000, 6)
    np.testing.assert_allclose(got.mean, rows.mean(0), rtol=1e-13)
    np.testing.assert_allclose(got.variance, rows.var(0, ddof=1).sum(), rtol=1e-10)


def test_large_images_use_cosines():
    shape, n = (3, 32, 32), 50
    x = RNG.gamma(1.0, size=(n, *shape)) * np.linspace(0.1, 2, 32) + 1e6
    got = measure_moments(in_parts(x, [20, 3]), shape)
    assert got.basis.kind == "dct"
    assert got.basis.shape == shape
    rows = x.reshape(n, -1)
    np.testing.assert_allclose(got.mean, rows.mean(0), rtol=1e-12)
    centred = torch.from_numpy(rows - rows.mean(0))
    expected = got.basis.to_coordinates(centred).numpy().var(0, ddof=1)
    np.testing.assert_allclose(got.variances, expected, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((2100,), "coordinate"),
        ((2, 1100), "dct"),
        ((1, 50, 50), "dct"),
        ((2, 10, 11, 12), "dct"),
    ],
)
def test_the_basis_beyond_the_dense_limit(shape, kind):
    x = RNG.gamma(1.0, size=(10, *shape))
    got = measure_moments([torch.from_numpy(x)], shape)
    assert got.basis.kind == kind
    assert got.variance == pytest.approx(x.reshape(10, -1).var(0, ddof=1).sum(), rel=1e-12)
    assert structured_basis(shape).kind == kind


def test_a_constant_coordinate_has_variance_zero():
    x = np.column_stack([np.full(30, 7e5), RNG.gamma(1.0, size=30)])
    got = measure_moments([torch.from_numpy(x)], (2,))
    assert got.variances[1] == 0
    assert got.variances[0] == pytest.approx(x[:, 1].var(ddof=1), rel=1e-12)


@pytest.mark.parametrize("batches", [[], [torch.ones(1, 3)]])
def test_too_few_examples_are_refused(batches):
    with pytest.raises(InputError, match="data: must hold at least 2 examples"):
        measure_moments(batches, (3,))


def test_given_covariances():
    c = MIX @ MIX.T
    got = moments_from_covariance([1.0, 2.0, 3.0], c)
    u = np.asarray(got.basis.factors[0])
    np.testing.assert_allclose((u * got.variances) @ u.T, c, atol=1e-14)
    assert got.count == 0


@pytest.mark.parametrize("shape", [(3,), (4, 20, 30), (2100,)])
def test_saved_and_loaded(tmp_path, shape):
    x = torch.from_numpy(RNG.gamma(1.0, size=(9, *shape)))
    saved = measure_moments([x], shape)
    saved.save(tmp_path / "m.safetensors")
    back = load_moments(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(back.mean, saved.mean)
    np.testing.assert_array_equal(back.variances, saved.variances)
    assert (back.count, back.basis.kind, back.basis.shape) == (
        saved.count,
        saved.basis.kind,
        saved.basis.shape,
    )
    rows = x.reshape(9, -1)
    assert torch.equal(back.basis.to_coordinates(rows), saved.basis.to_coordinates(rows))


GOOD = moments_from_covariance([1.0, 2.0, 3.0], MIX @ MIX.T, 5).tensors()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": None}, "must hold mean, variances, count, shape"),
        ({"variances": np.ones(2)}, r"a mean and variances \[d\]"),
        ({"mean": np.ones((1, 3))}, r"a mean and variances \[d\]"),
        ({"mean": np.ones(0), "variances": np.ones(0)}, r"a mean and variances \[d\]"),
        ({"pca": np.ones((3, 2))}, "must hold a square basis"),
        ({"pca": None, "shape": np.array([2, 2])}, "must have a shape of 3 numbers"),
        ({"mean": np.array([1, np.nan, 0])}, "finite mean and variances"),
        ({"variances": np.array([1, -1, 0])}, "variances that are not negative"),
        ({"variances": np.array([np.inf, 1, 0])}, "finite mean and variances"),
        ({"count": np.ones(0)}, "one count and a flat shape"),
        ({"count": np.array(3)}, "one count and a flat shape"),
        ({"pca": None, "shape": np.array(3)}, "one count and a flat shape"),
    ],
)
def test_what_cannot_be_moments_is_refused(changes, message):
    tensors = {k: v for k, v in (GOOD | changes).items() if v is not None}
    with pytest.raises(InputError, match=rf"^here: .*{message}"):
        moments_from_tensors(tensors, "here")


def test_a_refusal_names_the_file(tmp_path):
    write_tensors(tmp_path / "m.safetensors", {"x": np.ones(2)})
    assert read_tensors(tmp_path / "m.safetensors")
    with pytest.raises(InputError, match=r"m\.safetensors: must hold mean"):
        load_moments(tmp_path / "m.safetensors")
