r"""The best grid, and how fast its cost falls: shortest paths against their limit.

For ddpm on any grid of N steps (theory 7.1),

    N min D -> Lambda^2/4,    Lambda = int sqrt(-M') ds,                                   (1)
    analytic-dpm:  Lambda_G = int sqrt(-M' - M^2/d) ds,                                   (2)

and for N(0, v) exactly D*_N = (d/2) [N (e^(l/N) - 1) - l], l = log((1 + s_N v)/(1 + s_0 v)). (3)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import interpolate

from ...error_curve.exact import exact_curve
from ...law import Gaussian
from ...path_kl.cells import cells
from ...path_kl.shortest_path import shortest_paths
from ...sampling.registry import sampler_named
from ..chart import Series, chart
from ..path_kl import SKEWED, discretisation, half_information
from ..statement import Result, Row, Statement, printed

if TYPE_CHECKING:
    from ..._typing import Array
    from ...law.base import Law

SOURCE = "theory 9.6"
LOW, HIGH = 1e-3, 1e3
V = 25.0
STEPS = (4, 8, 16, 32, 64)
CANDIDATE = 2e-3  # relative cost of choosing among finitely many levels


def best_costs(
    law: Law, sampler: str, steps: tuple[int, ...], candidates: int
) -> dict[int, float]:
    """Return min D by dynamic programming over log-spaced candidate levels, by N."""
    levels, named = np.geomspace(LOW, HIGH, candidates), sampler_named(sampler)
    cost = cells(exact_curve(law, levels), named, "scalar" if named.covariance else None)
    start = np.full(candidates, np.inf)
    start[0] = 0.0
    paths = shortest_paths(start, cost, max(steps) + 1)
    used = half_information(law, LOW, HIGH)
    return {n: float(paths.costs[n, -1] - used) for n in steps}


def law_limits(law: Law) -> tuple[float, float]:
    """Return Lambda^2/4 of (1) and (2), by quadrature in log s."""
    nodes = np.linspace(math.log(LOW), math.log(HIGH), 301)
    curve = interpolate.CubicSpline(nodes, law.curve(np.exp(nodes)).value)
    x = np.linspace(nodes[0], nodes[-1], 6001)
    s, m = np.exp(x), curve(x)
    slope = -curve(x, 1) * s  # -M' s^2
    one = np.trapezoid(np.sqrt(np.maximum(slope, 0)), x)
    two = np.trapezoid(np.sqrt(np.maximum(slope - (s * m) ** 2, 0)), x)
    return float(one) ** 2 / 4, float(two) ** 2 / 4


def closed(steps: int) -> float:
    """Return (3)."""
    length = math.log((1 + HIGH * V) / (1 + LOW * V))
    return (steps * math.expm1(length / steps) - length) / 2


def run(quick: bool, seed: int) -> Result:
    """Dynamic programming on exact curves; deterministic."""
    steps = (4, 16) if quick else STEPS
    count = 241 if quick else 701
    rows, gauss = [], best_costs(Gaussian([0.0], V), "ddpm", steps, count)
    slack = CANDIDATE * (701 / count) ** 2
    for n, figure in ((4, "17.9432"), (16, "1.99062"), (64, ".42056")):
        if n in gauss:
            exact = closed(n)
            rows.append(Row(f"N(0, 25), N = {n}: no grid is below (3)", exact, gauss[n], ">=",
                            1e-6))  # fmt: skip
            rows.append(Row(f"N(0, 25), N = {n}: shortest path against (3)", exact, gauss[n],
                            "=", slack * exact + 1e-3))  # fmt: skip
            rows.append(printed(f"N(0, 25), N = {n}", figure, gauss[n], source=SOURCE,
                                slack=slack * exact + 1e-3))  # fmt: skip
    x0, gh = (best_costs(SKEWED, sampler, steps, count) for sampler in ("ddpm", "analytic-dpm"))
    limit, limit_g = law_limits(SKEWED)
    rows.append(printed("Λ²/4 of the mixture", "10.399", limit, source=SOURCE, slack=5e-3))
    rows.append(printed("Λ_G²/4 of the mixture", ".8996", limit_g, source=SOURCE, slack=1e-3))
    table = zip(STEPS, ("21.0", "14.4", "12.2", "11.2", "10.8"),
                (".815", ".851", ".872", ".885", ".896"), strict=True)  # fmt: skip
    for n, one, two in table:
        if n in x0:
            rows.append(printed(f"mixture, ddpm: N·D at N = {n}", one, n * x0[n],
                                source=SOURCE, slack=slack * n * x0[n]))  # fmt: skip
            rows.append(printed(f"mixture, analytic-dpm: N·D at N = {n}", two, n * gh[n],
                                source=SOURCE, slack=slack * n * gh[n]))  # fmt: skip
    rows += _hand_rows(x0)
    figure = chart("grids", "Cost of the best grid times N", _series(x0, gh, limit, limit_g),
                   ("steps N", "N · min D, nats"), log="xy")  # fmt: skip
    last = steps[-1]
    head = Row(f"N·D of the best grid at N = {last} over its limit Λ²/4, mixture", 1.0,
               last * x0[last] / limit, "=", 0.2 if quick else 0.05)  # fmt: skip
    words = (
        f"N·D tends to Λ²/4 = {limit:.2f} for ddpm and to {limit_g:.3f} for analytic-dpm, "
        f"{limit / limit_g:.0f} times less: the sampler's step matters more than its grid."
    )
    return Result([head, *rows], head, words, figure)


def _hand_rows(x0: dict[int, float]) -> list[Row]:
    """A log-linear grid is never better than the shortest path."""
    rows = []
    for n, figure in ((4, "16.7"), (64, ".280")):
        if n in x0:
            hand = discretisation(SKEWED, np.geomspace(LOW, HIGH, n + 1), "ddpm")
            rows.append(printed(f"mixture, log-linear grid, N = {n}", figure, hand, source=SOURCE))
            rows.append(Row(f"mixture, best grid against log-linear, N = {n}", hand, x0[n], "<="))
    return rows


def _series(
    x0: dict[int, float], gh: dict[int, float], limit: float, limit_g: float
) -> list[Series]:
    steps: Array = np.array(list(x0), dtype=np.float64)
    ends = steps[[0, -1]]
    return [
        Series("ddpm", steps, [n * x0[n] for n in x0], 1, "both"),
        Series("its limit Λ²/4", ends, [limit, limit], 1, "dashed"),
        Series("analytic-dpm", steps, [n * gh[n] for n in gh], 2, "both"),
        Series("its limit", ends, [limit_g, limit_g], 2, "dashed"),
    ]


STATEMENT = Statement(
    "grids",
    "The best grid, and the limit of its cost",
    "Theory behind Theorem 2's step sizes (choice of h_k)",
    "The least path KL of N steps falls as Λ²/(4N), and the shortest path through the error curve "
    "finds it.",
    "the shortest path matches the closed optimum of a Gaussian and the figures in print (9.6) "
    "within the error of finitely many candidate levels, and no hand-made grid is below it.",
    run,
)
