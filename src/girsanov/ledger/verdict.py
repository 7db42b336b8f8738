r"""Is it the model or the sampler? One or two sentences, from a plan's ledger.

With S = init + discretisation in [S_low, S_high] (ends of the entries' intervals added, which
keeps 95 % by the union bound) and L the lower bound of the score error,

    S_high <= L            it is the model;                                               (1)
    S_low <= L < S_high    they cannot be told apart;                                     (2)
    L < S_low              the sampler is the larger measured error,                         (3)

and no more than that: the score error may be anything above L, so (3) never shows that the
model is fine.
L is of the path KL, and says nothing of the divergence of the output from the data: no function
of the score error bounds that from below (Khelifa, Turner and Venkataramanan, arXiv 2606.06179).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from .._checks import plural
from .entry import Entry, tv_from_kl
from .numbers import ends, number, span, within

if TYPE_CHECKING:
    from .._typing import Json
    from .stated import Stated

OF_CALIBRATED = "For the calibrated model"
NONE_FOUND = "We found no model error; the test can miss small ones."
NEGLIGIBLE = 0.01  # nats: a total variation of at most 0.07


class SamplerShare(NamedTuple):
    """The sampler's share S in nats: its value (None when unknown) and its interval."""

    value: float | None
    low: float
    high: float

    def words(self) -> str:
        """Return S with its interval, in words."""
        if self.value is None:
            return "an amount that was not measured"
        middle = f"{number(max(0.0, self.value))} nats"
        if number(self.low) == number(self.high):
            return middle
        return f"{middle} {within(self.low, self.high)}"


def entry_named(plan: Stated, name: str) -> Entry | None:
    """Return the entry of a plan's ledger with this name, None if there is none."""
    return next((e for e in plan.ledger if e.name == name), None)


def sampler_share(plan: Stated) -> SamplerShare:
    """Return init + discretisation of a plan, the intervals' ends added."""
    parts = [e for e in plan.ledger if e.name != "score"]
    values = [e.value for e in parts if e.value is not None]
    ends = [span(e) for e in parts]
    whole = math.fsum(values) if parts and len(values) == len(parts) else None
    return SamplerShare(whole, math.fsum(e[0] for e in ends), math.fsum(e[1] for e in ends))


def plan_verdict(plan: Stated) -> str:
    """Return one sentence that says what limits samples drawn with `plan`, as far as is known.

    The wording follows equations (1) to (3) of this module and claims no more than they do.
    """
    if plan.audit.no_data:
        return _without_data(plan)
    words = _verdict(plan)
    if plan.calibration is not None:
        words = f"{OF_CALIBRATED}: {words[0].lower()}{words[1:]}"
    if plan.guidance == 1:
        return words
    return f"Compared with the field guided by weight {plan.guidance:g}, not with data: {words}"


def _verdict(plan: Stated) -> str:
    sampler, score = sampler_share(plan), entry_named(plan, "score")
    if plan.distance is not None:
        return _of_ode_sampler(plan)
    if plan.scheduler is not None:
        return (
            f"No plan came closer than {plan.scheduler.name}, which diffusers runs itself. "
            "Samples decided this; the cost of its steps in nats is not known."
        )
    if sampler.value is None:
        return "The sampler’s error was not measured, so there is no verdict."
    if score is not None and score.kind == "exact" and score.value == 0:
        return _with_exact_model(plan, sampler)
    low = 0.0 if score is None else span(score)[0]
    if low == 0:
        return _without_bound(sampler)
    model = f"{number(low)} nats"
    if sampler.high <= low:
        return (
            f"It is the model: its error is at least {model} of the path; "
            f"the sampler adds only {sampler.words()}."
        )
    if sampler.low <= low:
        return (
            f"Too close to call: the sampler adds {sampler.words()}; "
            f"the model’s error is at least {model} of the path."
        )
    return (
        f"The sampler is the larger measured error: it adds {sampler.words()}; "
        f"the model’s error is at least {model} of the path. Data cannot show how much larger it "
        "is."
    )


def _of_ode_sampler(plan: Stated) -> str:
    far = plan.distance
    assert far is not None
    interval = f"{far.kind}, 95 % interval {ends(far.low, far.high)}"
    words = (
        f"An ODE sampler has no error in nats. With {plural(plan.steps, 'step')} its samples end "
        f"{number(far.value)} ({interval}) away from an accurate solution of the same equation."
    )
    score = entry_named(plan, "score")
    if score is not None and score.kind == "exact":
        return f"{words} The denoiser is exact, so only the steps and the end are in error."
    return words


