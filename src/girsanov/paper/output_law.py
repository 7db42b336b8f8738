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

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import special

from .._checks import require
from .._typing import Array
from ..sampling.sampler import Complement, Recipe, Step

if TYPE_CHECKING:
    from ..basis import Basis
    from ..law.base import Law
    from ..law.gaussian import Gaussian

Guess = Callable[[Array, float], Array]
SPACING = 0.4  # of the noise's standard deviation
REACH = 9.0  # standard deviations that a density is followed to
STOP_EARLIER = "Stop at a lower SNR"
RESOLUTION = 4000  # points of the density that is returned
MOST_POINTS = 300_000  # points of any other, which is enough up to an SNR of about 1e7
BLOCK = 2**20  # numbers of a block of the sum


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


def gaussian_output(law: Gaussian, plan: Recipe, *, phase: bool = False) -> tuple[Array, Array]:
    """Return mean [d] and covariance [d, d] of what `plan` makes of a Gaussian law, (1).

    phase: also of the second coordinate w of phase space, [2 d] and [2 d, 2 d]. Stochastic and
    ODE samplers
    in scalar processes and in phase space: (1) for the joint state (x, w, last prediction).
    """
    d, eye, target = law.dimension, np.eye(law.dimension), law.covariance()
    mean, cov = np.zeros(3 * d), np.zeros((3 * d, 3 * d))
    mean[:d] = plan.mean
    cov[:d, :d] = _coloured(plan.start_noise, plan.start_basis, eye)
    cov[d : 2 * d, d : 2 * d] = eye
    for step in plan.steps:
        shrink = target @ np.linalg.inv(target + eye / step.snr)
        matrix, shift, noise = _joint_step(step, shrink, law.mean - shrink @ law.mean)
        mean, cov = matrix @ mean + shift, matrix @ cov @ matrix.T + noise
    size = 2 * d if phase else d
    return mean[:size], cov[:size, :size]


