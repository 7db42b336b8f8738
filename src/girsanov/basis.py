r"""Orthonormal coordinates in which errors are measured and noise is coloured.

A basis is an orthonormal matrix U, the Kronecker product of one factor per axis of the item:
coordinates c = U^T x, back x = U c. It is the identity, the eigenvectors of a covariance (PCA,
one factor on the flattened item), or the discrete cosine transform of each channel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from scipy import fft

from ._checks import refuse, require

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ._typing import Array

BasisKind = Literal["coordinate", "pca", "dct"]
Vectors = TypeVar("Vectors", "Tensor", "Array")  # both are turned, each by its own library
PCA_LIMIT = 2048  # dimensions; a dense basis beyond it costs more than the network
MOST_AXES = 4  # of what has a cosine basis, channels with them
DENSE = 256  # dimensions up to which one product is quicker than one for each axis


@dataclass(frozen=True)
class Basis:
    """Orthonormal coordinates of R^d.

    kind: ``coordinate``, ``pca`` or ``dct``; shape: how an item is laid out, product d;
    factors: one orthonormal matrix [n, n] per axis of `shape`, None for the identity.
    """

    kind: BasisKind
    shape: tuple[int, ...]
    factors: tuple[Array | None, ...]
    _cache: dict[tuple[torch.dtype, torch.device], list[Tensor | None]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def dimension(self) -> int:
        """The number of coordinates d."""
        return math.prod(self.shape)

    def to_coordinates(self, x: Vectors) -> Vectors:
        """Return c = U^T x for x [B, d]."""
        return self._apply(x, transpose=False)

    def from_coordinates(self, c: Vectors) -> Vectors:
        """Return x = U c for c [B, d]."""
        return self._apply(c, transpose=True)

    def _apply(self, x: Vectors, *, transpose: bool) -> Vectors:
        if self.kind == "coordinate":
            return x
        factors: Any = self.factors if isinstance(x, np.ndarray) else self._factors(x)
        if len(factors) == 1 and factors[0] is not None:
            return x @ (factors[0].T if transpose else factors[0])  # type: ignore[no-any-return]
        out: Any = x.reshape(len(x), *self.shape)
        for axis, factor in enumerate(factors, start=1):
            if factor is not None:
                turned = out.swapaxes(axis, -1) @ (factor.T if transpose else factor)
                out = turned.swapaxes(axis, -1)
        return out.reshape(x.shape)  # type: ignore[no-any-return]

    def _factors(self, like: Tensor) -> list[Tensor | None]:
        """Return the factors, or U alone where it is small."""
        import torch

        key = (like.dtype, like.device)
        if key not in self._cache:
            whole = [self._whole()] if self.dimension <= DENSE else self.factors
            # a factor made in inference mode could never be differentiated through again
            with torch.inference_mode(False):
                self._cache[key] = [
                    None if f is None else torch.as_tensor(f, dtype=like.dtype, device=like.device)
                    for f in whole
                ]
        return self._cache[key]

    def _whole(self) -> Array:
        """Return U [d, d]."""
        whole: Array = np.eye(1)
        for factor, size in zip(self.factors, self.shape, strict=True):
            whole = np.asarray(np.kron(whole, np.eye(size) if factor is None else factor))
        return whole


def coordinate_basis(dimension: int) -> Basis:
    """Return the identity basis of R^d."""
    return Basis("coordinate", (dimension,), (None,))


def pca_basis(covariance: Array) -> tuple[Basis, Array]:
    """Return the eigenvectors of a covariance [d, d] as a basis, and its eigenvalues [d].

    The eigenvalues are sorted largest first and clipped at zero.
    """
    square = covariance.ndim == 2 and covariance.shape[0] == covariance.shape[1]
    require(square, "covariance", "must be a square matrix", covariance.shape)
    values, vectors = np.linalg.eigh(covariance)
    matrix = vectors[:, ::-1].copy()  # a size-1 axis would keep its negative stride otherwise
    return Basis("pca", (len(values),), (matrix,)), np.maximum(values[::-1], 0.0)


def dct_basis(shape: tuple[int, ...]) -> Basis:
    """Return the orthonormal DCT-II along every axis but that of channels, which comes first.

    shape: [L], or channels and then one to three axes: [C, L], [C, H, W] or [C, D, H, W].
    """
    if not 1 <= len(shape) <= MOST_AXES:
        refuse("shape", "must be [L], [C, L], [C, H, W] or [C, D, H, W] for a DCT basis", shape)
    # dct of every unit vector: row i holds the coordinates of e_i, so the rows make up U.
    sides = shape[1:] or shape
    cosines = [fft.dct(np.eye(n), type=2, norm="ortho", axis=1) for n in sides]
    return Basis("dct", shape, (*[None] * (len(shape) - len(sides)), *cosines))
