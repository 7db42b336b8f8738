"""Making a plan: the grid for a number of steps, for a target, or the best number of steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Unpack

import numpy as np

from .._checks import require, require_choice, require_count, require_levels, require_number
from .._typing import Array, Indices, Json, Levels
from ..basis import Basis
from ..denoise.base import Denoiser
from ..ledger.audit import Audit
from ..ledger.certificate import Entry, kl_from_tv
from ..ledger.discretise import COVARIANCES
from ..ledger.init import STARTS
from ..ledger.refine import SAME, covariances
from ..montecarlo import Estimate
from ..sampling.holds import HOLDS
from ..sampling.solvers import SOLVERS
from .cost import Prices, prices
from .goals import best, fewest, frontier, require_steps, sampler_entries
from .levels import Limits, offer
from .plan import Plan
from .promise import promise
from .score import score_floor
from .solve import calibrated_teacher, plan_solver, refuse_for_solver

X0_WEIGHT = 1.0  # of the x0 hold when no KL is asked for: closer to W2 (theory 11.7)


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
    last: str = "denoise",
    resolution: float | None = None,
    calibrate: bool = False,
    denoiser: Denoiser | None = None,
    **limits: Unpack[Limits],
) -> Plan:
    """Return the best grid for a number of `steps` (network calls), or the fewest for a target.

    sampler: a hold, or a deterministic solver (`plan.solve`), which has a `distance` to its
    teacher in place of nats: predicted from the audit's trajectories, or measured with the
    audited `denoiser`.
    kl, tv: what the sampler may add in nats or total variation, at 95 % confidence; without
    steps, kl or tv the best number of steps is chosen: the fewest past which the sampler is no
    longer what limits the model. resolution: noise level sigma at which to stop; w2: or the W2
    distance that stopping there may leave; default: the coarsest at which a denoised last step
    misses at most 10 % of the data's standard deviation, or the finest measured. calibrate: plan
    for the denoiser corrected on the audited examples (`Audit.calibrated`); the plan carries the
    correction. process: ``cld`` to sample in phase space (`Audit.in_process`). among, keep,
    widest: restrict the levels (`plan.levels.Limits`); weight: a of the x0 hold's objective s^-a,
    1 unless a KL or TV is asked for. Raises `InputError` when a target cannot be reached, with
    what can.
    """
    scalar = (process or audit.about.get("process", "vp")) == "vp"
    rule = f"must be one of {', '.join(HOLDS)} with process cld"
    require(scalar or sampler in HOLDS, "sampler", rule, sampler)
    if sampler in SOLVERS:
        audit = calibrated_teacher(audit, denoiser) if calibrate else audit
        rule = "belong to the holds: a solver is planned on the levels of its trajectories"
        require(not limits, ", ".join(limits) or "limits", rule, sampler)
        refuse_for_solver(sampler, kl=kl, tv=tv, covariance=covariance, start=start)
        return plan_solver(
            audit, sampler, steps=steps, distance=distance, resolution=resolution, last=last,
            denoiser=denoiser,
        )  # fmt: skip
    for name, value in (("distance", distance), ("model", denoiser)):
        require(value is None, name, "is for ddim, heun and dpmpp-2m", sampler)
    audit = (audit.calibrated() if calibrate else audit).in_process(process)
    require(
        sum(x is not None for x in (steps, kl, tv)) <= 1,
        "steps, kl, tv",
        "only one of them can be given",
        {"steps": steps, "kl": kl, "tv": tv},
    )
    require_choice("last", last, ("denoise", "sample"))
    price, end = priced(audit, (sampler, covariance, start), last, resolution, limits, kl or tv)
    extra = 1 if last == "sample" else 0  # the last level is then visited without a call
    rows: list[Json] = []
    if steps is not None:
        count, why = require_count("steps", steps), "the number of steps was given"
        require_steps(price, count, end, extra)
    elif kl is not None or tv is not None:
        target = kl_from_tv(tv) if tv is not None else require_number("kl", kl, above=0.0)
        count, why = fewest(price, end, extra, target, "kl" if tv is None else "tv")
    else:
        rows = frontier(price, end, extra)
        nodes = price.choice().nodes(rows[-1]["steps"] + extra, end)
        bound = 0.0 if price.exact else score_floor(price, nodes)
        count, why = best(rows, bound, price.curve.dimension)
    nodes = price.choice().nodes(count + extra, end)
    rows = rows or frontier(price, end, extra, count)
    shares = price.planned(count + extra, end)
    return plan_on(price, nodes, last=last, frontier=rows, why=why, shares=shares)


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


def for_counts(plan: Plan, audit: Audit, counts: Iterable[int]) -> list[Plan]:
    """Return a stochastic `plan` for other numbers of network calls: grids, but no ledgers.

    audit: the one it was made from; counts that need more levels than there are, are left out.
    """
    audit = audit.calibrated() if plan.calibration is not None else audit
    names = (plan.sampler, plan.covariance, plan.start)
    price, end = priced(audit, names, plan.last, plan.resolution, {}, None)
    extra, frame = int(plan.last == "sample"), audit.frame
    spread = frame.bands.spread(frame.variances)
    made = []
    for count in counts:
        if not price.choice().reachable(count + extra, end):
            continue
        nodes = price.choice().nodes(count + extra, end)
        levels, (variances, axes) = price.curve.levels[nodes], _variances(price, nodes[:-1])
        made.append(replace(plan, levels=levels, start_noise=np.sqrt(spread + 1 / levels[0]),
                            variances=variances, axes=axes, ledger=(), frontier=[]))  # fmt: skip
    return made


def evaluate_grid(audit: Audit, levels: Levels, **options: Any) -> Plan:
    """Return the plan that visits given `levels`, each priced where it is.

    options: sampler, process, covariance, start, last, calibrate as `make_plan`. Raises
    `InputError` for levels finer than the finest measured, of which the audit says nothing.
    """
    audit = audit.calibrated() if options.pop("calibrate", False) else audit
    audit = audit.in_process(options.pop("process", None))
    last = options.pop("last", "denoise")
    price, nodes = grid_prices(audit, levels, **options)
    return plan_on(price, nodes, last=last, frontier=[], why="the grid was given")


def grid_prices(
    audit: Audit, levels: Levels, *, sampler: str = "gaussian", **options: Any
) -> tuple[Prices, Indices]:
    """Return the prices of a sampler, and the nodes in them that given `levels` are.

    options: covariance, start as `make_plan`.
    """
    grid = require_levels("levels", levels)
    finest = audit.levels[-1]
    rule = f"must not be finer than the finest measured, SNR {finest:.6g}"
    require(bool(grid[-1] <= finest * (1 + SAME)), "levels", rule, float(grid[-1]))
    price = prices(audit, sampler, levels=grid, **options)
    nodes = np.unique(np.abs(np.log(price.levels)[None] - np.log(grid)[:, None]).argmin(axis=1))
    return price, nodes + 1


def plan_on(
    price: Prices,
    nodes: Indices,
    *,
    last: str,
    frontier: list[Json],
    why: str,
    shares: tuple[Estimate, Estimate] | None = None,
) -> Plan:
    """Return the plan for a grid of nodes 1..K; shares: its cross-fitted init and cells.

    Without shares the grid counts as given: its price is then free of any choice.
    """
    audit, curve, frame = price.audit, price.curve, price.audit.frame
    variances, axes = _variances(price, nodes[:-1])
    levels = curve.levels[nodes]
    about = {"why": why, "audit": audit.about, "model": audit.about["model"]}
    entries = ledger(price, nodes, shares)
    return Plan(
        price.hold,
        price.covariance,
        price.start,
        last,
        levels,
        frame.moments,
        np.sqrt(frame.bands.spread(frame.variances) + 1 / levels[0]),
        variances,
        axes,
        entries,
        frontier,
        about,
        audit.calibration,
        promised=promise(price, curve, nodes, entries, last=last),
    )


def ledger(
    price: Prices, nodes: Indices, shares: tuple[Estimate, Estimate] | None = None
) -> tuple[Entry, ...]:
    """Return the entries init, discretisation and score of a grid, in nats."""
    rows = sampler_entries(price, nodes, shares or price.excess(nodes))
    if price.exact:
        return (*rows, Entry("score", 0.0, 0.0, 0.0, "exact", "the denoiser is exact"))
    low = score_floor(price, nodes)
    note = "found by correcting the denoiser on held-out data; the rest cannot be known from data"
    return (*rows, Entry("score", None, low, None, "lower bound", note))


def _check_covariance(sampler: str, covariance: str | None) -> None:
    require_choice("sampler", sampler, (*HOLDS, *SOLVERS))
    if covariance is not None:
        require_choice("covariance", covariance, COVARIANCES)
        require(sampler == "gaussian", "covariance", "belongs to the gaussian sampler", sampler)


def _variances(price: Prices, here: Indices) -> tuple[Array | None, tuple[Basis, ...]]:
    if price.hold != "gaussian":
        return None, ()
    curve, frame = price.curve, price.audit.frame
    if price.covariance == "scalar":
        return curve.mean_traces()[here, 0] / curve.dimension, ()
    if price.covariance == "full":
        d, full = curve.dimension, covariances(price.audit.curve, curve.levels[here])
        values, vectors = np.linalg.eigh(full.mean(axis=1))
        return np.maximum(values, 0), tuple(Basis("pca", (d,), (v,)) for v in vectors)
    name = str(price.covariance)
    basis, bands = frame.bases[name]
    return bands.spread(curve.mean_errors(name)[here]), (basis,) if len(here) else ()
