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
    "more data or another network (its training stopped by itself: more steps taught it nothing)"
)
TRAIN_IT = (
    "What would help is to train it, or to give it the data, units and size that it was trained "
    "on; no other grid, number of steps or calibration makes up for that."
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
    clipped = " and clipping it" if facts.clips else ""
    words = (
        "It is the model: it knows nothing of this data (random weights, hardly any training, or "
        f"another data set’s, units or size). At noise levels {where} its error is at least "
        f"{number(fault.times)} times that of a straight line, and at none does it clearly beat "
        f"drawing the noisy example to the data’s mean{clipped}; neither takes training. "
    )
    if plan is None or plan.calibration is None:
        return words + "No other number means much."
    return words + (
        "This plan is calibrated: its numbers are of the correction, whose samples are little "
        "more than a Gaussian with the data’s mean and covariance, and not of the model."
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
        f"It is the model: it is no better than a Gaussian. At {fault.worse} of "
        f"{fault.levels} noise levels a straight line, which takes no training, is closer to "
        f"the truth, and at {wins} the model. A Gaussian with the data’s mean and covariance "
        f"would cost the path {number(fault.nats)} nats less {within(fault.low, fault.high)}."
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
    return (
        f"What would help is a better model: {how}. No grid, number of steps or sampler makes up "
        "for it."
    )


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
        f"As it is, the model is far off where noise hides the data: at noise {number(noise)} its "
        f"error is {number(times)} times that of a straight line"
    )
    if times > WRONG:
        words += (
            ", which dividing a prediction of the noise by a small alpha does, or calling a "
            "network the wrong way (its times, its units, what it predicts: girsanov check)"
        )
    if plan.calibration is not None:
        return f"{words}; the calibration covers that."
    return f"{words}; plan --calibrate (and --model, for an ODE sampler) corrects it."


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
        "It has memorised its training examples: its error on them is "
        f"{number(float(memorised.value))} nats lower than on held-out ones (95 % interval "
        f"{ends(low, high)}, down to noise {number(plan.resolution)}); more data, a "
        "smaller network or an earlier stop would help."
    )


def another_law(memorised: Estimate) -> str:
    """Return that held-out examples are easier than training ones, "" unless for certain."""
    if float(memorised.value) > -max(NEGLIGIBLE, LAWS_APART * float(memorised.se)):
        return ""
    return (
        "Held-out and training data are not of one distribution: the error on training examples "
        f"is {number(-float(memorised.value))} nats higher. Shuffle before the split, and prepare "
        "both in the same way."
    )
