"""`evaluate_grid`: the plan on a grid that was given, priced where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

from .._checks import require_choice, require_levels
from ..sampling.registry import sampler_named
from .allowed_levels import ends_by
from .ancestral_plans import ancestral_on_grid
from .calibrate_or_not import corrected_along_flow
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

    sampler: str
    process: str | None
    covariance: str | None
    start: str | None
    last: str | None
    calibrate: bool
    denoiser: Denoiser | None
    force: bool


@heeding_doubts
def evaluate_grid(audit: AuditRecord, levels: Levels, **options: Unpack[GridKeywords]) -> Plan:
    """Return the plan that visits given `levels`, each priced where it is.

    options: sampler, process, covariance, start, last, calibrate, denoiser, force as `make_plan`.
    Raises `InputError` for levels finer than the finest measured, of which the audit says nothing.
    """
    for name in options:
        require_choice("option", name, GridKeywords.__annotations__)
    request = PlanOptions(**options)
    along = sampler_named(request.sampler).flow_priced
    corrected = corrected_along_flow(audit, request.calibrate) if along else request.calibrate
    own = audit.calibrated() if corrected else audit
    own = own.in_process(request.process)
    if along:
        plan = ancestral_on_grid(own, require_levels("levels", levels), request)
        return trusted(plan, audit, asked=True, force=request.force)
    price, nodes = grid_prices(own, levels, request)
    plan = plan_on(price, nodes, last=ends_by(own, request), frontier=[], why="the grid was given",
                   denoiser=request.denoiser)  # fmt: skip
    return trusted(plan, audit, asked=True, force=request.force)
