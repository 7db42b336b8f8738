r"""What corrections leave of the error between the levels: measured at the places of `inside.py`.

A correction is fitted at the levels. Between two of them its coefficients are linear in log s,

    beta(t) = (1 - u) beta_k + u beta_k+1,    u = log(t/s_k)/log(s_k+1/s_k),               (1)

as a sampler would use it, and what it leaves of the error of the examples that did not fit it,

    E|r - g|^2 = E|r|^2 - 2 beta . b + beta . N beta,                                      (2)

is measured at each group's place like every error, from the products (3) of `curve.py` there
(r_previous is that of the noisier level, which the path has passed). So the integral of the
corrected error is an estimate without bias, and no worst case between levels is paid for. What
chance made of the noise in r - g is taken off as it is of r (`control.py`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .._typing import Array
from .control import chance_of, kept, means_without, over, parts, slopes
from .correct import (
    CALIBRATED,
    MARGIN,
    PROBED,
    Rule,
    cross_fitted,
    feature_rows,
    gain,
    matrices,
    normal_equations,
)
from .curve import Curve, Left
from .inside import Places
from .refine import bends_of


def errors_left(curve: Curve, names: tuple[str, ...], rule: Rule) -> Left:
    """Return what the correction by these features leaves at the levels, cross-fitted."""
    normal = normal_equations(curve, names)
    betas = cross_fitted(normal, curve, rule)
    gram = matrices(curve.products)  # type: ignore[arg-type]
    rest = rest_of(np.moveaxis(betas, 0, 1), feature_rows(curve, names, gram.shape[-1]))
    errors, taken = errors_of(curve, gram[1:], rest)
    return Left(
        betas,
        np.concatenate([gram[:1, ..., 2, 2], errors]),
        np.moveaxis(gain(betas, normal), 0, 1),
        np.einsum("kbpt,p->kbt", taken, np.asarray(curve.probe_sizes)),
    )


def rest_of(betas: Array, rows: Array) -> Array:
    """Return r' = r - beta . f in terms of v [K, B, P, V]; betas [K, B, P, F], rows [.., F, V]."""
    unit = np.eye(rows.shape[-1])[2]
    rows = rows if rows.ndim == betas.ndim + 1 else rows[:, None]
    return np.asarray(unit - (betas[..., None, :] @ rows)[..., 0, :])


def errors_of(
    curve: Curve, gram: Array, rest: Array, snr: Array | None = None
) -> tuple[Array, Array]:
    """Return E r'^2 [K, B, P] and what of chance was taken off it, as (2) of `control.py`.

    gram: moments of v [K, B, P, V, V]; rest: r' in terms of v [K, B, P, V]; snr: s of each row
    [K, B], by default the curve's levels. Taken off is what the curve's gamma says.
    """
    errors = (rest[..., None, :] @ gram @ rest[..., None])[..., 0, 0]
    if curve.gamma is None:
        return errors, np.zeros((*errors.shape, 3))
    s = np.broadcast_to(curve.levels[1:, None], gram.shape[:2]) if snr is None else snr
    weights = means_without(np.eye(len(curve.shares), dtype=bool), curve.shares)
    others = over(weights, gram)
    along = (others @ rest[..., None])[..., 0]
    nr, rc, nn, nc = along[..., 1], along[..., 4], others[..., 1, 1], others[..., 1, 4]
    fit = slopes(np.stack([nr, rc, nn, nc], axis=-1), others[..., 4, 4])
    own = gram[..., [1, 2, 1, 1], [2, 4, 1, 4]]  # as `LINEAR`
    found = curve.gamma[:, None, None] * parts(fit, chance_of(own, s[:, :, None]))
    taken = kept(errors, found, curve.shares)
    return errors - taken[..., 0], taken


def bends_as(curve: Curve, name: str) -> dict[str, Array]:
    """Return the bends of a corrected curve: those of this name in its main basis."""
    if name not in curve.bends:
        return {}
    return {"total": curve.bends["total"], curve.main: curve.bends[name]}


def with_corrections(curve: Curve, at: Places, products: Array, examples: int) -> Curve:
    """Return the curve with what corrections leave, and the bends of that.

    products: (3) of `curve.py` at the places, [K, B, P, V]; examples: independent ones.
    """
    width = matrices(products[:0]).shape[-1]
    ways = (
        ("probe", PROBED[:width], Rule()),  # the last feature is the reference's
        ("calibrated", CALIBRATED, Rule(MARGIN, examples)),
    )
    left, bends = {}, {}
    for name, features, rule in ways:
        left[name] = errors_left(curve, features, rule)
        there = _left_inside(curve, at, products, features, left[name].betas)
        bends[name] = bends_of(curve, at, left[name].errors, there)
    return replace(curve, bends={**curve.bends, **bends}, left=left)


def _left_inside(
    curve: Curve, at: Places, products: Array, names: tuple[str, ...], betas: Array
) -> Array:
    """Return (2) of each group at its places [K, B, P], by (1)."""
    gram, s = matrices(products), curve.levels[1:]
    beta = np.moveaxis(betas, 0, 1)  # [K, B, P, F]
    u = np.zeros(at.levels.shape)
    u[1:] = np.log(at.levels[1:] / s[:-1, None]) / np.log(s[1:] / s[:-1])[:, None]
    u = u[..., None, None]
    there = (1 - u) * np.concatenate([beta[:1], beta[:-1]]) + u * beta
    rest = rest_of(there, feature_rows(curve, names, gram.shape[-1], at.levels))
    return errors_of(curve, gram, rest, at.levels)[0]
