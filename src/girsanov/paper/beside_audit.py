"""What theorems ask for, and beside it the plan that an audit makes for the same target."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from .._checks import InputError, plural, require, require_number
from ..ledger.entry import tv_from_kl
from .bounds import Bound, Facts, TheoremRow, compare_bounds, mutual_information, steps_for
from .bounds.chen2023_support import delta_for_w2, early_stopping_w2, snr_at
from .bounds.intrinsic import what_bounds_information
from .bounds_words import short_number
from .measured_information import least_second_moment, measured_information, measured_sizes

if TYPE_CHECKING:
    from .._typing import Json
    from ..audited import Audit
    from ..planning.plan import Plan

LARGEST_TV = 1 - 1e-12  # the largest TV that is asked for
OF_DDPM = ("ddpm-intrinsic", "ddpm", "ddpm-flow")  # bounds of one sampler, on one grid


class Known(TypedDict, total=False):
    """What of `Facts` a user may know beside the size of the data."""

    lipschitz: float | None
    radius: float | None
    points: int | None
    coverings: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class BesideTheorems:
    """A plan set beside the theorems, in words how the two compare, and if the curve is exact."""

    plan: Plan
    words: str
    exact: bool

    def to_json(self) -> Json:
        """Return the plan's steps, resolution and ledger with the words."""
        summary = self.plan.summary()
        kept = ("sampler", "covariance", "steps", "resolution", "ledger")
        return {**{name: summary[name] for name in kept}, "words": self.words}


@dataclass(frozen=True)
class Asked:
    """What theorems ask for of a law of these facts, to promise tv and w2.

    taken: in words, which targets are those of the audit's plan; measured: that plan, None where
    there is no audit.
    """

    facts: Facts
    tv: float
    w2: float | None
    rows: list[TheoremRow]
    score_error: float = 0.0
    taken: str = ""
    measured: BesideTheorems | None = None

    def target_in_words(self) -> str:
        """Return what the steps of the rows promise."""
        where = "" if self.w2 is None else f", stopped within W2 {self.w2:.4g} of the data"
        return (
            f"steps that promise a total variation of {self.tv:.4g} for every law that fits{where}"
        )

    def in_words(self) -> str:
        """Return how many steps the theorems ask for, the paper's rate, and what was measured."""
        if self.measured is None:
            return ""
        steps = sorted(row.bound.steps for row in self.rows if row.bound is not None)
        if not steps:
            return self.measured.words
        paper = [row.rates for row in self.rows if row.paper == "chen2023"]
        own = [rate.value for rates in paper for rate in rates if rate.unit == "steps"]
        rate = f", the paper's own rate with constants 1 for {own[0]:.2g}" if own else ""
        ends = f"{short_number(steps[0], 2)} to {short_number(steps[-1], 2)}"
        words = f"the theorems ask for N = {ends} steps{rate}; {self.measured.words}"
        return f"{words}. {yours}" if (yours := self.for_your_data()) else words

    def for_your_data(self) -> str:
        """Return the fewest steps promised for these data, where more than a variance is known."""
        bounds = {row.theorem: row.bound for row in self.rows if row.bound is not None}
        if not any("intrinsic" in name for name in bounds):
            return ""
        name = min(bounds, key=lambda n: bounds[n].steps)
        what = "for every law that meets its assumptions"
        if "intrinsic" in name:
            what = f"since {what_bounds_information(self.facts, snr_at(bounds[name].stop))}"
        estimated = self.measured is not None and not self.measured.exact
        if estimated:
            what += " (what was measured stands as the upper end of an estimate, 95 %)"
        error = self.score_error
        score = f"a score of error {error:.3g}" if error else "an exact score"
        count = bounds[name].steps
        enough = "1 step is" if count == 1 else f"{short_number(float(count))} steps are"
        return (
            "What theory promises for your data, before any sample is drawn: with "
            f"{score}, {enough} enough ({name}), {what}"
        )

    def to_json(self) -> Json:
        """Return targets, facts, a row a theorem, what was measured and what is promised."""
        return {
            "tv": self.tv, "w2": self.w2, "score_error": self.score_error,
            "taken": self.taken or None, **asdict(self.facts),
            "rows": [row.to_json() for row in self.rows],
            "measured": None if self.measured is None else self.measured.to_json(),
            "theory": self.for_your_data() or None,
        }  # fmt: skip


