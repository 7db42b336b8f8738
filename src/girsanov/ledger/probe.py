r"""A certified lower bound on the score error, from data alone.

For any correction g of the denoiser that is a function of the noisy state and was fitted on
other examples,

    E|x0 - m|^2 - E|x0 - m - g|^2 <= E|m - m*|^2 = eps^2(s),                               (1)

because the best possible correction is m* - m, m* = E[x0 | x_s]. The gain on the left is
measured; it needs no ground truth. Here g is affine in what the pass already knows,

    g = beta . f,   f = (1, m - x, m_previous - m, m - mean, m_linear - m),               (2)

with m_previous the prediction at the level before on the same Brownian path (given x_s it says
nothing more about x0) and m_linear the linear (Wiener) denoiser of the data. The coefficients
are shared by all coordinates, or by a band of them, or zero, whichever wins on the examples
that fit them; the gain is then measured on the group that was left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._checks import require
from .._typing import Array
from ..montecarlo import Estimate, group_estimate
from .curve import PAIRS, VECTOR, Curve

RIDGE = 1e-9  # of the mean square of each feature: keeps collinear features solvable
CANCELS = 1e-6  # a feature this small beside what it is the difference of is rounding, over RIDGE


def _row(**weights: float) -> list[float]:
    return [weights.get(name, 0.0) for name in VECTOR]


# equation (2) in terms of the residuals that the pass keeps: x0 - x = n, x0 - m = r, ...
FEATURES = np.array(
    [
        _row(one=1),
        _row(n=1, r=-1),
        _row(r=1, r_previous=-1),
        _row(x0=1, r=-1),
        _row(r=1, r_linear=-1),
    ]
)
TARGET = np.array(_row(r=1))


@dataclass(frozen=True)
class Probe:
    """What the corrected denoiser gains, by level and group.

    gains: E|x0 - m|^2 - E|x0 - m - g|^2, cross-fitted, [K, B]; linear: error of the linear
    denoiser [K, B]; defect: E|r_previous|^2 - E|r|^2 - E|m - m_previous|^2, which vanishes for
    an exact denoiser, [K, B] (entry 0 compares with the mean of the data).
    """

    gains: Array
    linear: Array
    defect: Array
    shares: Array

    def gain(self) -> Estimate:
        """Return the gain at every level, a lower bound on eps^2(s), [K]."""
        return group_estimate(self.gains.T, self.shares)


def probe(curve: Curve) -> Probe:
    """Return the probe of a measured curve: equations (1) and (2), cross-fitted over groups."""
    require(curve.products is not None, "curve", "must be measured, not exact, to be probed")
    assert curve.products is not None
    assert curve.probe_sizes is not None
    gram, sizes = _matrices(curve.products[1:]), curve.probe_sizes  # [K, B, P, 6, 6]
    groups = np.arange(gram.shape[1])
    gains = np.stack(
        [
            _gain(_fit_and_choose(gram, groups[groups != g], curve.shares, sizes), gram[:, g])
            @ sizes
            for g in groups
        ],
        axis=1,
    )
    r, before = VECTOR.index("r"), VECTOR.index("r_previous")
    between = np.array(_row(r=1, r_previous=-1))
    square = gram[..., before, before] - gram[..., r, r] - _form(between, gram, between)
    linear = gram[..., VECTOR.index("r_linear"), VECTOR.index("r_linear")]
    return Probe(gains, linear @ sizes, square @ sizes, curve.shares)


def _matrices(products: Array) -> Array:
    """Return [..., 6, 6] symmetric matrices from their upper triangles [..., 21]."""
    n = len(VECTOR)
    out = np.empty((*products.shape[:-1], n, n))
    for p, (a, b) in enumerate(PAIRS):
        out[..., a, b] = out[..., b, a] = products[..., p]
    return out


def _form(left: Array, gram: Array, right: Array) -> Array:
    return np.asarray(np.einsum("a,...ab,b->...", left, gram, right))


def _fit(gram: Array) -> Array:
    """Return beta [..., 5] that predicts the residual from the features, least squares.

    Features that vanish, as m - m_linear of a linear denoiser, get no coefficient.
    """
    normal = FEATURES @ gram @ FEATURES.T
    square = np.einsum("...ii->...i", normal)
    terms = np.einsum("...ii->...i", gram) @ FEATURES.T**2
    scale = np.sqrt(np.where(square > CANCELS * terms, square, np.inf))
    unit = normal / scale[..., :, None] / scale[..., None, :] + RIDGE * np.eye(len(FEATURES))
    right = (FEATURES @ (gram @ TARGET)[..., None])[..., 0] / scale
    return np.asarray(np.linalg.solve(unit, right[..., None])[..., 0] / scale)


def _gain(beta: Array, gram: Array) -> Array:
    """Return 2 beta.b - beta.A beta on `gram`: what the correction takes off the error."""
    weights = beta @ FEATURES
    return np.asarray(
        np.einsum("...a,...ab,b->...", 2 * weights, gram, TARGET)
        - np.einsum("...a,...ab,...b->...", weights, gram, weights)
    )


def _fit_and_choose(gram: Array, groups: Array, shares: Array, sizes: Array) -> Array:
    """Return beta [K, P, 5] fitted on `groups`, each band free to keep the raw denoiser."""

    def mean(part: Array) -> Array:
        return np.asarray(
            np.einsum("kbpij,b->kpij", gram[:, part], shares[part] / shares[part].sum())
        )

    def candidates(matrices: Array) -> Array:  # [3, K, P, 5]: raw, shared by all bands, banded
        shared = _fit(np.einsum("kpij,p->kij", matrices, sizes / sizes.sum()))
        banded = _fit(matrices)
        return np.stack(
            [np.zeros_like(banded), np.broadcast_to(shared[:, None], banded.shape), banded]
        )

    halves = mean(groups[::2]), mean(groups[1::2])
    score = _gain(candidates(halves[0]), halves[1]) + _gain(candidates(halves[1]), halves[0])
    best = score.argmax(axis=0)  # [K, P]
    return np.asarray(
        np.take_along_axis(candidates(mean(groups)), best[None, ..., None], axis=0)[0]
    )
