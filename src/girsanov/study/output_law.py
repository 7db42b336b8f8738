r"""The exact law of what a sampler puts out: moments for Gaussians, densities on a line.

A step is x' = a x + b m(x, s) + c xi. The exact denoiser of a Gaussian law N(mu, C) is affine,
m = mu + K (x - mu) with K = C (C + I/s)^-1, so that with J = a I + b K

    mean' = a mean + b (mu + K (mean - mu)),    Cov' = J Cov J^T + c c^T;                 (1)

for any law on a line, with f(x) = a x + b m(x, s),

    p'(y) = int p(x) N(y; f(x), c^2) dx,                                                  (2)

by the trapezoidal rule, whose error is exp(-2 pi^2 c^2 / spacing^2): p and p' are smooth on the
scale of the noise that made them. A last step without noise is a push-forward of quantiles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import special

from .._checks import require
from .._typing import Array
from ..basis import Basis
from ..law.base import Law
from ..law.gaussian import Gaussian
from ..sampling.holds import Recipe, Step

SPACING = 0.4  # of the noise's standard deviation
REACH = 9.0  # standard deviations that a density is followed to
RESOLUTION = 4000  # points of the density that is returned


@dataclass(frozen=True)
class Density:
    """A density `p` [n] at increasing points `x` [n] of a line."""

    x: Array
    p: Array

    def cumulative(self) -> Array:
        """Return the distribution function at the points, from 0 to 1."""
        area = np.concatenate([[0.0], np.cumsum(np.diff(self.x) * (self.p[1:] + self.p[:-1]) / 2)])
        return np.asarray(area / area[-1])

    def quantiles(self, u: Array) -> Array:
        """Return the quantiles at probabilities `u`."""
        at = self.cumulative()
        keep = np.concatenate([[True], np.diff(at) > 0])
        return np.asarray(np.interp(u, at[keep], self.x[keep]))

    def mean(self, of: Array) -> float:
        """Return the expectation of the values `of` [n]."""
        return float(np.trapezoid(of * self.p, self.x) / np.trapezoid(self.p, self.x))


def gaussian_output(law: Gaussian, plan: Recipe) -> tuple[Array, Array]:
    """Return mean [d] and covariance [d, d] of what `plan` makes of a Gaussian law, (1)."""
    _plain(plan)
    eye, target = np.eye(law.dimension), law.covariance()
    mean = np.array(np.broadcast_to(plan.mean, law.mean.shape))
    covariance = _coloured(plan.start_noise, plan.start_basis, eye)
    for step in plan.steps:
        shrink = target @ np.linalg.inv(target + eye / step.snr)
        jacobian = step.state * eye + step.prediction * shrink
        mean = step.state * mean + step.prediction * (law.mean + shrink @ (mean - law.mean))
        covariance = jacobian @ covariance @ jacobian.T
        covariance = covariance + _coloured(step.noise, step.basis, eye)
    return mean, covariance


def line_output(law: Law, plan: Recipe, points: Array | None = None) -> Density:
    """Return the density (2) of what `plan` makes of a law on a line, before a denoising step.

    points: where, increasing; chosen if None. The steps must have noise, but for a last step
    that only denoises, which is left out: `denoised` applies it.
    """
    _plain(plan)
    require(law.dimension == 1, "law", "must be on a line", law.dimension)
    steps = [s for s in plan.steps if float(np.max(s.noise)) > 0]
    mean, scale = float(np.mean(plan.mean)), float(np.max(plan.start_noise))
    x = mean + scale * np.linspace(-REACH, REACH, 1 + round(2 * REACH / SPACING))
    now = Density(x, _normal(x - mean, scale))
    for k, step in enumerate(steps):
        last = k == len(steps) - 1
        now = _push(law, now, step, points if last else None, last)
    return now


def denoised(law: Law, density: Density, snr: float) -> Density:
    """Return the law of m(x, snr), x from `density`: its points moved, its p their old one.

    Only `quantiles` of what is returned mean anything; m increases with x on a line.
    """
    return _Moved(_denoise(law, density.x, snr), density.p, density.x)


@dataclass(frozen=True)
class _Moved(Density):
    """Quantiles of m(x): m of the quantiles of x."""

    before: Array

    def cumulative(self) -> Array:
        return Density(self.before, self.p).cumulative()


def law_density(law: Law, snr: float, points: Array) -> Density:
    """Return the density of a law blurred to SNR `snr` (inf: the law itself) at `points`."""
    x = torch.from_numpy(np.ascontiguousarray(points))[:, None]
    return Density(points, law.log_prob(x, snr).exp().numpy())


def total_variation(one: Density, two: Density) -> float:
    """Return 1/2 int |p - q| for densities at the same points."""
    return float(np.trapezoid(np.abs(one.p - two.p), one.x) / 2)


def kl_divergence(one: Density, two: Density) -> float:
    """Return KL(p | q) in nats for densities at the same points."""
    terms = special.rel_entr(one.p, np.maximum(two.p, 1e-300)) - one.p + two.p
    return float(np.trapezoid(terms, one.x))


def wasserstein(one: Array, two: Array) -> float:
    """Return W2 of two laws on a line from their quantiles at the same even probabilities."""
    return math.sqrt(float(np.mean((one - two) ** 2)))


def even_probabilities(count: int = 200_000) -> Array:
    """Return (k + 1/2)/count, the probabilities for `wasserstein`."""
    return np.asarray((np.arange(count) + 0.5) / count)


def gaussian_kl(variance: Array | float, target: Array | float, shift: float = 0.0) -> float:
    """Return KL( N(0, target) | N(shift, variance) ), summed over entries of the variances."""
    ratio = np.asarray(target) / np.asarray(variance)
    excess = (np.asarray(target) - variance) / np.asarray(variance)
    # ratio - 1 - log(ratio) from the difference, which keeps its digits near 1
    terms = excess - np.log1p(excess) + shift**2 / np.asarray(variance) * np.ones_like(ratio)
    return float(np.sum(terms) / 2)


def gaussian_tv(variance: float, target: float, dimension: int = 1) -> float:
    """Return TV( N(0, v I), N(0, w I) ) in closed form: the densities cross on one sphere."""
    v, w = sorted((variance, target))
    if w <= v * (1 + 1e-15):
        return 0.0
    ratio = (w - v) / v
    square = dimension * v * w * math.log1p(ratio) / (w - v)  # |x|^2 where they cross
    half = dimension / 2
    inside = special.gammainc(half, square / (2 * v)) - special.gammainc(half, square / (2 * w))
    return float(inside)


def _push(law: Law, now: Density, step: Step, points: Array | None, last: bool) -> Density:
    c = float(np.max(step.noise))
    place = step.state * now.x + step.prediction * _denoise(law, now.x, step.snr)
    weight = now.p * np.gradient(now.x)
    weight = weight / weight.sum()
    seen = weight > 1e-18 * weight.max()
    place, weight = place[seen], weight[seen]
    if points is None:
        low, high = place.min() - REACH * c, place.max() + REACH * c
        count = RESOLUTION if last else 2 + math.ceil((high - low) / (SPACING * c))
        points = np.linspace(low, high, count)
    out = np.concatenate(
        [
            _normal(part[:, None] - place, c) @ weight
            for part in np.array_split(points, -(-len(points) // 512))
        ]
    )
    return Density(points, out)


def _denoise(law: Law, x: Array, snr: float) -> Array:
    return law.denoise(torch.from_numpy(np.ascontiguousarray(x))[:, None], snr)[:, 0].numpy()


def _normal(x: Array, scale: float) -> Array:
    return np.asarray(np.exp(-0.5 * (x / scale) ** 2) / (scale * math.sqrt(2 * math.pi)))


def _coloured(scale: float | Array, basis: Basis | None, eye: Array) -> Array:
    u = eye if basis is None else np.asarray(basis.factors[0])
    return np.asarray((u * np.asarray(scale) ** 2) @ u.T)


def _plain(plan: Recipe) -> None:
    scalar = all(s.history == 0 for s in plan.steps)
    require(scalar, "plan", "must take steps that need no prediction before them")
