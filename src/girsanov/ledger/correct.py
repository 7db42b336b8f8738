r"""Corrections of a denoiser, affine in what the measuring pass knows, fitted and judged apart.

Per level and band of coordinates, a correction g = beta . f of the denoiser m has the features

    f = (1, m - x, m_previous - m, m - mean, m_linear - m, m_reference - m),               (1)

or some of them: m_previous the prediction at the level before on the same Brownian path (given
x_s it says nothing more about x0), m_linear = mean + lambda s/(1 + lambda s)(x - mean) the linear
(Wiener) denoiser with lambda the band's variance, m_reference another model's prediction. With
r = x0 - m, N = E f f^T and b = E f r, what a correction takes off the error is

    E|r|^2 - E|r - g|^2 = 2 beta . b - beta . N beta.                                      (2)

Coefficients are fitted to every band by itself, to pools of neighbouring bands, or to all bands
together, and the denoiser is kept as it is unless one of them takes more than a margin off the
error of examples that did not fit it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._typing import Array
from .bands import COARSE, bands_by_variance
from .curve import Curve, pairs

RIDGE = 1e-4  # of the mean square of each feature: nearly collinear ones get no wild coefficients
CANCELS = 1e-6  # a feature this small beside what it is the difference of is rounding, over RIDGE
PROBED = ("one", "noise", "previous", "mean", "linear", "reference")
CALIBRATED = ("one", "mean", "linear")  # what a sampler has after one network call
TOGETHER = 4  # levels that are solved at once: what they need on the way stays in a cache
MARGIN = 0.02  # of the error that a calibration must take off, or the denoiser stays as it is


@dataclass(frozen=True)
class Normal:
    """Moments of the features, by group, level and band or their averages.

    matrix: N [..., F, F]; right: b [..., F]; terms: mean square of what each feature is the
    difference of [..., F]; error: E r^2 per coordinate [...].
    """

    matrix: Array
    right: Array
    terms: Array
    error: Array

    def pooled(self, how: Array) -> Normal:
        """Return averages over bands by the weights `how` [P, Q], [..., Q] for [..., P]."""
        flat = self.matrix.reshape(*self.right.shape[:-1], -1)  # one matrix product, not F^2
        matrix = (how.T @ flat).reshape(*flat.shape[:-2], -1, *self.matrix.shape[-2:])
        return Normal(matrix, how.T @ self.right, how.T @ self.terms, self.error @ how)

    def averaged(self, weights: Array) -> Normal:
        """Return means by weights [L, B] over the groups, which are the first axis, [L, ...]."""
        count, groups = weights.shape
        return Normal(
            *(
                (weights @ p.reshape(groups, -1)).reshape(count, *p.shape[1:])
                for p in self._parts()
            )
        )

    def at(self, levels: slice) -> Normal:
        """Return the moments at some levels, which are the second axis."""
        return Normal(*(p[:, levels] for p in self._parts()))

    def part(self, number: int, count: int) -> Normal:
        """Return part `number` of so many entries of the first axis."""
        return Normal(*(p[number * count : (number + 1) * count] for p in self._parts()))

    def _parts(self) -> tuple[Array, ...]:
        return self.matrix, self.right, self.terms, self.error


def normal_equations(curve: Curve, names: tuple[str, ...]) -> Normal:
    """Return the moments of the named features (1) from a curve's products, [B, K, P, ...]."""
    gram = np.moveaxis(matrices(curve.products[1:]), 1, 0)  # type: ignore[index]
    return moments_of(gram, feature_rows(curve, names, gram.shape[-1]))  # rows [K, P, F, V]


def moments_of(gram: Array, rows: Array) -> Normal:
    """Return the moments of features `rows` [..., F, V] from those of v, `gram` [..., V, V]."""
    half = rows @ gram
    square = np.einsum("...ii->...i", gram)
    return Normal(
        half @ np.swapaxes(rows, -1, -2),
        half[..., 2].copy(),
        (rows**2 @ square[..., None])[..., 0],
        gram[..., 2, 2].copy(),
    )


def matrices(products: Array) -> Array:
    """Return symmetric matrices [..., V, V] from their upper triangles [..., V (V + 1)/2]."""
    n = int(np.sqrt(2 * products.shape[-1]))
    out = np.empty((*products.shape[:-1], n, n))
    for p, (a, b) in enumerate(pairs(n)):
        out[..., a, b] = out[..., b, a] = products[..., p]
    return out


def feature_rows(
    curve: Curve, names: tuple[str, ...], width: int, levels: Array | None = None
) -> Array:
    """Return the features in terms of v = (1, n, r, r_previous, x0 - mean, r_reference).

    levels: SNRs [...], by default those of the curve [K]; the result is [..., P, F, V].
    """
    s = curve.levels[1:] if levels is None else levels
    signal = s[..., None] * np.asarray(curve.probe_variances)
    keep = signal / (1 + signal)  # [..., P]
    one, n, r, before, x0, other = np.eye(6)
    rows = {
        "one": one,
        "noise": n - r,
        "previous": r - before,
        "mean": x0 - r,
        "linear": r - keep[..., None] * n - (1 - keep[..., None]) * x0,
        "reference": r - other,
    }
    out = [np.broadcast_to(rows[name], (*keep.shape, 6)) for name in names]
    return np.stack(out, axis=-2)[..., :width]


