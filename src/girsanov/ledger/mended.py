r"""What corrections leave of the error between the levels: measured at the places of `inside.py`.

A correction is fitted at the levels. Between two of them its coefficients are linear in log s,

    beta(t) = (1 - u) beta_k + u beta_k+1,    u = log(t/s_k)/log(s_k+1/s_k),               (1)

as a sampler would use it, and what it leaves of the error of the examples that did not fit it,

    E|r - g|^2 = E|r|^2 - 2 beta . b + beta . N beta,                                      (2)

is measured at each group's place like every error, from the products (3) of `curve.py` there
(r_previous is that of the noisier level, which the path has passed). So the integral of the
corrected error is an estimate without bias, and no worst case between levels is paid for.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .._typing import Array
from .correct import (
    CALIBRATED,
    MARGIN,
    PROBED,
    Normal,
    Rule,
    cross_fitted,
    feature_rows,
    gain,
    matrices,
    moments_of,
    normal_equations,
)
from .curve import Curve
from .inside import Places
from .refine import bends_of


def errors_left(curve: Curve, normal: Normal, rule: Rule) -> tuple[Array, Array]:
    """Return the cross-fitted correction [B, K, P, F] and the error (2) it leaves, [K+1, B, P].

    normal: the moments of its features, of all groups (`normal_equations`).
    """
    betas = cross_fitted(normal, curve, rule)
    left = np.maximum(normal.error - gain(betas, normal), 0.0)
    start = matrices(curve.products[:1])[..., 2, 2]  # type: ignore[index]
    return betas, np.concatenate([start, np.moveaxis(left, 0, 1)])


def bends_as(curve: Curve, name: str) -> dict[str, Array]:
    """Return the bends of a corrected curve: those of this name in its main basis."""
    if name not in curve.bends:
        return {}
    return {"total": curve.bends["total"], curve.main: curve.bends[name]}


def with_corrections(curve: Curve, at: Places, products: Array, examples: int) -> Curve:
    """Return the curve with the bends of the probe's and the calibration's error as well.

    products: (3) of `curve.py` at the places, [K, B, P, V]; examples: independent ones.
    """
    width = matrices(products[:0]).shape[-1]
    ways = (
        ("probe", PROBED[:width], Rule()),  # the last feature is the reference's
        ("calibrated", CALIBRATED, Rule(MARGIN, examples)),
    )
    found = {}
    for name, features, rule in ways:
        betas, ends = errors_left(curve, normal_equations(curve, features), rule)
        there = _left_inside(curve, at, products, features, betas)
        found[name] = bends_of(curve, at, ends, there)
    return replace(curve, bends={**curve.bends, **found})


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
    normal = moments_of(gram, feature_rows(curve, names, gram.shape[-1], at.levels))
    return np.maximum(normal.error - gain(there, normal), 0.0)
