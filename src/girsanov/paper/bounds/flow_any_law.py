r"""A bound for any law at the output's own rate, 1/N^2: along the probability flow.

Besides the true reverse process a second ideal chain has the right law at every level: follow the
flow from noise sigma to rho, then add noise back to sigma'. For ddpm, whose mean is one step of
DDIM to rho = sigma'^2/sigma, a step over log(sigma/sigma') = x/2, with a = z - E[z | x], costs

    KL <= [ int_0^x e^-(x-r) |m(X_r) - m(X_0)| dr ]^2/(2 c^2)
       <= g c_x^2 / (2 (e^-x - e^-2x))  ~  g x^3/8,      c_x = 1 - (1 + x) e^-x,           (1)

by Minkowski's inequality, where g bounds E|dm/dlambda|^2/sigma^2 along the flow. Since dm/dlambda
= sigma E[a (a.z) | x], and with y = E[z | x], S = Cov(z | x) and |z|^2 = d + xi this is
sigma ( E[a xi | x] - S y ), where E|E[a xi | x]|^2 <= E tr S E[xi^2 | x] and, as tr S + |y|^2 =
E[|z|^2 | x], |S y|^2 <= (tr S)^2 |y|^2 <= 4/27 E[|z|^2 | x]^3,

    g <= ( [12 d (d + 4) d (d + 2)]^(1/4) + [4/27 d (d + 2)(d + 4)]^(1/2) )^2              (2)

for every law, atoms included, by Cauchy and Schwarz with E xi^4 = 12 d (d + 4), E|z|^4 = d (d + 2)
and E|z|^6 = d (d + 2)(d + 4).

N steps of a geometric grid, x = log(s_N/s_0)/N, cost N times (1): about g log(s_N/s_0)^3/(8 N^2).
A denoiser's error moves a step's mean by (1 - e^-x) eps_k, and its part of (1) is exactly
delta_k eps_k^2/2, so that with E of any_law.py the total is

    KL <= KL_init + (sqrt(D) + sqrt(E))^2.                                                 (3)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..._checks import require
from . import steps as of
from .any_law import denoiser_term, geometric_bound, log_ratio
from .given import require_snrs, require_steps

if TYPE_CHECKING:
    from ..._typing import Array
    from .facts import Facts
    from .result import Bound


def bend(dimension: int) -> float:
    """Return g of (2), what the denoiser can change along the flow at most, in any law."""
    d = float(dimension)
    skew, lean = 12 * d * (d + 4) * d * (d + 2), 4 * d * (d + 2) * (d + 4) / 27
    return (math.sqrt(math.sqrt(skew)) + math.sqrt(lean)) ** 2


def flow_discretisation(dimension: int, steps: int, *, first: float, last: float) -> float:
    """Return N times (1) with (2) in nats, for equal ratios from SNR `first` to `last`."""
    d, x = dimension, log_ratio(first, last) / steps
    if x > 300:
        return math.inf
    return bend(d) * steps * float(of.c(x)) ** 2 * math.exp(x) / (-2 * math.expm1(-x))


def flow_score_term(discretisation: float, error: float) -> float:
    """Return what (3) is above D and KL_init, for E = `error`."""
    return error + 2 * math.sqrt(discretisation) * math.sqrt(error)


def flow_any_law(
    facts: Facts, steps: int, *, first: float, last: float, score_errors: Array | float = 0.0
) -> Bound:
    """Return the bound (3) of ddpm on a geometric grid from SNR `first` to `last`.

    facts: only the dimension and the variance are used; score_errors: eps_k of the denoiser, at
    each of the `steps` levels or one number.
    """
    n = require_steps(steps)
    first, last = require_snrs("first, last", [first, last]).tolist()
    value = flow_discretisation(facts.dimension, n, first=first, last=last)
    require(value < math.inf, "steps", "are too few for a bound on this range of SNRs", steps)
    error, learned = denoiser_term(score_errors, n, first=first, last=last)
    terms = (value, flow_score_term(value, error))
    name = ("any law, along the flow", "DDPM's small variance")
    return geometric_bound(facts, name, n, (first, last), terms, (learned,))