def facts_beside(
    audit: Audit | None,
    dimension: int | None = None,
    second_moment: float | None = None,
    **known: Unpack[Known],
) -> Facts:
    """Return what is known of the data: what is given, the rest from the audit.

    dimension: d; second_moment: E|x0|^2, standardised, or more; known: lipschitz, radius, points
    and coverings, as in `Facts`; what a state tells of the data, and their variance, come from
    the audit, as upper ends of estimates. Raises InputError where neither says the first two.
    """
    told: tuple[tuple[float, float], ...] = ()
    variance = None
    if audit is not None:
        own_dimension = audit.curve.dimension
        dimension = own_dimension if dimension is None else dimension
        rule = f"must be {own_dimension}, as the audit has it, or left out"
        require(dimension == own_dimension, "dimension", rule, dimension)
        own, variance = measured_sizes(audit, known.get("radius"))
        least = least_second_moment(audit)
        fits = second_moment is None or second_moment >= least
        rule = f"must be at least {least:.4g}, which the audit measured (95 %), or left out"
        require(fits, "second_moment", rule, second_moment)
        second_moment = own if second_moment is None else second_moment
        variance = min(variance, second_moment)
        told = measured_information(audit)
    require(dimension is not None, "dimension", "must be given, or an --audit to read it from")
    if (radius := known.get("radius")) is not None and audit is None:
        largest = require_number("radius", radius, above=0.0) ** 2
        second_moment = largest if second_moment is None else min(second_moment, largest)
    require(second_moment is not None, "second_moment", "must be given, or an --audit or a radius")
    assert dimension is not None
    assert second_moment is not None
    return Facts(dimension, second_moment, variance, information_at=told, **known)


def ask_theorems(
    facts: Facts,
    audit: Audit | None = None,
    *,
    tv: float | None = None,
    w2: float | None = None,
    score_error: float = 0.0,
    paper: str | None = None,
    intrinsic: int | None = None,
) -> Asked:
    """Return how many steps each theorem asks for, beside the plan of an audit.

    tv, w2: what to promise, by default what the audit's own plan does; score_error: root mean
    square error of the score, at every step; paper: one paper alone; intrinsic: the data's
    intrinsic dimension, for Li and Yan's rate. Raises InputError where there is neither tv nor
    audit.
    """
    plan, taken = None, ""
    if audit is not None and (tv is None or (w2 is None and facts.lipschitz is None)):
        plan = audit.plan() if tv is None else _fewest(audit, tv)[0]
        tv, w2, taken = _targets(facts, plan, tv, w2)
    require(tv is not None, "tv", "must be given, or an --audit whose plan promises one")
    assert tv is not None
    rows = compare_bounds(
        facts, tv=tv, w2=w2, score_error=score_error, paper=paper, intrinsic=intrinsic
    )
    measured = None if audit is None else _measure(audit, facts, (tv, w2), plan)
    return Asked(facts, tv, w2, rows, score_error, taken, measured)


def promised_beside(audit: Audit, plan: Plan) -> str:
    """Return in words how many steps theory promises for the data of an audit, beside its plan.

    The fewest steps of ddpm on equal ratios of SNR that cost no more nats than start and steps of
    the plan, down to where it stops: by the least of (1) of intrinsic.py, with the information
    that the audit measured, (1) of any_law.py and (3) of flow_any_law.py. "" where the plan has
    no price in nats, the model's samples are not those of the data, or no theorem answers.
    """
    unpriced = plan.distance is not None or bool(audit.facts.relative_to)
    if unpriced or plan.cannot_tell or audit.untrained() is not None:
        return ""
    nats = _most(plan)
    try:
        facts = facts_beside(audit)
        tv = min(tv_from_kl(nats), LARGEST_TV)
        w2 = early_stopping_w2(facts, math.log1p(plan.resolution**2) / 2)
    except InputError:
        return ""
    bounds = [b for b in (_bound(name, facts, tv, w2) for name in OF_DDPM) if b is not None]
    if not bounds:
        return ""
    best = min(bounds, key=lambda b: b.steps)
    measured = "" if audit.facts.exact else " for this model, without its own error"
    return (
        f"What theory promises for your data: {plural(best.steps, 'step')} of ddpm cost at most "
        f"{short_number(best.kl)} nats down to noise level {short_number(plan.resolution)}, if "
        "the denoiser is exact, the levels have equal ratios of SNR and the start has the data’s "
        f"mean. {_ground(facts, best, exact=audit.curve.exact)} This plan takes "
        f"{plural(plan.steps, 'step')} for at most {short_number(nats)} nats, as measured"
        f"{measured}."
    )


