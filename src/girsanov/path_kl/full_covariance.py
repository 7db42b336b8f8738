"""The spectra of a full covariance at all levels, fold by fold of the examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..error_curve.interpolate import refined_curve
from .cells import folded_spectra

if TYPE_CHECKING:
    from .._typing import Array, Levels
    from ..error_curve.curve import Curve


def refined_spectra(
    curve: Curve, levels: Levels, folds: Array, refold: Callable[[Array], Array]
) -> tuple[Array, Array]:
    """Return variances that the other folds give, and the errors of each fold along their axes.

    curve: measured, with its full covariance; folds: their shares [F]; refold: takes means by
    group [..., B] to means by fold. Both are [K + 1, F, d], interpolated like the errors of any
    other basis.
    """
    assert curve.full is not None
    variance, error = folded_spectra(curve.full)
    bends = curve.bends
    if bends:
        bends = {"total": np.moveaxis(refold(np.moveaxis(bends["total"], 1, -1)), -1, 1)}
    even = replace(
        curve,
        shares=folds,
        bends=bends,
        errors={"full": variance, "error": error},
        sizes={"full": np.ones(curve.dimension), "error": np.ones(curve.dimension)},
        traces=error.sum(axis=2, keepdims=True) * np.ones(3),
    )
    fine = refined_curve(even, levels, bases=("error",))
    # the bends of few examples may carry what they bend below zero
    return np.maximum(fine.errors["full"], 0.0), fine.errors["error"]
