r"""What a scheduler carries: grids for many numbers of calls, and the covariance at each level.

A plan for N calls is a grid (`step_grid.py`), and with analytic-dpm a covariance U diag(v) U^T at
each of its levels. Plans of one audit share the axes U, the start and, where they visit the same
level, v, so that all of them together are one table of v by level, and lists of places in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from .._checks import refuse, require, require_count
from ..sampling.ancestral import Ancestral
from ..sampling.registry import SAMPLERS, sampler_named
from .json_arrays import (
    pack_array,
    pack_basis,
    pack_rows,
    unpack_array,
    unpack_basis,
    unpack_rows,
)
from .step_grid import StepGrid, grids_from_json, inner_to_json

if TYPE_CHECKING:
    from .._typing import Array, Json, Levels, Tensor
    from ..basis import Basis
    from ..planning.plan import Plan
    from ..sampling.sampler import Recipe


@dataclass(frozen=True)
class Carried:
    """Plans of one model, made alike but for their number of calls.

    sampler, last: of every plan; levels: all that are visited, and of a calibrated network the
    midpoints, increasing [K]; grids: places in
    `levels` for each number of network calls, and how steps along the flow are taken between
    them; variances: v at each level [K, d] or [K, 1], None
    but for analytic-dpm and mixed; axes: U of v; mean, main: mean [d] and axes of the data's
    moments;
    start: ``gaussian``, with spread + 1/s_0 along the main axes, ``mean`` or ``standard``;
    calibration: the weights (a, w keep, c) of `denoise/calibrate.py` at each level [K, 3, d], or
    None.
    """

    sampler: str
    last: str
    levels: Levels
    grids: dict[int, StepGrid]
    variances: Array | None
    axes: Basis | None
    mean: Array
    main: Basis
    start: str
    spread: Array
    calibration: Array | None = None

    def grid(self, calls: int) -> StepGrid:
        """Return the grid for `calls` network calls, or for the most carried below it.

        For fewer than any, as many levels of the smallest, evenly chosen, the last among them.
        """
        require_count("num_inference_steps", calls)
        smaller = [n for n in self.grids if n <= calls]
        if smaller:
            return self.grids[max(smaller)]
        smallest = self.grids[min(self.grids)]
        parts = [smallest.thinned(n, self.levels) for n in range(len(smallest.places) - 1, 0, -1)]
        costs = [self.calls(part) for part in parts]
        fits = [part for part, n in zip(parts, costs, strict=True) if 0 < n <= calls]
        least = min((n for n in costs if n > 0), default=min(self.grids))
        rule = f"must be at least {least}, the fewest that {self.sampler} takes"
        require(bool(fits), "num_inference_steps", rule, calls)
        return fits[0]

    def after_start(self, calls: int) -> StepGrid | None:
        """Return the grid that is left to one of `calls` calls, of which the start costs one.

        The best carried, or that grid without its first level: a Gaussian start may begin at the
        second as well. None where one call is all there is.
        """
        cut = self.grid(calls).without_first()
        if cut is None or self.calls(cut) < 1:
            return None
        smaller = max((n for n in self.grids if n < calls), default=0)
        return self.grids[smaller] if smaller and smaller >= self.calls(cut) else cut

    def calls(self, grid: StepGrid) -> int:
        """Return the network calls that a grid costs."""
        if grid.inner is not None:
            return grid.inner.calls + (self.last != "sample")
        return sampler_named(self.sampler).network_calls(len(grid.places), self.last)

    def recipe(self, grid: StepGrid) -> Recipe:
        """Return the sampler that visits these places of `levels`."""
        places = np.array(grid.places)
        levels = self.levels[places]
        start = self.start_at(float(levels[0]))
        sampler = sampler_named(self.sampler)
        if isinstance(sampler, Ancestral):
            sampler = replace(sampler, inner=grid.inner)
        if self.variances is None:
            return sampler.recipe(levels, start=start, last=self.last)
        rows = self.variances[places if self.last == "draw" else places[:-1]]
        rows = rows[:, 0] if rows.shape[1] == 1 else rows
        bases = None if self.axes is None else (self.axes,) * len(rows)
        return sampler.recipe(levels, start=start, variances=rows, bases=bases, last=self.last)

    def start_at(self, snr: float) -> tuple[float | Array, float | Array, Basis | None]:
        """Return centre, standard deviation and basis of the start at an SNR, inf for its law."""
        if self.start == "gaussian":
            return self.mean, np.sqrt(self.spread + 1 / snr), self.main
        if self.start == "mean":
            return self.mean, snr**-0.5, None
        return 0.0, float(np.sqrt(1 + 1 / snr)), None

    def corrected(self, m: Tensor, x: Tensor, snr: float) -> Tensor:
        """Return the calibrated prediction for m and x [B, d] at a carried level."""
        if self.calibration is None:
            return m
        weights = self.calibration[int(np.abs(np.log(self.levels / snr)).argmin())]
        a, w, c = torch.as_tensor(weights, dtype=m.dtype, device=m.device)
        mean = torch.tensor(self.mean).to(m)
        of_m, of_x = (self.main.to_coordinates(v - mean) for v in (m, x))
        mixed: Tensor = a * of_m + w * of_x + c
        return mean + self.main.from_coordinates(mixed)

    def to_json(self) -> Json:
        """Return all of it as JSON values."""
        same = self.axes is not None and _equal(self.axes, self.main)
        return {
            "sampler": self.sampler,
            "last": self.last,
            "levels": self.levels.tolist(),
            "grids": {str(n): list(grid.places) for n, grid in self.grids.items()},
            "inner": inner_to_json(self.grids),
            "variances": None if self.variances is None else pack_rows(self.variances),
            "axes": "main" if same else pack_basis(self.axes),
            "mean": pack_array(self.mean),
            "main": pack_basis(self.main),
            "start": self.start,
            "spread": pack_array(self.spread),
            "calibration": None if self.calibration is None
            else [pack_rows(self.calibration[:, k]) for k in range(3)],
        }  # fmt: skip

    @classmethod
    def from_json(cls, content: Json) -> Carried:
        """Return what `to_json` described."""
        main, rows = unpack_basis(content["main"]), content["variances"]
        axes = main if content["axes"] == "main" else unpack_basis(content["axes"])
        parts = content.get("calibration")
        weights = parts and np.stack([unpack_rows(p, "calibration") for p in parts], axis=1)
        assert main is not None
        return cls(
            content["sampler"], content["last"], np.asarray(content["levels"], np.float64),
            grids_from_json(content["grids"], content.get("inner")),
            None if rows is None else unpack_rows(rows, "variances"), axes,
            unpack_array(content["mean"], "mean"), main, content["start"],
            unpack_array(content["spread"], "spread"), weights,
        )  # fmt: skip


def carry(plans: Sequence[Plan]) -> Carried:
    """Return what a scheduler needs of `plans`, which differ in their number of calls only."""
    first = plans[0]
    rule = "must be of a stochastic or an ODE sampler"
    require(first.sampler in SAMPLERS, "plan", rule, first.sampler)
    scalar = all(p.process == "vp" for p in plans)
    require(scalar, "plan", "must be of process vp: a scheduler has no velocities", "cld")
    if any(p.start == "class" for p in plans):
        refuse("plan", "starts each class from its own moments, and a scheduler knows no labels",
               None, "Plan with --start gaussian")  # fmt: skip
    if first.covariance == "full":
        refuse("plan", "has a full covariance, whose axes differ at each level", None,
               "Plan with --covariance pca, dct or coordinate")  # fmt: skip
    alike = all((p.sampler, p.covariance, p.last) == (first.sampler, first.covariance, first.last)
                for p in plans)  # fmt: skip
    require(alike, "plans", "must have one sampler, covariance and last step")
    calibration = first.calibration
    asked = [p.levels for p in plans]
    if calibration is not None:  # midpoints are corrected too
        asked += [p.inner.middle for p in plans if p.inner is not None]
    levels = np.unique(np.concatenate(asked))
    levels = levels[~np.isnan(levels)]
    place = {float(s): k for k, s in enumerate(levels)}
    weights = None if calibration is None else calibration.at(levels)
    return Carried(
        first.sampler, first.last, levels,
        {p.steps: StepGrid(tuple(place[float(s)] for s in p.levels), p.inner) for p in plans},
        _table(plans, place), next((p.axes[0] for p in plans if p.axes), None), first.moments.mean,
        first.moments.basis, first.start, _spread(max(plans, key=lambda p: p.levels[0])), weights,
    )  # fmt: skip


def _equal(one: Basis, two: Basis) -> bool:
    same = (one.kind, one.shape) == (two.kind, two.shape)
    return same and all(a is b or np.array_equal(a, b)  # type: ignore[arg-type]
                        for a, b in zip(one.factors, two.factors, strict=True))  # fmt: skip


def _table(plans: Sequence[Plan], place: dict[float, int]) -> Array | None:
    """Return v by level; levels where no plan adds noise have none, and keep zeros."""
    rows = {float(s): v for p in plans if p.variances is not None
            for s, v in zip(p.levels[: p.covered], p.variances, strict=True)}  # fmt: skip
    if not sampler_named(plans[0].sampler).covariance:
        return None
    width = max((np.size(v) for v in rows.values()), default=1)
    table = np.zeros((len(place), width))
    for s, v in rows.items():
        table[place[s]] = v
    return table


def _spread(plan: Plan) -> Array:
    """Return the variances of the data along the main axes that a gaussian start adds."""
    if plan.start != "gaussian":
        return np.zeros(plan.moments.basis.dimension)
    return np.asarray(np.maximum(plan.start_noise**2 - 1 / plan.levels[0], 0.0))


def plan_item_shape(plan: Plan) -> tuple[int, ...]:
    """Return the shape of one item of the plan's model."""
    shape = plan.audit.shape
    d = plan.moments.basis.dimension
    require(math.prod(shape) == d, "plan", f"must record a shape of {d} numbers", shape)
    return shape