def _bound(theorem: str, facts: Facts, tv: float, w2: float) -> Bound | None:
    try:
        return steps_for(theorem, facts, tv=tv, w2=w2)
    except InputError:
        return None


def _ground(facts: Facts, bound: Bound, *, exact: bool) -> str:
    """Return what a bound rests on, of data whose error curve is known or estimated."""
    known = "" if exact else ", as measured on held-out examples (upper end at 95 % confidence)"
    if "intrinsic" not in bound.theorem:
        variance = short_number(facts.spread)
        return f"This holds for all data of at most this variance, {variance}{known}."
    nats = short_number(mutual_information(facts, snr_at(bound.stop)))
    return (
        "The reason is the information about the data in a state there: on average at most "
        f"{nats} nats{known}."
    )


def radius_hint(facts: Facts, audit: Audit) -> str:
    """Return in words what a radius would add, and what it is for pixels."""
    if facts.radius is not None or facts.lipschitz is not None:
        return ""
    root = f"{math.sqrt(facts.dimension):.3g}"
    pixels = f" (pixels in [-1, 1]: {root})" if len(audit.facts.shape) == 3 else ""
    return f"with --radius{pixels}, theorem2-2a, theorem6-4a and the paper's own rate apply too"


def _fewest(audit: Audit, tv: float, **options: Any) -> tuple[Plan, bool]:
    """Return the plan of fewest steps for `tv`, or the default one and False."""
    try:
        return audit.plan(tv=tv, **options), True
    except InputError:
        return audit.plan(**options), False


def _most(plan: Plan) -> float:
    """Return what start and steps of a plan cost at most, in nats, at 95 % confidence."""
    return sum(e.high or 0.0 for e in plan.ledger if e.name in ("init", "discretisation"))


def _targets(
    facts: Facts, plan: Plan, tv: float | None, w2: float | None
) -> tuple[float, float | None, str]:
    """Return TV and W2, those that are not given as the plan has them, and what was taken."""
    taken = []
    if tv is None:
        nats = _most(plan)
        tv = min(tv_from_kl(nats), LARGEST_TV)
        taken.append(f"--tv {tv:.4g}, which {nats:.3g} nats certify and the plan promises")
    if w2 is None and facts.lipschitz is None:
        w2 = early_stopping_w2(facts, math.log1p(plan.resolution**2) / 2)
        at = f"which stops the theorems at noise level {plan.resolution:.3g}, as the plan does"
        taken.append(f"--w2 {w2:.4g} (standardised), {at}")
    return tv, w2, "taken from the audit: " + "; ".join(taken)


def _measure(
    audit: Audit, facts: Facts, target: tuple[float, float | None], plan: Plan | None
) -> BesideTheorems:
    """Return the plan for the same target, or the default one, and how it compares."""
    tv, w2 = target
    options: dict[str, Any] = {}
    if w2 is not None and math.isfinite(delta := delta_for_w2(facts, w2)):
        sigma, noise = snr_at(delta) ** -0.5, audit.levels**-0.5
        if noise[-1] * (1 - 1e-9) <= sigma <= noise[0]:
            options["resolution"] = float(max(sigma, noise[-1]))
    if plan is None:
        plan, same = _fewest(audit, tv, **options)
    else:
        same = tv_from_kl(_most(plan)) <= tv * (1 + 1e-9) or tv == LARGEST_TV
    high = _most(plan)
    promise = "which promises this TV" if same else "the default plan: this TV cannot be certified"
    words = (
        f"measured: {plural(plan.steps, 'step')} ({promise}), at noise level "
        f"{plan.resolution:.3g}. The theorems hold for every law that meets their assumptions. "
        "The plan holds for this model on these data: its start and steps cost at most "
        f"{high:.3g} nats (TV {tv_from_kl(high):.3g})"
    )
    words += "" if audit.curve.exact else " at 95 % confidence"
    if not audit.facts.exact:
        words += ", without the model's error, which no number of steps repairs"
    if "resolution" not in options:
        words += ". The theorems' target is " + (
            "the data themselves, with no noise left"
            if w2 is None
            else "at a noise level that was not measured"
        )
    return BesideTheorems(plan, words, audit.curve.exact)
