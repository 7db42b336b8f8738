"""What would help most, in words: the remedies of a plan, with their numbers.

One remedy is said to help most only where the interval of the next one ends below the start of
its own; where they overlap, both are named and the data cannot tell. Another grid can save more
than init and discretisation come to, because these are measured from an ideal grid that follows
the model: long steps that add the measured covariance also cover part of what the model gets
wrong. The words say then that it also hides model error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..._checks import InputError, plural
from ...ledger.grade import grade_words
from ...ledger.model_faults import (
    STOPPED_BY_ITSELF,
    TRAIN_IT,
    by_heart,
    knows_nothing,
    learnt_or_better,
    no_better,
    off,
)
from ...ledger.numbers import number, within
from ...ledger.sentences import sentences
from ...ledger.verdict import NEGLIGIBLE, plan_verdict, sampler_share
from ...planning.make_plan import make_plan
from ...planning.remedies import Remedy, remedies

if TYPE_CHECKING:
    from ...measuring.record import AuditRecord
    from ...planning.plan import Plan


class Help(NamedTuple):
    """What would help a plan: what stands out first, then one line a remedy, the best first."""

    faults: list[str]
    items: list[str]


NOTHING_HELPS = (
    "No measured change would clearly help: another grid, other steps, a longer range of noise "
    "levels and a correction of the model are each not certain to save more than "
    f"{number(NEGLIGIBLE)} nats."
)


def spoken(audit: AuditRecord, plan: Plan) -> list[str]:
    """Return who won a plan's tournament, if any, its verdict, and what would help it most.

    Of a model that knows nothing about the data that is the verdict, and nothing else is said.
    """
    if plan.cannot_tell:
        return [plan.cannot_tell]
    nothing = knows_nothing(audit, plan)
    if nothing:
        return sentences(plan, nothing, TRAIN_IT)
    gaussian = no_better(audit.recorded(), plan)
    mend = learnt_or_better if gaussian else helps
    return sentences(plan, gaussian, mend(audit, plan))


def headline(audit: AuditRecord, plan: Plan) -> str:
    """Return the verdict on a plan, or that its model knows nothing about the data."""
    if plan.cannot_tell:
        return plan.cannot_tell
    nothing = knows_nothing(audit, plan)
    fault = nothing or no_better(audit.recorded(), plan)
    if plan.scheduler is not None:  # it was chosen by samples, whatever the model is
        return " ".join(filter(None, [plan_verdict(plan), fault]))
    return fault or plan_verdict(plan)


def helps(audit: AuditRecord, plan: Plan) -> str:
    """Return what would help a plan most, "" where this audit cannot price it."""
    return helped(audit, priced(audit, plan), plan)


def helped(audit: AuditRecord, remedies: Sequence[Remedy] | None, plan: Plan) -> str:
    """Return `helps_of`, after what the model has memorised if that is the larger part."""
    learnt = by_heart(audit, plan)
    faults = " ".join(filter(None, [off(audit, plan), learnt]))
    helps = helps_of(advisable(remedies, plan, bool(learnt)), plan)
    if audit.facts.no_data and helps == NOTHING_HELPS:
        return ""  # of what it lists, the model's faults were not looked for
    if not faults:
        return helps
    if helps in ("", NOTHING_HELPS):
        return faults
    return f"{faults} With the same model, {helps[0].lower()}{helps[1:]}"


def listed(audit: AuditRecord, remedies: Sequence[Remedy] | None, plan: Plan) -> Help:
    """Return what `helped` says, line by line."""
    if plan.cannot_tell:
        return Help([], [])  # the headline has said it
    if audit.untrained() is not None:
        return Help([TRAIN_IT], [])
    if no_better(audit.recorded(), plan):
        return Help([learnt_or_better(audit, plan)], [])
    learnt = by_heart(audit, plan)
    faults = list(filter(None, [off(audit, plan), learnt]))
    remedies = advisable(remedies, plan, bool(learnt))
    sure = [r for r in remedies or () if r.low > NEGLIGIBLE]
    if not sure:
        return Help(faults or list(filter(None, [helps_of(remedies, plan)])), [])
    share = sampler_share(plan).value if plan.distance is None else None
    lines = [_words(r, plan.steps, share) for r in (sure if plan.distance is None else sure[:1])]
    if plan.distance is None and (near := _close(sure)):
        close = lines.pop(sure.index(near[0]))
        lines.insert(1, f"{close} (the data cannot tell whether this or the first is better)")
    return Help(faults, [line[0].upper() + line[1:] for line in lines])


def advisable(
    remedies: Sequence[Remedy] | None, plan: Plan, memorised: bool
) -> Sequence[Remedy] | None:
    """Return the remedies that nothing else known speaks against.

    memorised: more training of a model that knows its examples by heart makes that worse. Where
    samples chose the sampler and its grid, nats do not choose others.
    """
    if remedies is None:
        return None
    chosen = plan.tournament is not None
    return [r for r in remedies if not (memorised if r.name == "training" else chosen)]


def _close(sure: Sequence[Remedy]) -> list[Remedy]:
    """Return the remedies that the data cannot tell from the first."""
    return [r for r in sure[1:] if r.high >= sure[0].low and math.isfinite(r.high)]


def helps_of(remedies: Sequence[Remedy] | None, plan: Plan) -> str:
    """Return what the remedies of a plan come to in words, "" where they are not known."""
    if remedies is None:
        return ""
    if plan.distance is None and plan.tournament is None:
        return help_most(remedies, plan.steps, sampler_share(plan).value)
    sure = [r for r in remedies if r.low > NEGLIGIBLE]  # nothing else of it is priced in nats
    return f"What is known to help: {_words(sure[0], plan.steps)}." if sure else ""


def priced(audit: AuditRecord, plan: Plan) -> list[Remedy] | None:
    """Return the remedies of a plan, None where this audit cannot price them."""
    try:
        return remedies(audit, plan)
    except InputError:
        return None


def audit_spoken(audit: AuditRecord) -> list[str]:
    """Return the verdict on a model sampled with the best number of steps, [] if none is known.

    Of an audit to the precision of a number of steps, sampled with so many.
    """
    wanted = audit.facts.planned_steps
    try:
        plan = make_plan(audit, steps=wanted, force=True)
    except InputError:
        return [why] if (why := audit.cannot_tell() or knows_nothing(audit)) else []
    if plan.cannot_tell:
        return [plan.cannot_tell]
    nothing = knows_nothing(audit)
    if nothing:
        return [nothing, grade_words(plan), TRAIN_IT]
    if gaussian := no_better(audit.recorded(), plan):
        return [gaussian, grade_words(plan), learnt_or_better(audit, plan)]
    steps = f"With {plural(plan.steps, 'step')} ({plan.sampler}): "
    first, *rest = spoken(audit, plan)
    return [steps + first[0].lower() + first[1:], *rest]


def help_most(remedies: Sequence[Remedy], steps: int, share: float | None = None) -> str:
    """Return one sentence on what would lower the KL most, for a plan of so many steps.

    share: what init and discretisation of that plan come to in nats, where it is known.
    """
    sure = [r for r in remedies if r.low > NEGLIGIBLE]
    if not sure:
        return NOTHING_HELPS
    first, *rest = sure
    words = f"What would help most: {_words(first, steps, share)}."
    close = _close(sure)
    if close:
        words += f" Perhaps as good: {_words(close[0], steps, share)}."
    others = [r for r in rest if r not in close[:1]]
    if others:
        words += " Then: " + "; ".join(_words(r, steps, share) for r in others) + "."
    return words


def _words(remedy: Remedy, steps: int, share: float | None = None) -> str:
    saves = _nats(remedy)
    if remedy.low < remedy.high:
        saves += f" {within(remedy.low, remedy.high)}"
    beyond = share is not None and (remedy.value or 0.0) > max(0.0, share) + NEGLIGIBLE
    if beyond and remedy.name in ("grid", "steps"):
        saves += "; more than the sampler’s whole error, because it also hides model error"
    training = remedy.training
    match remedy.name:
        case "grid":
            start = remedy.start
            from_there = f", from noise level {number(start)} on" if start else ""
            return f"a better grid with as many steps{from_there} saves {saves}"
        case "steps":
            kind = "more" if remedy.steps > steps else "fewer"
            return f"{kind} steps: {remedy.steps} would save {saves}"
        case "calibration":
            return f"calibration (plan --calibrate) saves {saves}"
        case "range":
            noise = number(remedy.start or 0.0)
            return (
                "a longer range of noise levels: even a start at the noisiest one measured, "
                f"{noise}, costs {saves}"
            )
        case _:
            where = training.where
            there = " to ".join(dict.fromkeys(number(noise) for noise in where or ()))
            there = there and f", above all at noise levels {there}"
            least = number(remedy.low)
            after = " after calibration" if training.calibrated else ""
            what = STOPPED_BY_ITSELF if training.stopped else "more training"
            words = f"{what}{there}: the model’s error{after} is at least {least} nats of the path"
            ends = training.beaten
            by = "the training" if training.trained_on else "other"
            if ends is None:
                return words
            noise = " to ".join(dict.fromkeys(number(sigma) for sigma in ends))
            return f"{words} (at noise {noise} a plain average of {by} examples beats this model)"


def _nats(remedy: Remedy) -> str:
    return f"{number(remedy.value or 0.0)} nats"