def _with_exact_model(plan: Stated, sampler: SamplerShare) -> str:
    if sampler.high == 0:
        return "Neither: the denoiser is exact, and the sampler adds nothing."
    if sampler.high <= NEGLIGIBLE:
        return f"Neither: the denoiser is exact, and the sampler adds only {sampler.words()}."
    init = entry_named(plan, "init")
    share = 0.0 if init is None or not sampler.value else (init.value or 0.0) / sampler.value
    part = (
        "most of it from the steps"
        if share < 1 / 3
        else "most of it from the start"
        if share > 2 / 3
        else "from the start and the steps equally"
    )
    return (
        f"It is the sampler: the denoiser is exact, so all of the error, {sampler.words()}, "
        f"comes from the sampler, {part}."
    )


def _without_data(plan: Stated) -> str:
    far, costs = plan.distance, f"The sampler adds {sampler_share(plan).words()}"
    if plan.scheduler is not None:
        costs = f"No plan came closer to the data than {plan.scheduler.name}; its plans are"
    elif far is not None:
        away = f"{number(far.value)} ({ends(far.low, far.high)})"
        costs = f"Samples end {away} away from an accurate solution"
    return (
        f"{costs}, {plan.audit.relative_to}. Without held-out data nothing is known of the "
        "model's error."
    )


def _without_bound(sampler: SamplerShare) -> str:
    if sampler.high <= NEGLIGIBLE:
        return f"Neither stands out: the sampler adds only {sampler.words()}. {NONE_FOUND}"
    if sampler.low <= 0:
        return (
            f"Too little data to say: the sampler adds {sampler.words()}. {NONE_FOUND} "
            "To know more, audit more examples."
        )
    return f"The sampler is the larger measured error: it adds {sampler.words()}. {NONE_FOUND}"


def advice(plan: Stated) -> str:
    """Return what a different number of steps would change, from the plan's frontier."""
    row = next((r for r in plan.frontier if r["steps"] == plan.steps), None)
    if row is None:
        return ""
    best = min(plan.frontier, key=lambda r: float(r["above_best"]))
    gain, se = max(0.0, float(row["above_best"])), float(row["standard_error"])
    if best["steps"] != plan.steps and gain > max(NEGLIGIBLE, 2 * se):
        first = (
            f"The cheapest grid on the measured levels has {plural(best['steps'], 'step')} "
            f"instead of {plan.steps} and would save about {number(gain)} nats"
            f"{f' {within(max(0.0, gain - 2 * se), gain + 2 * se)}' if se > 0 else ''}."
        )
    else:
        first = "No other number of steps on the measured levels is clearly cheaper."
    share = sampler_share(plan)
    if share.low - gain <= max(NEGLIGIBLE, share.low / 10):
        return first
    return (
        f"{first} The rest of the sampler’s error may come from the spacing of those levels. To "
        "find out, audit more levels or try another sampler."
    )


def cheapest(plan: Stated) -> int | None:
    """Return the number of steps beyond which a plan's sampler clearly costs more, else None."""
    if len(plan.frontier) < 2:
        return None
    best = min(plan.frontier, key=lambda row: float(row["above_best"]))
    last = plan.frontier[-1]
    sure = float(last["above_best"]) > max(NEGLIGIBLE, 2 * float(last["standard_error"]))
    return int(best["steps"]) if sure and last["steps"] > best["steps"] else None


def enough(rows: Sequence[Json]) -> int:
    """Return the fewest steps of a frontier from which no other number clearly costs less."""
    level = [float(r["above_best"]) <= max(NEGLIGIBLE, 2 * r["standard_error"]) for r in rows]
    return int(next(r["steps"] for r, same in zip(rows, level, strict=True) if same))


def certificate_verdict(plan: Stated) -> str:
    """Return what the ledger says of the samples as a whole, where it says anything."""
    if plan.distance is not None:
        return (
            "An ODE sampler gets no bound in nats or total variation: it adds no noise, so it has "
            "no path KL. What is known is its distance to an accurate solution."
        )
    score = entry_named(plan, "score")
    high = math.inf if score is None else span(score)[1]
    total = sampler_share(plan).high + high
    if math.isinf(total):
        return (
            "There is no total: the model’s error is known from below only, so nothing bounds "
            "the samples’ distance from the data."
        )
    return (
        f"Together at most {number(total)} nats: the total variation between samples and data, "
        f"both seen at noise level {number(plan.resolution)}, is at most "
        f"{number(tv_from_kl(total))}."
    )