def solve(normal: Normal, weight: Array | float = 0.0) -> Array:
    """Return beta [..., F], least squares with a prior at zero of this weight.

    weight: E r^2 over the number of examples makes a standard normal prior of every coefficient
    but the constant's, so that a feature too small to tell is left alone. Features that vanish,
    as m - m_linear of a linear denoiser, get no coefficient.
    """
    square = np.einsum("...ii->...i", normal.matrix)
    scale = np.sqrt(np.where(square > CANCELS * normal.terms, square, np.inf))
    count = scale.shape[-1]
    prior = np.asarray(weight)[..., None] * (np.arange(count) > 0) / scale**2
    unit = normal.matrix / scale[..., :, None] / scale[..., None, :]
    unit = unit + np.eye(count) * (RIDGE + prior[..., None, :])
    return np.asarray(np.linalg.solve(unit, (normal.right / scale)[..., None])[..., 0] / scale)


def gain(beta: Array, normal: Normal) -> Array:
    """Return what correction (2) takes off the error per coordinate, [...]."""
    bent = (normal.matrix @ beta[..., None])[..., 0]
    return np.asarray((beta * (2 * normal.right - bent)).sum(axis=-1))


@dataclass(frozen=True)
class Rule:
    """How a correction is chosen: margin of the error it must take off, examples behind it.

    examples: how many independent ones there are, for the prior of `solve`; 0 for no prior.
    """

    margin: float = 0.0
    examples: int = 0


def choose(normal: Normal, left_out: NDArray[np.bool_], curve: Curve, rule: Rule) -> Array:
    """Return beta [L, K, P, F], each fitted without the groups of left_out [L, B].

    Which bands share coefficients is chosen by cross-fitting within the groups that are left.
    """
    halves = np.stack([_halves(one) for one in left_out], axis=1)  # [2, L, B]
    weights = curve.shares * np.concatenate([~left_out[None], halves])
    share = weights[0].sum(axis=1)
    weights = (weights / weights.sum(axis=2, keepdims=True)).reshape(-1, len(curve.shares))
    count = normal.error.shape[1]
    return np.concatenate(
        [
            _chosen(normal.at(slice(k, k + TOGETHER)), weights, share, curve, rule)
            for k in range(0, count, TOGETHER)
        ],
        axis=1,
    )


def _halves(left_out: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return two halves of the groups that are not left out, [2, B]."""
    rest = np.flatnonzero(~left_out)
    out = np.zeros((2, len(left_out)), dtype=bool)
    out[0, rest[::2]] = out[1, rest[1::2]] = True
    return out


def _chosen(normal: Normal, weights: Array, share: Array, curve: Curve, rule: Rule) -> Array:
    """Return beta of `choose` at some levels; weights: of all groups, and of halves [3 L, B]."""
    parts = normal.averaged(weights)
    whole, *halves = (parts.part(i, len(share)) for i in range(3))
    score = sum(
        gain(candidates(fit, curve, rule, share / 2), judge)
        for fit, judge in (halves, halves[::-1])
    )
    needed = rule.margin * (halves[0].error + halves[1].error)
    fits = candidates(whole, curve, rule, share)
    best = score.argmax(axis=0)[None]  # type: ignore[union-attr]
    enough = np.take_along_axis(score, best, axis=0)[0] > needed  # type: ignore[arg-type]
    chosen = np.take_along_axis(fits, best[..., None], axis=0)[0]
    return np.where(enough[..., None], chosen, 0.0)


def candidates(normal: Normal, curve: Curve, rule: Rule, share: Array) -> Array:
    """Return beta [3, L, K, P, F]: shared by all bands, by pools of bands, and each band's own.

    share: of all examples, how many are behind `normal`, [L].
    """
    sizes = np.asarray(curve.probe_sizes)
    count = len(sizes)
    pools = bands_by_variance(np.asarray(curve.probe_variances), COARSE).index
    out = np.empty((3, *normal.right.shape))
    for i, index in enumerate((np.zeros(count, np.int64), pools, np.arange(count))):
        part, behind = normal, sizes
        if i < 2:
            member = np.equal.outer(index, np.arange(index.max() + 1)).astype(np.float64)
            behind = sizes @ member  # coordinates
            part = normal.pooled(member * sizes[:, None] / behind)
        n = rule.examples * share[:, None, None] * behind
        out[i] = solve(part, part.error / n if rule.examples else 0.0)[..., index, :]
    return out


def cross_fitted(normal: Normal, curve: Curve, rule: Rule) -> Array:
    """Return the correction each group is judged by, fitted on all others, [B, K, P, F]."""
    return choose(normal, np.eye(len(curve.shares), dtype=bool), curve, rule)
