r"""The curve of a law whose error is known without sampling.

For the exact denoiser m = E[x0 | x] the residual r = x0 - m is orthogonal to whatever depends
on x alone, so that with n = x0 - x

    E|r|^2 = E[n . r] = E[x0 . r] = M(s),    M(0) = V.                                      (1)
"""

from __future__ import annotations

import numpy as np

from .._checks import require, require_levels
from .._typing import Levels
from ..law.base import Law
from .curve import Curve


def exact_curve(law: Law, levels: Levels) -> Curve:
    """Return the curve of `law` with (1) at SNRs `levels` [K], free of sampling error.

    It has one band of all d coordinates, so it prices every hold but the gaussian one with
    other than a scalar covariance. Raises `InputError` for a law that only sampling can tell.
    """
    s = require_levels("levels", levels)
    measured = law.curve(s)
    known = not np.any(measured.se)
    require(known, "law", "must be Gaussian or one-dimensional for an exact curve", law.to_json())
    error = np.concatenate([[law.variance], measured.value])[:, None, None]  # [K+1, 1, 1]
    sizes = np.array([float(law.dimension)])
    return Curve(
        np.concatenate([[0.0], s]),
        np.ones(1),
        {"coordinate": error / law.dimension},
        {"coordinate": sizes},
        np.repeat(error, 3, axis=2),
        np.array([law.second_moment]),
        exact=True,
    )
