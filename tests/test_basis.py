"""Every basis is orthonormal and undone; cosines are scipy's; PCA diagonalises."""

import numpy as np
import pytest
import torch
from scipy import fft

from girsanov._checks import InputError
from girsanov.basis import coordinate_basis, dct_basis, pca_basis

RNG = np.random.default_rng(1)
A = RNG.normal(size=(12, 12)) * np.arange(1, 13)
BASES = {
    "coordinate": coordinate_basis(12),
    "pca": pca_basis(A @ A.T)[0],
    "dct [L]": dct_basis((12,)),
    "dct [C, L]": dct_basis((3, 4)),
    "dct [C, D, H, W]": dct_basis((1, 2, 3, 2)),
    "dct [C, H, W]": dct_basis((2, 3, 2)),
    "dct [1, H, 1]": dct_basis((1, 12, 1)),
}
over_bases = pytest.mark.parametrize("basis", BASES.values(), ids=BASES.keys())


@over_bases
def test_orthonormal_and_undone(basis):
    u = basis.to_coordinates(torch.eye(12, dtype=torch.float64))  # rows: U^T e_i, so U itself
    torch.testing.assert_close(u.T @ u, torch.eye(12).double(), rtol=0, atol=1e-13)
    x = torch.from_numpy(RNG.normal(size=(5, 12))) + 3
    torch.testing.assert_close(basis.to_coordinates(x), x @ u, rtol=0, atol=1e-12)
    torch.testing.assert_close(basis.from_coordinates(x), x @ u.T, rtol=0, atol=1e-12)
    there = basis.from_coordinates(basis.to_coordinates(x))
    torch.testing.assert_close(there, x, rtol=0, atol=1e-12)
    assert basis.dimension == 12
    assert basis.to_coordinates(x[:0]).shape == (0, 12)


@over_bases
def test_dtype_is_kept(basis):
    x = torch.from_numpy(RNG.normal(size=(5, 12)))
    single = basis.to_coordinates(x.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), basis.to_coordinates(x), rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    "shape", [(7,), (5, 6), (3, 4, 5), (3, 9, 10), (300,), (2, 3, 4, 5), (1, 4, 9, 8)]
)
def test_cosines_are_those_of_scipy(shape):
    x = RNG.normal(size=(4, *shape)) + 1
    axes = tuple(range(1 if len(shape) == 1 else 2, 1 + len(shape)))  # all but that of channels
    expected = fft.dctn(x, type=2, norm="ortho", axes=axes).reshape(4, -1)
    got = dct_basis(shape).to_coordinates(torch.from_numpy(x).reshape(4, -1))
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-12)
    np.testing.assert_allclose(
        dct_basis(shape).from_coordinates(got).numpy(), x.reshape(4, -1), atol=1e-12
    )


def test_pca_diagonalises_with_the_largest_first():
    c = A @ A.T
    basis, values = pca_basis(c)
    u = np.asarray(basis.factors[0])
    np.testing.assert_allclose(u.T @ c @ u, np.diag(values), atol=1e-9 * values[0])
    assert (np.diff(values) <= 0).all()
    flat, none = pca_basis(np.ones((3, 3)))
    assert (none >= 0).all()
    assert none[0] == pytest.approx(3)
    assert abs(np.asarray(flat.factors[0])[:, 0]) == pytest.approx(np.full(3, 3**-0.5))


def test_first_use_in_inference_mode_does_not_forbid_training_later():
    basis = dct_basis((4,))
    with torch.inference_mode():
        basis.to_coordinates(torch.ones(1, 4))
    x = torch.ones(1, 4, requires_grad=True)
    basis.to_coordinates(x)[0, 0].backward()
    torch.testing.assert_close(x.grad, torch.full((1, 4), 0.5))


def test_refusals():
    with pytest.raises(InputError, match="covariance: must be a square matrix"):
        pca_basis(np.ones((2, 3)))
    for shape in ((), (2, 2, 2, 2, 2)):
        with pytest.raises(InputError, match=r"shape: must be \[L\], \[C, L\], \[C, H, W\] or"):
            dct_basis(shape)
