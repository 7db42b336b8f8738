"""All numbers of steps of one sampler: the plans beside a given one, priced together."""

from __future__ import annotations

from collections.abc import Sequence

from .._checks import InputError
from ..ledger.audit import Audit
from ..sampling.solvers import SOLVERS
from .goals import counts_up_to, frontier
from .make import plan_on, priced
from .plan import Plan
from .solve import plan_solver

SOLVER_COUNTS = (*range(1, 17), 20, 24, 32, 48, 64)
WHY = "the number of steps was given"


def family(audit: Audit, plan: Plan, counts: Sequence[int] | None = None) -> list[Plan]:
    """Return the best plan of a plan's sampler for every number of steps, up to its resolution.

    Each is what `make_plan` returns for that number; together they take a small part of the time,
    since they share their prices. counts: numbers of network calls, by default all up to 32 and
    some beyond; those for which there is no grid are left out. Raises `InputError` when the
    audit cannot price the sampler.
    """
    if plan.sampler in SOLVERS:
        return _of_solver(audit, plan, counts or SOLVER_COUNTS)
    own = (audit.calibrated() if plan.calibration is not None else audit).in_process(plan.process)
    names = (plan.sampler, plan.covariance, plan.start)
    price, end = priced(own, names, plan.last, plan.resolution, {}, None)
    extra = 1 if plan.last == "sample" else 0
    good = counts_up_to(price, end, extra)
    rows = frontier(price, end, extra)
    return [
        plan_on(
            price, price.choice().nodes(n + extra, end), last=plan.last, frontier=rows, why=WHY,
            shares=price.planned(n + extra, end),
        )
        for n in (good if counts is None else sorted({*counts} & {*good}))
    ]  # fmt: skip


def _of_solver(audit: Audit, plan: Plan, counts: Sequence[int]) -> list[Plan]:
    found: dict[int, Plan] = {}
    for count in counts:
        try:
            made = plan_solver(
                audit, plan.sampler, steps=count, resolution=None, last=plan.last
            )  # its end is chosen with the grid
        except InputError:
            continue  # heun takes two calls a level, and there may be no more levels
        found[made.steps] = made
    return [found[n] for n in sorted(found)]
