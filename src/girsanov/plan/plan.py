"""The plan: a grid, a sampler, its covariance, and the ledger it promises."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
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
from .._files import read_beside, read_format, sha256_of_file, write_json, write_tensors
from .._typing import Array, Json, Levels, PathLike
from ..basis import Basis
from ..ledger.audit import Audit
from ..ledger.certificate import Entry, estimate_entry, kl_from_tv
from ..ledger.discretise import COVARIANCES
from ..ledger.init import STARTS
from ..moments import Moments, moments_from_tensors
from ..montecarlo import Estimate, group_estimate, quantile
from ..sample.holds import HOLDS, Recipe, recipe
from .cost import Prices, prices

ENOUGH = 0.02  # the best number of steps leaves the sampler this share of the score error's bound


@dataclass(frozen=True)
class Plan:
    """A grid and a sampler for one model, with the ledger they promise.

    sampler: a hold; covariance: of the gaussian hold; start, last: how it begins and ends;
    levels: SNRs at which the network is called [N] (and one more where it is not, when
    last = ``sample``); variances: v of each step [N-1, d] with `axes`, one basis for all or
    one per step; ledger: entries in nats; frontier: cost above the best for other step counts.
    """

    sampler: str
    covariance: str | None
    start: str
    last: str
    levels: Levels
    moments: Moments
    start_noise: Array
    variances: Array | None
    axes: tuple[Basis, ...]
    ledger: tuple[Entry, ...]
    frontier: list[Json]
    about: Json = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """The number of network calls a sample costs."""
        return len(self.levels) - (self.last == "sample")

    @property
    def resolution(self) -> float:
        """The noise level sigma = 1/sqrt(s_N) down to which the ledger speaks."""
        return float(self.levels[-1] ** -0.5)

    def recipe(self) -> Recipe:
        """Return the sampler this plan stands for."""
        main = self.moments.basis
        begin = {
            "gaussian": (self.moments.mean, self.start_noise, main),
            "mean": (self.moments.mean, float(self.levels[0] ** -0.5), None),
            "standard": (0.0, float(np.sqrt(1 + 1 / self.levels[0])), None),
        }[self.start]
        cells = len(self.levels) - 1
        bases = tuple(self.axes) * cells if len(self.axes) == 1 else tuple(self.axes)
        return recipe(
            self.sampler,
            self.levels,
            start=begin,
            variances=self.variances,
            bases=bases or None,
            last=self.last,
        )

    def save(self, path: PathLike) -> None:
        """Write `path` (JSON, to read) and its arrays beside it (safetensors)."""
        arrays = Path(path).with_suffix(".safetensors")
        tensors = {f"moments.{k}": v for k, v in self.moments.tensors().items()}
        tensors |= {"levels": self.levels, "start_noise": self.start_noise}
        if self.variances is not None:
            tensors["variances"] = self.variances
        for k, basis in enumerate(self.axes):
            if basis.kind == "pca":
                tensors[f"axes.{k}"] = np.asarray(basis.factors[0])
        write_tensors(arrays, tensors)
        write_json(
            path,
            {
                "format": "girsanov/plan/1",
                **self.summary(),
                **self.about,
                "axes": [{"kind": b.kind, "shape": list(b.shape)} for b in self.axes],
                "arrays": sha256_of_file(arrays),
            },
        )

    def summary(self) -> Json:
        """Return what a person or a program wants to know of this plan, as JSON."""
        return {
            "sampler": self.sampler,
            "covariance": self.covariance,
            "start": self.start,
            "last": self.last,
            "steps": self.steps,
            "resolution": self.resolution,
            "levels": self.levels.tolist(),
            "ledger": [e.to_json() for e in self.ledger],
            "frontier": self.frontier,
        }


def make_plan(
    audit: Audit,
    *,
    steps: int | None = None,
    kl: float | None = None,
    tv: float | None = None,
    sampler: str = "gaussian",
    covariance: str | None = None,
    start: str | None = None,
    last: str = "denoise",
    resolution: float | None = None,
) -> Plan:
    """Return the best grid for a number of `steps` (network calls), or the fewest for a target.

    kl, tv: what the sampler may add in nats or total variation, at 95 % confidence; without
    steps, kl or tv the best number of steps is chosen: the fewest past which the sampler is no
    longer what limits the model. resolution: noise level sigma at which to stop; default: the
    finest measured. Raises `InputError` when a target cannot be reached, with what can.
    """
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
    elif kl is not None or tv is not None:
        target = kl_from_tv(tv) if tv is not None else require_number("kl", kl, above=0.0)
        count, why = _fewest(price, end, extra, frontier, target)
    else:
        count, why = _best(price, end, extra, frontier)
    nodes = price.allocation.grid(count + extra, end - 1) + 1
    return plan_on(price, nodes, last=last, frontier=frontier, why=why)


def evaluate_grid(audit: Audit, levels: Levels, **options: Any) -> Plan:
    """Return the plan that visits given `levels` (each moved to the nearest measured one).

    options: sampler, covariance, start, last as `make_plan`; its ledger prices the grid as it is.
    """
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
    banded = np.bincount(frame.bands.index, frame.moments.variances) / frame.bands.sizes
    levels = curve.levels[nodes]
    about = {"why": why, "audit": audit.about, "model": audit.about["model"]}
    return Plan(
        price.hold,
        price.covariance,
        price.start,
        last,
        levels,
        frame.moments,
        np.sqrt(frame.bands.spread(banded) + 1 / levels[0]),
        variances,
        axes,
        ledger(price, nodes),
        frontier,
        about,
    )


def ledger(price: Prices, nodes: Array) -> tuple[Entry, ...]:
    """Return the entries init, discretisation and score of a grid, in nats."""
    exact = bool(price.audit.about["exact"])
    init, cell = price.excess(nodes)
    at = f"from a {price.start} start at noise level {price.audit.curve.levels[nodes[0]] ** -0.5:.3g}"
    rows = [
        estimate_entry("init", init, f"starting {at}"),
        estimate_entry(
            "discretisation", cell, f"{len(nodes)} levels, above the best grid there is"
        ),
    ]
    if exact:
        return (*rows, Entry("score", 0.0, 0.0, 0.0, "exact", "the denoiser is exact"))
    bound = score_bound(price, nodes)
    low = float(bound.value - quantile(0.975, bound.degrees) * bound.se)
    note = "found by correcting the denoiser on held-out data; the rest cannot be known from data"
    return (*rows, Entry("score", None, max(0.0, low), None, "lower bound", note))


def score_bound(price: Prices, nodes: Array) -> Estimate:
    """Return a lower bound on the score error in nats: R - 1/2 int (M^ - gain) ds."""
    probe = price.audit.probe
    assert probe is not None
    first, last = int(nodes[0]), int(nodes[-1])
    s = price.audit.levels[:last]
    weights = np.gradient(np.log(s)) * s / 2 if last > 1 else np.zeros(last)  # trapezoid in log s
    if last > 1:
        weights[[0, -1]] /= 2
    gain = price._refold(weights @ probe.gains[:last])
    reference = price.reference(0, first) + price.reference(first, last)
    return group_estimate(reference - price.integral(last) + gain, price.folds)


def _check_covariance(sampler: str, covariance: str | None) -> None:
    require_choice("sampler", sampler, HOLDS)
    if covariance is not None:
        require_choice("covariance", covariance, COVARIANCES)
        require(sampler == "gaussian", "covariance", "belongs to the gaussian sampler", sampler)


def _end(audit: Audit, resolution: float | None) -> int:
    if resolution is None:
        return len(audit.levels)
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
    nodes = [price.allocation.grid(n + extra, end - 1) + 1 for n in range(1, most + 1)]
    costs = np.stack([sum(price.groups(path)) for path in nodes])  # [N, B]
    best = int((costs @ price.folds).argmin())
    above = [group_estimate(row - costs[best], price.folds) for row in costs]
    return [
        {"steps": n + 1, "above_best": float(e.value), "standard_error": float(e.se)}
        for n, e in enumerate(above)
    ]


def _fewest(
    price: Prices, end: int, extra: int, frontier: list[Json], target: float
) -> tuple[int, str]:
    reached = math.inf
    for row in frontier:
        nodes = price.allocation.grid(row["steps"] + extra, end - 1) + 1
        init, cell = price.excess(nodes)
        value = max(0.0, float(init.interval()[1])) + max(0.0, float(cell.interval()[1]))
        reached = min(reached, value)
        if value <= target:
            return row[
                "steps"
            ], f"the fewest steps whose init and discretisation stay below {target:.4g} nats"
    refuse(
        "kl",
        f"cannot be reached at this resolution: the least is {reached:.4g} nats",
        target,
        "Ask for a coarser --resolution, or audit more examples or levels",
    )


def _best(price: Prices, end: int, extra: int, frontier: list[Json]) -> tuple[int, str]:
    nodes = price.allocation.grid(frontier[-1]["steps"] + extra, end - 1) + 1
    score = 0.0
    if not price.audit.about["exact"]:
        score = max(0.0, float(score_bound(price, nodes).value))
    for row in frontier:
        tolerance = max(ENOUGH * score, 2 * row["standard_error"], 0.01)
        if row["above_best"] <= tolerance:
            return row["steps"], (
                f"past it the sampler is not what limits this model: {row['above_best']:.3g} nats "
                f"above the best grid, against a score error of at least {score:.3g}"
            )
    raise InputError("audit: has no level to plan on")


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


def load_plan(path: PathLike) -> Plan:
    """Return the plan saved in `path`; refuse files that are not one, or were changed."""
    content = read_format(path, "plan")
    t = read_beside(path, content.get("arrays"), "girsanov plan")
    moments = moments_from_tensors(
        {k[8:]: v for k, v in t.items() if k[:8] == "moments."}, str(path)
    )
    try:
        axes = tuple(_axes(a, t.get(f"axes.{k}"), moments) for k, a in enumerate(content["axes"]))
        plan = Plan(
            require_choice("sampler", content["sampler"], HOLDS),
            content["covariance"],
            require_choice("start", content["start"], STARTS),
            require_choice("last", content["last"], ("denoise", "sample")),
            require_levels("levels", t["levels"]),
            moments,
            t["start_noise"],
            t.get("variances"),
            axes,
            tuple(Entry(**e) for e in content["ledger"]),
            content["frontier"],
            {k: content[k] for k in ("why", "audit", "model")},
        )
        plan.recipe()
    except (KeyError, TypeError, ValueError, AttributeError) as cause:
        raise InputError(
            f"{path}: is not a whole plan ({cause}). Run girsanov plan again"
        ) from cause
    return plan


def _axes(content: Json, matrix: Array | None, moments: Moments) -> Basis:
    from ..basis import coordinate_basis, dct_basis

    kind = require_choice("axes", content["kind"], ("coordinate", "pca", "dct"))
    if kind == "pca":
        return Basis("pca", (moments.basis.dimension,), (matrix,))
    shape = tuple(int(n) for n in content["shape"])
    return dct_basis(shape) if kind == "dct" else coordinate_basis(math.prod(shape))
