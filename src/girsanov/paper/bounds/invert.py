r"""From targets to steps: the fewest N for which a theorem promises (TV, W2).

With eta the KL that certifies `tv`, the sampler stops at delta (W2 from the law there to the
data at most `w2`), starts at T where KL_T = f eta, and takes

    N = min { N : D(N) + E(N) <= (1 - f) eta },     over shares f in SHARES.                (1)

Every theorem has a name here; `steps_for` gives its bound at that N.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ..._checks import InputError, refuse, require, require_choice
from . import chen2023_cld, chen2023_ddpm, strasman2024
from .any_law import any_law, any_law_score_term, shrink
from .chen2023_ddpm import EXACT_SCORE, LEARNED_SCORE
from .chen2023_support import delta_for_w2, early_stopping_w2, snr_at
from .facts import Facts
from .flow_any_law import flow_any_law, flow_score_term
from .given import LONGEST_TIME, MOST_STEPS, require_error
from .intrinsic import intrinsic
from .result import GEOMETRIC, LINEAR_SCHEDULE, TRIED_EACH, Bound, budget, fewest_steps

SHARES = (0.03, 0.06, 0.1, 0.14, 0.18, 0.24, 0.3, 0.4)
SHARES_OF_SUMS = (0.13,)  # where a bound is a sum over all steps
SUMMED = 2**21  # steps up to which such a sum is made
FINEST = 1e-30  # of a target: no step count is given that could reach less
SHORTEST = 1e-3  # time, of a sampler that could as well do nothing
GEOMETRIC_ALONE = "must be given: this grid is geometric and stops before the data"
INTRINSIC_ALONE = "does not apply: give points, coverings or an audit's information"
SUMS = ("theorem2-grid", "theorem6-4b", "ei-relative-linear")

Promise = Callable[[int], Bound]
PAPER_THEOREMS = {
    "chen2023": ("theorem2-2a", "theorem2-2b", "theorem2-2c", "theorem6-4a", "theorem6-4b"),
    "conforti2025": ("ei-relative",),
    "strasman2024": ("strasman2024", "ei-relative-linear"),
    "benton2024": ("theorem2-grid", "ddpm", "ddpm-halfway", "analytic-dpm"),
    "own": ("ddpm-flow", "ddpm-intrinsic", "analytic-dpm-intrinsic"),
}
THEOREMS = tuple(name for names in PAPER_THEOREMS.values() for name in names)
SCHEDULED = PAPER_THEOREMS["strasman2024"]
GEOMETRIC_BOUNDS: dict[str, Callable[..., Bound]] = {
    "ddpm": partial(any_law, sampler="ddpm"),
    "ddpm-halfway": partial(any_law, sampler="ddpm-halfway"),
    "analytic-dpm": partial(any_law, sampler="analytic-dpm"),
    "ddpm-flow": flow_any_law,
    "ddpm-intrinsic": partial(intrinsic, sampler="ddpm"),
    "analytic-dpm-intrinsic": partial(intrinsic, sampler="analytic-dpm"),
}


@dataclass(frozen=True)
class Question:
    """What is asked of a theorem: a law, the time to stop, KL_T in nats, and the score's error."""

    facts: Facts
    stop: float
    start: float
    score_error: float


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
    score_error = require_error(score_error)
    most = SUMMED if theorem in SUMS else MOST_STEPS
    promises = [
        _promise(theorem, Question(facts, stop, share * target, score_error))
        for share in (SHARES_OF_SUMS if theorem in SUMS else SHARES)
    ]
    counts = [_least(promise, target, most) for promise in promises]
    best = min((b for b in counts if b is not None), key=lambda b: b.steps, default=None)
    if best is None:
        why = _why_none(promises, target, most, score_error)
        refuse("tv", f"cannot be promised by {theorem}: {why}", tv)
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
    far = math.isfinite(stop) and stop + 1 < LONGEST_TIME
    require(far, "w2", "is so large that pure noise meets it", w2)
    require(w2 >= FINEST, "w2", f"must be at least {FINEST:g}", w2)
    return target, stop


def _least(promise: Promise, target: float, most: int) -> Bound | None:
    def price(n: int) -> float:
        try:
            bound = promise(n)
        except InputError:  # says nothing of so few steps
            return math.inf
        return bound.discretisation + bound.score

    try:
        left = target - promise(TRIED_EACH).init
        return promise(fewest_steps(price, left, most))
    except InputError:
        return None


def _why_none(promises: list[Promise], target: float, most: int, error: float) -> str:
    """Return why no number of steps up to `most` is enough for a score of this error."""
    summed = most == SUMMED
    try:
        finest = [promise(TRIED_EACH if summed else most) for promise in promises]
    except InputError:
        return "it says nothing of so small a target"
    costs = [(b.time - b.stop) * error**2 if summed else b.score for b in finest]
    if all(b.init + cost > target for b, cost in zip(finest, costs, strict=True)):
        return "the score error alone costs more"
    return "it takes over two million steps, which are not summed" if summed else "over 1e30 steps"


