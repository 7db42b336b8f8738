r"""Data on a manifold, without a density: what the corollaries ask for is run, and W2 measured.

A tolerance w of W2 is split as Corollary 5's proof does (paper/bounds/chen2023_support.py, (4)),

    delta:  W2(q_delta, q) <= w / sqrt 2,      TV(p, q_delta) <= w^2 / (8 R^2),            (1)

the fewest steps N that a theorem grants this with are taken (DDPM, score frozen, equal ratios of
SNR), and the output is projected on the ball of radius R, or denoised once. On a circle or sphere
about 0 every output is invariant under rotation, so that the best coupling is radial,

    W2(Y, q)^2 = E (|Y| - R)^2;                                                           (2)

on the swiss roll W2 is that of the best assignment of outputs to as many draws from the law,
which overstates it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from ...denoise.exact import ExactDenoiser
from ...law import Sphere, SwissRoll
from ...ledger.numbers import number
from ...montecarlo import Estimate, mean_estimate
from ...noise import NoiseSource
from ...sampling.grids import log_uniform_grid
from ...sampling.loop import sample_standardised
from ...sampling.registry import recipe
from ..bounds import (
    Facts,
    delta_for_w2,
    project_ball,
    projection_targets,
    steps_for,
)
from ..bounds.chen2023_support import snr_at
from ..chart import Series, chart
from ..statement import K, Result, Row, Statement

if TYPE_CHECKING:
    from ..._typing import Array, Tensor
    from ...law.base import Law

FIRST = 1e-3  # SNR at which the runs of few steps start
FEW = 32


@dataclass(frozen=True)
class Case:
    """A law on a manifold within the ball of `radius` about 0."""

    name: str
    law: Law
    radius: float

    @property
    def facts(self) -> Facts:
        """Return what the theorems are told: no density, only sizes."""
        law = self.law
        return Facts(law.dimension, law.second_moment, radius=self.radius, variance=law.variance)


CASES = (
    Case("circle", Sphere([0.0, 0.0], 1.0), 1.0),
    Case("sphere, d = 3", Sphere([0.0, 0.0, 0.0], 2.0), 2.0),
    Case("swiss roll", SwissRoll(), 1.5),
)


def distance(case: Case, y: Tensor, seed: int) -> Estimate:
    """Return W2^2 between outputs y [n, d] and the law: (2), or by assignment."""
    if isinstance(case.law, Sphere):
        return mean_estimate(((y.norm(dim=1) - case.radius) ** 2).numpy())
    x = case.law.sample(len(y), seed=seed, first=10**6)  # apart from all other draws
    cost = torch.cdist(y, x).square().numpy()
    return mean_estimate(cost[linear_sum_assignment(cost)])


def stopped(case: Case, w2: float, count: int, seed: int) -> tuple[Estimate, Estimate]:
    """Return W2^2 of the law stopped early for a tolerance `w2`, plain and then denoised."""
    delta = delta_for_w2(case.facts, w2)
    s = snr_at(delta)
    z = NoiseSource(seed, "verify-manifolds").normal(0, 0, count, case.law.dimension).double()
    x = case.law.sample(count, seed=seed) + z / math.sqrt(s)
    plain = distance(case, math.exp(-delta) * x, seed)
    return plain, distance(case, case.law.denoise(x, s), seed)


def output_w2(case: Case, levels: Array, count: int, seed: int) -> dict[str, Estimate]:
    """Return W2^2 of DDPM's output on `levels`, stopped, projected and denoised."""
    s = float(levels[-1])
    plan = recipe(
        "ei-score", levels, start=(0.0, math.sqrt(1 + 1 / levels[0]), None), last="sample"
    )
    x = sample_standardised(ExactDenoiser(case.law), plan, count, seed=seed)
    y = x * math.sqrt(s / (1 + s))
    outputs = {
        "stopped": y,
        "projected": project_ball(y, case.radius),
        "denoised": case.law.denoise(x, s),
    }
    return {name: distance(case, at, seed) for name, at in outputs.items()}


def row(what: str, claimed: float, square: Estimate) -> Row:
    """Return the row that W2 is at most `claimed`, by k standard errors of its square."""
    root = math.sqrt(square.value)
    return Row(what, claimed, root, "<=", K * float(square.se) / max(2 * root, 1e-12))


