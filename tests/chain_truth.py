"""Likelihood bounds by their definition, -log q(path)/p(path), and the law a sampler ends in.

Nothing here uses the sums of the library: a recipe's coefficients and the law alone.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from girsanov.law import Gaussian, GaussianMixture

LOG_2_PI = math.log(2 * math.pi)


def random_law(rng, kind):
    """A Gaussian in one to three dimensions with full covariance, or a skewed mixture on a
    line."""
    if kind == "gaussian":
        d = int(rng.integers(1, 4))
        turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
        return Gaussian(rng.normal(1, 2, d), (turn * 10 ** rng.uniform(-1, 0.7, d)) @ turn.T)
    n = int(rng.integers(2, 4))
    weights = rng.dirichlet(np.full(n, 2.0))
    return GaussianMixture(weights, rng.normal(1, 1.5, (n, 1)), 10 ** rng.uniform(-1.5, 0.2, n))


def covariance(scale, basis, d):
    """U diag(scale^2) U^T."""
    u = np.eye(d) if basis is None else np.asarray(basis.factors[0])
    return (u * np.broadcast_to(np.asarray(scale) ** 2, d)) @ u.T


def cross_entropy(away, spread):
    """-E log N(e; 0, spread) for E e e^T = away."""
    sign, log = np.linalg.slogdet(spread)
    assert sign > 0
    return (len(spread) * LOG_2_PI + log + np.trace(np.linalg.solve(spread, away))) / 2


def gaussian_bound(law, recipe, levels, gain=1.0, shift=0.0):
    """The bound of the noised data of a Gaussian law, from the covariances of its chain.

    The denoiser is the exact one scaled about the law's mean by `gain`, moved by `shift`.
    """
    d, target, eye = law.dimension, law.covariance(), np.eye(law.dimension)
    off = law.mean - np.broadcast_to(recipe.mean, d)
    start = covariance(recipe.start_noise, recipe.start_basis, d)
    total = cross_entropy(target + eye / levels[0] + np.outer(off, off), start)
    for step, s, t in zip(recipe.steps, levels[:-1], levels[1:], strict=False):
        shrink = gain * target @ np.linalg.inv(target + eye / s)
        hold = step.state * eye + step.prediction * shrink
        fresh = 1 / s - 1 / t  # x = x' + noise of this variance
        here = target + eye / t
        moved = (1 - step.state - step.prediction) * law.mean - step.prediction * shift
        away = (eye - hold) @ here @ (eye - hold).T + fresh * hold @ hold.T
        away = away + np.outer(moved, moved)
        total += cross_entropy(away, covariance(step.noise, step.basis, d))
        total -= d * (LOG_2_PI + 1 + math.log(fresh)) / 2
    return total


def line_density(law, places, snr):
    """Density of the law with noise at `places` on a line."""
    x = torch.as_tensor(places, dtype=torch.float64)[:, None]
    return law.log_prob(x, snr).exp().numpy()


def line_truth(law, recipe, levels, points=1200):
    """Of a law on a line: the bound by quadrature, and -E log q of the law that is drawn."""
    spread = math.sqrt(law.variance + 1 / levels[0])
    x = np.linspace(law.mean[0] - 9 * spread, law.mean[0] + 9 * spread, points)
    h = x[1] - x[0]
    tensor = torch.as_tensor(x, dtype=torch.float64)[:, None]
    q = normal(x, float(np.ravel(recipe.mean)[0] if np.ndim(recipe.mean) else recipe.mean),
               float(np.ravel(recipe.start_noise)[0]))  # fmt: skip
    p = line_density(law, x, levels[0])
    bound = -(p @ np.log(q)) * h
    for step, s, t in zip(recipe.steps, levels[:-1], levels[1:], strict=False):
        m = law.denoise(tensor, float(s)).numpy()[:, 0]
        c = float(np.ravel(step.noise)[0])
        kernel = normal(x[None], (step.state * x + step.prediction * m)[:, None], c)  # [x, x']
        fresh, there = math.sqrt(1 / s - 1 / t), line_density(law, x, t)
        noised = normal(x[:, None], x[None], fresh)  # p(x | x'), [x, x']
        log = -(((x[None] - (step.state * x + step.prediction * m)[:, None]) / c) ** 2) / 2
        log -= LOG_2_PI / 2 + math.log(c)
        bound -= h * h * float(np.sum(noised * there[None] * log))
        bound -= LOG_2_PI / 2 + 0.5 + math.log(fresh)
        q = kernel.T @ q * h
    p = line_density(law, x, levels[len(recipe.steps)] if len(recipe.steps) < len(levels)
                     else levels[-1])  # fmt: skip
    seen = p > 1e-12
    return bound, -float(p[seen] @ np.log(np.maximum(q[seen], 1e-300))) * h


def normal(x, mean, deviation):
    return np.exp(-(((x - mean) / deviation) ** 2) / 2 - LOG_2_PI / 2) / deviation
