r"""What a model is told beside x: numbers y, in units of their own, and the regression of x on y.

A model of x given y works on what y does not say of x by a straight line,

    x' = (x - a - (y - b) A) / r,                                                          (1)

a the mean of x, b that of y, A [p, d] the coefficients and r the deviation of the rest of each
coordinate (of pictures one for all; 1 of a network that was trained elsewhere). Given y, (1) is a
shift and a scale: E_y KL is the same in both units, the Gaussian start of x' is the regression of
x on y with the covariance of the residuals, and so are the variances that a step adds.

A is ridge regression, with S = Cov(y) = U diag(l) U^T, T = Cov(y, x) and B = U^T T,

    A = U diag(1/(l + k)) B,    rest_j = Var(x_j) - sum_i B_ij^2 (l_i + 2 k)/(l_i + k)^2,   (2)

k the one with the least generalised cross-validation, sum_j rest_j / (1 - (f + 1)/n)^2 with
f = sum_i l_i/(l_i + k) (Golub, Heath and Wahba, 1979). Numbers y are taken in units of their
deviation for it. A row of NaN stands for "not told", whose x' is about the mean of x.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._checks import require
from .._files import sha256_of
from .standardise import Standardisation

if TYPE_CHECKING:
    from .._typing import Array, Json

MOST_NUMBERS = 2048  # of y, beyond which there is no regression: it would cost more than a network
MOST_COEFFICIENTS = 2**24
RIDGES = np.geomspace(1e-10, 1e3, 40)  # k over the mean of l that are tried
KEPT = 1024  # rows of y that a model keeps, of which samples to plan by are given
LEAST_REST = 1e-4  # of a deviation of 1, below which a coordinate is taken to be told by y
NAMES = ("centre", "middle", "rest", "coefficients", "low", "high", "kept")


@dataclass(frozen=True, eq=False)
class Conditions:
    """The units of y, and equation (1).

    units: of y, in which it has p numbers; centre: a [d]; middle: b [p]; rest: r [d];
    coefficients: A [p, d], None where there is no regression; low, high: of each number of y in
    the training data [p]; kept: some of its rows of y [m, p].
    """

    units: Standardisation
    centre: Array
    middle: Array
    rest: Array
    coefficients: Array | None
    low: Array
    high: Array
    kept: NDArray[np.float32]

    @property
    def width(self) -> int:
        """The numbers p of y."""
        return len(self.middle)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns of y, () where it is no table."""
        return tuple(c.name for c in getattr(self.units, "columns", ()))

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each number of y [p]; the numbers of one column share its own."""
        columns = getattr(self.units, "columns", ())
        named = tuple(c.name for c in columns for _ in range(c.width))
        return named or tuple(f"y{k}" for k in range(self.width))

    @property
    def title(self) -> str:
        """What y is, in a few words."""
        return ", ".join(self.columns) or f"y of shape {self.units.shape}"

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of all that decides the model's units."""
        numbers = (v for name, v in self.tensors().items() if name != "kept")
        return sha256_of(repr(self.units.to_json()), *numbers)

    def told(self, y: NDArray[np.floating[Any]]) -> Array:
        """Return a + (y - b) A for y [n, p], [n, d]; a where y is not told."""
        shift = np.broadcast_to(self.centre, (len(y), len(self.centre)))
        if self.coefficients is None:
            return shift
        known = np.nan_to_num(np.asarray(y, np.float64) - self.middle)
        return np.asarray(shift + known @ self.coefficients)

    def residual(self, x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float32]:
        """Return x' of equation (1), [n, ...] for x [n, ...] and y [n, p]."""
        flat = (x.reshape(len(x), -1) - self.told(y)) / self.rest
        return flat.astype(np.float32).reshape(x.shape)

    def whole(self, x: NDArray[Any], y: NDArray[Any]) -> Array:
        """Return x of x' and y: equation (1) undone."""
        flat = self.told(y) + self.rest * x.reshape(len(x), -1)
        return np.asarray(flat.reshape(x.shape))

    def line(self) -> Array:
        """Return what y says of x over its kept rows, in units of x', [m, d]."""
        return np.asarray((self.told(self.kept) - self.centre) / self.rest)

    def encode(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """Return rows of y [n, ...] in the user's units as numbers [n, p]."""
        return self.units.encode(rows).reshape(len(rows), -1)

    def beyond(self, y: NDArray[Any], n: int = 3) -> list[str]:
        """Return, of the numbers of y that leave the training range most, how far each does."""
        wide = np.maximum(self.high - self.low, 1e-12)
        out = np.nan_to_num(np.maximum(self.low - y, y - self.high) / wide)
        worst = out.max(axis=0, initial=0.0)
        lines = []
        for k in np.argsort(-worst)[:n].tolist():
            if worst[k] <= 1e-6:
                break
            row, many = int(out[:, k].argmax()), int((out[:, k] > 1e-6).sum())
            lines.append(
                f"{self.names[k]} of row {row} lies outside the training range by "
                f"{worst[k]:.2g} of its width ({many} of {len(y)} rows are outside)"
            )
        return lines

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the numbers as named arrays."""
        every = {name: getattr(self, name) for name in NAMES}
        return {name: value for name, value in every.items() if value is not None}


def conditions_from(content: Json, t: dict[str, np.ndarray], where: str) -> Conditions:
    """Return the conditions with these units and `tensors()`; refuse what cannot be any."""
    units = Standardisation.from_json(content)
    needed = [name for name in NAMES if name != "coefficients"]
    require(set(needed) <= t.keys(), where, f"must hold {', '.join(needed)}", sorted(t))
    p, d = int(np.prod(units.shape)), len(t["centre"].ravel())
    shapes = {"centre": (d,), "rest": (d,), "coefficients": (p, d), "kept": (len(t["kept"]), p)}
    for name in (name for name in NAMES if name in t):
        shape = shapes.get(name, (p,))
        require(t[name].shape == shape, where, f"must have {name} {shape}", t[name].shape)
        good = t[name].dtype.kind == "f" and bool(np.isfinite(t[name]).all())
        require(good, where, f"must have finite numbers in {name}")
    require(bool((t["rest"] > 0).all()), where, "must have deviations above 0 in rest")
    numbers = {name: t[name].astype(np.float64) for name in NAMES if name in t}
    kept = t["kept"].astype(np.float32)
    return Conditions(units, **{"coefficients": None, **numbers, "kept": kept})  # type: ignore[arg-type]


def learn_conditions(
    pairs: Iterable[tuple[NDArray[Any], NDArray[Any]]], units: Standardisation,
    kept: NDArray[np.float32], *, scaled: bool = True,
) -> Conditions:  # fmt: skip
    """Return the conditions of `pairs` of chunks x [n, ...] and y [n, p], in one pass.

    units: of y; kept: some rows of it; scaled: whether r is measured, or 1.
    """
    sums: _Sums | None = None
    picture = False
    for x, y in pairs:
        picture = x.ndim > 2
        sums = sums or _Sums(x[0].astype(np.float64).ravel(), y[0].astype(np.float64))
        sums.add(x.reshape(len(x), -1).astype(np.float64), y.astype(np.float64))
    assert sums is not None  # a data set has rows
    coefficients, rest = sums.regression()
    r = np.sqrt(np.full_like(rest, rest.mean()) if picture else rest)
    r = np.where(r > LEAST_REST, r, 1.0) if scaled else np.ones_like(r)
    return Conditions(
        units, sums.mean_x, sums.mean_y, r, coefficients, sums.low, sums.high, kept
    )  # fmt: skip


class _Sums:
    """Sums of x, y and their products about the first row, from which nothing cancels."""

    def __init__(self, x: Array, y: Array) -> None:
        p, d = len(y), len(x)
        self.origin, self.count = (x, y), 0
        self.x, self.y, self.xx = np.zeros(d), np.zeros(p), np.zeros(d)
        self.low, self.high = np.full(p, np.inf), np.full(p, -np.inf)
        self.regresses = p <= MOST_NUMBERS and p * d <= MOST_COEFFICIENTS
        self.yy = np.zeros((p, p) if self.regresses else p)
        self.yx = np.zeros((p, d) if self.regresses else 0)

    def add(self, x: Array, y: Array) -> None:
        """Add rows x [n, d] and y [n, p]."""
        self.low, self.high = (
            np.minimum(self.low, y.min(axis=0)),
            np.maximum(self.high, y.max(axis=0)),
        )
        x, y = x - self.origin[0], y - self.origin[1]
        self.count += len(x)
        self.x += x.sum(axis=0)
        self.y += y.sum(axis=0)
        self.xx += np.square(x).sum(axis=0)
        if self.regresses:
            self.yy += y.T @ y
            self.yx += y.T @ x

    @property
    def mean_x(self) -> Array:
        """The mean a of x."""
        return np.asarray(self.origin[0] + self.x / self.count)

    @property
    def mean_y(self) -> Array:
        """The mean b of y."""
        return np.asarray(self.origin[1] + self.y / self.count)

    def regression(self) -> tuple[Array | None, Array]:
        """Return A of (2), or None, and the variance of the rest of each coordinate [d]."""
        n = self.count
        x, y = self.x / n, self.y / n
        variance = np.maximum(self.xx / n - x**2, 0.0)
        if not self.regresses:
            return None, variance
        s = self.yy / n - np.outer(y, y)
        scale = np.sqrt(np.maximum(np.diag(s), 0.0))
        scale = np.where(scale > 0, scale, 1.0)
        size, u = np.linalg.eigh(s / np.outer(scale, scale))
        size = np.maximum(size, 0.0)
        b = u.T @ ((self.yx / n - np.outer(y, x)) / scale[:, None])
        best: tuple[float, Array, Array] = (np.inf, np.zeros_like(b), variance)
        for k in RIDGES * max(float(size.mean()), 1e-300):
            free = float((size / (size + k)).sum()) + 1
            if free >= n / 2:
                continue
            rest = np.maximum(variance - (b**2).T @ ((size + 2 * k) / (size + k) ** 2), 0.0)
            score = float(rest.sum()) / (1 - free / n) ** 2
            if score < best[0]:
                best = (score, u @ (b / (size + k)[:, None]), rest / (1 - free / n))
        return best[1] / scale[:, None], best[2]
