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

Arrays of moments and coefficients have features first and bands last, as in `second_moments.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..error_curve.bands import COARSE_BANDS, bands_by_variance
from ..error_curve.harmless import divisor
from ..error_curve.second_moments import (
    BEFORE,
    CENTRED,
    NOISE,
    ONE,
    OTHER,
    RESIDUAL,
    Combination,
    Gram,
    gram_of,
)

if TYPE_CHECKING:
    from .._typing import Array
    from ..error_curve.curve import Curve

RIDGE = 1e-4  # of the mean square of each feature: nearly collinear ones get no wild coefficients
CANCELS = 1e-6  # a feature this small beside what it is the difference of is rounding, over RIDGE
PROBED_TERMS = ("one", "noise", "previous", "mean", "linear", "reference")
CALIBRATED_TERMS = ("one", "mean", "linear")  # what a sampler has after one network call
LEVELS_AT_ONCE = 2  # levels that are solved at once: what they need on the way stays in a cache
# of the error that a calibration must take off, or the denoiser stays as it is
CALIBRATION_MARGIN = 0.02


@dataclass(frozen=True)
class Normal:
    """Moments of F features by group, level and band, or their averages.

    matrix: N [F, F, B, K, P]; right: b [F, B, K, P]; terms: mean square of what each feature is
    the difference of [F, B, K, P]; error: E r^2 per coordinate [B, K, P].
    """

    matrix: Array
    right: Array
    terms: Array
    error: Array

    def pooled(self, how: Array) -> Normal:
        """Return averages over bands by the weights `how` [P, Q], [..., Q]."""
        count, width = how.shape
        return Normal(
            *((p.reshape(-1, count) @ how).reshape(*p.shape[:-1], width) for p in self._parts())
        )

    def beside(self, other: Normal) -> Normal:
        """Return these bands and then those of another."""
        both = zip(self._parts(), other._parts(), strict=True)
        return Normal(*(np.concatenate(pair, axis=-1) for pair in both))

    def averaged(self, weights: Array) -> Normal:
        """Return means by weights [L, B] over the groups, [..., L, K, P]."""
        count, groups = weights.shape

        def mean(part: Array) -> Array:
            lead, (levels, bands) = part.shape[:-3], part.shape[-2:]
            summed = weights @ part.reshape(-1, groups, levels * bands)
            return np.asarray(summed.reshape(*lead, count, levels, bands))

        return Normal(*(mean(p) for p in self._parts()))

    def at(self, levels: slice) -> Normal:
        """Return the moments at some levels."""
        return Normal(*(p[..., levels, :] for p in self._parts()))

    def part(self, number: int, count: int) -> Normal:
        """Return part `number` of so many entries of the axis of groups."""
        rows = slice(number * count, (number + 1) * count)
        return Normal(*(p[..., rows, :, :] for p in self._parts()))

    def _parts(self) -> tuple[Array, ...]:
        return self.matrix, self.right, self.terms, self.error


def normal_equations(curve: Curve, names: tuple[str, ...]) -> Normal:
    """Return the moments of the named features (1) from a curve's products."""
    assert curve.products is not None
    gram = gram_of(curve.products[1:])
    return moments_of(gram, features(curve, names))


def moments_of(gram: Gram, rows: list[Combination]) -> Normal:
    """Return the moments of features `rows` from those of v."""
    error = gram.at(RESIDUAL, RESIDUAL)
    matrix = np.empty((len(rows), len(rows), *error.shape))
    right = np.empty((len(rows), *error.shape))
    terms = np.empty((len(rows), *error.shape))
    for i, row in enumerate(rows):
        for j, other in enumerate(rows[: i + 1]):
            matrix[i, j] = matrix[j, i] = gram.between(row, other)
        right[i] = gram.along(row, RESIDUAL)
        terms[i] = sum(x**2 * gram.at(a, a) for a, x in row.items())
    return Normal(matrix, right, terms, error)


def features(
    curve: Curve, names: tuple[str, ...], levels: Array | None = None
) -> list[Combination]:
    """Return the features in terms of v of `second_moments.py`.

    levels: SNRs [..., K], by default those of the curve [K].
    """
    s = curve.levels[1:] if levels is None else levels
    signal = s[..., None] * np.asarray(curve.probe_variances)
    keep = signal / (1 + signal)  # [..., K, P]
    rows: dict[str, Combination] = {
        "one": {ONE: 1.0},
        "noise": {NOISE: 1.0, RESIDUAL: -1.0},
        "previous": {RESIDUAL: 1.0, BEFORE: -1.0},
        "mean": {CENTRED: 1.0, RESIDUAL: -1.0},
        "linear": {RESIDUAL: 1.0, NOISE: -keep, CENTRED: keep - 1},
        "reference": {RESIDUAL: 1.0, OTHER: -1.0},
    }
    return [rows[name] for name in names]


def rest_of(betas: Array, rows: list[Combination]) -> Combination:
    """Return r - beta . f in terms of v; betas [F, ..., K, P]."""
    out: Combination = {RESIDUAL: 1.0}
    for beta, row in zip(betas, rows, strict=True):
        for a, x in row.items():
            out[a] = out.get(a, 0.0) - beta * x
    return out


def solve(normal: Normal, whole: Normal, weight: Array | float = 0.0) -> Array:
    """Return beta [F, ...], least squares with a prior at zero of this weight.

    whole: moments over all groups, [..., 1, K, P]: a feature that the groups of a fit hardly show
    has no coefficient that these alone would give it (`harmless.py`).

    weight: E r^2 over the number of examples makes a standard normal prior of every coefficient
    but the constant's, so that a feature too small to tell is left alone. Features that vanish,
    as m - m_linear of a linear denoiser, get no coefficient.
    """
    matrix = normal.matrix.copy()
    for i, terms in enumerate(normal.terms):
        square = divisor(normal.matrix[i, i], whole.matrix[i, i])
        ridge = RIDGE * square + (weight if i else 0.0)
        matrix[i, i] = np.where(square > CANCELS * terms, square + ridge, np.inf)
    return eliminated(matrix, normal.right.copy())


def eliminated(matrix: Array, right: Array) -> Array:
    """Return the solution x [F, ...] of matrix [F, F, ...] x = right [F, ...], both overwritten.

    Gauss's elimination of all systems at once, of the upper triangles of symmetric matrices and
    without pivots, which positive definite ones do not need: LAPACK would be called for each, at
    many times the cost. An infinite number on the diagonal makes its x 0.
    """
    count = len(right)
    for i in range(count - 1):
        for j in range(i + 1, count):
            share = matrix[i, j] / matrix[i, i]
            matrix[j, j:] -= share * matrix[i, j:]
            right[j] -= share * right[i]
    for i in reversed(range(count)):
        for j in range(i + 1, count):
            right[i] -= matrix[i, j] * right[j]
        right[i] /= matrix[i, i]
    return right


def correction_gain(beta: Array, normal: Normal) -> Array:
    """Return what correction (2) takes off the error per coordinate, [...]; beta [F, ...]."""
    out = np.zeros(beta.shape[1:])
    for i, own in enumerate(beta):
        rest = normal.right[i] - normal.matrix[i, i] / 2 * own
        for j in range(i):
            rest -= normal.matrix[i, j] * beta[j]
        out += own * rest
    return 2 * out


@dataclass(frozen=True)
class CorrectionRule:
    """How a correction is chosen: margin of the error it must take off, examples behind it.

    examples: how many independent ones there are, for the prior of `solve`; 0 for no prior.
    """

    margin: float = 0.0
    examples: int = 0


def chosen_corrections(
    normal: Normal, left_out: NDArray[np.bool_], curve: Curve, rule: CorrectionRule
) -> Array:
    """Return beta [F, L, K, P], each fitted without the groups of left_out [L, B].

    Which bands share coefficients is chosen by cross-fitting within the groups that are left.
    """
    halves = np.stack([_halves(one) for one in left_out], axis=1)  # [2, L, B]
    weights = curve.shares * np.concatenate([~left_out[None], halves])
    share = weights[0].sum(axis=1)
    weights = (weights / weights.sum(axis=2, keepdims=True)).reshape(-1, len(curve.shares))
    return np.concatenate(
        [
            _chosen(normal.at(slice(k, k + LEVELS_AT_ONCE)), weights, share, curve, rule)
            for k in range(0, normal.error.shape[1], LEVELS_AT_ONCE)
        ],
        axis=2,
    )


def _halves(left_out: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return two halves of the groups that are not left out, [2, B]."""
    rest = np.flatnonzero(~left_out)
    out = np.zeros((2, len(left_out)), dtype=bool)
    out[0, rest[::2]] = out[1, rest[1::2]] = True
    return out


def _chosen(
    normal: Normal, weights: Array, share: Array, curve: Curve, rule: CorrectionRule
) -> Array:
    """Return beta of `chosen_corrections` at some levels.

    weights: of all groups, and of halves [3 L, B].
    """
    parts, whole = normal.averaged(weights), normal.averaged(curve.shares[None])
    count, behind = len(share), np.concatenate([share, share / 2, share / 2])
    fits = fitted_corrections(parts, whole, curve, rule, behind)
    every, *halves = (fits[:, :, i * count : (i + 1) * count] for i in range(3))
    judges = [parts.part(i, count) for i in (2, 1)]
    score = sum(correction_gain(fit, judge) for fit, judge in zip(halves, judges, strict=True))
    needed = rule.margin * (judges[0].error + judges[1].error)
    best = score.argmax(axis=0)[None]  # type: ignore[union-attr]  # of [3, L, K, P]
    enough = np.take_along_axis(score, best, axis=0)[0] > needed  # type: ignore[arg-type]
    chosen = np.take_along_axis(every, best[None], axis=1)[:, 0]
    return np.where(enough, chosen, 0.0)


def fitted_corrections(
    normal: Normal, whole: Normal, curve: Curve, rule: CorrectionRule, share: Array
) -> Array:
    """Return beta [F, 3, L, K, P]: shared by all bands, by pools of bands, and each band's own.

    whole: moments over all groups; share: of all examples, how many are behind `normal`, [L].
    All systems are solved at once.
    """
    sizes = np.asarray(curve.probe_sizes)
    pools = bands_by_variance(np.asarray(curve.probe_variances), COARSE_BANDS).index
    shared = np.stack([np.zeros_like(pools), 1 + pools])  # the pool of each band
    member = np.equal.outer(shared, np.arange(shared.max() + 1)).any(axis=0).astype(np.float64)
    behind = sizes @ member  # coordinates
    pool = member * sizes[:, None] / behind
    both, all_of_it = (x.pooled(pool).beside(x) for x in (normal, whole))
    n = rule.examples * share[:, None, None] * np.concatenate([behind, sizes])
    beta = solve(both, all_of_it, both.error / n if rule.examples else 0.0)
    own = len(behind) + np.arange(len(sizes))
    return np.stack([beta[..., index] for index in (*shared, own)], axis=1)


def cross_fitted(normal: Normal, curve: Curve, rule: CorrectionRule) -> Array:
    """Return the correction each group is judged by, fitted on all others, [F, B, K, P]."""
    return chosen_corrections(normal, np.eye(len(curve.shares), dtype=bool), curve, rule)
