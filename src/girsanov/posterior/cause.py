r"""Whether the steps or the network make draws untrustworthy: the same pairs with many more steps.

Of pair i let g_i hold u - 1/2 and |2 u - 1| - 1/2 of every coordinate (`ranks.py`), 0 in the mean
for draws that can be trusted. With g of the plan's draws and h of draws on many more steps,

    network = |E h|^2,    steps = |E (g - h)|^2,                                           (1)

each measured as |mean|^2 less what chance makes of it, the trace of the covariance over n. The
fine steps go from the model's noisiest level to its finest, half along the probability flow and
half by noise, two network calls each (`dpm2-ancestral`): what they leave is of third order in
their length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..sampling.ancestral import DPM2_ANCESTRAL, Inner

if TYPE_CHECKING:
    from .._typing import Array
    from ..denoise.base import Denoiser
    from ..planning.plan import Plan
    from ..sampling.sampler import Recipe

LENGTH = 0.3  # of a fine step, in log SNR
MOSTLY = 3.0  # times as much as the other, to be named alone


@dataclass(frozen=True)
class Cause:
    """Equation (1); calls: network calls a draw of the fine steps; good: whether they will do.

    width: c of `ranks.py` of their draws.
    """

    steps: float
    network: float
    calls: int
    good: bool
    width: float

    @property
    def share(self) -> float:
        """The share of the steps in the whole fault."""
        whole = self.steps + self.network
        return self.steps / whole if whole > 0 else 0.5

    @property
    def name(self) -> str:
        """What is to blame: ``steps``, ``network`` or ``both``."""
        if self.steps > MOSTLY * self.network:
            return "steps"
        return "network" if self.network > MOSTLY * self.steps else "both"

    @property
    def main(self) -> str:
        """The larger of the two: ``steps`` or ``network``."""
        return "steps" if self.steps > self.network else "network"


def rank_features(ranks: Array) -> Array:
    """Return g of every pair, [n, 2 c], of ranks u [n, c]."""
    return np.concatenate([ranks - 0.5, np.abs(2 * ranks - 1) - 0.5], axis=1)


def square_of_mean(g: Array) -> float:
    """Return |E g|^2 of g [n, m] without what chance adds to it, and not below 0."""
    mean = g.mean(axis=0)
    return max(0.0, float(mean @ mean) - float(g.var(axis=0, ddof=1).sum()) / len(g))


def fine_recipe(denoiser: Denoiser, plan: Plan) -> Recipe:
    """Return many steps for the same model, which begin as a plan with a Gaussian does."""
    low, high = (float(s) for s in denoiser.snr_range)
    count = math.ceil(math.log(high / low) / LENGTH)
    levels = np.geomspace(low, high, count + 1)
    flow_to = levels[1:] * (levels[1:] / levels[:-1]) ** 0.5
    inner = Inner(flow_to, np.sqrt(levels[:-1] * flow_to))
    moments = plan.moments
    start = (moments.mean, np.sqrt(moments.variances + 1 / low), moments.basis)
    return replace(DPM2_ANCESTRAL, inner=inner).recipe(levels, start=start, last="denoise")
