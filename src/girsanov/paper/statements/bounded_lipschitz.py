r"""Corollary 4: near the data in the bounded-Lipschitz metric, without a density or a projection.

    d_BL(p, q) = sup { E_p f - E_q f : |f| <= 1, |f(x) - f(y)| <= |x - y| }                  (1)
               <= 2 TV(p, q_delta) + W2(q_delta, q).                                       (2)

On a line (1) is a linear programme: the values of f at the points where mass is, bounded, and
neighbours no farther apart than their points. The laws are points; the sampler is the paper's own,
with the number of steps that `steps_for` asks for.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from ...law import Points
from ...ledger.numbers import number
from ...montecarlo import trapezium
from ...sampling.registry import recipe
from ..bounds import Bound, Facts, bounded_lipschitz, bounded_lipschitz_targets, steps_for
from ..bounds.chen2023_support import corollary_rates, snr_at
from ..chart import Series, chart
from ..fit import exponent
from ..output_law import Density, law_density, line_output, total_variation
from ..statement import Result, Row, Statement
from .support import SKEW, TWO, noised

if TYPE_CHECKING:
    from ..._typing import Array

DIGITS = 5  # of the Cantor set
GAP = 2e-3  # of a distance between a law and its points
SPOTS = 1201  # points of an output's law in (1)


def cantor() -> Points:
    """Return the Cantor set in [-1, 1] to some digits, with mass 2/3 on the left each time."""
    places, weights = np.zeros(1), np.ones(1)
    for k in range(DIGITS):
        step = 2 / 3 ** (k + 1)
        places = np.concatenate([places - step, places + step])
        weights = np.concatenate([weights * 2 / 3, weights / 3])
    return Points(places[:, None] / np.abs(places).max(), weights)


LAWS = (("±1", TWO), ("four points", SKEW), ("Cantor set", cantor()))


def bounded_lipschitz_distance(x: Array, mass: Array) -> float:
    """Return (1) between the positive and the negative part of `mass` [n] at points x [n]."""
    order = np.argsort(x, kind="stable")
    x, mass = x[order], mass[order]
    n = len(x)
    rise = sparse.diags([-np.ones(n - 1), np.ones(n - 1)], [0, 1], shape=(n - 1, n), format="csr")
    room = np.tile(np.diff(x), 2)
    best = linprog(-mass, A_ub=sparse.vstack([rise, -rise]), b_ub=room, bounds=(-1, 1))
    return float(-best.fun)


def distance_to(law: Points, out: Density) -> float:
    """Return (1) between a density and a law of points."""
    weights = out.p * trapezium(out.x)
    places = np.concatenate([out.x, law.points[:, 0]])
    return bounded_lipschitz_distance(
        places, np.concatenate([weights / weights.sum(), -law.weights])
    )


def output_of(law: Points, asked: Bound) -> tuple[Density, float]:
    """Return the law of the output of the steps that were asked for, and its TV to q_delta."""
    levels = np.geomspace(snr_at(asked.time), snr_at(asked.stop), asked.steps + 1)
    start = (0.0, math.sqrt(1 + 1 / levels[0]), None)
    plan = recipe("ei-score", levels, start=start, last="sample")
    x = noised(law, asked.stop).x[:: 40_000 // (SPOTS - 1)]
    alpha = math.exp(-asked.stop)
    out = line_output(law, plan, x / alpha)
    tv = total_variation(out, law_density(law, float(levels[-1]), out.x))
    return Density(x, out.p / alpha), tv


def run(quick: bool, seed: int) -> Result:
    """Ask for steps, take them, and measure; deterministic."""
    targets = np.array([1.0, 0.6] if quick else [1.0, 0.7, 0.5, 0.35])
    rows, series, counts = [], [], []
    for tone, (name, law) in enumerate(LAWS, start=1):
        about = Facts(1, law.second_moment, variance=law.variance, radius=1.0)
        measured = []
        for eps in targets.tolist():
            delta, tv = bounded_lipschitz_targets(about, eps)
            asked = steps_for("theorem2-grid", about, tv=tv, w2=eps / 2)
            out, away = output_of(law, asked)
            distance = distance_to(law, out)
            measured.append(distance)
            what = f"{name}, {eps:g} asked, {asked.steps} steps"
            rows.append(Row(f"{what}: d_BL of the output", eps, distance, "<="))
            rows.append(Row(f"{what}: d_BL, (2) with the TV there is",
                            bounded_lipschitz(about, delta, away), distance, "<=",
                            GAP))  # fmt: skip
            blurred = distance_to(law, noised_density(law, delta))
            rows.append(Row(f"{what}: d_BL of the law at δ = {delta:.3g}, at most half", eps / 2,
                            blurred, "<=", GAP))  # fmt: skip
            counts.append(asked.steps)
        slope = exponent(1 / targets, counts[-len(targets) :])
        rows.append(Row(f"{name}: exponent of the steps in 1/distance, at most the paper's", 10.0,
                        slope.value, "<="))  # fmt: skip
        rate = corollary_rates(about, eps, eps)[0].value
        if not quick:
            rows.append(Row(f"{name}, {eps:g} asked: steps, below the paper's rate", rate,
                            float(counts[-1]), "<="))  # fmt: skip
        series.append(Series(name, targets, measured, tone, "both"))
    head = Row(f"d_BL of the output, Cantor set, {targets[-1]:g} asked", float(targets[-1]),
               float(series[-1].y[-1]), "<=")  # fmt: skip
    series.append(Series("asked", targets, targets, 5, "dashed"))
    figure = chart("bounded_lipschitz", "Bounded-Lipschitz distance to data without a density",
                   series, ("distance asked", "distance measured"), log="xy")  # fmt: skip
    words = (
        f"For a distance of {targets[-1]:g} to the Cantor set the bound 2 TV + W2 asks for "
        f"{counts[-1]} steps of the paper's sampler, and the output is at "
        f"{number(head.measured, 2)}, by linear programming. It needs no density, no radius and "
        "no projection; the paper's rate "
        f"with constants 1 is {number(rate, 2)}, and grows as the distance to the "
        f"power -10 (here {-slope.value:.1f})."
    )
    return Result(rows, head, words, figure)


def noised_density(law: Points, delta: float) -> Density:
    """Return q_delta on fewer points."""
    fine = noised(law, delta)
    step = 40_000 // (SPOTS - 1)
    return Density(fine.x[::step], fine.p[::step])


STATEMENT = Statement(
    "bounded_lipschitz",
    "Near the data in the bounded-Lipschitz metric",
    "Corollary 4",
    "For data in a ball, without a density, polynomially many steps reach any distance in the "
    "bounded-Lipschitz metric.",
    "the distance of the output, exact by linear programming, is at most the one asked for with "
    "the steps that the bound asks for; these grow no faster than the paper's rate and are fewer "
    "at the least distance of a whole run, 0.35.",
    run,
)
