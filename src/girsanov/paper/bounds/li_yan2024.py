r"""Li, Yan (arXiv 2409.18959), as a rate without constants.

Theorem 1: for E|x0| <= N^c and a denoising error eps, N steps of DDPM give

    TV <= C d log(N)^3 / N + C eps sqrt(log N),                                             (1)

and Theorem 2 the same with the data's intrinsic dimension k in place of d for the small
variance. C is unspecified.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..._checks import require_number
from .given import require_dimension
from .result import Rate

if TYPE_CHECKING:
    from .facts import Facts

PAPER = "Li, Yan 2024"
TURN = math.exp(3)  # log(N)^3/N falls from here on


def li_yan2024_rate(facts: Facts, tv: float, intrinsic: int | None = None) -> Rate:
    """Return the N at which (1) with C = 1 and an exact score is `tv`, past its turning point.

    intrinsic: k, the data's intrinsic dimension, for Theorem 2 of the paper.
    """
    require_number("tv", tv, above=0.0)
    d, text = facts.dimension, "TV ~ d log(N)^3 / N"
    if intrinsic is not None:
        d = require_dimension(intrinsic, "intrinsic")
        text = f"TV ~ k log(N)^3 / N, intrinsic dimension k = {d}, small variance"
    n = TURN
    for _ in range(200):  # N = d log(N)^3/tv contracts beyond e^3
        n = max(TURN, d * math.log(n) ** 3 / tv)
    return Rate(PAPER if intrinsic is None else f"{PAPER}, intrinsic", text, n, "steps")