def _promise(theorem: str, asked: Question) -> Promise:
    """Return N -> the theorem's bound with KL_T = `asked.start` nats."""
    facts, stop = asked.facts, asked.stop
    if theorem in GEOMETRIC_BOUNDS:
        require(stop > 0, "w2", GEOMETRIC_ALONE)
        if theorem.endswith("intrinsic"):
            inner = facts.points is not None or facts.coverings or facts.information_at
            require(bool(inner), theorem, INTRINSIC_ALONE)
        last = snr_at(stop)
        first = min(2 * asked.start / max(facts.spread, 1e-300), last / 2)
        return partial(_geometric, theorem, asked, (first, last))
    if theorem.startswith("theorem6"):
        noised = facts.noised(stop)
        time = _time(
            lambda t: noised.start(float(chen2023_cld.ou_time_of_cld(t))), 0.0, asked.start
        )
        form = theorem[-2:]
        _applies(chen2023_cld.uniform_cld_discretisation(noised, form, 1, time=time), theorem)
        return partial(_cld, asked, time, form)
    time = _time(facts.start, stop, asked.start)
    if theorem == "theorem2-grid":
        require(stop > 0, "w2", GEOMETRIC_ALONE)
        return partial(_grid, asked, time)
    if theorem == "ei-relative" or theorem in SCHEDULED:
        _applies(facts.relative_fisher(stop), theorem)
        return partial(_relative, theorem, asked, time)
    form = theorem[-2:]
    _applies(facts.lipschitz_at(stop) if form == "2a" else facts.fisher(stop), theorem)
    return partial(_theorem2, asked, time, form)


def _applies(value: float, theorem: str) -> None:
    needs = "radius and w2" if theorem[-2:] in ("2a", "4a") else "w2 to stop early"
    require(math.isfinite(value), theorem, f"does not apply: give lipschitz, or {needs}")


def _theorem2(asked: Question, time: float, form: str, n: int) -> Bound:
    h = (time - asked.stop) / n
    if form == "2c" and h >= 1.59:  # (2c) says nothing of longer steps
        n = math.ceil((time - asked.stop) / 1.59)
    return chen2023_ddpm.theorem2(
        asked.facts, n, time=time, stop=asked.stop, score_error=asked.score_error, form=form
    )


def _relative(theorem: str, asked: Question, time: float, n: int) -> Bound:
    if theorem == "ei-relative-linear":
        times = strasman2024.linear_schedule_times(n, time=time, stop=asked.stop)
        return strasman2024.any_schedule(
            asked.facts, times, asked.score_error, grid=LINEAR_SCHEDULE
        )
    bound = strasman2024.strasman2024 if theorem in SCHEDULED else chen2023_ddpm.ei_relative
    return bound(asked.facts, n, time=time, stop=asked.stop, score_error=asked.score_error)


def _grid(asked: Question, time: float, n: int) -> Bound:
    levels = np.geomspace(snr_at(time), snr_at(asked.stop), n + 1)
    times = np.log1p(1 / levels[::-1]) / 2
    bound = chen2023_ddpm.theorem2_on_grid(asked.facts, times, asked.score_error)
    return replace(bound, sampler="DDPM, score frozen, equal ratios of SNR", grid=GEOMETRIC)


def _cld(asked: Question, time: float, form: str, n: int) -> Bound:
    bound = chen2023_cld.theorem6(
        asked.facts.noised(asked.stop), n, time=time, score_error=asked.score_error, form=form
    )
    if asked.stop == 0:
        return bound
    # T counts from the data: the time of noising, then that of CLD
    noised = chen2023_ddpm.EARLY_STOPPED.format(asked.stop)
    words = (*bound.assumptions, noised)
    w2 = early_stopping_w2(asked.facts, asked.stop)
    time = asked.stop + bound.time
    return replace(bound, stop=asked.stop, time=time, w2=w2, assumptions=words)


def _geometric(theorem: str, asked: Question, ends: tuple[float, float], n: int) -> Bound:
    first, last = ends
    bound = GEOMETRIC_BOUNDS[theorem](asked.facts, steps=n, first=first, last=last)
    error = asked.score_error
    if error == 0:
        return bound
    cost = any_law_score_term(error, n, first=first, last=last)
    cost /= shrink(theorem, n, first=first, last=last)
    if theorem == "ddpm-flow":
        cost = flow_score_term(bound.discretisation, cost)
    words = [LEARNED_SCORE.format(error) if w == EXACT_SCORE else w for w in bound.assumptions]
    return replace(bound, score=cost, assumptions=tuple(words))


def _time(start: Callable[[float], float], stop: float, target: float) -> float:
    """Return the least T > `stop` with start(T) <= target, for a falling `start`."""
    low, high = stop + SHORTEST, stop + 1.0
    if start(low) <= target:
        return low
    while start(high) > target:
        require(high < LONGEST_TIME, "tv", "asks for a longer time than is allowed", target)
        low, high = high, min(stop + 2 * (high - stop), LONGEST_TIME)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if start(middle) <= target else (middle, high)
    return high
