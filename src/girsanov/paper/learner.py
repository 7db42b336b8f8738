r"""Denoising score matching: least squares in splines on a line, and the network of `fit`.

The splines' minimiser is known. At each SNR s, with alpha^2 = s/(1 + s) and J noises z_ij for each
of n examples x_i,

    m(x) = alpha^2 x + sum_j c_j B_j(alpha x),
    c = argmin 1/J sum_ij |x_i - m(x_i + z_ij/sqrt(s))|^2 + |c|^2/(1 + s),               (1)

with cubic B-splines B_j on even knots. By Vincent (2011) the first sum has the mean n (e^2 + M), M
the least error, so that nothing but examples need be seen. What is learned can be compared with
the truth by quadrature, under the law of the noised data,

    e^2 = E |m(x) - E[x_0 | x]|^2,     eps = (1 + s) alpha e,                             (2)

the error of the denoiser and of the score in Ornstein-Uhlenbeck coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.interpolate import BSpline

from .._checks import require, require_count
from .._typing import Array, Tensor
from ..noise import NoiseSource
from .output_law import Guess, exact_denoise, law_density

if TYPE_CHECKING:
    from ..law.base import Law

SPLINES = 40
REACH = 5.0  # of the knots, in Ornstein-Uhlenbeck coordinates; beyond them the last spline ends
KNOTS = np.linspace(-REACH, REACH, SPLINES + 4)
INSIDE = (KNOTS[3], KNOTS[-4] - 1e-9)
POINTS = np.linspace(-8.0, 8.0, 2001)  # of the quadrature (2)


class SplineDenoiser:
    """The denoiser (1) that `count` examples of a law on a line teach, fitted when it is asked.

    law: the truth, of which only samples are seen; count: n; seed: of examples and noise; draws:
    J. It is a denoiser like any other, in the law's own units.
    """

    exact, classes, fingerprint = False, 0, "splines"
    shape: tuple[int, ...] = (1,)
    snr_range = (1e-6, 1e6)
    dtype, device = torch.float64, torch.device("cpu")

    def __init__(self, law: Law, count: int, *, seed: int = 0, draws: int = 4) -> None:
        require(law.dimension == 1, "law", "must be on a line", law.dimension)
        self.draws = require_count("draws", draws)
        self.examples = law.sample(require_count("count", count), seed=seed).numpy()
        self.noise = NoiseSource(seed, "spline denoiser")
        self.fitted: dict[float, Array] = {}

    def __call__(self, x: Tensor, snr: float | Tensor, label: Tensor | None = None) -> Tensor:
        """Return m(x, snr) [B, 1]."""
        return torch.from_numpy(self.guess(x[:, 0].double().numpy(), float(snr)))[:, None]

    def guess(self, x: Array, snr: float) -> Array:
        """Return m(x, snr) [n] at points [n]."""
        alpha = math.sqrt(snr / (1 + snr))
        return np.asarray(alpha**2 * x + _splines(alpha * x) @ self.coefficients(snr))

    def coefficients(self, snr: float) -> Array:
        """Return c of (1) at this SNR."""
        if snr not in self.fitted:
            alpha, step = math.sqrt(snr / (1 + snr)), len(self.fitted)
            z = self.noise.normal(step, 0, len(self.examples), self.draws).double().numpy()
            noisy = alpha * (self.examples + z / math.sqrt(snr))
            seen = _splines(noisy.ravel())
            rest = (self.examples - alpha * noisy).ravel()
            gram = (seen.T @ seen).toarray() / self.draws + np.eye(SPLINES) / (1 + snr)
            self.fitted[snr] = np.linalg.solve(gram, seen.T @ rest / self.draws)
        return self.fitted[snr]


def network_denoiser(examples: Array, *, steps: int, seed: int) -> Callable[[Array, float], Array]:
    """Return m(x [n, d], snr) of the MLP that `girsanov.fit` learns from `examples` [n, d].

    In the examples' units; their columns' scales must be alike, as one SNR stands for all.
    """
    # what reads data and trains is loaded for a network alone
    from ..data.load import load_data
    from ..train import fit

    model = fit(load_data(examples), steps=steps, seed=seed, network="mlp")
    ends = np.array([np.zeros(model.shape), np.ones(model.shape)])
    mean, end = model.standardisation.decode(ends)
    scale = end - mean
    snr_in_units = float(scale.mean()) ** 2

    def guess(x: Array, snr: float) -> Array:
        with torch.inference_mode():
            u = torch.from_numpy((x - mean) / scale).to(model.dtype)
            return np.asarray(mean + scale * model(u, snr * snr_in_units).double().numpy())

    return guess


def _splines(u: Array) -> BSpline:
    """Return B_j(u) [n, SPLINES], sparse."""
    return BSpline.design_matrix(np.clip(u, *INSIDE), KNOTS, 3)


def score_errors(law: Law, guess: Guess, levels: Array) -> tuple[Array, Array]:
    """Return e and eps of (2) for a denoiser of a law on a line, at each of `levels`."""
    e, eps = [], []
    for s in levels.tolist():
        alpha = math.sqrt(s / (1 + s))
        density = law_density(law, s, POINTS / alpha)
        gap = guess(density.x, s) - exact_denoise(law, density.x, s)
        e.append(math.sqrt(density.mean(gap**2)))
        eps.append((1 + s) * alpha * e[-1])
    return np.array(e), np.array(eps)
