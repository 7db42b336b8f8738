r"""A certified lower bound on the score error, a part of the path KL, from data alone.

For any correction g of the denoiser that is a function of the noisy path and was fitted on
other examples,

    E|x0 - m|^2 - E|x0 - m - g|^2 <= E|m - m*|^2 = eps^2(s),                               (1)

because the best possible correction is m* - m, m* = E[x0 | x_s]. The gain on the left is
measured; it needs no ground truth. Here g is affine in what the pass knows (`corrections.py`), and
the gain is measured on the group of examples that was left out.

So what the correction leaves, C_j >= M_j per coordinate, integrated as `cross_fitted.py` measures
it, is the ceiling of 1/2 int M that the score bound of a ledger is counted from. In a gap that
nobody looked into (the first, and those of a model that knows no level there) M_j' <= -M_j^2 gives

    1/2 int_s^{s'} M <= 1/2 sum_j log(1 + (s' - s) C_j)                                    (2)

from the level before, which is loose and never wrong. An exact denoiser is a martingale along
the path: with m_t at the noisier level before,

    defect = E|x0 - m_t|^2 - E|x0 - m_s|^2 - E|m_s - m_t|^2 = 2 E (m* - m_s).(m_s - m_t)    (3)

vanishes for it, and eps^2(s) >= defect^2 / (4 E|m_s - m_t|^2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .._checks import require
from ..error_curve.integrals import leave_one_out
from ..error_curve.interpolate import SAME_LEVEL, stretches
from ..error_curve.second_moments import BEFORE, OTHER, RESIDUAL, Combination, gram_of
from ..montecarlo import Estimate, group_estimate
from .corrections import PROBED_TERMS, CorrectionRule
from .cross_fitted import bends_as, errors_left

if TYPE_CHECKING:
    from .._typing import Array, Json
    from ..error_curve.curve import Curve

MEASURED = ("gains", "linear", "defect", "between")


@dataclass(frozen=True)
class Probe:
    """What the corrected denoiser gains, by level and group.

    gains: E|x0 - m|^2 - E|x0 - m - g|^2, cross-fitted, [K, B]; corrected: E|x0 - m - g|^2 per
    coordinate as a curve, with level 0 (the mean) first; linear: error of the linear denoiser
    [K, B]; defect: equation (3) [K, B], entry 0 with the mean of the data as m_t; between:
    E|m_s - m_t|^2 [K, B]; reference: E|x0 - m|^2 less the reference model's, [K, B] or None.
    """

    gains: Array
    corrected: Curve
    linear: Array
    defect: Array
    between: Array
    shares: Array
    sizes: Array
    reference: Array | None = None

    def gain(self) -> Estimate:
        """Return the gain at every level, a lower bound on eps^2(s), [K]."""
        return group_estimate(self.gains.T, self.shares)

    def martingale(self) -> Estimate:
        """Return the defect (3) at every level, [K], 0 for an exact denoiser."""
        return group_estimate(self.defect.T, self.shares)

    def martingale_bound(self) -> Array:
        """Return the lower bound on eps^2(s) from (3) at 95 % confidence, [K]."""
        low, high = self.martingale().interval(0.975)
        nearest = np.maximum(np.maximum(low, -high), 0.0)
        most = group_estimate(self.between.T, self.shares).interval(0.975)[1]
        moves = most > 0  # predictions that never move have no defect
        return np.asarray(nearest**2 / np.where(moves, 4 * most, np.inf))

    def gain_over_reference(self) -> Estimate | None:
        """Return how much worse than the reference the model's error is, [K], a bound as (1)."""
        if self.reference is None:
            return None
        return group_estimate(self.reference.T, self.shares)

    def ceiling(self, end: float) -> Array:
        """Return what 1/2 int M ds is at most, from s = 0 to SNR `end`, by group [B]."""
        s = self.corrected.levels[1:]
        fine = np.append(s[s < end * (1 - SAME_LEVEL)], end)
        open_cells = stretches(self.corrected, fine)
        bends = self.corrected.bends.get(self.corrected.main, np.zeros((len(fine), 1, 1, 1)))
        seen = np.asarray(bends[: len(fine)].any(axis=(1, 2, 3)))
        crossing = self.crossing(np.append(0.0, fine)).T
        return np.asarray(np.where(seen[:, None], open_cells, crossing).sum(axis=0))

    def crossing(self, levels: Array) -> Array:
        """Return the right of (2) for every cell of `levels` [L+1], [B, L].

        levels: 0, the first measured ones, and where the last of the cells ends. By group as the
        pseudo-values of the jackknife: a small group's own value is too low on average, since
        the logarithm is concave.
        """

        def cells(errors: Array) -> Array:
            grown = np.diff(levels)[:, None] * np.maximum(errors, 0.0)
            return np.asarray(np.log1p(grown) @ self.sizes / 2)

        w = self.shares[:, None]
        corrected = self.corrected.errors[self.corrected.main][: len(levels) - 1]
        whole = cells(np.einsum("kbp,b->kp", corrected, self.shares))
        others = leave_one_out(corrected, self.shares)
        without = np.stack([cells(others[:, b]) for b in range(len(self.shares))])
        return np.asarray(whole + (1 - w) / w * (whole - without))

    def summary(self) -> Json:
        """Return the gain, the martingale defect and a reference's gain as JSON lists."""
        gain, other = self.gain(), self.gain_over_reference()
        bound = self.martingale_bound().tolist()
        out: Json = {
            "probe": {
                "gain": gain.value.tolist(),
                "standard_error": gain.se.tolist(),
                "linear_denoiser": (self.linear @ self.shares).tolist(),
            },
            "martingale": {**_lists(self.martingale()), "lower_bound": bound},
        }
        return out if other is None else {**out, "reference_gain": _lists(other)}

    def tensors(self) -> dict[str, np.ndarray]:
        """Return what was found as named arrays; shares and sizes are the curve's."""
        arrays = {name: getattr(self, name) for name in (*MEASURED, "reference")}
        arrays["corrected"] = self.corrected.errors[self.corrected.main]
        return {name: value for name, value in arrays.items() if value is not None}

    def less(self, taken: Array) -> Probe:
        """Return the probe of a denoiser whose error [K, B] is lower by `taken` already."""
        return replace(self, gains=self.gains - taken)