def _joint_step(step: Step, shrink: Array, offset: Array) -> tuple[Array, Array, Array]:
    """Return the affine map of (x, w, p) by one step and its noise's covariance."""
    d, eye = len(shrink), np.eye(len(shrink))
    c = step.complement or Complement(0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
    zero = np.zeros((d, d))
    matrix = np.block(
        [
            [step.state * eye + step.prediction * shrink, c.into * eye, step.history * eye],
            [c.state * eye + c.prediction * shrink, c.own * eye, zero],
            [shrink, zero, zero],
        ]
    )
    shift = np.concatenate([step.prediction * offset, c.prediction * offset, offset])
    one = _coloured(step.noise, step.basis, eye)
    noise = np.zeros((3 * d, 3 * d))
    noise[: 2 * d, : 2 * d] = np.block(
        [[one, c.shared * one], [c.shared * one, c.shared**2 * one + c.noise**2 * eye]]
    )
    return matrix, shift, noise


def line_output(
    law: Law, plan: Recipe, points: Array | None = None, denoise: Guess | None = None
) -> Density:
    """Return the density (2) of what `plan` makes of a law on a line, before a denoising step.

    points: where, evenly spaced; chosen if None; denoise(x [n], snr): the exact one if None. Steps
    without noise belong to the next that has some; a last step that only denoises is left out:
    `denoised` applies it.
    """
    _plain(plan)
    require(law.dimension == 1, "law", "must be on a line", law.dimension)
    guess = denoise or (lambda at, snr: exact_denoise(law, at, snr))
    steps = _moves(plan)
    mean, scale = float(np.mean(plan.mean)), float(np.max(plan.start_noise))
    first = scale / 64  # fine enough for any first step's map
    x = np.arange(mean - REACH * scale, mean + REACH * scale, first)
    now = Density(x, _normal(x - mean, scale))
    place = _moved(now.x, steps[0], guess)
    for step, after in itertools.zip_longest(steps, steps[1:]):
        c = float(np.max(step[-1].noise))
        if after is None:
            even = _even(place, now.p, c, RESOLUTION) if points is None else points
            return _push(now, place, c, even)
        trial = _push(now, place, c, _even(place, now.p, c))
        there = _moved(trial.x, after, guess)
        # where the next map stretches, its noise must still be resolved
        stretch = np.abs(np.diff(there) / np.diff(trial.x))
        seen = trial.p[1:] > 1e-12 * trial.p.max()
        need = SPACING * float(np.max(after[-1].noise)) / float(stretch[seen].max())
        if need < trial.x[1] - trial.x[0]:
            count = math.ceil((trial.x[-1] - trial.x[0]) / need)
            require(
                count <= MOST_POINTS,
                "plan",
                f"needs {count} points, more than {MOST_POINTS}",
                remedy=STOP_EARLIER,
            )
            trial = _push(now, place, c, _even(place, now.p, c, count))
            there = _moved(trial.x, after, guess)
        now, place = trial, there
    return now


def denoised(law: Law, density: Density, snr: float) -> Density:
    """Return the law of m(x, snr), x from `density`: its points moved, its p their old one.

    Only `quantiles` of what is returned mean anything; m increases with x on a line.
    """
    return _Moved(exact_denoise(law, density.x, snr), density.p, density.x)


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


def _moves(plan: Recipe) -> list[list[Step]]:
    """Return the steps up to and with each that adds noise; what follows the last is left out."""
    out: list[list[Step]] = [[]]
    for step in plan.steps:
        out[-1].append(step)
        if float(np.max(step.noise)) > 0:
            out.append([])
    return out[:-1]


def _moved(x: Array, steps: list[Step], guess: Guess) -> Array:
    """Return where steps without noise but in the last take x; that noise is left out."""
    before = x
    for step in steps:
        m = guess(x, step.snr)
        x = step.state * x + step.prediction * m + step.history * before
        before = m
    return np.asarray(x)


def _even(place: Array, p: Array, c: float, count: int | None = None) -> Array:
    """Return even points that hold what is at `place` with density p once noise c is added."""
    seen = place[p > 1e-18 * p.max()]
    low, high = float(seen.min()) - REACH * c, float(seen.max()) + REACH * c
    return np.linspace(low, high, count or 2 + math.ceil((high - low) / (SPACING * c)))


def _push(now: Density, place: Array, c: float, points: Array) -> Density:
    """Return (2) at even `points`, from mass at `place`; only what is within REACH c is summed."""
    weight = now.p * np.gradient(now.x)
    weight = weight / weight.sum()
    seen = weight > 1e-18 * weight.max()
    place, weight, gap = place[seen], weight[seen], float(points[1] - points[0])
    reach = math.ceil(REACH * c / gap)
    nearest = np.round((place - points[0]) / gap).astype(np.int64)
    out = np.zeros(len(points))
    for part in np.array_split(np.arange(len(place)), -(-len(place) * (2 * reach + 1) // BLOCK)):
        at = nearest[part, None] + np.arange(-reach, reach + 1)
        mass = _normal(points[0] + gap * at - place[part, None], c) * weight[part, None]
        inside = (at >= 0) & (at < len(points))
        out += np.bincount(at[inside], mass[inside], minlength=len(points))
    return Density(points, out)


def exact_denoise(law: Law, x: Array, snr: float) -> Array:
    """Return m(x, snr) [n] at points [n] of a line."""
    return law.denoise(torch.from_numpy(np.ascontiguousarray(x))[:, None], snr)[:, 0].numpy()


def _normal(x: Array, scale: float) -> Array:
    return np.asarray(np.exp(-0.5 * (x / scale) ** 2) / (scale * math.sqrt(2 * math.pi)))


def _coloured(scale: float | Array, basis: Basis | None, eye: Array) -> Array:
    u = eye if basis is None else np.asarray(basis.factors[0])
    return np.asarray((u * np.asarray(scale) ** 2) @ u.T)


def _plain(plan: Recipe) -> None:
    alone = all(m[0].history == 0 for m in _moves(plan)) and plan.process == "vp"
    require(alone, "plan", "must take steps that need x and its prediction alone")
    noisy = bool(_moves(plan))
    require(noisy, "plan", "must add noise in a step")
