r"""Chen, Lee, Lu (arXiv 2211.01916), as rates without constants.

For dx = -x/2 dt + dw, E|x0|^2 = M_2 and an average score error eps^2,

    (i)   L-smooth at all times:   KL <~ (M_2 + d) e^-T + T eps^2 + d L^2 T^2 / N,          (1)
    (ii)  early stopping:          ... + d^2 (T + log 1/delta)^2 / N,                       (2)
    (iii) smooth at t = 0 only:    ... + d^2 log(L)^2 / N.                                  (3)

The statements are recalled; their rates agree with the table of Benton et al.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .result import Rate, budget

if TYPE_CHECKING:
    from .facts import Facts

PAPER = "Chen, Lee, Lu 2022"


def chen_lee_lu2022_rates(facts: Facts, tv: float, stop: float = 0.0) -> tuple[Rate, ...]:
    """Return N of (1), (2), (3) with constants 1, those that apply to what is known."""
    d, kl = facts.dimension, budget(tv)
    time = max(1.0, math.log((facts.second_moment + d) / kl))
    rates = []
    lip = facts.lipschitz_at(0.0)
    if math.isfinite(lip):
        rates.append(("(i)", "N ~ d L^2 T^2 / KL", d * lip**2 * time**2))
    if stop > 0:
        text = "N ~ d^2 (T + log 1/delta)^2 / KL"
        rates.append(("(ii)", text, d**2 * (time - math.log(stop)) ** 2))
    if facts.lipschitz is not None:
        log2 = max(1.0, math.log(facts.lipschitz)) ** 2
        rates.append(("(iii)", "N ~ d^2 log(L)^2 / KL, smooth at 0 only", d**2 * log2))
    return tuple(Rate(f"{PAPER} {which}", text, n / kl, "steps") for which, text, n in rates)
