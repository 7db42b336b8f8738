r"""What it costs to start at s_0 from a Gaussian instead of the noised data.

The start is the step from s = 0, where the best prediction is the mean, so that with
M_j(0) = E(u_j . (x0 - mean))^2 measured on held-out data

    gaussian   N(mean, diag(v) + 1/s_0):  (1) of step_kl.py with delta = s_0;            (1)
    mean       N(mean, 1/s_0):            1/2 s_0 sum_j M_j(0);                             (2)
    class      N(mean_c, U_c diag(v_c) U_c^T + 1/s_0) of the example's class c: the same with
               M_bcj of class_means.py, its sum over classes;
               (1')
    standard   N(0, I) in OU coordinates, the paper's start:
               1/2 [alpha^2 (E|x0|^2 - d) + d log(1 + s_0)],  alpha^2 = s_0/(1 + s_0),      (3)

each less 1/2 int_0^{s_0} M ds, as every step. (3) is KL(q_T | N(0, I)) exactly: theory of
arXiv 2209.11215 with constants, the compensation identity. With labels all of them are means over
classes y of the KL of each class's samples, E_y KL(p(x|y) | q(x|y)).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._checks import require, require_choice
from ..sampling.step_kl import analytic_dpm_kl

if TYPE_CHECKING:
    from .._typing import Array
    from ..error_curve.curve import Curve
    from ..sampling.sampler import Sampler

STARTS = ("gaussian", "mean", "standard", "class")


def usual_start(curve: Curve, sampler: Sampler) -> str:
    """Return how a sampler begins by default: from measured moments of each class, if any."""
    classes = sampler.covariance and curve.about_class is not None
    return "class" if classes else sampler.start


def start_cost(curve: Curve, snr: Array | float, start: str, variances: Array) -> Array:
    """Return the cost of starting at `snr` by group, [..., B] for snr [...].

    start: of `STARTS`; variances: v of the gaussian start by band of the main basis, [J], or of
    each class, [C, J] or along its own axes [C, d].
    """
    s = np.asarray(snr, dtype=np.float64)[..., None]  # [..., 1] against groups [B]
    errors, sizes = curve.errors[curve.main][0], curve.sizes[curve.main]
    match require_choice("start", start, STARTS):
        case "gaussian":
            return analytic_dpm_kl(
                np.broadcast_to(s, (*s.shape[:-1], len(errors))), variances, errors, sizes
            )
        case "class":
            return _class_cost(curve, s, variances)
        case "mean":
            return np.asarray(s * (errors @ sizes) / 2)
        case _:
            d = curve.dimension
            return np.asarray((s / (1 + s) * (curve.second_moments - d) + d * np.log1p(s)) / 2)


def _class_cost(curve: Curve, s: Array, variances: Array) -> Array:
    """Return (1'); s: [..., 1], variances: [C, J]."""
    require(curve.about_class is not None, "start", "class is for a model with classes")
    assert curve.about_class is not None
    shares, errors, _ = curve.about_class
    own = errors.shape[-1] == curve.dimension  # along axes of the class, or in bands of the main
    weights = np.full(curve.dimension, 0.5) if own else curve.sizes[curve.main] / 2
    out = np.zeros((*s.shape[:-1], len(shares)))
    for c, v in enumerate(variances):
        gain = 1 + s * v  # [..., J]
        sure = (np.log(gain) - s * v / gain) @ weights
        out += sure[..., None] * shares[:, c] + ((s / gain) * weights) @ errors[:, c].T
    return out
