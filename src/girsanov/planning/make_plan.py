"""Making a plan: the grid for a number of steps, for a target, or the best number of steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Unpack, cast

import numpy as np

from .._checks import require, require_choice, require_count, require_number
from .._typing import Array, Indices, Json
from ..ledger.entry import kl_from_tv
from ..ledger.score_entry import score_floor
from ..measuring.record import Audit
from ..path_kl.cells import COVARIANCES
from ..path_kl.grid_cost import Prices, prices
from ..path_kl.grid_search import MOST
from ..path_kl.start import STARTS
from ..sampling.exponential_integrators import HOLDS, require_last
from ..sampling.ode_solvers import SOLVERS
from .allowed_levels import Limits, offer, usual_last
from .calibrate_or_not import advised
from .on_grid import bare, plan_on
from .plan import Plan
from .solvers.plan_solver import GIVEN, calibrated_teacher, plan_solver, refuse_for_solver
from .step_targets import (
    DECISIVE,
    best,
    counts_up_to,
    decisive,
    fewest,
    frontier,
    require_steps,
    standing_out,
    upper,
    why_best,
)
from .trusted import heeding_doubts, trusted

if TYPE_CHECKING:
    from ..denoise.base import Denoiser

X0_WEIGHT = 1.0  # of the x0 hold when no KL is asked for: closer to W2 (theory 11.7)


@heeding_doubts
def make_plan(  # noqa: PLR0913 - the public face: one keyword a choice
    audit: Audit,
    *,
    steps: int | None = None,
    kl: float | None = None,
    tv: float | None = None,
    distance: float | None = None,
    sampler: str = "gaussian",
    process: str | None = None,
    covariance: str | None = None,
    start: str | None = None,
    last: str | None = None,
    resolution: float | None = None,
    calibrate: bool | None = None,
    denoiser: Denoiser | None = None,
    force: bool = False,
    **limits: Unpack[Limits],
) -> Plan:
    """Return the best grid for a number of `steps` (network calls), or the fewest for a target.

    sampler: a hold, or a deterministic solver (`plan.solve`), which has a `distance` to its
    teacher in place of nats: predicted from the audit's trajectories, or measured with the
    audited `denoiser`. With it the gaussian sampler is given noise that keeps the data's
    variance in every direction (`planning/matched_noise.py`), for 2,000 pilot samples.
    kl, tv: what the sampler may add in nats or total variation, at 95 % confidence; without
    steps, kl or tv the best number of steps is chosen: the fewest past which the sampler is no
    longer what limits the model. resolution: noise level sigma at which to stop; w2: or the W2
    distance that stopping there may leave; by default where nothing finer matters
    (`planning/allowed_levels.py`). last: ``draw``, about the last prediction with the measured
    covariance there, which keeps the data's variance: the default of vectors and tables;
    ``denoise``, that
    prediction itself, which is free of noise: of pictures, and of every sampler but gaussian;
    ``sample``, the noisy state. calibrate: plan
    for the denoiser corrected on the audited examples (`Audit.calibrated`); the plan carries the
    correction; by default only a denoiser that is proven to need it (`plan.correction`). process:
    ``cld`` to sample in phase space (`Audit.in_process`). among, keep, widest: restrict the
    levels (`plan.levels.Limits`); weight: a of the x0 hold's objective s^-a, 1 unless a KL or TV
    is asked for. force: plan from an audit that does not hold (`planning/trusted.py`), too. Raises
    `InputError` for such an audit, and when a target cannot be reached, with what can.
    """
    require(isinstance(audit, Audit), "audit", "must be an audit", type(audit).__name__)
    numbers = {"kl": kl, "tv": tv, "distance": distance}
    for name, number in numbers.items():
        if number is not None:
            require_number(name, number, above=0.0)
    scalar = (process or audit.facts.process) == "vp"
    rule = f"must be one of {', '.join(HOLDS)} with process cld"
    require(scalar or sampler in HOLDS, "sampler", rule, sampler)
    if audit.facts.guided:
        rule = "can be promised of no guided field, which has no data law: give steps"
        require(not (kl or tv), "kl, tv", rule, kl or tv)
        rule = "would correct a guided field towards the data, and undo its guidance"
        require(not calibrate, "calibrate", rule, calibrate)
        calibrate = False
    if sampler in SOLVERS:
        audit = calibrated_teacher(audit, denoiser) if calibrate else audit
        rule = "belong to the holds: a solver is planned on the levels of its trajectories"
        require(not limits, ", ".join(limits) or "limits", rule, sampler)
        refuse_for_solver(sampler, kl=kl, tv=tv, covariance=covariance, start=start)
        made = plan_solver(
            audit, sampler, steps=steps, distance=distance, resolution=resolution,
            last=last or usual_last(audit, sampler), denoiser=denoiser,
        )  # fmt: skip
        return trusted(made, audit, asked=resolution is not None, force=force)
    require(distance is None, "distance", "is for ddim, heun and dpmpp-2m", sampler)
    rule = "is for the gaussian sampler and for ddim, heun and dpmpp-2m"
    require(denoiser is None or sampler == "gaussian", "model", rule, sampler)
    target = {"steps": steps, "kl": kl, "tv": tv}
    one = sum(x is not None for x in target.values()) <= 1
    require(one, "steps, kl, tv", "only one of them can be given", target)
    require_choice("sampler", sampler, (*HOLDS, *SOLVERS))
    last = require_last(last or usual_last(audit, sampler), sampler)
    wish = Wish((sampler, covariance, start), last, resolution, limits, steps, kl, tv)
    found = wish.search((audit.calibrated() if calibrate else audit).in_process(process))
    reason = advised(found.price, found.nodes) if calibrate is None else ""
    if reason:
        found = wish.search(audit.calibrated().in_process(process))
        why = reason if found.why == GIVEN else f"{found.why}; {reason}"
        found = replace(found, why=why)
    ends = resolution is not None or limits.get("w2") is not None
    return trusted(found.plan(last, denoiser), audit, asked=ends, force=force)


@dataclass(frozen=True)
class Found:
    """A grid that was found: the prices it was found by, its nodes 1..K, and why it is this.

    extra: levels visited without a call; rows: the frontier; limits: `Wish.remembered`.
    """

    price: Prices
    nodes: Indices
    extra: int = 0
    rows: list[Json] = field(default_factory=list)
    why: str = ""
    limits: Limits = field(default_factory=Limits)

    def cost(self) -> Array:
        """Return the path cost of the grid by group of examples, [B] or [F]."""
        start, cells = self.price.groups(self.nodes)
        return start + cells

    def frontier(self) -> list[Json]:
        """Return what the best grids of other numbers of steps cost."""
        count, end = len(self.nodes), int(self.nodes[-1])
        return self.rows or frontier(self.price, end, self.extra, count - self.extra)

    def plan(self, last: str, denoiser: Denoiser | None = None) -> Plan:
        """Return the plan on this grid, priced by examples that did not choose it.

        denoiser: the audited model, for noise that keeps the data's spread (`matched_noise.py`).
        """
        rows, shares = self.frontier(), self.price.planned(len(self.nodes), int(self.nodes[-1]))
        made = plan_on(
            self.price, self.nodes, last=last, frontier=rows, why=self.why, shares=shares,
            denoiser=denoiser,
        )  # fmt: skip
        return self.limited(made)

    def bare(self, last: str) -> Plan:
        """Return the plan on this grid without its ledger, which takes most of the time."""
        return self.limited(bare(self.price, self.nodes, last=last, why=self.why))

    def limited(self, made: Plan) -> Plan:
        """Return a plan that remembers what its levels were restricted to."""
        return replace(made, limits=self.limits)


@dataclass(frozen=True)
class Wish:
    """What is asked for of a stochastic plan, whatever the denoiser.

    names: hold, covariance, start; the rest as in `make_plan`.
    """

    names: tuple[str, str | None, str | None]
    last: str
    resolution: float | None
    limits: Limits
    steps: int | None = None
    kl: float | None = None
    tv: float | None = None

    @classmethod
    def like(cls, plan: Plan, steps: int | None = None) -> Wish:
        """Return the wish for a plan of the same sampler, limits and end, of so many steps."""
        names = (plan.sampler, plan.covariance, plan.start)
        return cls(names, plan.last, plan.resolution, plan.limits, steps)

    def search(self, audit: Audit) -> Found:
        """Return the grid that this audit answers with."""
        steps, kl, tv, extra = self.steps, self.kl, self.tv, self.extra
        price, end = self.priced(audit)
        rows: list[Json] = []
        if steps is not None:
            count, why = require_count("steps", steps), GIVEN
            require_steps(price, count, end, extra)
        elif kl is not None or tv is not None:
            target = kl_from_tv(tv) if tv is not None else require_number("kl", kl, above=0.0)
            count, why = fewest(price, end, extra, target, "kl" if tv is None else "tv")
        else:
            rows = frontier(price, end, extra)
            count, why = _best(price, rows, end, extra)
        nodes = price.choice().nodes(count + extra, end)
        return Found(price, nodes, extra, rows, why, self.remembered(price))

    def every(self, audit: Audit, counts: Iterable[int] | None = None) -> Iterator[Found]:
        """Yield the best grid for every number of steps there is one for, or for those in counts.

        By default all up to 32 and some beyond.
        """
        price, end = self.priced(audit)
        extra, rows = self.extra, frontier(price, end, self.extra)
        for count in counts_up_to(price, end, extra) if counts is None else sorted({*counts}):
            levels = count + extra
            if 0 < levels <= MOST and price.choice().reachable(levels, end):
                nodes = price.choice().nodes(levels, end)
                yield Found(price, nodes, extra, rows, GIVEN, self.remembered(price))

    @property
    def extra(self) -> int:
        """How many levels are visited without a call: a sampled last one is."""
        return int(self.last == "sample")

    def priced(self, audit: Audit) -> tuple[Prices, int]:
        """Return the prices of this sampler on all levels a plan may visit, and the last node."""
        target = self.kl or self.tv
        return priced(audit, self.names, self.last, self.resolution, self.limits, target)

    def remembered(self, price: Prices) -> Limits:
        """Return what the levels were restricted to, as JSON; the end is the plan's own."""
        out: Json = {}
        for name in ("among", "keep", "widest"):
            value = self.limits.get(name)
            if value is not None:
                out[name] = np.asarray(value, dtype=np.float64).tolist()
        if price.menu.weight != (X0_WEIGHT if price.hold == "x0" else 0.0):
            out["weight"] = price.menu.weight
        return cast(Limits, out)


