r"""A short training, to measure at which levels the gradient of the loss varies most.

With x = x0 + z/sqrt(s), l = log s and e = |x0 - m(x, s)|^2 the loss 1/2 int M ds is the mean of

    g = s e / (2 p(l)),   l ~ p,                                                           (1)

for any density p of levels. Its gradient has the least second moment, and so the least variance,
for importance sampling by the norm of the gradient (Alain et al. 2015, arXiv 1511.06481;
Katharopoulos and Fleuret 2018, arXiv 1803.00942),

    p(l) ~ sqrt(G(l)),   G(l) = E |grad (s e / 2)|^2 given l.                              (2)

G is measured after the trial, an example and a level at a time. The log-normal density with the
mean and deviation of (2) goes with the weights s/(2 p) of (1), which are not EDM's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from .._checks import figure
from ..montecarlo import Estimate, mean_estimate
from ..noise import NoiseSource
from ..train.fit import fit
from .density import log_normal

if TYPE_CHECKING:
    from .._typing import Array, Json, Progress, Tensor
    from ..data.dataset import Dataset
    from ..denoise.network import NetworkDenoiser
    from .recipes import Levels

ASKED_LEVELS, ASKED_EXAMPLES = 17, 48


@dataclass(frozen=True)
class TrialRun:
    """G of (2) at SNRs `levels` [K], after `steps` steps; p_mean, p_std: of the density (2)."""

    levels: Array
    moments: Estimate
    p_mean: float
    p_std: float
    steps: int

    def saving(self) -> float:
        """Return the gradient's second moment under (2) over that of levels uniform in log s."""
        root = np.sqrt(self.moments.value)
        return float(root.mean() ** 2 / self.moments.value.mean())

    def line(self) -> str:
        """Return what the trial measured, in a sentence."""
        return (
            f"After {self.steps} steps the gradient of the loss in nats varies least with "
            f"P_mean={figure(self.p_mean)} P_std={figure(self.p_std)} and weights 1/(sigma^2 p), "
            f"p the density of log sigma: {figure(100 * self.saving(), 2)} % of what levels "
            "uniform in log sigma leave."
        )

    def to_json(self) -> Json:
        """Return the density, and the second moments by noise level."""
        return {
            "steps": self.steps, "P_mean": self.p_mean, "P_std": self.p_std,
            "noise": (self.levels**-0.5).tolist(),
            "gradient_second_moment": self.moments.value.tolist(),
            "gradient_second_moment_se": self.moments.se.tolist(),
            "saving": self.saving(), "line": self.line(),
        }  # fmt: skip


def run_trial(
    data: Dataset, levels: Levels, minutes: float, seed: int, progress: Progress | None = None
) -> TrialRun:
    """Train for so many minutes as `girsanov.fit` does, and measure (2) between both ends.

    levels: in the standardised units of `data`.
    """
    # columns are trained in units of their own, which are not those of the levels
    network = "mlp" if len(data.shape) == 1 else "auto"
    model = fit(data.without_labels(), minutes=minutes, seed=seed, network=network,
                progress=progress)  # fmt: skip
    snrs = np.geomspace(levels.sigma_max**-2, levels.sigma_min**-2, ASKED_LEVELS)
    x = data.batch(slice(0, min(ASKED_EXAMPLES, len(data))))
    moments = gradient_moments(model, x, snrs, seed)
    density = log_normal(snrs, np.sqrt(moments.value))
    return TrialRun(snrs, moments, *density, model.training["steps_run"])


def gradient_moments(model: NetworkDenoiser, x: Tensor, snrs: Array, seed: int) -> Estimate:
    """Return G of (2) at SNRs [K], over examples x [n, *shape]."""
    source = NoiseSource(seed, "trial")
    weights = list(model.network.parameters())
    rows = np.empty((len(x), len(snrs)))
    for k, s in enumerate(snrs):
        z = source.normal(k, 0, len(x), math.prod(model.shape)).reshape(x.shape)
        noisy = (x + z * float(s) ** -0.5).to(model.device)
        for i, x0 in enumerate(x.to(model.device)):
            loss = (
                float(s) / 2 * (model.denoise(noisy[i : i + 1], float(s))[0] - x0).square().sum()
            )
            parts = torch.autograd.grad(loss, weights, allow_unused=True)
            rows[i, k] = sum(float(p.double().square().sum()) for p in parts if p is not None)
    return mean_estimate(rows)
