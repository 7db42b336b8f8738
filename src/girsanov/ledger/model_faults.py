"""What is wrong with a model, whatever the plan: it knows nothing, or no more than a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .numbers import ends, number, within
from .verdict import NEGLIGIBLE, sampler_share

if TYPE_CHECKING:
    from ..measuring.facts import AuditFacts
    from ..measuring.record import AuditRecord
    from ..montecarlo import Estimate
    from ..score_error.untrained import Untrained
    from .stated import Stated

LAWS_APART = 4.0  # standard errors by which training examples are harder than held-out ones
WRONG = 10.0  # times the error of a straight line, which no training falls so far short of
STOPPED_BY_ITSELF = (
    "more data or another network (training stopped by itself: more steps did not help)"
)
TRAIN_IT = (
    "To fix it, train the model, or give it the data, units and size it was trained on. No grid, "
    "number of steps or calibration replaces that."
)


def knows_nothing(audit: AuditRecord, plan: Stated | None = None) -> str:
    """Return that a model is worse than guesses without training, "" unless it is.

    plan: of it, of which is said what the calibration draws.
    """
    fault = audit.untrained()
    fault = fault or audit.facts.untrained  # of the audit that a calibrated one was made from
    return "" if fault is None else ignorant(fault, audit.facts, plan)


def ignorant(fault: Untrained, facts: AuditFacts, plan: Stated | None) -> str:
    """Return `knows_nothing` of what was found, and the record of the audit that found it."""
    where = f"{number(fault.finest)} to {number(fault.coarsest)}"
    clipped = " and clipping" if facts.clips else ""
    words = (
        "It is the model: it knows nothing about this data. It may have random weights or almost "
        "no training, or it was trained on other data, units or sizes. At noise levels "
        f"{where} its error is at least {number(fault.times)} times that of a straight line, and "
        f"at none does it clearly beat shrinking the noisy example to the data’s mean{clipped}. "
        "Neither of these needs training. "
    )
    if plan is None or plan.calibration is None:
        return words + "No other number means much."
    return words + (
        "This plan is calibrated: its numbers describe the corrected model, whose samples are "
        "little more than a Gaussian with the data’s mean and covariance."
    )


def no_better(facts: AuditFacts, plan: Stated | None = None) -> str:
    """Return that a model is no better than a Gaussian, "" unless its record says so.

    plan: of it; one that is calibrated or takes one step draws little more than a Gaussian.
    """
    fault = facts.beaten
    if fault is None:
        return ""
    wins = str(fault.better) if fault.better else "none"
    words = (
        f"It is the model: it is no better than a Gaussian. At {fault.worse} of {fault.levels} "
        f"noise levels a straight line, which needs no training, has the smaller error; at {wins} "
        "the model has. A Gaussian with the data’s mean and covariance would save the path "
        f"{number(fault.nats)} nats {within(fault.low, fault.high)}."
    )
    if plan is not None and plan.calibration is not None:
        return (
            f"{words} This plan is calibrated, which makes the model little more than that line."
        )
    if plan is not None and plan.steps == 1:
        noise = number(float(plan.levels[0] ** -0.5))
        return (
            f"{words} This plan avoids the model: it starts from that Gaussian at noise {noise}."
        )
    return words


def better(facts: AuditFacts) -> str:
    """Return what would help a model that is no better than a Gaussian; facts: of its audit."""
    more = "more training, more data, or another network"
    how = STOPPED_BY_ITSELF if facts.training_stopped else more
    return f"A better model would help: {how}. No grid, number of steps or sampler replaces that."


def learnt_or_better(audit: AuditRecord, plan: Stated) -> str:
    """Return what would help a model that is no better than a Gaussian; one that memorised is
    told that, and not to train on.
    """
    return by_heart(audit, plan) or better(audit.facts)


def off(audit: AuditRecord, plan: Stated) -> str:
    """Return how far a straight line beats a broken model where noise hides the data, or ""."""
    fault = audit.broken()
    if fault is None:
        return ""
    noise, times = fault
    words = (
        f"The model is far off where noise hides the data: at noise {number(noise)} its error is "
        f"{number(times)} times that of a straight line"
    )
    if times > WRONG:
        words += (
            ". Usual causes: a noise prediction that is divided by a small alpha, or a network "
            "that is called with the wrong times, units or kind of prediction (girsanov check)"
        )
    if plan.calibration is not None:
        return f"{words}. The calibration corrects this."
    return f"{words}. `plan --calibrate` corrects it (an ODE sampler also needs --model)."


def by_heart(audit: AuditRecord, plan: Stated) -> str:
    """Return what a model has memorised down to where a plan stops, if it stands out, else "".

    It stands out where for certain it is more than the sampler costs and than is known of the
    score error: the gap between training and held-out examples is no part of the ledger.
    """
    memorised = audit.memorised(plan.resolution)
    if memorised is None:
        return ""
    low, high = (float(end) for end in memorised.interval())
    own = audit.known_by_heart(plan.resolution) or memorised
    score_floors = [e.low or 0.0 for e in plan.ledger if e.name == "score"]
    least = min(low, float(own.interval()[0]))  # less what few examples and rare values explain
    if least <= max([NEGLIGIBLE, sampler_share(plan).value or 0.0, *score_floors]):
        return another_law(memorised)
    return (
        "It has memorised training examples: its error on them is "
        f"{number(float(memorised.value))} nats lower than on held-out ones (95 % interval "
        f"{ends(low, high)}, down to noise {number(plan.resolution)}). More data, a smaller "
        "network or an earlier stop would help."
    )


def another_law(memorised: Estimate) -> str:
    """Return that held-out examples are easier than training ones, "" unless for certain."""
    if float(memorised.value) > -max(NEGLIGIBLE, LAWS_APART * float(memorised.se)):
        return ""
    return (
        "Held-out and training data come from different distributions: the error on training "
        f"examples is {number(-float(memorised.value))} nats higher. Shuffle before you split, "
        "and prepare both in the same way."
    )
