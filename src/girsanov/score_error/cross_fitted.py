r"""What corrections leave of the error between the levels: measured at the places of
`between_levels.py`.

A correction is fitted at the levels. Between two of them its coefficients are linear in log s,

    beta(t) = (1 - u) beta_k + u beta_k+1,    u = log(t/s_k)/log(s_k+1/s_k),               (1)

as a sampler would use it, and what it leaves of the error of the examples that did not fit it,

    E|r - g|^2 = E|r|^2 - 2 beta . b + beta . N beta,                                      (2)

is measured at each group's place like every error, from the products (3) of `curve.py` there
(r_previous is that of the noisier level, which the path has passed). So the integral of the
corrected error is an estimate without bias, and no worst case between levels is paid for. What
chance made of the noise in r - g is taken off as it is of r (`control_variate.py`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..error_curve.bridge_variate import Bridge, Mixed, alpha, chance
from ..error_curve.control_variate import (
    chance_of,
    means_without_each,
    noise_in_moments,
    over,
    slopes,
)
from ..error_curve.curve import Curve, Left
from ..error_curve.harmless import harmless
from ..error_curve.interpolate import bends_of
from ..error_curve.second_moments import CENTRED, NOISE, RESIDUAL, Combination, Gram, gram_of
from .corrections import (
    CALIBRATED_TERMS,
    CALIBRATION_MARGIN,
    PROBED_TERMS,
    CorrectionRule,
    correction_gain,
    cross_fitted,
    features,
    moments_of,
    rest_of,
)

if TYPE_CHECKING:
    from .._typing import Array
    from ..error_curve.between_levels import Places


class Fold(NamedTuple):
    """Moments of v of each group [B, K, P], of all groups but each, which its fits are of, and
    of all groups [1, K, P].
    """

    own: Gram
    others: Gram
    whole: Gram


def fold_of(curve: Curve, products: Array) -> Fold:
    """Return the moments in (3) of `curve.py`, [K, B, P, V]."""
    gram = gram_of(products)
    others, whole = (gram.over(w) for w in (means_without_each(curve.shares), curve.shares[None]))
    return Fold(gram, others, whole)


def errors_left(
    curve: Curve, names: tuple[str, ...], rule: CorrectionRule, fold: Fold | None = None
) -> Left:
    """Return what the correction by these features leaves at the levels, cross-fitted.

    fold: the moments at the levels, where they are known.
    """
    assert curve.products is not None
    fold, rows = fold or fold_of(curve, curve.products[1:]), features(curve, names)
    normal = moments_of(fold.own, rows)
    betas = cross_fitted(normal, curve, rule)
    errors, taken = errors_of(curve, fold, rest_of(betas, rows), curve.levels[1:])
    start = gram_of(curve.products[:1]).at(RESIDUAL, RESIDUAL)
    return Left(
        betas,
        np.concatenate([np.moveaxis(start, 0, 1), errors]),
        np.ascontiguousarray(np.moveaxis(correction_gain(betas, normal), 0, 1)),
        np.einsum("kbpt,p->kbt", taken, np.asarray(curve.probe_sizes)),
    )


def errors_of(
    curve: Curve, fold: Fold, rest: Combination, snr: Array, bridge: Bridge | None = None
) -> tuple[Array, Array]:
    """Return E r'^2 [K, B, P] and what of chance was taken off it, as (2) of `control_variate.py`.

    rest: r' in terms of v; snr: s of each row [B, K] or [K]; bridge: where the rows are places
    between levels. Taken off is what the curve's gamma says.
    """
    gram, others, whole = fold
    errors = np.moveaxis(gram.between(rest, rest), 0, 1)
    if curve.gamma is None:
        return errors, np.zeros((*errors.shape, 3))
    fitted = [others.along(rest, NOISE), others.along(rest, CENTRED)]
    fitted += [others.at(NOISE, NOISE), others.at(NOISE, CENTRED)]
    spread = (moments.at(CENTRED, CENTRED) for moments in (others, whole))
    fit = slopes(np.stack(fitted, axis=-1), *spread)
    by_noise = chance_of(gram.at(NOISE, NOISE), gram.at(NOISE, CENTRED), snr[..., None])
    by_chance = curve.gamma[:, None, None, None] * noise_in_moments(fit, by_noise)
    if bridge is not None:
        products = bridge.products["probe"]
        by_group = np.moveaxis(products, 1, 0)  # [B, K, P, 5]
        of = Mixed(*(rest.get(place, 0.0) for place in (NOISE, RESIDUAL, CENTRED)))
        without = over(means_without_each(curve.shares), products)
        slope = alpha(np.moveaxis(without, 1, 0), of)
        by_chance[..., 0] += bridge.gamma[:, None, None] * chance(by_group, *fit, slope, of)
    by_chance, sizes = np.moveaxis(by_chance, 0, 1), np.asarray(curve.probe_sizes)
    taken = harmless(errors, by_chance, sizes, np.atleast_2d(snr).T, curve.shares)
    return errors - taken[..., 0], taken


def bends_as(curve: Curve, name: str) -> dict[str, Array]:
    """Return the bends of a corrected curve: those of this name in its main basis."""
    if name not in curve.bends:
        return {}
    return {"total": curve.bends["total"], curve.main: curve.bends[name]}


class Inside(NamedTuple):
    """What was measured between the levels: where, (3) of `curve.py` there [K, B, P, V].

    bridge: what `bridge_variate.py` takes off, or None.
    """

    at: Places
    products: Array
    bridge: Bridge | None


def with_corrections(curve: Curve, inside: Inside, examples: int) -> Curve:
    """Return the curve with what corrections leave, and the bends of that.

    examples: independent ones behind it.
    """
    assert curve.products is not None
    levels, between = fold_of(curve, curve.products[1:]), fold_of(curve, inside.products)
    ways = (
        (
            "probe",
            PROBED_TERMS[: levels.own.width],
            CorrectionRule(),
        ),  # the last feature is the reference's
        ("calibrated", CALIBRATED_TERMS, CorrectionRule(CALIBRATION_MARGIN, examples)),
    )
    left, bends = {}, {}
    for name, names, rule in ways:
        left[name] = errors_left(curve, names, rule, levels)
        there = _left_inside(curve, inside, names, left[name].betas, between)
        bends[name] = bends_of(curve, inside.at, left[name].errors, there)
    return replace(curve, bends={**curve.bends, **bends}, left=left)


def _left_inside(
    curve: Curve, inside: Inside, names: tuple[str, ...], betas: Array, fold: Fold
) -> Array:
    """Return (2) of each group at its places [K, B, P], by (1); fold: the moments there."""
    s, levels = curve.levels[1:], inside.at.levels.T  # [B, K]
    u = np.zeros(levels.shape)
    u[:, 1:] = np.log(levels[:, 1:] / s[:-1]) / np.log(s[1:] / s[:-1])
    before = np.concatenate([betas[:, :, :1], betas[:, :, :-1]], axis=2)
    there = betas * u[..., None] + before * (1 - u[..., None])
    rest = rest_of(there, features(curve, names, levels))
    return errors_of(curve, fold, rest, levels, inside.bridge)[0]
