r"""Mean and variances of the data in an orthonormal basis, from one streamed pass.

    mean = E x,    variances_j = u_j^T Cov(x) u_j,                                         (1)

with u_j the principal axes up to a few thousand dimensions and cosines beyond. They start the
sampler (a Gaussian with these moments), give the linear (Wiener) denoiser, and order the bands.
Of labelled data the same is kept of each class (`class_moments.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ._checks import InputError, require
from ._files import read_tensors, write_tensors
from .basis import MOST_AXES, PCA_LIMIT, Basis, coordinate_basis, dct_basis, pca_basis
from .class_moments import MOST_MOMENTS, ClassMoments, ClassSums, class_moments_from_tensors

if TYPE_CHECKING:
    from ._typing import Array, PathLike, Tensor


@dataclass(frozen=True)
class Moments:
    """First two moments of the standardised, flattened data.

    mean: [d]; basis: U; variances: of each coordinate of `basis`, [d]; count: examples used,
    0 when known exactly; classes: the same of each class, of labelled data alone.
    """

    mean: Array
    basis: Basis
    variances: Array
    count: int
    classes: ClassMoments | None = None

    @property
    def variance(self) -> float:
        """The total variance V = tr Cov(x)."""
        return float(self.variances.sum())

    @property
    def second_moment(self) -> float:
        """The second moment m2^2 = E|x|^2."""
        return self.variance + float(self.mean @ self.mean)

    def tensors(self) -> dict[str, np.ndarray]:
        """Return these moments as named arrays."""
        out = {
            "mean": self.mean,
            "variances": self.variances,
            "count": np.array([self.count]),
            "shape": np.array(self.basis.shape),
        }
        if self.basis.kind == "pca":
            out["pca"] = np.asarray(self.basis.factors[0])
        return out if self.classes is None else {**out, **self.classes.tensors()}

    def save(self, path: PathLike) -> None:
        """Write these moments as safetensors."""
        write_tensors(path, self.tensors())


def load_moments(path: PathLike) -> Moments:
    """Return the moments saved in `path`; refuse a file that does not hold them."""
    return moments_from_tensors(read_tensors(path), str(path))


def moments_from_tensors(t: dict[str, np.ndarray], argument: str) -> Moments:
    """Return the moments whose `tensors()` are `t`; refuse what cannot be moments."""
    names = ("mean", "variances", "count", "shape")
    if not set(names) <= t.keys():
        raise InputError(f"{argument}: must hold {', '.join(names)}; got {sorted(t)}")
    plain = all(t[name].dtype.kind in "iuf" for name in names)
    require(plain, argument, "must hold numbers", [str(t[name].dtype) for name in names])
    mean, variances = (t[name].astype(np.float64) for name in ("mean", "variances"))
    d = mean.size
    flat = mean.shape == variances.shape == (d,)
    require(flat and d > 0, argument, "must hold a mean and variances [d]", variances.shape)
    good = bool(np.isfinite(mean + variances).all() and (variances >= 0).all())
    require(good, argument, "must hold a finite mean and variances that are not negative")
    sizes = t["count"].shape == (1,) and t["shape"].ndim == 1
    sizes = sizes and all(np.isfinite(t[name]).all() for name in ("count", "shape"))
    require(sizes, argument, "must hold one count and a flat shape", t["count"].shape)
    if "pca" in t:
        square = t["pca"].shape == (d, d) and t["pca"].dtype.kind == "f"
        require(square, argument, "must hold a square basis", t["pca"].shape)
        finite = bool(np.isfinite(t["pca"]).all())
        require(finite, argument, "must hold a finite basis; it holds NaN or infinity")
        basis = Basis("pca", (d,), (t["pca"].astype(np.float64),))
    else:
        fits = math.prod(int(n) for n in t["shape"]) == d
        require(fits, argument, f"must have a shape of {d} numbers", t["shape"])
        basis = structured_basis(tuple(int(n) for n in t["shape"]))
        require(basis.dimension == d, argument, f"must have a shape of {d} numbers", t["shape"])
    classes = class_moments_from_tensors(t, d, argument)
    return Moments(mean, basis, variances, int(t["count"][0]), classes)


def structured_basis(shape: tuple[int, ...]) -> Basis:
    """Return the basis of items too large for a dense one: cosines along axes, else identity."""
    return dct_basis(shape) if 2 <= len(shape) <= MOST_AXES else coordinate_basis(math.prod(shape))


def moments_from_covariance(mean: Array, covariance: Array, count: int = 0) -> Moments:
    """Return moments with principal axes from a mean [d] and a covariance [d, d]."""
    basis, variances = pca_basis(covariance)
    return Moments(np.asarray(mean, dtype=np.float64), basis, variances, count)


def measure_moments(batches: Iterable[Tensor], shape: tuple[int, ...]) -> Moments:
    """Return the moments of the examples in `batches` (each [b, *shape]), one pass, in float64."""
    import torch

    d, count = math.prod(shape), 0
    dense = d <= PCA_LIMIT
    basis = None if dense else structured_basis(shape)
    origin: Tensor | None = None  # the first example: sums around it do not cancel
    first, second = (
        torch.zeros(d, dtype=torch.float64),
        torch.zeros((d, d) if dense else d).double(),
    )
    for batch in batches:
        x = batch.reshape(len(batch), d).double().cpu()
        x = x if basis is None else basis.to_coordinates(x)
        origin = x[0].clone() if origin is None else origin
        x = x - origin
        count += len(x)
        first += x.sum(0)
        second += x.T @ x if dense else x.square().sum(0)
    if origin is None or count < 2:
        raise InputError(f"data: must hold at least 2 examples to measure moments; got {count}")
    mean = first / count
    if basis is None:
        covariance = (second - count * torch.outer(mean, mean)) / (count - 1)
        return moments_from_covariance((mean + origin).numpy(), covariance.numpy(), count)
    variances = ((second - count * mean**2) / (count - 1)).clamp_(min=0).numpy()
    centre = basis.from_coordinates((mean + origin)[None])[0].numpy()
    return Moments(centre, basis, variances, count)


def with_classes(
    moments: Moments, batches: Iterable[tuple[Tensor, Tensor]], classes: int
) -> Moments:
    """Return moments with those of each class of the examples in `batches` (x [b, *shape], label).

    Without them where they are more than `class_moments.NUMBERS` numbers.
    """
    import torch

    d, basis = moments.basis.dimension, moments.basis
    if classes < 2 or classes * d > MOST_MOMENTS:
        return moments
    sums, mean = ClassSums(classes, d), torch.tensor(moments.mean)
    for x, label in batches:
        c = x.reshape(len(x), d).double().cpu() - mean
        sums.add((c if sums.full else basis.to_coordinates(c)).numpy(), label.cpu().numpy())
    centres, variances, axes = sums.moments()
    if axes is None:
        centres = basis.from_coordinates(torch.from_numpy(centres)).numpy()
    class_moments = ClassMoments(moments.mean + centres, variances, sums.count, axes)
    return replace(moments, classes=class_moments)
