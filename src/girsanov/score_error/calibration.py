r"""The calibration that a measured curve buys, and the curve of the calibrated denoiser.

The correction g = c + a' (m - mean) + w (m_linear - m) of `corrections.py` uses what a sampler has
after one network call. It is kept, band by band and level by level, only where it takes more than
a margin of the error off examples that did not fit it; a prior holds coefficients that the
examples cannot tell at zero. The errors of the corrected denoiser are those of each group of
examples under the correction that was fitted and chosen without it,

    E|r - g|^2 = E|r|^2 - 2 beta . b + beta . N beta,                                      (1)

so the curve is an honest one of the whole procedure, and needs no further network call. The
weights for sampling come from all groups.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .._checks import require
from ..denoise.calibration import RAW, Calibration
from ..error_curve.curve import AboutClass
from ..error_curve.frame import Frame
from ..error_curve.second_moments import CENTRED, NOISE, ONE, gram_of
from .corrections import (
    CALIBRATED_TERMS,
    CALIBRATION_MARGIN,
    CorrectionRule,
    chosen_corrections,
    features,
    normal_equations,
    rest_of,
)
from .cross_fitted import bends_as, errors_left

if TYPE_CHECKING:
    from .._typing import Array
    from ..error_curve.curve import Curve


class Corrected(NamedTuple):
    """What calibration comes to: errors [K+1, B, P] and traces [K+1, B, 3] of the calibrated
    denoiser, and the weights of its calibration, [K, P, 3].
    """

    errors: Array
    traces: Array
    weights: Array


def calibrate(curve: Curve, frame: Frame, examples: int) -> Corrected:
    """Return what the calibration comes to that a measured curve advises.

    curve: measured, with products; examples: how many independent ones are behind it. The third
    trace, which only ei-relative needs, is known where every coordinate is a band, else NaN.
    """
    require(curve.products is not None, "curve", "must be measured, not exact, to be calibrated")
    rule, nobody = (
        CorrectionRule(CALIBRATION_MARGIN, examples),
        np.zeros((1, len(curve.shares)), dtype=bool),
    )
    left = curve.left.get("calibrated") or errors_left(curve, CALIBRATED_TERMS, rule)
    traces = _traces(curve, frame, left.betas) - left.taken
    return Corrected(
        left.errors,
        np.concatenate([curve.traces[:1], traces]),
        _weights(
            chosen_corrections(normal_equations(curve, CALIBRATED_TERMS), nobody, curve, rule)[
                :, 0
            ]
        ),
    )


def calibrated(curve: Curve, frame: Frame, fit: Corrected) -> tuple[Curve, Frame, Calibration]:
    """Return the curve of the calibrated denoiser, its frame, and the calibration.

    The curve has the probe's bands of the main basis alone.
    """
    calibration = Calibration(
        curve.levels[1:], fit.weights, frame.probe_bands.index, frame.moments
    )
    corrected = replace(
        curve, errors={curve.main: fit.errors}, traces=fit.traces, full=None, products=None,
        sizes={curve.main: np.asarray(curve.probe_sizes)},
        bends=bends_as(curve, "calibrated"), left={}, plain=None, line=None,
        about_class=_in_probe_bands(curve, frame),
    )  # fmt: skip
    return corrected, Frame(frame.moments, frame.probe_bands, frame.probe_bands, {}), calibration


def _in_probe_bands(curve: Curve, frame: Frame) -> AboutClass | None:
    """Return the examples about their classes' means by the bands of the probe."""
    about, classes = curve.about_class, frame.moments.classes
    if about is None or classes is None:
        return about

    def folded(values: Array) -> Array:
        each = frame.bands.spread(values)
        index, sizes = frame.probe_bands.index, frame.probe_bands.sizes
        return (
            np.stack([each[..., index == j].sum(axis=-1) for j in range(len(sizes))], -1) / sizes
        )

    errors = about.errors if classes.axes is not None else folded(about.errors)
    return AboutClass(about.shares, errors, folded(about.main))


def _weights(beta: Array) -> Array:
    """Return a, w, c of the calibration from the coefficients c, a', w of g, [3, K, P]."""
    constant, of_mean, of_linear = beta
    weights = np.stack([1 + of_mean - of_linear, of_linear, constant], axis=-1)
    return np.where((beta == 0).all(axis=0)[..., None], RAW, weights)


def _traces(curve: Curve, frame: Frame, betas: Array) -> Array:
    """Return E|r'|^2, E[n . r'] and E[x0 . r'] of r' = r - g, [K, B, 3]."""
    gram = gram_of(curve.products[1:])  # type: ignore[index]
    rest = rest_of(betas, features(curve, CALIBRATED_TERMS))
    sizes = np.asarray(curve.probe_sizes)
    square = gram.between(rest, rest) @ sizes
    noise, state = (gram.along(rest, place) @ sizes for place in (NOISE, CENTRED))
    mean = frame.moments.mean[None]
    centre = frame.moments.basis.to_coordinates(mean)[0]
    if len(sizes) == curve.dimension:
        at = np.empty(len(sizes))
        at[frame.probe_bands.index] = centre
        state = state + gram.along(rest, ONE) @ at
    else:
        state = np.full_like(state, np.nan)
    return np.stack([square.T, noise.T, state.T], axis=-1)
