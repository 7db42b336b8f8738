r"""Diffusion needs no isoperimetry, Langevin does: the mass in each mode against score calls.

The law has modes far apart with unequal weights. Reversed diffusion decides between them early,
where the noise makes them one; a Langevin chain at the end's noise level must climb between them,
which takes exp(height) steps. Both start in N(0, 1). On a law that satisfies a log-Sobolev
inequality with a moderate constant the same chains are fine.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ...denoise.exact import ExactDenoiser
from ...law import GaussianMixture
from ...sampling.grids import log_uniform_grid
from ...sampling.registry import recipe
from ..chart import Series, chart
from ..langevin import METHODS, Langevin, sample_langevin
from ..output_law import line_output
from ..statement import K, Result, Row, Statement

if TYPE_CHECKING:
    from ..._typing import Array
    from ...law.base import Law

APART = GaussianMixture([0.8, 0.2], [[-4.0], [4.0]], 0.25)
CLOSE = GaussianMixture([0.8, 0.2], [[-1.0], [1.0]], 0.25)
SNR = 400.0  # of the level that the chains run at, and where diffusion stops
FIRST = 1e-3
AMISS = 0.01  # of the mass: what DDPM may be off from CALLS calls on
CALLS = 64
OFF = 0.1  # of the mass that the chains still miss at their last call
CHAINS = {"lmc": "Langevin Monte Carlo", "mala": "MALA", "underdamped": "underdamped Langevin"}


def right_mass(law: Law, calls: int) -> float:
    """Return the exact mass that ddpm with so many calls puts right of 0."""
    start = (0.0, math.sqrt(1 + 1 / FIRST), None)
    plan = recipe("ddpm", log_uniform_grid(FIRST, SNR, calls + 1), start=start, last="sample")
    out = line_output(law, plan)
    return float(1 - np.interp(0.0, out.x, out.cumulative()))


def chains(law: Law, method: str, steps: list[int], count: int, seed: int) -> tuple[Array, Array]:
    """Return the share of chains right of 0 and its standard error at each of `steps`."""
    chain = sample_langevin(
        ExactDenoiser(law), count, chain=Langevin(method), steps=steps, snr=SNR, seed=seed,
        batch_size=count,
    )  # fmt: skip
    share = (chain.states[:, :, 0] > 0).double().mean(dim=1).numpy()
    return share, np.sqrt(np.maximum(share * (1 - share), 1 / count) / count)


def run(quick: bool, seed: int) -> Result:
    """Exact masses for DDPM, shares of independent chains for Langevin."""
    count, last = (400, 256) if quick else (1000, 2048)
    true = float(APART.weights[1])
    calls = [n for n in (2, 4, 8, 16, 32, 64, 128, 256) if n <= last // 2]
    mass = np.array([right_mass(APART, n) for n in calls])
    steps = [int(n) for n in 2 ** np.arange(1, round(math.log2(last)) + 1)]
    rows = [
        Row(f"DDPM, {n} calls: error of the right mode's mass", AMISS, abs(m - true), "<=")
        for n, m in zip(calls, mass, strict=True)
        if n >= CALLS
    ]
    head = rows[0]
    series = [Series("DDPM (exact)", calls, mass, 1, "both")]
    for tone, method in enumerate(METHODS, start=2):
        share, se = chains(APART, method, steps, count, seed)
        miss = abs(share[-1] - true)
        rows.append(Row(f"{CHAINS[method]}, {last} calls: error of the right mode's mass", OFF,
                        miss, ">=", -K * se[-1]))  # fmt: skip
        series.append(Series(CHAINS[method], steps, share, tone, "line",
                             share - 1.96 * se, share + 1.96 * se))  # fmt: skip
        if quick and method != "mala":
            continue
        near, error = chains(CLOSE, method, [last], count, seed)
        exact = right_mass(CLOSE, 512)
        rows.append(Row(f"{CHAINS[method]}, modes close together: mass right of 0", exact,
                        near[-1], "=", K * error[-1] + 0.01))  # fmt: skip
    series.append(Series("the law", [2, last], [true, true], 5, "dashed"))
    figure = chart(
        "langevin",
        "Mass in the right mode",
        series,
        ("score calls a sample", "mass right of 0"),
        log="x",
        y_range=(0.0, 0.6),
    )
    words = (
        f"With {calls[-1]} calls DDPM's mass of the smaller mode is off by "
        f"{abs(mass[-1] - true):.1g}. After {last} calls every Langevin chain still has the mass "
        "that its start gave it. Where the modes are two standard deviations from their middle, "
        "the same chains are right."
    )
    return Result(rows, head, words, figure)


STATEMENT = Statement(
    "langevin",
    "No isoperimetry: DDPM against Langevin",
    "Section 1 and the discussion of Theorem 2",
    "Sampling by reversed diffusion needs no log-Sobolev inequality. Langevin sampling does: "
    "between far modes it keeps the masses that it was started with.",
    f"DDPM's mass of a mode is off by at most {AMISS:g} from {CALLS} calls on, each Langevin "
    f"chain is off by more than {OFF:g} at its last call, and on close modes each is within {K:g} "
    "standard errors and 0.01.",
    run,
)
