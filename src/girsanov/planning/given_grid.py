"""`evaluate_grid`: the plan on a grid that was given or has a name, priced where it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypedDict, Unpack, cast

from .._checks import require, require_choice, require_count, require_levels
from ..sampling.ancestral import MIXED
from ..sampling.registry import sampler_named
from .allowed_levels import ends_by, offer
from .ancestral_plans import ancestral_on_grid
from .calibrate_or_not import corrected_along_flow
from .named_grids import named_grid
from .ode_samplers.plan_ode_sampler import ode_sampler_on_grid, refuse_for_ode_sampler
from .on_grid import grid_prices, plan_on
from .options import PlanOptions
from .trusted import heeding_doubts, trusted

if TYPE_CHECKING:
    from .._typing import Levels
    from ..denoise.base import Denoiser
    from ..measuring.record import AuditRecord
    from .plan import Plan


class GridKeywords(TypedDict, total=False):
    """The options of `evaluate_grid` by name: those of `make_plan` that a grid leaves open."""

    steps: int | None
    sampler: str
    resolution: float | None
    process: str | None
    covariance: str | None
    start: str | None
    last: str | None
    calibrate: bool
    denoiser: Denoiser | None
    force: bool


@heeding_doubts
def evaluate_grid(
    audit: AuditRecord, levels: Levels | str, **options: Unpack[GridKeywords]
) -> Plan:
    """Return the plan that visits given `levels`, each priced where it is.

    levels: SNRs, or the name of a grid that others use (`planning/named_grids.py`: karras,
    exponential, cosine, linear-beta, beta, entropy, ays, ays-sdxl) for `steps` network calls, from
    the coarsest level measured to noise level `resolution`, by default where plans end.
    options: sampler, process, covariance, start, last, calibrate, denoiser, force as `make_plan`.
    Of an ODE sampler the levels move to the nearest measured ones, on which it has a `distance`.
    Raises `InputError` for levels finer than the finest measured, of which the audit says nothing.
    """
    for name in options:
        require_choice("option", name, GridKeywords.__annotations__)
    request = PlanOptions(**options)
    sampler = sampler_named(request.sampler)
    if isinstance(levels, str):
        return _named(audit, levels, request)
    for name in ("steps", "resolution"):
        rule = "belongs to a grid with a name: levels that are given say it themselves"
        require(getattr(request, name) is None, name, rule, getattr(request, name))
    grid = require_levels("levels", levels)
    if not sampler.stochastic:
        refuse_for_ode_sampler(request)
        rule = "is not for a given grid of an ODE sampler, whose trajectories are of the network"
        require(not request.calibrate, "calibrate", rule, request.calibrate)
        ends = ends_by(audit, request)
        plan = ode_sampler_on_grid(audit, sampler.name, grid, last=ends, denoiser=request.denoiser)
        return trusted(plan, audit, asked=True, force=request.force)
    along = sampler.flow_priced
    corrected = corrected_along_flow(audit, request.calibrate) if along else request.calibrate
    own = audit.calibrated() if corrected else audit
    own = own.in_process(request.process)
    if along:
        plan = ancestral_on_grid(own, grid, request)
        return trusted(plan, audit, asked=True, force=request.force)
    price, nodes = grid_prices(own, grid, request)
    plan = plan_on(price, nodes, last=ends_by(own, request), frontier=[], why="the grid was given",
                   denoiser=request.denoiser)  # fmt: skip
    return trusted(plan, audit, asked=True, force=request.force)


def _named(audit: AuditRecord, name: str, request: PlanOptions) -> Plan:
    """Return the plan on a grid with a name."""
    sampler = sampler_named(request.sampler)
    rule = "takes one call or two a step, as is best: name another for a grid with a name"
    require(sampler != MIXED, "sampler", rule, sampler.name)
    require(request.steps is not None, "steps", f"must be given with the {name} grid")
    last = sampler.require_last(ends_by(audit, request))
    site = offer(audit, replace(request, last=last))
    calls = require_count("steps", request.steps)
    count = sampler.visits(calls) if last != "sample" else calls // sampler.calls + 1
    grid = named_grid(audit, name, float(site.levels[-1]), count)
    given = replace(request, steps=None, resolution=None, last=last)
    kept = {key: getattr(given, key) for key in GridKeywords.__annotations__}
    plan = evaluate_grid(audit, grid, **cast(GridKeywords, kept))
    return replace(plan, why=f"the {name} grid")
