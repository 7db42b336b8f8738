"""All numbers of steps of one sampler: the plans beside a given one, priced together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from .._checks import InputError
from ..sampling.registry import sampler_named
from .ancestral_plans import every_ancestral
from .ode_samplers.plan_ode_sampler import ode_sampler_plans
from .plan import as_planned
from .search import every, request_like

if TYPE_CHECKING:
    from ..measuring.record import AuditRecord
    from .plan import Plan

ODE_COUNTS = (*range(1, 17), 20, 24, 32, 48, 64)


def family(
    audit: AuditRecord, plan: Plan, counts: Iterable[int] | None = None, *, ledgers: bool = True
) -> list[Plan]:
    """Return the best plan of a plan's sampler for every number of steps, up to its resolution.

    Each is what `make_plan` returns for that number within the plan's limits; together they take
    a small part of the time, since they share their prices. counts: numbers of network calls, by
    default all up to 32 and some beyond; those for which there is no grid are left out. ledgers:
    False for grids alone, which takes a small part of the time again. An ODE sampler on the
    calibrated network has no others, unless `audit` is that of `calibrated_teacher`: a saved one
    has the trajectories of the network as it is. Raises `InputError` when the audit cannot price
    the sampler.
    """
    sampler = not sampler_named(plan.sampler).stochastic
    if sampler and plan.calibration is not None and audit.calibration is None:
        return [plan] if counts is None or plan.steps in {*counts} else []
    if sampler:
        return ode_sampler_plans(
            audit, plan.sampler, counts or ODE_COUNTS, plan.last, judged=ledgers
        )
    own, request = as_planned(audit, plan), request_like(plan)
    if sampler_named(plan.sampler).flow_priced:
        return list(every_ancestral(own, request, counts, ledgers=ledgers))
    plans = every(own, request, counts)
    return [one.plan() if ledgers else one.bare() for one in plans]


def relatives(audit: AuditRecord, plan: Plan, counts: Sequence[int] | None = None) -> list[Plan]:
    """Return a plan's sampler at every number of steps; [] where the audit cannot price it."""
    try:
        return family(audit, plan, counts)
    except InputError:
        return []
