r"""What can be attained: the optimal loss of the training examples, and of new ones.

The best denoiser of n training examples themselves is the posterior mean of the law that puts
1/n on each (`law/points.py`); its error M_n is the least training loss there is at each level (the
optimal loss of Xu et al. 2025, arXiv 2506.13763). The least error on new
examples, M, lies between

    E M_n(s) <= M(s) <= D(s),                                                              (1)

since the least error is concave in the law, of which the examples are a fair draw, and since no
denoiser beats the best one: D is the error, on the half that it has not seen, of the best of three
that need no training, all taught by the other half,

    the plain line         mean + s v / (1 + s v) (x - mean), v the mean of the v_j,       (2)
    the straight line      mean + U diag(s v_j / (1 + s v_j)) U^T (x - mean),              (3)
    the smoothed examples  (1) of `denoise/neighbours.py`.                                 (4)

(2) is where a network in EDM's surroundings starts, so that its error less D is what training can
gain for certain; on the same examples and noise, since then most of the noise cancels.
Where M_n lies far below D, the least training loss is that of examples known by heart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..denoise.exact import ExactDenoiser
from ..denoise.neighbours import Neighbours
from ..law.gaussian import Gaussian
from ..law.points import Points
from ..moments import measure_moments
from ..montecarlo import Estimate, mean_estimate
from ..noise import NoiseSource

if TYPE_CHECKING:
    from .._typing import Array, Tensor
    from ..moments import Moments

ASKED = 512  # examples at which each of both errors is measured, at most


@dataclass(frozen=True)
class Attainable:
    """The errors of (1) at SNRs `levels` [K], each with its standard error.

    training: M_n, of `examples` examples; new: D; gain: the error of (2) less D.
    """

    levels: Array
    training: Estimate
    new: Estimate
    gain: Estimate
    examples: int


def attainable(x: Tensor, levels: Array, *, seed: int = 0) -> Attainable:
    """Return (1) of examples x [n, *shape], n >= 4, at increasing SNRs `levels` [K]."""
    rows = x.double()
    plain, best = _new(rows, levels, seed)
    training = _training(rows.flatten(1), levels, seed)
    return Attainable(levels, training, mean_estimate(best), mean_estimate(plain - best), len(x))


def _training(x: Tensor, levels: Array, seed: int) -> Estimate:
    """Return M_n [K], the mean of the posterior variance, which varies less than the error."""
    law, asked = Points(x.numpy()), x[:ASKED]
    source = NoiseSource(seed, "attainable training")
    spreads = [
        law.posterior_variance(_noised(asked, float(s), source, k), float(s)).numpy()
        for k, s in enumerate(levels)
    ]
    return mean_estimate(np.stack(spreads, axis=1))


def _noised(x: Tensor, snr: float, source: NoiseSource, k: int) -> Tensor:
    z: Tensor = source.normal(k, 0, len(x), x.shape[1]).double()
    noisy: Tensor = x + z * snr**-0.5
    return noisy


def _new(x: Tensor, levels: Array, seed: int) -> tuple[Array, Array]:
    """Return errors [m, K] of (2) and of the best: each half is asked what the other taught."""
    halves = (x[::2], x[1::2])
    both = np.concatenate(
        [_errors(halves[k], halves[1 - k][: ASKED // 2], levels, seed + k) for k in range(2)],
        axis=1,
    )  # [3, m, K]
    best = both.mean(axis=1).argmin(axis=0)
    return both[0], np.take_along_axis(both, best[None, None], axis=0)[0]


def _errors(taught: Tensor, asked: Tensor, levels: Array, seed: int) -> Array:
    """Return squared errors [3, m, K] of (2), (3) and (4)."""
    guesses, asked = _denoisers(taught), asked.flatten(1)
    out = np.empty((len(guesses), len(asked), len(levels)))
    source = NoiseSource(seed, "attainable")
    for k, s in enumerate(levels):
        noisy = _noised(asked, float(s), source, k)
        for j, guess in enumerate(guesses):
            out[j, :, k] = (guess(noisy, float(s)) - asked).square().sum(dim=1).numpy()
    return out


def _denoisers(taught: Tensor) -> list[Straight | Neighbours]:
    moments = measure_moments([taught], tuple(taught.shape[1:]))
    flat, d = taught.flatten(1), len(moments.mean)
    plain = replace(moments, variances=np.full(d, moments.variance / d))
    # a law lends its shape and its units, which are those of the rows
    like = ExactDenoiser(Gaussian(np.zeros(d), 1.0))
    return [Straight(plain), Straight(moments), Neighbours(like, flat)]


class Straight:
    """The denoiser (3) of moments."""

    def __init__(self, moments: Moments) -> None:
        self.basis = moments.basis
        self.mean = torch.from_numpy(moments.mean)
        self.variances = torch.from_numpy(moments.variances)

    def __call__(self, x: Tensor, snr: float) -> Tensor:
        """Return (3) for x [B, d]."""
        keep = snr * self.variances / (1 + snr * self.variances)
        inner = self.basis.to_coordinates(x - self.mean)
        return self.mean + self.basis.from_coordinates(keep * inner)