def _lists(estimate: Estimate) -> Json:
    return {"value": estimate.value.tolist(), "standard_error": estimate.se.tolist()}


def probe(curve: Curve) -> Probe:
    """Return the probe of a measured curve: equations (1) to (3), cross-fitted over groups."""
    require(curve.products is not None, "curve", "must be measured, not exact, to be probed")
    assert curve.line is not None
    gram = gram_of(curve.products)  # type: ignore[arg-type]  # [B, K + 1, P]
    names = PROBED_TERMS[: gram.width]  # the last feature is the reference's
    sizes = np.asarray(curve.probe_sizes)
    left = curve.left.get("probe") or errors_left(curve, names, CorrectionRule())

    def at_levels(error: Array) -> Array:
        return np.ascontiguousarray((error @ sizes)[:, 1:].T)  # a saved one adds up alike

    error = gram.at(RESIDUAL, RESIDUAL)
    apart: Combination = {RESIDUAL: 1.0, BEFORE: -1.0}
    between = at_levels(gram.between(apart, apart))
    reference = None
    if len(names) == len(PROBED_TERMS):
        reference = at_levels(error - gram.at(OTHER, OTHER))
    return Probe(
        left.gains @ sizes,
        _corrected(curve, left.errors, sizes),
        curve.line,
        at_levels(gram.at(BEFORE, BEFORE) - error) - between,
        between,
        curve.shares,
        sizes,
        reference,
    )


def kept_probe(curve: Curve, arrays: dict[str, Array]) -> Probe:
    """Return the probe of a measured curve from its own `tensors`."""
    sizes = np.asarray(curve.probe_sizes)
    corrected = _corrected(curve, arrays["corrected"], sizes)
    return Probe(**{**arrays, "corrected": corrected}, shares=curve.shares, sizes=sizes)  # type: ignore[arg-type]


def _corrected(curve: Curve, left: Array, sizes: Array) -> Curve:
    """Return the curve of the errors that the correction leaves, [K+1, B, P]."""
    return replace(
        curve, errors={curve.main: left}, sizes={curve.main: sizes}, products=None, full=None,
        bends=bends_as(curve, "probe"), left={}, plain=None, line=None,
    )  # fmt: skip
