r"""Bounds that know the data's intrinsic dimension, or how many points there are.

I_s = I(X_0; X_s) is what a state at SNR s tells of the data, half the integral of the error curve
up to s. On a geometric grid, x = log(s_N/s_0)/N,

    ddpm           D <= (e^x - 1) I_{s_{N-1}},                                             (1)
    analytic-dpm   D <= d N/2 log(1 + 2 (e^x I - c)/(d N)) - I + c,   c = min(I, s_0 V/2),  (2)

and D of analytic-dpm is never above ddpm's. For (1): D = 1/2 sum (delta_k M_k - int_k M)
<= 1/2 sum delta_k (M_k - M_{k+1}); summed by parts with delta_k - delta_{k-1} = (e^x - 1)
delta_{k-1} and delta_{k-1} M_k <= int_{k-1} M this is (e^x - 1) [ s_0 M_0/2 + I_{s_{N-1}} -
I_{s_0} ], and s_0 M_0/2 <= I_{s_0}. For (2): sum d/2 log(1 + delta_k M_k/d) is by Jensen at most
d N/2 log(1 + 2 (D_ddpm + int M/2)/(d N)), with (1) for D_ddpm; it rises with I until the
logarithm is x and with c, hence upper bounds may stand for both. Where I << d N x it gains
little on (1): a scalar variance does not see the directions in which the data lie. What is known,

    I_s <= d/2 log(1 + s V/d),          I_s <= log n                       for n points,    (3)
    I_s <= log N + d/2 log(1 + s r^2/d) for N balls of radius r that hold the data,         (4)
    I_s <= I_u + d/2 log(1 + 2 (s - u) I_u/(u d)) for s >= u,  I_s <= I_u for s <= u,       (5)

the last from a value measured at u, because u M_u/2 <= I_u and 1/M - s/d does not fall.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..._checks import require, require_choice
from . import steps as of
from .any_law import (
    CERTIFIED_SAMPLERS,
    SAMPLERS_IN_WORDS,
    VARIANCES,
    denoiser_term,
    geometric_bound,
    log_ratio,
)
from .given import require_snrs, require_steps

if TYPE_CHECKING:
    from ..._typing import Array
    from .facts import Facts
    from .result import Bound


def mutual_information(facts: Facts, snr: float) -> float:
    """Return the least upper bound on I(X_0; X_s) in nats that (3) to (5) give at an SNR."""
    d = facts.dimension
    s = float(require_snrs("snr", snr, at_least=1)[0])
    bounds = [_blurred(d, s * facts.spread)]
    if facts.points is not None:
        bounds.append(math.log(facts.points))
    bounds += [math.log(n) + _blurred(d, s * r * r) for r, n in facts.coverings]
    for u, nats in facts.information_at:
        beyond = s > u and nats > 0
        bounds.append(nats + (_blurred(d, 2 * (s - u) / u * nats) if beyond else 0.0))
    return min(bounds)


def _blurred(d: int, power: float) -> float:
    """Return d/2 log(1 + power/d), what d channels of this power in all can tell."""
    return d / 2 * math.log1p(power / d)


def what_bounds_information(facts: Facts, snr: float) -> str:
    """Return in words which of (3) to (5) is the least at an SNR."""
    best = mutual_information(facts, snr) * (1 + 1e-12)
    if facts.points is not None and math.log(facts.points) <= best:
        return (
            f"the data are {facts.points:,} points" if facts.points > 1 else "they are one point"
        )
    for r, n in facts.coverings:
        if math.log(n) + _blurred(facts.dimension, snr * r * r) <= best:
            return f"{n:.3g} balls of radius {r:.3g} hold the data"
    if _blurred(facts.dimension, snr * facts.spread) <= best:
        return "the variance of the data bounds best what a state tells of them"
    nats = mutual_information(facts, snr)
    return f"a state at the last level tells at most {nats:.3g} nats of the data, as measured"


def intrinsic_discretisation(
    facts: Facts, sampler: str, steps: int, *, first: float, last: float
) -> float:
    """Return (1) or (2) in nats for `steps` equal ratios from SNR `first` to `last`."""
    d, n, x = facts.dimension, steps, log_ratio(first, last) / steps
    if x > 300:
        return math.inf
    before = max(first, last * math.exp(-x))
    plain = math.expm1(x) * mutual_information(facts, before)
    if require_choice("sampler", sampler, CERTIFIED_SAMPLERS) == "ddpm":
        return plain
    start = first * facts.spread / 2
    if start >= d * n / 2:
        return plain
    most = (math.expm1(x) * d * n / 2 + start) * math.exp(-x)  # where the logarithm is x
    nats = min(mutual_information(facts, last), most)
    c = min(nats, start)
    share = 2 * (math.exp(x) * nats - c) / (d * n)
    # (2) with share - log(1 + share) in one, which keeps its digits for short steps
    excess = math.expm1(x) * nats - d * n / 2 * float(of.log_excess(-share))
    return min(plain, max(0.0, excess))


def intrinsic(
    facts: Facts,
    sampler: str,
    steps: int,
    *,
    first: float,
    last: float,
    score_errors: Array | float = 0.0,
) -> Bound:
    """Return the bound (1) or (2) on a geometric grid from SNR `first` to `last`.

    facts: `points`, `coverings` or `information_at` make it better than any law's; sampler:
    ``ddpm`` or ``analytic-dpm``; score_errors: eps_k of the denoiser, at each level or one.
    """
    n = require_steps(steps)
    first, last = require_snrs("first, last", [first, last]).tolist()
    value = intrinsic_discretisation(facts, sampler, n, first=first, last=last)
    require(value < math.inf, "steps", "are too few for a bound on this range of SNRs", steps)
    error, learned = denoiser_term(score_errors, n, first=first, last=last)
    variances = (VARIANCES,) if sampler == "analytic-dpm" else ()
    needs = (what_bounds_information(facts, last), learned, *variances)
    name = (f"intrinsic dimension, {sampler}", SAMPLERS_IN_WORDS[sampler])
    return geometric_bound(facts, name, n, (first, last), (value, error), needs)
