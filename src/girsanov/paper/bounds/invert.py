r"""From targets to steps: the fewest N for which a theorem promises (TV, W2).

With eta the KL that certifies `tv`, the sampler stops at delta (W2 from the law there to the
data at most `w2`), starts at T where KL_T = f eta, and takes

    N = min { N : D(N) + E(N) <= (1 - f) eta },     over shares f in SHARES.                (1)

Every theorem has a name here; `steps_for` gives its bound at that N.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from ..._checks import InputError, refuse, require, require_choice
from . import chen2023_cld, chen2023_ddpm
from .any_law import any_law, any_law_score_term
from .chen2023_ddpm import EXACT_SCORE, LEARNED_SCORE
from .chen2023_support import delta_for_w2, early_stopping_w2, snr_at
from .facts import Facts, require_error
from .result import Bound, budget, fewest_steps

SHARES = (0.03, 0.06, 0.1, 0.14, 0.18, 0.24, 0.3, 0.4)
SHARES_OF_SUMS = (0.13,)  # where a bound is a sum over all steps
SUMMED = 2**21  # steps up to which such a sum is made
FINEST = 1e-30  # of a target: no step count is given that could reach less
SHORTEST = 1e-3  # time, of a sampler that could as well do nothing

Promise = Callable[[int], Bound]
PAPER_THEOREMS = {
    "chen2023": ("theorem2-2a", "theorem2-2b", "theorem2-2c", "theorem6-4a", "theorem6-4b"),
    "conforti2025": ("ei-relative",),
    "benton2024": ("theorem2-grid", "ddpm", "analytic-dpm"),
}
THEOREMS = tuple(name for names in PAPER_THEOREMS.values() for name in names)


def steps_for(
    theorem: str, facts: Facts, *, tv: float, w2: float | None = None, score_error: float = 0.0
) -> Bound:
    """Return the bound of `theorem` (one of THEOREMS) at the fewest steps that promise `tv`.

    tv: of the output to the law at which it stops; w2: of that law to the data, None to go to
    the data themselves, which needs a score there; score_error: eps at every step. Raises
    InputError when the theorem does not apply or nothing reaches the target.
    """
    require_choice("theorem", theorem, THEOREMS)
    target, stop = require_targets(facts, tv, w2, score_error)
    summed = theorem in ("theorem2-grid", "theorem6-4b")
    counts = []
    for share in SHARES_OF_SUMS if summed else SHARES:
        promise = _promise(theorem, facts, stop, share * target, score_error)
        most = SUMMED if summed else math.inf
        counts.append(_least(promise, target, most))
    best = min((b for b in counts if b is not None), key=lambda b: b.steps, default=None)
    if best is None:
        bottom = "the score error alone costs more" if score_error else "too many steps to sum"
        refuse("tv", f"cannot be promised by {theorem}: {bottom}", tv)
    return best


def require_targets(
    facts: Facts, tv: float, w2: float | None, score_error: float = 0.0
) -> tuple[float, float]:
    """Return the KL that certifies `tv` and the time at which to stop for `w2`."""
    target = budget(tv)
    require(tv >= FINEST, "tv", f"must be at least {FINEST:g}", tv)
    require_error(score_error)
    if w2 is None:
        return target, 0.0
    stop = delta_for_w2(facts, w2)
    require(math.isfinite(stop), "w2", "is so large that pure noise meets it", w2)
    require(w2 >= FINEST, "w2", f"must be at least {FINEST:g}", w2)
    return target, stop


def _least(promise: Promise, target: float, most: float) -> Bound | None:
    def price(n: int) -> float:
        bound = promise(n)
        return bound.discretisation + bound.score

    try:
        left = target - promise(1).init
        return promise(fewest_steps(price, left, most))
    except InputError:
        return None


def _promise(theorem: str, facts: Facts, stop: float, start: float, score_error: float) -> Promise:
    """Return N -> the theorem's bound with KL_T = `start` nats."""
    if theorem in ("ddpm", "analytic-dpm"):
        require(stop > 0, "w2", "must be given: this grid is geometric and stops before the data")
        last = snr_at(stop)
        first = min(2 * start / max(facts.spread, 1e-300), last / 2)
        return partial(_any_law, facts, theorem, first, last, score_error)
    if theorem.startswith("theorem6"):
        noised = facts.noised(stop)
        time = _time(lambda t: noised.start(float(chen2023_cld.ou_time_of_cld(t))), 0.0, start)
        form = theorem[-2:]
        _applies(chen2023_cld.uniform_cld_discretisation(noised, form, 1, time=time), theorem)
        return partial(_cld, facts, stop, time, score_error, form)
    time = _time(facts.start, stop, start)
    if theorem == "theorem2-grid":
        require(stop > 0, "w2", "must be given: this grid is geometric and stops before the data")
        return partial(_grid, facts, stop, time, score_error)
    if theorem == "ei-relative":
        _applies(facts.relative_fisher(stop), theorem)
        return lambda n: chen2023_ddpm.ei_relative(
            facts, n, time=time, stop=stop, score_error=score_error
        )
    form = theorem[-2:]
    _applies(facts.lipschitz_at(stop) if form == "2a" else facts.fisher(stop), theorem)
    return partial(_theorem2, facts, stop, time, score_error, form)


def _applies(value: float, theorem: str) -> None:
    rule = f"does not apply: give {'lipschitz or radius' if 'a' in theorem[-1] else 'lipschitz'}"
    require(math.isfinite(value), theorem, rule + ", or w2 to stop early")


def _theorem2(
    facts: Facts, stop: float, time: float, score_error: float, form: str, n: int
) -> Bound:
    h = (time - stop) / n
    if form == "2c" and h >= 1.59:  # (2c) says nothing of longer steps
        n = math.ceil((time - stop) / 1.59)
    return chen2023_ddpm.theorem2(
        facts, n, time=time, stop=stop, score_error=score_error, form=form
    )


def _grid(facts: Facts, stop: float, time: float, score_error: float, n: int) -> Bound:
    levels = np.geomspace(snr_at(time), snr_at(stop), n + 1)
    times = np.log1p(1 / levels[::-1]) / 2
    bound = chen2023_ddpm.theorem2_on_grid(facts, times, score_error)
    return replace(bound, sampler="DDPM, score frozen, equal ratios of SNR")


def _cld(facts: Facts, stop: float, time: float, score_error: float, form: str, n: int) -> Bound:
    bound = chen2023_cld.theorem6(
        facts.noised(stop), n, time=time, score_error=score_error, form=form
    )
    if stop == 0:
        return bound
    noised = chen2023_ddpm.EARLY_STOPPED.format(stop)
    words = (*bound.assumptions, noised)
    return replace(bound, stop=stop, w2=early_stopping_w2(facts, stop), assumptions=words)


def _any_law(
    facts: Facts, sampler: str, first: float, last: float, score_error: float, n: int
) -> Bound:
    bound = any_law(facts, sampler, n, first=first, last=last)
    if score_error == 0:
        return bound
    words = [
        LEARNED_SCORE.format(score_error) if w == EXACT_SCORE else w for w in bound.assumptions
    ]
    cost = any_law_score_term(score_error, n, first=first, last=last)
    return replace(bound, score=cost, assumptions=tuple(words))


def _time(start: Callable[[float], float], stop: float, target: float) -> float:
    """Return the least T > `stop` with start(T) <= target, for a falling `start`."""
    low, high = stop + SHORTEST, stop + 1.0
    if start(low) <= target:
        return low
    while start(high) > target:
        low, high = high, stop + 2 * (high - stop)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if start(middle) <= target else (middle, high)
    return high
