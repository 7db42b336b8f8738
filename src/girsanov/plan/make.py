"""Making a plan: the grid for a number of steps, for a target, or the best number of steps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._checks import (
    InputError,
    refuse,
    require,
    require_choice,
    require_count,
    require_levels,
    require_number,
)
from .._typing import Array, Json, Levels
from ..basis import Basis
from ..ledger.audit import Audit
from ..ledger.certificate import Entry, estimate_entry, kl_from_tv, tv_from_kl
from ..ledger.discretise import COVARIANCES
from ..ledger.init import STARTS
from ..montecarlo import Estimate, group_estimate, quantile
from ..sampling.holds import HOLDS
from ..sampling.solvers import SOLVERS
from .cost import Prices, prices
from .plan import Plan
from .promise import promise
from .solve import plan_solver, refuse_for_solver

ENOUGH = 0.5  # the best number of steps leaves the sampler this share of the score error's bound
LEAST = 0.1  # nats; a sampler's share below it is not worth more steps
BLUR = 0.05  # share of the data's standard deviation that a denoised last step may leave out


def make_plan(  # noqa: PLR0913 - the public face: one keyword a choice
    audit: Audit,
    *,
    steps: int | None = None,
    kl: float | None = None,
    tv: float | None = None,
    distance: float | None = None,
    sampler: str = "gaussian",
    covariance: str | None = None,
    start: str | None = None,
    last: str = "denoise",
    resolution: float | None = None,
    calibrate: bool = False,
) -> Plan:
    """Return the best grid for a number of `steps` (network calls), or the fewest for a target.

    sampler: a hold, or a deterministic solver (`plan.solve`), which has a `distance` to its
    teacher in place of nats (the audit needs trajectories).
    kl, tv: what the sampler may add in nats or total variation, at 95 % confidence; without
    steps, kl or tv the best number of steps is chosen: the fewest past which the sampler is no
    longer what limits the model. resolution: noise level sigma at which to stop; default: the
    coarsest at which a denoised last step misses at most 5 % of the data's standard deviation,
    or the finest measured. calibrate: plan for the denoiser corrected on the audited examples
    (`Audit.calibrated`); the plan carries the correction. Raises `InputError` when a target
    cannot be reached, with what can.
    """
    if sampler in SOLVERS:
        rule = "is for stochastic samplers: the trajectories are those of the model as it is"
        require(not calibrate or audit.calibration is not None, "calibrate", rule, sampler)
        refuse_for_solver(sampler, kl=kl, tv=tv, covariance=covariance, start=start)
        return plan_solver(
            audit, sampler, steps=steps, distance=distance, resolution=resolution, last=last
        )
    require(distance is None, "distance", "is for ddim, heun and dpmpp-2m", distance)
    audit = audit.calibrated() if calibrate else audit
    require(
        sum(x is not None for x in (steps, kl, tv)) <= 1,
        "steps, kl, tv",
        "only one of them can be given",
        {"steps": steps, "kl": kl, "tv": tv},
    )
    require_choice("last", last, ("denoise", "sample"))
    _check_covariance(sampler, covariance)
    if start is not None:
        require_choice("start", start, STARTS)
    price = prices(audit, sampler, covariance, start)
    end = _end(audit, resolution)
    extra = 1 if last == "sample" else 0  # the last level is then visited without a call
    frontier = _frontier(price, end, extra)
    if steps is not None:
        count, why = require_count("steps", steps), "the number of steps was given"
        rule = f"must be at most {len(frontier)}, the levels there are up to this resolution"
        require(count <= len(frontier), "steps", rule, steps, "Audit with more --levels")
    elif kl is not None or tv is not None:
        target = kl_from_tv(tv) if tv is not None else require_number("kl", kl, above=0.0)
        count, why = _fewest(price, end, extra, frontier, target, "kl" if tv is None else "tv")
    else:
        count, why = _best(price, end, extra, frontier)
    nodes = price.allocation.grid(count + extra, end - 1) + 1
    return plan_on(price, nodes, last=last, frontier=frontier, why=why)


def evaluate_grid(audit: Audit, levels: Levels, **options: Any) -> Plan:
    """Return the plan that visits given `levels` (each moved to the nearest measured one).

    options: sampler, covariance, start, last, calibrate as `make_plan`; its ledger prices the
    grid as it is.
    """
    audit = audit.calibrated() if options.pop("calibrate", False) else audit
    grid = require_levels("levels", levels)
    near = np.abs(np.log(audit.levels)[None] - np.log(grid)[:, None]).argmin(axis=1)
    nodes = np.unique(near) + 1
    last = options.pop("last", "denoise")
    price = prices(audit, options.pop("sampler", "gaussian"), **options)
    return plan_on(price, nodes, last=last, frontier=[], why="the grid was given")


def plan_on(price: Prices, nodes: Array, *, last: str, frontier: list[Json], why: str) -> Plan:
    """Return the plan for a grid of level indices 1..K."""
    audit, curve, frame = price.audit, price.audit.curve, price.audit.frame
    variances, axes = _variances(price, nodes[:-1])
    levels = curve.levels[nodes]
    about = {"why": why, "audit": audit.about, "model": audit.about["model"]}
    entries = ledger(price, nodes)
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


def ledger(price: Prices, nodes: Array) -> tuple[Entry, ...]:
    """Return the entries init, discretisation and score of a grid, in nats."""
    exact = bool(price.audit.about["exact"])
    init, cell = price.excess(nodes)
    level = price.audit.curve.levels[nodes[0]]
    started = f"from a {price.start} start at noise level {level**-0.5:.3g}"
    if not exact:
        most = group_estimate(price.starts(level), price.audit.curve.shares).interval()[1]
        started += f", beyond this model's best way there; the start's own KL is below {most:.3g}"
    rows = [
        estimate_entry("init", init, started),
        estimate_entry(
            "discretisation", cell, f"what {len(nodes)} levels cost beyond an ideal grid"
        ),
    ]
    if exact:
        return (*rows, Entry("score", 0.0, 0.0, 0.0, "exact", "the denoiser is exact"))
    low = _lower_end(score_bound(price, nodes))
    note = "found by correcting the denoiser on held-out data; the rest cannot be known from data"
    return (*rows, Entry("score", None, low, None, "lower bound", note))


def score_bound(price: Prices, nodes: Array) -> Estimate:
    """Return a lower bound on the score error in nats: R less the probe's ceiling of 1/2 int M."""
    probe = price.audit.probe
    assert probe is not None
    first, last = int(nodes[0]), int(nodes[-1])
    ceiling = price.refold(probe.ceiling(price.audit.curve.levels)[:, :last].sum(axis=1))
    reference = price.reference(0, first) + price.reference(first, last)
    return group_estimate(reference - ceiling, price.folds)


