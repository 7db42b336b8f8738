"""The best grid of a sampler for what was asked: its levels, and why it is this one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from .._checks import require, require_choice, require_count
from .._typing import Array, Indices, Json
from ..ledger.entry import kl_from_tv
from ..ledger.plan_records import Limits
from ..ledger.score_entry import score_floor
from ..path_kl.cells import COVARIANCES
from ..path_kl.grid_cost import prices
from ..path_kl.ideal_grid import planned
from ..path_kl.start import STARTS
from ..sampling.registry import sampler_named
from .allowed_levels import ends_by, offer
from .on_grid import bare, plan_on
from .options import GIVEN, PlanOptions, remembered
from .step_targets import Grids, best_number, least_gain, of_the_model

if TYPE_CHECKING:
    from ..denoise.base import Denoiser
    from ..measuring.record import AuditRecord
    from .plan import Plan


@dataclass(frozen=True)
class Found:
    """The best grid of a sampler: what it costs, its nodes 1..K, how it ends, and why it is this.

    grids: the best of other numbers of steps; rows: the frontier, [] before it is asked for;
    limits: what the levels were restricted to, as JSON.
    """

    grids: Grids
    nodes: Indices
    last: str
    why: str
    rows: list[Json] = field(default_factory=list)
    limits: Limits = field(default_factory=Limits)

    def cost(self) -> Array:
        """Return the path cost of the grid by group of examples, [B] or [F]."""
        return self.grids.price.cost(self.nodes)

    def frontier(self) -> list[Json]:
        """Return what the best grids of other numbers of steps cost."""
        return self.rows or self.grids.frontier(len(self.nodes) - self.grids.extra)

    def plan(self, denoiser: Denoiser | None = None) -> Plan:
        """Return the plan on this grid, priced by examples that did not choose it.

        denoiser: the audited model, for noise that keeps the data's spread (`matched_noise.py`).
        """
        price, nodes = self.grids.price, self.nodes
        shares = planned(price, len(nodes), int(nodes[-1]))
        plan = plan_on(
            price, nodes, last=self.last, frontier=self.frontier(), why=self.why, shares=shares,
            denoiser=denoiser,
        )  # fmt: skip
        return self._limited(plan)

    def bare(self) -> Plan:
        """Return the plan on this grid without its ledger, which takes most of the time."""
        return self._limited(bare(self.grids.price, self.nodes, last=self.last, why=self.why))

    def _limited(self, plan: Plan) -> Plan:
        """Return a plan that remembers what its levels were restricted to."""
        return replace(plan, limits=self.limits) if self.limits else plan


def request_like(plan: Plan, steps: int | None = None) -> PlanOptions:
    """Return the request for a plan of the same sampler, limits and end, of so many steps."""
    return PlanOptions(
        steps=steps, sampler=plan.sampler, covariance=plan.covariance, start=plan.start,
        last=plan.last, resolution=plan.resolution, **plan.limits,
    )  # fmt: skip


def search(audit: AuditRecord, request: PlanOptions) -> Found:
    """Return the grid that an audit answers with: of so many steps, for a target, or the best."""
    grids, rows = grids_of(audit, request), list[Json]()
    if request.steps is not None:
        count, why = require_count("steps", request.steps), GIVEN
        grids.require(count)
    elif request.kl is not None or request.tv is not None:
        kl = request.kl if request.tv is None else kl_from_tv(request.tv)
        count, why = grids.fewest(float(kl or 0.0), "kl" if request.tv is None else "tv")
    else:
        rows = grids.frontier()
        count, why = _best(grids, rows)
    limits = remembered(request, grids.price)
    return Found(grids, grids.nodes(count), ends_by(audit, request), why, rows, limits)


def every(
    audit: AuditRecord, request: PlanOptions, counts: Iterable[int] | None = None
) -> Iterator[Found]:
    """Yield the best grid for every number of steps there is one for, or for those in counts.

    By default all up to 32 and some beyond.
    """
    grids = grids_of(audit, request)
    rows, limits = grids.frontier(), remembered(request, grids.price)
    for count in grids.counts() if counts is None else sorted({*counts}):
        if grids.exists(count):
            nodes = grids.nodes(count)
            yield Found(grids, nodes, ends_by(audit, request), GIVEN, rows, limits)


def grids_of(audit: AuditRecord, request: PlanOptions) -> Grids:
    """Return the grids of a sampler on all levels that a plan may visit."""
    sampler = sampler_named(request.sampler)
    if request.covariance is not None:
        require_choice("covariance", request.covariance, COVARIANCES)
        rule = "belongs to analytic-dpm"
        require(sampler.covariance, "covariance", rule, sampler.name)
    if request.start is not None:
        require_choice("start", request.start, STARTS)
    site = offer(audit, request)
    menu = replace(site.menu, weight=request.weight_for(audit))
    price = prices(
        audit, sampler, request.covariance, request.start, levels=site.levels, menu=menu
    )
    # a level that is sampled is visited without a call
    return Grids(price, site.end, int(ends_by(audit, request) == "sample"))


def _best(grids: Grids, rows: list[Json]) -> tuple[int, str]:
    """Return the best number of steps, and why: by the score error of its own grid."""
    price, gain = grids.price, least_gain(grids.price, grids.end)

    def bound(steps: int) -> float:
        return 0.0 if price.exact else score_floor(price, grids.nodes(steps))

    count, why = best_number(rows, bound, grids.upper, gain, of_the_model(price))
    if price.audit.untrained() is None:
        return count, why
    return count, f"no number of steps repairs a model that knows nothing about this data; {why}"