def asked(case: Case, w2: float, count: int, seed: int) -> tuple[list[Row], int]:
    """Run what the theorem asks for the tolerance `w2`, and what few steps do at its level."""
    delta, tv = projection_targets(case.facts, w2)
    bound = steps_for("theorem2-grid", case.facts, tv=tv, w2=w2 / math.sqrt(2))
    levels = np.geomspace(snr_at(bound.time), snr_at(bound.stop), bound.steps + 1)
    done = output_w2(case, levels, count, seed)
    where = f"{case.name}, W2 ≤ {w2:g} asked, N = {bound.steps:,}"
    rows = [
        Row(f"{where}: stopping time δ as Corollary 5 splits it", delta, bound.stop, "=",
            1e-9 * delta),
        *(row(f"{where}: W2 of the output, {how}", w2, done[how]) for how in done),
    ]  # fmt: skip
    return rows, bound.steps


def w2_tolerances(case: Case, shares: Array) -> Array:
    """Return the tolerances at which so few draws from the law can show the distance."""
    least = 0.2 if isinstance(case.law, SwissRoll) else 0.0
    return np.asarray(shares[shares >= least] * case.radius)


def run(quick: bool, seed: int) -> Result:
    """Stop, run, project and denoise on three manifolds; W2 by Monte Carlo."""
    share, count, many = (1.0, 200, 700) if quick else (0.8, 400, 2000)
    shares = np.array([1.0, 0.5, 0.2, 0.1, 0.05])
    rows, series, needed, few = [], [], [], []
    for tone, case in enumerate(CASES, start=1):
        at = w2_tolerances(case, shares)
        near = [stopped(case, w, many, seed) for w in at.tolist()]
        rows += [
            row(f"{case.name}: W2(q_δ, q), δ for {w:g}", w, plain)
            for w, (plain, _) in zip(at, near, strict=True)
        ]
        distances, steps = asked(case, share * case.radius, count, seed)
        rows += distances
        needed.append(f"{case.name}: {steps:,}")
        delta = delta_for_w2(case.facts, 0.1 * case.radius)
        short = output_w2(case, log_uniform_grid(FIRST, snr_at(delta), FEW + 1), many, seed)
        few.append(f"{_root(short['denoised'])} ({case.name})")
        series += [
            Series(case.name, at, [math.sqrt(p.value) for p, _ in near], tone, "both"),
            Series("", at, [math.sqrt(m.value) for _, m in near], tone, "dots"),
        ]
    ends = np.array([0.05, 2.0])
    series.append(Series("the tolerance", ends, ends, 5, "dashed"))
    figure = chart(
        "manifolds", "Stopped early for a tolerance in W2", series,
        ("tolerance in W2", "W2 to the data: lines stopped, dots denoised"), log="xy",
    )  # fmt: skip
    floor = distance(CASES[-1], CASES[-1].law.sample(many, seed=seed), seed)
    words = (
        f"The steps that the theorem asks for a W2 of {share:g} R ({'; '.join(needed)}) keep the "
        f"promise with room to spare. With {FEW} steps, stopped at a tolerance of R/10 and then "
        f"denoised, W2 is {', '.join(few)}; on the roll {_root(floor)} is what as many draws from "
        "the law itself show. The law that is stopped early is nearer than the tolerance, because "
        "noise along a manifold does not leave it. A denoised last step is nearer by far once the "
        "tolerance is below R/2."
    )
    return Result(rows, next(r for r in rows if "projected" in r.what), words, figure)


def _root(square: Estimate) -> str:
    return number(math.sqrt(square.value), 2)


STATEMENT = Statement(
    "manifolds",
    "Data on a circle, a sphere, a swiss roll",
    "Corollaries 3, 4 and 5",
    "Data without a density can be sampled: stop early, by a time that a tolerance in W2 gives, "
    "then project on a ball, or denoise; the steps asked for are enough.",
    f"W2 of the stopped law, and of the output of as many steps as the theorem asks for, is at "
    f"most the tolerance, up to {K:g} standard errors.",
    run,
)