def _check_covariance(sampler: str, covariance: str | None) -> None:
    require_choice("sampler", sampler, (*HOLDS, *SOLVERS))
    if covariance is not None:
        require_choice("covariance", covariance, COVARIANCES)
        require(sampler == "gaussian", "covariance", "belongs to the gaussian sampler", sampler)


def _end(audit: Audit, resolution: float | None) -> int:
    if resolution is None:
        error, variance = audit.total().value, float(audit.curve.total().value[0])
        fine = np.flatnonzero(error <= BLUR**2 * variance)
        return int(fine[0]) + 1 if len(fine) else len(audit.levels)
    sigma = require_number("resolution", resolution, above=0.0)
    noise = audit.levels**-0.5
    inside = noise[-1] * (1 - 1e-9) <= sigma <= noise[0]
    require(
        inside, "resolution", f"must lie in the measured {noise[-1]:.4g}..{noise[0]:.4g}", sigma
    )
    return int(np.abs(np.log(noise) - math.log(sigma)).argmin()) + 1


def _frontier(price: Prices, end: int, extra: int) -> list[Json]:
    """Return, for every number of network calls, the cross-fitted cost above the cheapest."""
    most = min(len(price.allocation.costs), end) - extra
    rule = "leaves one level, and a sampled last step (last = sample) needs two"
    require(most >= 1, "resolution", rule, f"{price.audit.levels[end - 1] ** -0.5:.4g}")
    nodes = [price.allocation.grid(n + extra, end - 1) + 1 for n in range(1, most + 1)]
    costs = np.stack([sum(price.groups(path)) for path in nodes])  # [N, B]
    best = int((costs @ price.folds).argmin())
    above = [group_estimate(row - costs[best], price.folds) for row in costs]
    return [
        {"steps": n + 1, "above_best": float(e.value), "standard_error": float(e.se)}
        for n, e in enumerate(above)
    ]


def _fewest(
    price: Prices, end: int, extra: int, frontier: list[Json], target: float, argument: str
) -> tuple[int, str]:
    reached = math.inf
    for row in frontier:
        nodes = price.allocation.grid(row["steps"] + extra, end - 1) + 1
        init, cell = price.excess(nodes)
        value = max(0.0, float(init.interval()[1])) + max(0.0, float(cell.interval()[1]))
        reached = min(reached, value)
        if value <= target:
            why = f"the fewest steps whose init and discretisation stay below {target:.4g} nats"
            return row["steps"], why
    refuse(
        argument,
        f"cannot be reached at this resolution: the least is {reached:.4g} nats, "
        f"a total variation of {tv_from_kl(reached):.4g}",
        f"{target:.4g} nats" if argument == "kl" else f"{tv_from_kl(target):.4g}",
        "Ask for a coarser --resolution, or audit more examples or levels",
    )


def _best(price: Prices, end: int, extra: int, frontier: list[Json]) -> tuple[int, str]:
    nodes = price.allocation.grid(frontier[-1]["steps"] + extra, end - 1) + 1
    bound = 0.0 if price.audit.about["exact"] else _lower_end(score_bound(price, nodes))
    for row in frontier:
        enough = max(ENOUGH * bound, 2 * row["standard_error"], LEAST)
        if row["above_best"] <= enough:
            return row["steps"], (
                f"more would save {row['above_best']:.2g} ± {2 * row['standard_error']:.1g} nats, "
                f"against a score error of at least {bound:.2g}"
            )
    raise InputError("audit: has no level to plan on")


def _lower_end(bound: Estimate) -> float:
    return max(0.0, float(bound.value - quantile(0.975, bound.degrees) * bound.se))


def _variances(price: Prices, here: Array) -> tuple[Array | None, tuple[Basis, ...]]:
    if price.hold != "gaussian":
        return None, ()
    curve, frame = price.audit.curve, price.audit.frame
    if price.covariance == "scalar":
        return curve.mean_traces()[here, 0] / curve.dimension, ()
    if price.covariance == "full":
        assert curve.full is not None
        values, vectors = np.linalg.eigh(curve.full[here].mean(axis=1))
        d = curve.dimension
        return np.maximum(values, 0), tuple(Basis("pca", (d,), (v,)) for v in vectors)
    name = str(price.covariance)
    basis, bands = frame.bases[name]
    return bands.spread(curve.mean_errors(name)[here]), (basis,) if len(here) else ()
