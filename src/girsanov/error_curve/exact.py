r"""The curve of a law whose error is known without sampling.

For the exact denoiser m = E[x0 | x] the residual r = x0 - m is orthogonal to whatever depends
on x alone, so that with n = x0 - x

    E|r|^2 = E[n . r] = E[x0 . r] = M(s),    M(0) = V,                                    (1)

and with E r r^T = sum_j M_j u_j u_j^T (`law/known.py`) the error along any unit vector e is

    E (e . r)^2 = sum_j (e . u_j)^2 M_j(s).                                               (2)
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .._checks import require, require_levels
from ..basis import Basis
from ..law.base import COVARIANCE_LIMIT, Law
from ..moments import Moments
from .exact_arrays import curve_of
from .frame import Frame, make_frame
from .interpolate import denser

if TYPE_CHECKING:
    from .._typing import Array, Levels
    from ..law.known import KnownErrors
    from .bands import Bands
    from .curve import Curve

INSIDE = 8  # levels in each gap at which the curve is known as well, for plans to visit
ENOUGH_LEVELS = 600  # levels in all, from which on there are none


class KnownCurve(NamedTuple):
    """An exact curve and the coordinates it is known in."""

    curve: Curve
    frame: Frame


def exact_curve(law: Law, levels: Levels) -> Curve:
    """Return the curve of `law` with (1) at SNRs `levels` [K], free of sampling error.

    It has one band of all d coordinates, so it prices every sampler but analytic-dpm with
    other than a scalar covariance. Raises `InputError` for a law that only sampling can tell.
    """
    s = require_levels("levels", levels)
    measured = law.curve(s)
    without_error = not np.any(measured.se)
    require(
        without_error,
        "law",
        "must be Gaussian or one-dimensional for an exact curve",
        law.to_json(),
    )
    error = np.concatenate([[law.variance], measured.value])[:, None, None]  # [K+1, 1, 1]
    sizes = {"coordinate": np.array([float(law.dimension)])}
    errors = {"coordinate": error / law.dimension}
    return curve_of(np.concatenate([[0.0], s]), errors, sizes, law.second_moment)


def known_curve(law: Law, levels: Levels) -> KnownCurve | None:
    """Return the curve of `law` at SNRs `levels` [K] in every basis, None where it is not known.

    Its main basis are the axes of the law, in which E r r^T is diagonal at every level.
    """
    if law.dimension > COVARIANCE_LIMIT:
        return None
    inside = max(0, min(INSIDE, ENOUGH_LEVELS // len(levels) - 1))
    fine = denser(levels, inside)
    answers = law.known(fine)
    if answers is None:
        return None
    frame, errors = _seen(law, answers)
    # it rises in truth: where it has come to its end, rounding may have it fall
    half = np.maximum.accumulate(np.concatenate([[0.0], answers.information]))
    places = np.concatenate([[0], np.arange(len(levels)) * (inside + 1) + 1])
    whole = _curve(law, np.concatenate([[0.0], fine]), errors, half, frame)
    curve = replace(
        _curve(law, whole.levels[places], errors[places], half[places], frame), finer=whole
    )
    return KnownCurve(curve, frame)


def _seen(law: Law, answers: KnownErrors) -> tuple[Frame, Array]:
    """Return the frame whose main basis are the axes, and M_j along them from 0 on, [L+1, d]."""
    order = np.argsort(-answers.variances, kind="stable")
    variances = answers.variances[order]
    axes = np.eye(law.dimension) if answers.axes is None else answers.axes
    basis = Basis("pca", (law.dimension,), (np.ascontiguousarray(axes[:, order]),))
    moments = Moments(law.mean, basis, variances, 0)
    errors = np.concatenate([variances[None], answers.errors[:, order]])
    return make_frame(moments, (law.dimension,)), errors


def _curve(law: Law, levels: Levels, errors: Array, half: Array, frame: Frame) -> Curve:
    """Return the curve with M_j [K+1, d] along the main axes, and by (2) in the other bases."""
    axes = np.asarray(frame.moments.basis.factors[0])
    out = {}
    for name, (basis, bands) in frame.bases.items():
        turn = axes if basis.kind == "coordinate" else basis.to_coordinates(axes.T).T
        own = basis is frame.moments.basis
        out[name] = _banded(errors if own else errors @ (turn**2).T, bands)[:, None]
    sizes = {name: bands.sizes for name, (_, bands) in frame.bases.items()}
    return replace(curve_of(levels, out, sizes, law.second_moment), half=half)


def _banded(values: Array, bands: Bands) -> Array:
    """Return the means of values [L, d] over each band, [L, J]."""
    if bands.single:
        return values
    sums = np.stack([np.bincount(bands.index, row, bands.count) for row in values])
    return np.asarray(sums / bands.sizes)