def _best(price: Prices, rows: list[Json], end: int, extra: int) -> tuple[int, str]:
    """Return the best number of steps, and why: by the score error of its own grid."""
    out = standing_out(price, end)

    def bound(steps: int) -> float:
        nodes = price.choice().nodes(steps + extra, end)
        return 0.0 if price.exact else score_floor(price, nodes)

    count = best(rows, bound(rows[-1]["steps"]), out)
    why = why_best(rows, count, bound(count), out, exact=price.exact)

    def model_costs_more(steps: int) -> bool:
        least = bound(steps)
        return least > 0 and upper(price, steps + extra, end) <= least

    more = decisive(count, rows, model_costs_more)
    if more > count:
        count, why = more, DECISIVE
    if price.audit.untrained() is None:
        return count, why
    return count, f"no number of steps mends a model that knows nothing of this data; {why}"


def priced(
    audit: Audit,
    names: tuple[str, str | None, str | None],
    last: str,
    resolution: float | None,
    limits: Limits,
    target: float | None,
) -> tuple[Prices, int]:
    """Return the prices of a sampler on all levels a plan may visit, and the last node."""
    sampler, covariance, start = names
    _check_covariance(sampler, covariance)
    if start is not None:
        require_choice("start", start, STARTS)
    weight = limits.get("weight")
    if weight is None:
        weight = X0_WEIGHT if sampler == "x0" and target is None else 0.0
    weight = require_number("weight", weight)
    require(weight == 0 or sampler == "x0", "weight", "belongs to the x0 sampler", sampler)
    site = offer(audit, last, resolution, limits)
    menu = replace(site.menu, weight=weight)
    return prices(audit, sampler, covariance, start, levels=site.levels, menu=menu), site.end


def _check_covariance(sampler: str, covariance: str | None) -> None:
    require_choice("sampler", sampler, (*HOLDS, *SOLVERS))
    if covariance is not None:
        require_choice("covariance", covariance, COVARIANCES)
        require(sampler == "gaussian", "covariance", "belongs to the gaussian sampler", sampler)
