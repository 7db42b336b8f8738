"""Making a plan: the grid for a number of steps, for a target, or the best number of steps.

From the levels that may be visited (`allowed_levels.py`) and what every step between two of them
costs (`path_kl/grid_cost.py`) the best grids of all numbers of steps follow (`shortest_path.py`);
what was asked for picks one (`search.py`), which examples that did not choose it price
(`on_grid.py`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from .._checks import require
from .._signatures import takes
from ..measuring.record import AuditRecord
from ..sampling.ancestral import MIXED
from ..sampling.registry import USUAL_SAMPLER, sampler_named, stochastic_names
from .allowed_levels import ends_by
from .ancestral_plans import ancestral_plan
from .calibrate_or_not import advised, corrected_along_flow, reason_to_correct
from .ode_samplers.plan_ode_sampler import (
    calibrated_teacher,
    plan_ode_sampler,
    refuse_for_ode_sampler,
)
from .options import GIVEN, PlanKeywords, PlanOptions
from .search import search
from .trusted import heeding_doubts, trusted

if TYPE_CHECKING:
    from .plan import Plan


@heeding_doubts
@takes(PlanOptions)
def make_plan(audit: AuditRecord, **options: Unpack[PlanKeywords]) -> Plan:
    """Return the best grid for a number of `steps` (network calls), or the fewest for a target.

    sampler: its name; by default ``mixed`` where the audit followed the flow, else analytic-dpm
    (`usual_sampler`); an ODE sampler (`planning/ode_samplers/`) has a `distance` to its
    teacher in place of nats: predicted from the audit's trajectories, or measured with the
    audited `denoiser`. With it analytic-dpm is given noise that keeps the data's
    variance in every direction (`planning/matched_noise.py`), for 2,000 pilot samples.
    kl, tv: what the sampler may add in nats or total variation, at 95 % confidence; without
    steps, kl or tv the best number of steps is chosen: the fewest past which the sampler is no
    longer what limits the model. resolution: noise level sigma at which to stop; w2: or the W2
    distance that stopping there may leave; by default where nothing finer matters
    (`planning/allowed_levels.py`). last: ``draw``, about the last prediction with the measured
    covariance there, which keeps the data's variance: the default of vectors and tables;
    ``denoise``, that
    prediction itself, which is free of noise: of pictures, and of every sampler but analytic-dpm;
    ``sample``, the noisy state. calibrate: plan
    for the denoiser corrected on the audited examples (`Audit.calibrated`); the plan carries the
    correction; by default only a denoiser that is proven to need it
    (`planning/calibrate_or_not.py`). process: ``cld`` to sample in phase space
    (`Audit.in_process`). among, keep, widest: restrict the levels (`planning/options.py`);
    weight: a of the variance (M/d)^a that counts a step's nats (`path_kl/grid_search.py`): 0 for
    the fewest nats, as for a KL or TV that is asked for and of vectors and tables; else 1, of
    pictures, whose samples are better for it. force: plan from
    an audit that does not hold (`planning/trusted.py`), too. Raises `InputError` for such an
    audit, and when a target cannot be reached, with what can.
    """
    require(isinstance(audit, AuditRecord), "audit", "must be an audit", type(audit).__name__)
    if options.get("sampler") is None:
        options["sampler"] = usual_sampler(audit, options)
    request = _of_guided(audit, PlanOptions(**options))
    process = request.process or audit.facts.process
    stochastic = sampler_named(request.sampler).stochastic
    rule = f"must be one of {', '.join(stochastic_names())} with process cld"
    require(process == "vp" or stochastic, "sampler", rule, request.sampler)
    plan = _of_stochastic if stochastic else _of_ode_sampler
    if sampler_named(request.sampler).flow_priced:
        plan = _along_flow
    end_given = request.resolution is not None or request.w2 is not None
    return trusted(plan(audit, request), audit, asked=end_given, force=request.force)


def usual_sampler(audit: AuditRecord, options: PlanKeywords) -> str:
    """Return the sampler of a plan that names none.

    ``mixed`` where the audit followed the flow of the network that will be sampled, corrected if
    so asked or, by default, if it is broken; else, and with options that are analytic-dpm's alone,
    that.
    """
    only = ("covariance", "denoiser", "distance")
    own = audit.in_process(options.get("process"))
    corrected = corrected_along_flow(own, options.get("calibrate"))
    flow = own.corrected_flow if corrected else own.flow
    plain = all(options.get(name) is None for name in only)
    return MIXED.name if plain and flow is not None else USUAL_SAMPLER


def _of_guided(audit: AuditRecord, request: PlanOptions) -> PlanOptions:
    """Return the request of a guided field, which has no data law: some cannot be met."""
    if not audit.facts.guided:
        return request
    rule = "is no target for a guided field, which belongs to no data: give steps"
    require(not (request.kl or request.tv), "kl, tv", rule, request.kl or request.tv)
    rule = "would correct a guided field towards the data, and undo its guidance"
    require(not request.calibrate, "calibrate", rule, request.calibrate)
    return replace(request, calibrate=False)


def _along_flow(audit: AuditRecord, request: PlanOptions) -> Plan:
    """Return the plan of an ancestral sampler, priced along the probability flow."""
    name = request.sampler
    require(request.distance is None, "distance", "is for ddim, heun and dpmpp-2m", name)
    require(request.denoiser is None, "model", "is for analytic-dpm and for ODE samplers", name)
    if not corrected_along_flow(audit, request.calibrate):
        return ancestral_plan(audit, request)
    plan = ancestral_plan(audit.calibrated(), request)
    if request.calibrate:
        return plan
    reason = reason_to_correct(audit)
    return replace(plan, why=reason if plan.why == GIVEN else f"{plan.why}; {reason}")


def _of_ode_sampler(audit: AuditRecord, request: PlanOptions) -> Plan:
    """Return the plan of an ODE sampler, on the teacher's trajectories."""
    audit = calibrated_teacher(audit, request.denoiser) if request.calibrate else audit
    rule = "belong to the holds: an ODE sampler is planned on the levels of its trajectories"
    require(not request.limits, ", ".join(request.limits) or "limits", rule, request.sampler)
    refuse_for_ode_sampler(request)
    return plan_ode_sampler(audit, replace(request, last=ends_by(audit, request)))


def _of_stochastic(audit: AuditRecord, request: PlanOptions) -> Plan:
    """Return the plan of a stochastic sampler, corrected where that is advised."""
    sampler = sampler_named(request.sampler)
    require(request.distance is None, "distance", "is for ddim, heun and dpmpp-2m", sampler.name)
    rule = "is for analytic-dpm and for ddim, heun and dpmpp-2m"
    require(request.denoiser is None or sampler.covariance, "model", rule, sampler.name)
    request = replace(request, last=sampler.require_last(ends_by(audit, request)))
    own = audit.calibrated() if request.calibrate else audit
    plan = search(own.in_process(request.process), request)
    price, nodes = plan.grids.price, plan.nodes
    reason = advised(price, nodes) if request.calibrate is None else ""
    if reason:
        plan = search(audit.calibrated().in_process(request.process), request)
        why = reason if plan.why == GIVEN else f"{plan.why}; {reason}"
        plan = replace(plan, why=why)
    return plan.plan(request.denoiser)
