"""Who enters a tournament: samplers, end levels and grids, each with as many network calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ..._checks import InputError, refuse
from ...path_kl.cells import COVARIANCES
from ...sampling.registry import SAMPLERS, sampler_named
from ..allowed_levels import fine_enough
from ..given_grid import evaluate_grid
from ..make_plan import make_plan
from ..named_grids import named_grid
from ..ode_samplers.plan_ode_sampler import plan_ode_sampler
from ..options import PlanOptions
from ..plan import Plan
from .options import wanted

if TYPE_CHECKING:
    from ...measuring.record import AuditRecord

ENDS = (0.2, 0.1, 0.05, 0.025, 0.0)  # shares of the data's deviation a last prediction may miss
HAND_ENDS = (0.1, 0.05)  # those at which analytic-dpm is tried on hand grids
BY_HAND = ("karras", "cosine", "exponential", "linear-beta")
PUBLISHED = ("entropy", "beta", "ays")  # tried where plans end


class Candidate(NamedTuple):
    """A plan under the name it has in the table."""

    name: str
    plan: Plan

    @property
    def certified(self) -> bool:
        """Whether there is a path KL of this sampler: of an ODE sampler there is none."""
        named = SAMPLERS.get(self.plan.sampler)
        return named is not None and named.stochastic


def candidates(
    audit: AuditRecord,
    steps: int,
    only: Sequence[str] | Mapping[str, Plan] | None = None,
    *,
    fresh: bool = False,
    own: Mapping[str, Plan] | None = None,
    right: AuditRecord | None = None,
) -> list[Candidate]:
    """Return all that can be made with `steps` network calls.

    only: names of samplers, or plans by name that are taken as they are; fresh: whether samples
    will be judged by examples that the audit has not seen. If not, what it fits to its examples
    with many numbers a level does not enter: calibrations and full covariances. own: what a
    pipeline has already, which enters whatever `only` names. right: the calibrated audit with
    trajectories of the corrected network (`solve.calibrated_teacher`), on which ODE samplers are
    planned too. What cannot be made at this number of steps, such as more levels than there are
    to a coarse end, is left out.
    """
    if isinstance(only, Mapping):
        return [Candidate(name, plan) for name, plan in only.items()]
    plans: dict[str, Plan] = {}
    refused: InputError | None = None
    for name, make in _recipes(audit, steps, wanted(audit, only), fresh, right):
        try:
            plans.setdefault(name, make())
        except InputError as cause:
            refused = cause
    if not plans:
        refuse("steps", f"leave no candidate ({refused})", steps)
    return _different({**plans, **(own or {})})


def costs_at_most(
    audit: AuditRecord,
    steps: int,
    only: Sequence[str] | Mapping[str, Plan] | None = None,
    *,
    fresh: bool = False,
    right: AuditRecord | None = None,
) -> list[int]:
    """Return what a sample of each of `candidates` costs at most, before any is planned.

    right: of `right`, what is known before its trajectories are measured will do.
    """
    if isinstance(only, Mapping):
        return [plan.steps for plan in only.values()]
    return [steps for _ in _recipes(audit, steps, wanted(audit, only), fresh, right)]


def end(audit: AuditRecord, share: float) -> float:
    """Return the coarsest noise level at which a denoised last step misses at most this share of
    the data's standard deviation, or the finest measured.
    """
    variance = float(audit.curve.total().value[0])
    return float(audit.levels[fine_enough(audit.total().value, variance, share)] ** -0.5)


Maker = tuple[str, Callable[[], Plan]]


def _recipes(
    audit: AuditRecord, steps: int, names: Sequence[str], fresh: bool, right: AuditRecord | None
) -> Iterator[Maker]:
    """Yield names and what makes their plans; the usual end first, so that it names a tie."""
    finest = float(audit.levels[-1] ** -0.5)
    for sampler in names:
        if sampler_named(sampler).flow_priced:
            if fresh or audit.flow is not None:  # of a broken model it is corrected
                yield from _along_flow(audit, steps, sampler)
        elif sampler_named(sampler).covariance:
            yield from _gaussian(audit, steps, fresh)
            guided = audit.facts.guided  # calibrated, it would not be any more
            if fresh and not audit.facts.exact and not guided:
                yield from _calibrated(audit, steps)
        else:
            yield f"{sampler}, planned", partial(make_plan, audit, steps=steps, sampler=sampler)
            yield from _by_hand(audit, steps, sampler, finest, sampler)
            # others' grids are often meant to stop at a noise that can be seen
            seen = PUBLISHED if sampler_named(sampler).stochastic else (*BY_HAND, *PUBLISHED)
            yield from _by_hand(audit, steps, sampler, end(audit, HAND_ENDS[0]), sampler, seen)
        if not sampler_named(sampler).stochastic and right is not None:
            yield from _calibrated_ode_sampler(right, steps, sampler)


def _along_flow(audit: AuditRecord, steps: int, sampler: str) -> Iterator[Maker]:
    plan = partial(make_plan, audit, steps=steps, sampler=sampler)
    yield f"{sampler}, planned", plan
    for sigma in dict.fromkeys(end(audit, share) for share in ENDS):
        yield f"{sampler}, planned to {sigma:.3g}", partial(plan, resolution=sigma)


def _gaussian(audit: AuditRecord, steps: int, fresh: bool) -> Iterator[Maker]:
    make = partial(make_plan, audit, steps=steps, calibrate=False)
    for covariance in _covariances(audit):
        if covariance == "full" and not (fresh or audit.facts.exact):
            continue
        plan = partial(make, covariance=covariance)
        yield f"analytic-dpm + {covariance}, planned", plan
    name = f"analytic-dpm + {audit.curve.main}"
    for sigma in dict.fromkeys(end(audit, share) for share in ENDS):
        plan = partial(make, resolution=sigma)
        yield f"{name}, planned to {sigma:.3g}", plan
    for sigma in dict.fromkeys(end(audit, share) for share in HAND_ENDS):
        yield from _by_hand(audit, steps, "analytic-dpm", sigma, name)
    seen = end(audit, HAND_ENDS[0])
    yield from _by_hand(audit, steps, "analytic-dpm", seen, name, PUBLISHED)


def _calibrated(audit: AuditRecord, steps: int) -> Iterator[Maker]:
    name = f"analytic-dpm + {audit.curve.main}, calibrated"
    for sigma in dict.fromkeys(end(audit, share) for share in HAND_ENDS):
        plan = partial(make_plan, audit, steps=steps, resolution=sigma, calibrate=True)
        yield f"{name}, planned to {sigma:.3g}", plan


def _calibrated_ode_sampler(right: AuditRecord, steps: int, sampler: str) -> Iterator[Maker]:
    request = PlanOptions(steps=steps, sampler=sampler)
    yield f"{sampler}, calibrated, planned", partial(plan_ode_sampler, right, request)
    for sigma in dict.fromkeys(end(right, share) for share in HAND_ENDS):
        plan = partial(plan_ode_sampler, right, replace(request, resolution=sigma))
        yield f"{sampler}, calibrated, planned to {sigma:.3g}", plan


def _by_hand(
    audit: AuditRecord, steps: int, sampler: str, sigma: float, name: str,
    grids: Sequence[str] = BY_HAND,
) -> Iterator[Maker]:  # fmt: skip
    """Yield a sampler on the grids of others; one whose process ends too early is left out."""
    visits = sampler_named(sampler).visits(steps)
    for grid in grids:
        with suppress(InputError):
            levels = named_grid(audit, grid, sigma**-2, visits)
            plan = partial(evaluate_grid, audit, levels, sampler=sampler)
            yield f"{name}, {grid} to {sigma:.3g}", plan


def _covariances(audit: AuditRecord) -> list[str]:
    measured = {"scalar", *audit.curve.errors} | (
        {"full"} if audit.curve.full is not None else set()
    )
    return [name for name in COVARIANCES if name in measured]


def _different(plans: dict[str, Plan]) -> list[Candidate]:
    """Return candidates without those that visit the same levels with the same covariance."""
    seen: dict[Any, Candidate] = {}
    for name, plan in plans.items():
        inner = () if plan.inner is None else tuple(plan.inner.flow_to)
        visits = (plan.start, plan.last, tuple(plan.levels), inner)
        of = json.dumps(plan.scheduler and plan.scheduler.config, sort_keys=True)
        key = (plan.sampler, plan.covariance, plan.calibration is None, of, *visits)
        seen.setdefault(key, Candidate(name, plan))
    return list(seen.values())
