r"""Benton, De Bortoli, Doucet, Deligiannidis (arXiv 2308.03686), as a rate without constants.

Theorem 1: for data of identity covariance, a total score error eps^2 and steps
gamma_k <= kappa min(1, T - t_{k+1}),

    KL(q_delta | p) <~ eps^2 + kappa^2 d N + kappa d T + d e^-2T,                           (1)

hence N = Theta( d (T + log 1/delta)^2 / eps^2 ) with T = 1/2 log(d/eps^2) for KL <~ eps^2 (2).
The constants are not in the paper: `theorem2_on_grid` and `any_law` here are results of this
kind that have them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .result import Rate, budget

if TYPE_CHECKING:
    from .facts import Facts

PAPER = "Benton et al. 2024"


def benton2024_rate(facts: Facts, tv: float, stop: float) -> Rate:
    """Return N of (2) with every constant 1, for a total variation `tv` at time `stop`."""
    d, kl = facts.dimension, budget(tv)
    time = max(1.0, math.log(d / kl) / 2)
    value = d * (time + max(0.0, math.log(1 / stop))) ** 2 / kl
    return Rate(PAPER, "N ~ d (T + log 1/delta)^2 / KL, identity covariance", value, "steps")
