"""What would help most, in words: the remedies of a plan, with their numbers.

One remedy is said to help most only where the interval of the next one ends below the start of
its own; where they overlap, both are named and the data cannot tell. Another grid can save more
than init and discretisation come to, because these are measured from an ideal grid that follows
the model: long steps that add the measured covariance also cover part of what the model gets
wrong. The words say then that the rest comes off the score error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from .._checks import InputError
from .._typing import Json
from ..ledger.record import Audit
from ..ledger.untrained import Untrained
from ..plan.correction import worst
from ..plan.plan import Plan
from ..plan.remedies import Remedy, remedies
from .contest import winner
from .spread import kept_spread
from .verdict import NEGLIGIBLE, sampler_share, verdict
from .words import number


class Help(NamedTuple):
    """What would help a plan: what stands out first, then one line a remedy, the best first."""

    told: list[str]
    items: list[str]


WRONG = 10.0  # times the error of a straight line, which no training falls so far short of
REMEDY = (
    "What would help is to train it, or to give it the data, units and size that it was trained "
    "on; no other grid, number of steps or calibration makes up for that."
)
NOTHING = (
    "Nothing that was measured would clearly help: neither another grid, other steps, a "
    "longer range of noise levels nor a correction of the model saves more than "
    f"{number(NEGLIGIBLE)} nats for certain."
)


def spoken(audit: Audit, plan: Plan) -> list[str]:
    """Return who won a plan's tournament, if any, its verdict, and what would help it most.

    Of a model that knows nothing of the data that is the verdict, and nothing else is said.
    """
    nothing = knows_nothing(audit, plan)
    return _said(plan, nothing, "" if nothing else helps(audit, plan))


def plan_spoken(plan: Plan) -> list[str]:
    """Return what `spoken` says, but for what would help: that takes the audit."""
    found = plan.untrained
    return _said(plan, ignorant(Untrained(**found), plan.about["audit"], plan) if found else "")


def _said(plan: Plan, nothing: str, helps: str = "") -> list[str]:
    if nothing:
        return [*filter(None, [winner(plan)]), nothing, REMEDY]
    named = not plan.ledger or plan.ledger[0].name == "init"
    rest = filter(None, [kept_spread(plan), helps])
    return [*filter(None, [winner(plan)]), *([verdict(plan)] * named), *rest]


def headline(audit: Audit, plan: Plan) -> str:
    """Return the verdict on a plan, or that its model knows nothing of the data."""
    nothing = knows_nothing(audit, plan)
    if plan.scheduler is not None:  # it was chosen by samples, whatever the model is
        return " ".join(filter(None, [verdict(plan), nothing]))
    return nothing or verdict(plan)


def knows_nothing(audit: Audit, plan: Plan | None = None) -> str:
    """Return that a model is worse than guesses without training, "" unless it is.

    plan: of it, of which is said what the calibration draws.
    """
    found = audit.untrained()
    told = audit.about.get("untrained")  # of the audit that a calibrated one was made from
    if found is None and told:
        found = Untrained(**told)
    return "" if found is None else ignorant(found, audit.about, plan)


def ignorant(found: Untrained, about: Json, plan: Plan | None) -> str:
    """Return `knows_nothing` of what was found, and the record of the audit that found it."""
    where = f"{number(found.finest)} to {number(found.coarsest)}"
    clipped = " and clipping it" if about.get("pipeline", {}).get("clip") else ""
    said = (
        "It is the model: it knows nothing of this data (random weights, hardly any training, or "
        f"another data set’s, units or size). At noise levels {where} its error is at least "
        f"{number(found.times)} times that of a straight line, and at none does it clearly beat "
        f"drawing the noisy example to the data’s mean{clipped}; neither takes training. "
    )
    if plan is None or plan.calibration is None:
        return said + "No other number means much."
    return said + (
        "This plan is calibrated: its numbers are of the correction, whose samples are little "
        "more than a Gaussian with the data’s mean and covariance, and not of the model."
    )


def off(audit: Audit, plan: Plan) -> str:
    """Return how far a straight line beats a broken model where noise hides the data, or ""."""
    found = worst(audit)
    if found is None:
        return ""
    noise, times = found
    said = (
        f"As it is, the model is far off where noise hides the data: at noise {number(noise)} its "
        f"error is {number(times)} times that of a straight line"
    )
    if times > WRONG:
        said += (
            ", which dividing a prediction of the noise by a small alpha does, or calling a "
            "network the wrong way (its times, its units, what it predicts)"
        )
    if plan.calibration is not None:
        return f"{said}; the calibration covers that."
    return f"{said}; plan --calibrate (and --model, for a solver) corrects it."


def helps(audit: Audit, plan: Plan) -> str:
    """Return what would help a plan most, "" where this audit cannot price it."""
    return helped(audit, priced(audit, plan), plan)


def helped(audit: Audit, found: Sequence[Remedy] | None, plan: Plan) -> str:
    """Return `helps_of`, after what the model has memorised if that is the larger part."""
    learnt = by_heart(audit, plan)
    told = " ".join(filter(None, [off(audit, plan), learnt]))
    said = helps_of(advisable(found, plan, bool(learnt)), plan)
    if not told:
        return said
    if said in ("", NOTHING):
        return told
    return f"{told} With the same model, {said[0].lower()}{said[1:]}"


def listed(audit: Audit, found: Sequence[Remedy] | None, plan: Plan) -> Help:
    """Return what `helped` says, line by line."""
    if audit.untrained() is not None:
        return Help([REMEDY], [])
    learnt = by_heart(audit, plan)
    told = list(filter(None, [off(audit, plan), learnt]))
    found = advisable(found, plan, bool(learnt))
    sure = [r for r in found or () if r.low > NEGLIGIBLE]
    if not sure:
        return Help(told or list(filter(None, [helps_of(found, plan)])), [])
    share = sampler_share(plan).value if plan.distance is None else None
    lines = [_words(r, plan.steps, share) for r in (sure if plan.distance is None else sure[:1])]
    if plan.distance is None and (near := _close(sure)):
        close = lines.pop(sure.index(near[0]))
        lines.insert(1, f"{close}; the data cannot tell this from the first")
    return Help(told, [line[0].upper() + line[1:] for line in lines])


def advisable(
    found: Sequence[Remedy] | None, plan: Plan, memorised: bool
) -> Sequence[Remedy] | None:
    """Return the remedies that nothing else known speaks against.

    memorised: more training of a model that knows its examples by heart makes that worse. Where
    samples chose the sampler and its grid, nats do not choose others.
    """
    if found is None:
        return None
    chosen = "tournament" in plan.about
    return [r for r in found if not (memorised if r.name == "training" else chosen)]


def _close(sure: Sequence[Remedy]) -> list[Remedy]:
    """Return the remedies that the data cannot tell from the first."""
    return [r for r in sure[1:] if r.high >= sure[0].low and math.isfinite(r.high)]


def by_heart(audit: Audit, plan: Plan) -> str:
    """Return what a model has memorised down to where a plan stops, if it stands out, else "".

    It stands out where for certain it is more than the sampler costs and than is known of the
    score error: the gap between training and held-out examples is no part of the ledger.
    """
    found = audit.memorised(plan.resolution)
    if found is None:
        return ""
    low, high = (float(end) for end in found.interval())
    known = [e.low or 0.0 for e in plan.ledger if e.name == "score"]
    if low <= max([NEGLIGIBLE, sampler_share(plan).value or 0.0, *known]):
        return ""
    return (
        "It has memorised its training examples: its error on them is "
        f"{number(float(found.value))} nats lower than on held-out ones (95 % interval "
        f"{number(low)} to {number(high)}, down to noise {number(plan.resolution)}); more data, a "
        "smaller network or an earlier stop would help."
    )


def helps_of(found: Sequence[Remedy] | None, plan: Plan) -> str:
    """Return what the remedies of a plan come to in words, "" where they are not known."""
    if found is None:
        return ""
    if plan.distance is None and "tournament" not in plan.about:
        return help_most(found, plan.steps, sampler_share(plan).value)
    sure = [r for r in found if r.low > NEGLIGIBLE]  # nothing else of it is priced in nats
    return f"What is known to help is {_words(sure[0], plan.steps)}." if sure else ""


def priced(audit: Audit, plan: Plan) -> list[Remedy] | None:
    """Return the remedies of a plan, None where this audit cannot price them."""
    try:
        return remedies(audit, plan)
    except InputError:
        return None


def audit_spoken(audit: Audit) -> list[str]:
    """Return the verdict on a model sampled with the best number of steps, [] if none is known.

    Of an audit to the precision of a number of steps, sampled with so many.
    """
    nothing = knows_nothing(audit)
    if nothing:
        return [nothing, REMEDY]
    wanted = audit.about.get("precision", {}).get("steps")
    try:
        plan = audit.plan() if wanted is None else audit.plan(steps=wanted)
    except InputError:
        return []
    steps = f"Sampled with {plan.steps} step{'s' if plan.steps != 1 else ''} (gaussian hold): "
    first, *rest = spoken(audit, plan)
    return [steps + first[0].lower() + first[1:], *rest]


def help_most(found: Sequence[Remedy], steps: int, share: float | None = None) -> str:
    """Return one sentence on what would lower the KL most, for a plan of so many steps.

    share: what init and discretisation of that plan come to in nats, where it is known.
    """
    sure = [r for r in found if r.low > NEGLIGIBLE]
    if not sure:
        return NOTHING
    first, *rest = sure
    told = f"What would help most is {_words(first, steps, share)}."
    close = _close(sure)
    if close:
        told += f" The data cannot tell this from {_words(close[0], steps, share)}."
    others = [r for r in rest if r not in close[:1]]
    if others:
        told += " Then: " + "; ".join(_words(r, steps, share) for r in others) + "."
    return told


def _words(remedy: Remedy, steps: int, share: float | None = None) -> str:
    saves = f"{_nats(remedy)} (95 % interval {number(remedy.low)} to {number(remedy.high)})"
    beyond = share is not None and (remedy.value or 0.0) > max(0.0, share) + NEGLIGIBLE
    if beyond and remedy.name in ("grid", "steps"):
        saves += ", more than the sampler costs: the rest comes off the score error"
    about = remedy.about
    match remedy.name:
        case "grid":
            start = about["start"]
            from_there = f", from noise level {number(start)} on" if start else ""
            return f"a better grid of as many steps{from_there}, which saves {saves}"
        case "steps":
            kind = "more" if about["steps"] > steps else "fewer"
            return f"{kind} steps: {about['steps']} would save {saves}"
        case "calibration":
            return f"calibration (plan --calibrate), which saves {saves}"
        case "range":
            noise = number(about["noise"])
            return (
                f"a longer range of noise levels: starting at the noisiest one measured, {noise}, "
                f"costs {saves}"
            )
        case _:
            where = about["noise"]
            there = "" if where is None else " to ".join(number(noise) for noise in where)
            there = there and f", above all at noise levels {there}"
            least = number(remedy.low)
            whose = "the score error" + (" calibration leaves" if about.get("calibrated") else "")
            said = f"more training{there}: {whose} costs at least {least} nats"
            ends = about.get("beaten")
            by = "the training" if about.get("trained_on") else "other"
            if ends is None:
                return said
            noise = " to ".join(number(sigma) for sigma in ends)
            return (
                f"{said} (at noise {noise} an average of {by} examples, without any "
                "network, is closer to the truth than this model)"
            )


def _nats(remedy: Remedy) -> str:
    return f"{number(remedy.value or 0.0)} nats"
