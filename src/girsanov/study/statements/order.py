r"""Every sampler has the order that it declares, and all tend to the same law.

On a Gaussian law the output's moments are known in closed form (output_law.py), so the weak error

    |Cov(output) - Cov(q_{s_N})| ~ C N^-order                                             (1)

can be followed over grids of N steps with no sampling at all.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..._typing import Array
from ...basis import pca_basis
from ...law import Gaussian
from ...sampling.cld import cld_recipe, strang_recipe
from ...sampling.grid import log_uniform_grid
from ...sampling.holds import Recipe, recipe
from ...sampling.solvers import ORDERS, solver_recipe
from ..chart import Series, chart
from ..fit import exponent
from ..output_law import gaussian_output
from ..statement import Result, Row, Statement

ROOT = np.array([[1.0, 0.0, 0.0], [0.8, 0.5, 0.0], [-0.6, 0.4, 0.3]])
LAW = Gaussian([3.0, -1.0, 0.5], ROOT @ ROOT.T)  # skewed and off the origin
FIRST, LAST = 0.01, 100.0
EARLY = 1e-7  # where strang starts in N(0, I), which is the law there but for 1e-7
BAND = 0.15  # that a slope at finite N may be off
EXACT = 1e-9
HOLDS = {"score": 1, "relative": 1, "x0": 1}
Make = Callable[[Array], Recipe]


def samplers() -> dict[str, tuple[int, Make]]:
    """Return every sampler with the order it declares; all but strang start in the exact law."""
    basis, values = pca_basis(LAW.covariance())
    start = (LAW.mean, np.sqrt(values + 1 / FIRST), basis)

    def hold(name: str) -> Make:
        return lambda levels: recipe(name, levels, start=start, last="sample")

    def phase(name: str) -> Make:
        return lambda levels: cld_recipe(name, levels, start=start, last="sample")

    def solver(name: str) -> Make:
        return lambda levels: solver_recipe(name, levels, start=start, last="sample")

    made = {name: (order, hold(name)) for name, order in HOLDS.items()}
    made |= {name: (order, solver(name)) for name, order in ORDERS.items()}
    made |= {f"cld {name}": (order, phase(name)) for name, order in HOLDS.items()}
    return made | {"cld strang": (1, lambda levels: strang_recipe(levels, last="sample"))}


def gaussian_hold(levels: Array) -> Recipe:
    """Return the gaussian hold with the law's own posterior covariance."""
    basis, values = pca_basis(LAW.covariance())
    v = values / (1 + levels[:-1, None] * values)
    start = (LAW.mean, np.sqrt(values + 1 / FIRST), basis)
    bases = (basis,) * len(v)
    return recipe("gaussian", levels, start=start, variances=v, bases=bases, last="sample")


def error(make: Make, steps: int, first: float = FIRST) -> float:
    """Return (1) for N = steps between the SNRs `first` and LAST."""
    levels = log_uniform_grid(first, LAST, steps + 1)
    mean, covariance = gaussian_output(LAW, make(levels))
    wrong = covariance - LAW.covariance() - np.eye(3) / LAST
    return float(np.linalg.norm(wrong) + np.linalg.norm(mean - LAW.mean))


def run(quick: bool, seed: int) -> Result:
    """Fit (1) for every sampler; deterministic."""
    counts = np.array([100, 200, 400, 800] if quick else [50, 100, 200, 400, 800])
    late = counts[-3:]
    rows, series = [], []
    for k, (name, (order, make)) in enumerate(samplers().items()):
        first = EARLY if "strang" in name else FIRST
        errors = np.array([error(make, int(n), first) for n in counts])
        slope = -exponent(late, errors[-3:]).value
        rows.append(Row(f"{name}: order", order, slope, "=", BAND))
        ends = f"{name}: error at {counts[-1]} steps against the order's share of that at"
        share = errors[0] * (counts[0] / counts[-1]) ** (order - BAND)
        rows.append(Row(f"{ends} {counts[0]}", share, errors[-1], "<="))
        series.append(Series(name, counts, errors, 1 + k % 5, "line" if k < 5 else "both"))
    for n in (1, 3, 30):
        rows.append(Row(f"gaussian hold: error at {n} steps", 0.0, error(gaussian_hold, n),
                        "<=", EXACT))  # fmt: skip
    orders = [r for r in rows if r.what.endswith(": order")]
    worst = max(orders, key=lambda r: abs(r.measured - r.claimed))
    figure = chart("order", "Weak error against steps", series,
                   ("steps N", "error of mean and covariance"), log="xy")  # fmt: skip
    words = (
        f"{len(orders)} samplers have the order they declare, the furthest off by "
        f"{abs(worst.measured - worst.claimed):.2f}; the gaussian hold has no error on a Gaussian "
        "law at any number of steps."
    )
    return Result(rows, Row(f"order of {worst.what.removesuffix(': order')}, the furthest off",
                            worst.claimed, worst.measured, "=", BAND), words, figure)  # fmt: skip


STATEMENT = Statement(
    "order",
    "Every sampler has the order it declares",
    "Section 3 (discretisation); solvers as their papers declare",
    "The exponential integrators are weakly of first order (in phase space too), ddim of first, "
    "heun and dpmpp-2m of second, and all of them tend to the same law.",
    f"the slope of the exact error over the three finest grids is within {BAND} of the declared "
    "order, and the gaussian hold is exact on a Gaussian law.",
    run,
)
