r"""Conforti, Durmus, Silveri (arXiv 2308.12240), as a rate without constants.

For equal steps h of Ornstein-Uhlenbeck with the relative score frozen,

    KL <~ e^-2T KL(q | gamma) + T eps^2 + h FI(q | gamma),                                  (1)

FI the relative Fisher information. `ei_relative` here is this statement with its constant,
(1 - e^-2h)/2 <= h. (1) is recalled, not checked against the paper's text.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .result import Rate, budget

if TYPE_CHECKING:
    from .facts import Facts

PAPER = "Conforti et al. 2025"


def conforti2025_rate(facts: Facts, tv: float, stop: float = 0.0) -> Rate | None:
    """Return N = T FI / KL of (1) with constants 1; None where the information is unknown."""
    information = facts.relative_fisher(stop)
    if math.isinf(information):
        return None
    kl = budget(tv)
    start = facts.start(stop) if stop > 0 or facts.kl is not None else facts.start(0.1)
    time = max(1.0, math.log(max(start, kl) / kl) / 2)
    return Rate(PAPER, "N ~ T FI / KL", max(1.0, time * information / kl), "steps")
