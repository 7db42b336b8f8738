r"""ODE samplers as steps of the one loop.

In the coordinates x = x0 + sigma z, sigma = 1/sqrt(s), the probability-flow ODE of any scalar
forward process is

    dx/dsigma = (x - m(x, s))/sigma,    or    dx/dlambda = m - x,   lambda = log(s)/2,     (1)

so that one step from s to s' > s, with h = lambda' - lambda, q = 1 - e^-h = 1 - sigma'/sigma, is

    ddim (Song et al. 2021), m frozen:        x' = (1 - q) x + q m,                       (2)
    heun (Karras et al. 2022, algorithm 1):   x' = x_p + q/(2 (1 - q)) (m_p - m),         (3)
        x_p and m from (2), m_p = m(x_p, s'); the step before it having been (2), (3) is a step
        out of s' with the prediction of (2) as its history;
    dpmpp-2m (Lu et al. 2022, DPM-Solver++ 2M, midpoint), m extrapolated in lambda:
                                              x' = (1 - q) x + q m + q h/(2 h_b) (m - m_b), (4)
        m_b the prediction of the step before, taken h_b earlier; the first step is (2).

A last prediction m is (2) down to sigma' = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from .._checks import require, require_levels
from .sampler import Recipe, Sampler, Start, Step

if TYPE_CHECKING:
    from .._typing import Array
    from ..basis import Basis


class StepWeights(NamedTuple):
    """A whole step as x' = state x + prediction m + history m_b + corrector m_p; arrays alike."""

    state: Array
    prediction: Array
    history: Array
    corrector: Array


@dataclass(frozen=True)
class OdeSampler(Sampler):
    """An ODE sampler of (1): nothing is random after the start, so that it has no path KL."""

    stochastic: ClassVar[bool] = False

    def weights(
        self, before: Array | float | None, snr: Array | float, snr_next: Array | float
    ) -> StepWeights:
        """Return the factors of (2), (3) or (4) for steps from `snr` to `snr_next`, in float64.

        before: the level that the step before came from, which (4) needs; None for a first step.
        """
        # where a difference of logarithms would cancel
        h = np.asarray(np.log1p((np.asarray(snr_next) - snr) / snr) / 2)
        q, none = -np.expm1(-h), np.zeros_like(h)
        if self.calls == 2:
            b = np.expm1(h) / 2  # q/(1 - q) = e^h - 1
            return StepWeights(np.exp(-h), q - b, none, b)
        if not self.history or before is None:
            return StepWeights(np.exp(-h), q, none, none)
        ratio = h / np.log1p((np.asarray(snr) - before) / before)
        return StepWeights(np.exp(-h), q * (1 + ratio), -q * ratio, none)

    def step(self, before: float | None, snr: float, snr_next: float) -> list[Step]:
        """Return the network calls of one step: one, or two with heun."""
        w = self.weights(before, snr, snr_next)
        if self.calls == 1:
            return [Step(snr, float(w.state), float(w.prediction), 0.0, history=float(w.history))]
        b = float(w.corrector)
        predictor = DDIM.step(None, snr, snr_next)
        return [*predictor, Step(snr_next, 1.0, b, 0.0, history=-b)]

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
        """Return the sampler that follows (1) through `levels` [N+1].

        start: of the Gaussian it begins with, the only randomness; last: ``denoise`` calls the
        network once more at the last level and returns its prediction, ``sample`` returns the
        state there. Variances and bases belong to other samplers.
        """
        require(variances is None, "variances", "must be given for no ODE sampler", self.name)
        require(process == "vp", "process", "must be vp for an ODE sampler", process)
        ends = self.require_last(last)
        grid = require_levels("levels", levels, at_least=1 if ends == "denoise" else 2).tolist()
        steps = [
            step
            for three in zip([None, *grid], grid, grid[1:], strict=False)
            for step in self.step(*three)
        ]
        if last == "denoise":
            steps.append(Step(grid[-1], 0.0, 1.0, 0.0))
        return Recipe(*start, tuple(steps), grid[-1])


DDIM = OdeSampler("ddim")
HEUN = OdeSampler("heun", order=2, calls=2)
DPMPP_2M = OdeSampler("dpmpp-2m", order=2, history=True)
