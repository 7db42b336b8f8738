"""One list of everything that a test can run over: clocks, laws, samplers.

Laws are skewed and off-centre, so that a slip of sign or direction cannot hide.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from girsanov.basis import pca_basis
from girsanov.law import Gaussian, GaussianMixture, Points
from girsanov.process import (
    Cosine,
    Flow,
    OrnsteinUhlenbeck,
    VarianceExploding,
    VariancePreserving,
)
from girsanov.sampling.registry import recipe

PROCESSES = {
    "ou": OrnsteinUhlenbeck(),
    "linear": VariancePreserving.linear(),
    "rate": VariancePreserving.from_rate(lambda t: 0.1 + 19.9 * t, 1.0),
    "ve": VarianceExploding(),
    "cosine": Cosine(),
    "flow": Flow(),
}
ENDLESS = ("ou", "ve", "cosine", "flow")  # clocks that reach every SNR

ROOT = np.array([[1.0, 0.0, 0.0], [0.8, 0.5, 0.0], [-0.6, 0.4, 0.3]])
LAWS = {
    "gaussian": Gaussian([3.0, -1.0, 0.5], ROOT @ ROOT.T),
    "mixture 1-D": GaussianMixture([0.25, 0.6, 0.15], [[-1.5], [1.0], [2.5]], [0.04, 0.15, 0.6]),
    "mixture 2-D": GaussianMixture(
        [0.7, 0.3], [[2.0, 0.5], [-1.0, 1.5]], [[[0.5, 0.2], [0.2, 0.3]], [[0.1, 0], [0, 0.4]]]
    ),
    "points": Points([[2.0, 0.0], [5.0, 1.0], [1.0, -3.0]], [0.2, 0.5, 0.3]),
}
STOCHASTIC = ("ei-score", "ei-relative", "ddpm", "analytic-dpm")

over_processes = pytest.mark.parametrize("name", PROCESSES)
over_laws = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
over_stochastic = pytest.mark.parametrize("sampler", STOCHASTIC)


def posterior_variances(values, levels):
    """v_j = l_j / (1 + s l_j): the posterior variances of a Gaussian law, [N, d]."""
    values, levels = np.asarray(values), np.asarray(levels)
    return values / (1 + levels[:-1, None] * values)


def gaussian_recipe(law, levels, sampler, last="sample"):
    """A sampler of a Gaussian law that starts exactly, in the eigenvectors of its covariance."""
    basis, values = pca_basis(law.covariance())
    start = (law.mean, np.sqrt(values + 1 / levels[0]), basis)
    if sampler != "analytic-dpm":
        return recipe(sampler, levels, start=start, last=last)
    v = posterior_variances(values, levels)
    bases = (basis,) * len(v)
    return recipe(sampler, levels, start=start, variances=v, bases=bases, last=last)


def output_of(law, plan):
    """Mean [d] and covariance [d, d] of what `plan` makes of a Gaussian `law`, in closed form.

    Its exact denoiser m = mu + L (L + I/s)^-1 (x - mu) is affine, so moments propagate.
    """
    eye, target = np.eye(law.dimension), law.covariance()
    mean = np.broadcast_to(plan.mean, law.mean.shape)
    covariance = coloured_covariance(plan.start_noise, plan.start_basis, eye)
    for step in plan.steps:
        shrink = target @ np.linalg.inv(target + eye / step.snr)
        jacobian = step.state * eye + step.prediction * shrink
        mean = step.state * mean + step.prediction * (law.mean + shrink @ (mean - law.mean))
        covariance = jacobian @ covariance @ jacobian.T
        covariance = covariance + coloured_covariance(step.noise, step.basis, eye)
    return mean, covariance


def coloured_covariance(scale, basis, eye):
    u = eye if basis is None else np.asarray(basis.factors[0])
    return (u * np.asarray(scale) ** 2) @ u.T


def agree(found, expected, se, k=5.0):
    """Within k standard errors everywhere, and the standard errors mean something."""
    gap = np.abs(np.asarray(found) - np.asarray(expected))
    se = np.asarray(se)
    assert np.isfinite(se).all()
    assert (se > 0).all()
    assert (gap <= k * se).all(), f"worst gap is {np.max(gap / se):.1f} standard errors"


def ks_limit(n, probability=1e-5):
    """The distance that n samples of a law exceed with this probability, at most (DKW)."""
    return math.sqrt(math.log(2 / probability) / (2 * n))
