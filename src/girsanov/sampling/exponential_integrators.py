r"""What a step freezes: the coefficients of one stochastic step from SNR s to s' > s.

In the coordinates x = x0 + z/sqrt(s), every sampler here is linear in the state, the prediction m
and fresh noise (an ODE sampler, `ode_samplers.py`, instead of noise in the prediction of the step
before),

    x' = a x + b m + c xi,    xi ~ N(0, I),    delta = s' - s.                            (1)

ddpm (ancestral, Ho et al. 2020) and analytic-dpm (Bao et al. 2022, with a measured covariance
diag(v) in a basis):

    a = s/s',   b = delta/s',   c_j = sqrt(delta (1 + delta v_j)) / s'.                   (2)

A last step ends at s' = inf, where (2) draws x0 ~ N(m, U diag(v) U^T), which keeps the data's
variance in the basis U; ddpm (v = 0) returns m, which lacks v_j of it.

ei-score: the exponential integrator of Chen et al. (arXiv 2209.11215), Ornstein-Uhlenbeck reverse
SDE with the score frozen for the OU time h = (log(1 + 1/s) - log(1 + 1/s'))/2:

    X' = e^h X + 2 (e^h - 1) score + sqrt(e^2h - 1) xi,    x = X/alpha,                   (3)

and ei-relative, with score + X frozen (Conforti, Durmus, Silveri):

    X' = e^-h X + 2 (1 - e^-h)(score + X) + sqrt(1 - e^-2h) xi.                           (4)

The start is the step (2) from s = 0, where the best prediction is the data's mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._checks import require, require_choice, require_levels
from .cld import PhaseFlow, ei_relative_flow, ei_score_flow, in_phase_space
from .gaussian_step import analytic_dpm_step, checked_variances
from .sampler import PROCESSES, Recipe, Sampler, Start, Step
from .step_kl import ddpm_kl, ei_relative_kl, ei_score_kl
from .step_kl_cld import cld_ei_relative_kl, cld_ei_score_kl

if TYPE_CHECKING:
    from .._typing import Array
    from ..basis import Basis


def ou_time(snr: Array | float) -> Array:
    """Return the Ornstein-Uhlenbeck time t = log(1 + 1/s)/2 of an SNR."""
    return np.asarray(np.log1p(1 / np.asarray(snr, dtype=np.float64)) / 2)


def _ou_step(snr: float, snr_next: float) -> float:
    """Return h of (3): e^2h - 1 = delta / (s (1 + s')), where a difference of times cancels."""
    return float(np.log1p((snr_next - snr) / (snr * (1 + snr_next))) / 2)


def ei_score_step(snr: float, snr_next: float) -> Step:
    """Return the step (3) of the paper."""
    h = _ou_step(snr, snr_next)
    b = -2 * np.expm1(-h) * (1 + snr)
    # alpha'^2 = s'/(1 + s'), and 1/sigma^2 = 1 + s turns the score into (m - x)/sigma^2 / alpha
    noise = np.sqrt(np.expm1(2 * h) * (1 + snr_next) / snr_next)
    return Step(snr, 1 - b, b, float(noise))


def ei_relative_step(snr: float, snr_next: float) -> Step:
    """Return the step (4)."""
    h = _ou_step(snr, snr_next)
    b = -2 * np.exp(-h) * np.expm1(-h) * (1 + snr)
    noise = np.sqrt(-np.expm1(-2 * h) * (1 + snr_next) / snr_next)
    return Step(snr, float(2 * np.exp(-h) - np.exp(-2 * h) - b), float(b), float(noise))


@dataclass(frozen=True)
class Integrator(Sampler):
    """A stochastic sampler; step: (2), (3) or (4) between two SNRs, the last one inf for a draw.

    flow: of phase space (`cld.py`), None for the bridge of (2) there.
    """

    step: Callable[[float, float], Step] = analytic_dpm_step
    flow: PhaseFlow | None = None

    def recipe(
        self,
        levels: Array,
        *,
        start: Start,
        variances: Array | None = None,
        bases: tuple[Basis | None, ...] | None = None,
        last: str = "denoise",
        process: str = "vp",
    ) -> Recipe:
        """Return the sampler that visits `levels` [N+1]; `girsanov.recipe` says the rest."""
        ends = self.require_last(last)
        grid = require_levels("levels", levels, at_least=2 if ends == "sample" else 1)
        rule = "must be given for analytic-dpm, and for no other"
        require((variances is not None) == self.covariance, "variances", rule, self.name)
        cells = list(zip(grid[:-1].tolist(), grid[1:].tolist(), strict=True))
        cells += [(float(grid[-1]), math.inf)] * (last == "draw")
        if variances is None:
            steps = [self.step(s, t) for s, t in cells]
        else:
            v, u = checked_variances(variances, bases, len(cells))
            steps = [analytic_dpm_step(s, t, v[k], u[k]) for k, (s, t) in enumerate(cells)]
        if last == "denoise":
            steps.append(Step(float(grid[-1]), 0.0, 1.0, 0.0))
        whole = Recipe(*start, tuple(steps), float(grid[-1]))
        require_choice("process", process, PROCESSES)
        return in_phase_space(whole, grid, self.flow) if process == "cld" else whole


EI_SCORE = Integrator(
    "ei-score", step=ei_score_step, flow=PhaseFlow(ei_score_flow, raw=True), start="standard",
    monge=False, step_kl={"vp": ei_score_kl, "cld": cld_ei_score_kl},
)  # fmt: skip
EI_RELATIVE = Integrator(
    "ei-relative", step=ei_relative_step, flow=PhaseFlow(ei_relative_flow), start="standard",
    products=True, step_kl={"vp": ei_relative_kl, "cld": cld_ei_relative_kl},
)  # fmt: skip
DDPM = Integrator("ddpm", start="mean", step_kl={"vp": ddpm_kl, "cld": ddpm_kl})
ANALYTIC_DPM = Integrator("analytic-dpm", covariance=True)
