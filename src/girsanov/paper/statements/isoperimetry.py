r"""No log-Sobolev inequality, and polynomial in d: two modes 8 standard deviations apart in R^d.

The law is .8 and .2 of N(+-2e, I/4), e = (1, ..., 1)/sqrt(d). Along e it is a mixture on a line,
across e a Gaussian, and steps with isotropic noise keep the two apart, so that of DDPM

    KL(q | p) = KL_line(N) + (d - 1) KL_across(N)                                          (1)

is exact in any dimension; its path KL is such a sum too. Langevin diffusion relaxes at the rate of
its spectral gap, of which log-Sobolev constants are at most a multiple,

    1/gap = sup Var f / E|grad f|^2,                                                       (2)

the same in every d and exponential in the square of the distance; here by finite differences of
the generator (p f')'/p on a line.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import eigh_tridiagonal

from ...denoise.exact import ExactDenoiser
from ...law import Gaussian, GaussianMixture
from ...ledger.entry import kl_from_tv
from ...ledger.numbers import number
from ...sampling.grids import log_uniform_grid
from ...sampling.loop import sample_batches
from ...sampling.registry import recipe
from ..bounds import Facts, steps_for
from ..bounds.result import fewest_steps
from ..chart import Series, chart
from ..fit import exponent, worded
from ..langevin import METHODS, Langevin, sample_langevin
from ..output_law import gaussian_kl, gaussian_output, kl_divergence, law_density, line_output
from ..path_kl import discretisation, start_kl
from ..statement import K, Result, Row, Statement
from .langevin import CHAINS

if TYPE_CHECKING:
    from ..._typing import Array
    from ...sampling.sampler import Recipe

SPREAD, FAR = 0.5, 2.0  # of a mode, and its distance from the middle
MASSES = (0.8, 0.2)
DIMENSIONS = (1, 8, 64, 256)
FIRST, LAST = 1e-3, 100.0  # SNRs
CALLS, MORE = 64, 8  # of DDPM, and how many times as many of Langevin
TABLE = np.geomspace(8, 512, 13).round().astype(int)  # calls for which laws are computed
MOST = 2048  # calls for which path KLs are computed
TV = 0.1
LOGARITHMS = 0.2  # by which an exponent may be off for the powers of log d beside it
OFF = 0.2  # of the mass that Langevin misses
ACROSS = Gaussian([0.0], SPREAD**2)
RELAXED = math.log((0.5 - MASSES[1]) / 0.01)  # relaxation times from mass 1/2 to an error of .01


def law_along(far: float = FAR) -> GaussianMixture:
    """Return the law along e, with modes at +-far."""
    return GaussianMixture(list(MASSES), [[-far], [far]], SPREAD**2)


def plan(calls: int, mean: float | Array) -> Recipe:
    """Return ddpm with so many calls on a geometric grid, from N(mean, 1/s_0)."""
    levels = log_uniform_grid(FIRST, LAST, calls + 1)
    return recipe("ddpm", levels, start=(mean, math.sqrt(1 / FIRST), None), last="sample")


@cache
def outputs(calls: int, far: float = FAR) -> tuple[float, float, float]:
    """Return KL_line and KL_across of (1), and the mass right of 0, of ddpm."""
    law = law_along(far)
    out = line_output(law, plan(calls, law.mean))
    truth = law_density(law, LAST, out.x)
    _, cov = gaussian_output(ACROSS, plan(calls, 0.0))
    across = gaussian_kl(float(cov[0, 0]), SPREAD**2 + 1 / LAST)
    return (
        kl_divergence(truth, out),
        across,
        float(1 - np.interp(0.0, out.x, out.cumulative())),
    )


def calls_enough(far: float, across: int, target: float, table: Array) -> float:
    """Return the calls at which (1), with so many directions across, is `target` nats.

    Between the numbers of calls in `table`, for which it is computed, the KL is taken as a power.
    """
    computed = np.array([outputs(n, far)[:2] for n in table.tolist()])
    kl = computed @ np.array([1.0, across])
    return float(np.exp(np.interp(-math.log(target), -np.log(kl), np.log(table))))


@cache
def path_kl(calls: int) -> tuple[float, float]:
    """Return the path KL of ddpm's steps along e, and of each direction across it."""
    if calls > MOST:  # N times it falls to its limit, so that this is no less than what it is
        along, across = path_kl(MOST)
        return along * MOST / calls, across * MOST / calls
    levels = log_uniform_grid(FIRST, LAST, calls + 1)
    return discretisation(law_along(), levels, "ddpm"), discretisation(ACROSS, levels, "ddpm")


def fewest(d: int, table: Array) -> tuple[float, int, int]:
    """Return the calls for TV in R^d: by the output's KL, the path KL, and the theorem."""
    target, variance = kl_from_tv(TV), float(law_along().variance) + (d - 1) * SPREAD**2

    start = start_kl(law_along(), FIRST, "mean") + (d - 1) * start_kl(ACROSS, FIRST, "mean")

    def certified(n: int) -> float:
        along, across = path_kl(n)
        return start + along + (d - 1) * across

    moment = float(law_along().second_moment) + (d - 1) * SPREAD**2
    about = Facts(d, moment, variance=variance)
    theorem = steps_for("ddpm", about, tv=TV, w2=math.sqrt(d / LAST)).steps
    return calls_enough(FAR, d - 1, target, table), fewest_steps(certified, target), theorem


def relaxation(far: float, snr: float = LAST) -> float:
    """Return (2) of the law along e blurred to SNR `snr`, in Langevin time."""
    reach = far + 8 * SPREAD
    x = np.linspace(-reach, reach, 4001)
    gap, middle = x[1] - x[0], (x[1:] + x[:-1]) / 2
    p, between = (law_density(law_along(far), snr, at).p for at in (x, middle))
    # -(p f')' = rate p f, symmetric in p^1/2 f
    flow = between / gap**2
    main = (np.append(flow, 0.0) + np.append(0.0, flow)) / p
    side = -flow / np.sqrt(p[1:] * p[:-1])
    rates = eigh_tridiagonal(main, side, eigvals_only=True, select="i", select_range=(0, 1))
    return float(1 / rates[1])


def mass(x: Array) -> tuple[float, float]:
    """Return the share of samples [n, d] on the side of e, and its standard error."""
    share = float((x.sum(1) > 0).mean())
    return share, math.sqrt(max(share * (1 - share), 1 / len(x)) / len(x))


def mass_rows(d: int, quick: bool, seed: int) -> tuple[list[Row], float]:
    """Sample both in R^d: DDPM, and Langevin with more calls; the last Langevin's mass."""
    e = np.ones(d) / math.sqrt(d)
    law = GaussianMixture(list(MASSES), [-FAR * e, FAR * e], SPREAD**2)
    denoiser, count = ExactDenoiser(law), 1000 if quick else 4000
    x = next(sample_batches(denoiser, plan(CALLS, law.mean), count, seed=seed, batch_size=count))
    share, se = mass(x.numpy())
    exact = outputs(CALLS)[2]
    name = f"d = {d}"
    rows = [
        Row(f"{name}: DDPM, {CALLS} calls, mass of the smaller mode against the exact one", exact,
            share, "=", K * se),
    ]  # fmt: skip
    for method in METHODS[:1] if quick else METHODS:
        chains = sample_langevin(denoiser, 400, chain=Langevin(method), steps=MORE * CALLS,
                                 snr=LAST, seed=seed, batch_size=400)  # fmt: skip
        share, se = mass(chains.states[-1].numpy())
        rows.append(Row(f"{name}: {CHAINS[method]}, {MORE * CALLS} calls, error of that mass",
                        OFF, abs(share - MASSES[1]), ">=", K * se))  # fmt: skip
    return rows, share


def run(quick: bool, seed: int) -> Result:
    """Exact laws and counts for DDPM, sampled chains and a spectral gap for Langevin."""
    rows, share = [], math.nan
    for d in DIMENSIONS[::3] if quick else DIMENSIONS:
        more, share = mass_rows(d, quick, seed)
        rows += more
    rows.insert(0, Row(f"DDPM, {CALLS} calls, in every d: exact mass of the smaller mode",
                       MASSES[1], outputs(CALLS)[2], "=", 0.01))  # fmt: skip
    table = TABLE[::3] if quick else TABLE
    counts = np.array([fewest(d, table) for d in DIMENSIONS], dtype=np.float64)
    sizes = np.array(DIMENSIONS, dtype=np.float64)
    slopes = [exponent(sizes[1:], column[1:]) for column in counts.T]
    kinds = ("output's KL", "path KL", "theorem for any law")
    for what, slope in zip(kinds, slopes, strict=True):
        rows.append(Row(f"exponent in d of DDPM's calls for TV {TV:g}, by its {what}", 1.0,
                        slope.value, "<=", LOGARITHMS))  # fmt: skip
    for n, true, path, theorem in zip(DIMENSIONS, *counts.T, strict=True):
        rows.append(Row(f"d = {n}: calls enough, below what the path KL certifies", path, true,
                        "<="))  # fmt: skip
        rows.append(Row(f"d = {n}: calls certified, below the theorem's for any law", theorem,
                        path, "<="))  # fmt: skip
    one, two = (np.array(path_kl(n)) * n for n in (MOST // 2, MOST))
    rows.append(Row("N times the path KL, at N and at 2N", float(one[0]), float(two[0]), "<="))
    apart = np.array([1.0, 1.5, 2.0, 2.5, 3.0])
    times = np.array([relaxation(a) for a in apart])
    height = apart**2 / 2 / (SPREAD**2 + 1 / LAST)  # of the barrier, in nats
    rise = np.polyfit(height[1:], np.log(times[1:]), 1)[0]
    rows.append(Row("Langevin's log relaxation time over the barrier's height", 1.0, float(rise),
                    "=", 0.15))  # fmt: skip
    near, wider = (calls_enough(a, 0, kl_from_tv(TV), table) for a in (1.0, 3.0))
    rows.append(Row("DDPM's calls for modes 12 sd apart, over those for 4 sd", 2.0,
                    wider / near, "<="))  # fmt: skip
    wide = 0.1 * (SPREAD**2 + 1 / LAST)  # the step 0.1/L of Langevin Monte Carlo
    asked = float(times[2]) * RELAXED / wide
    head = Row("calls for TV .1 of DDPM in 256 dimensions, against Langevin's in one",
               asked, round(float(counts[-1, 0])), "<=")  # fmt: skip
    figure = chart(
        "isoperimetry", f"Calls for TV {TV:g}, modes 8 standard deviations apart",
        [
            Series("Langevin, any d", sizes[[0, -1]], [asked, asked], 5, "dashed"),
            Series("DDPM, by the theorem", sizes, counts[:, 2], 2, "dashed"),
            Series("DDPM, certified", sizes, counts[:, 1], 2, "both"),
            Series("DDPM, enough", sizes, counts[:, 0], 1, "both"),
        ],
        ("dimension d", "score calls a sample"), log="xy",
    )  # fmt: skip
    words = (
        f"With {CALLS} calls DDPM's mass of the smaller mode is off by "
        f"{number(abs(outputs(CALLS)[2] - MASSES[1]), 1)} in every dimension. Langevin with "
        f"{MORE} times as many calls has {number(share, 2)} there, where {MASSES[1]:g} is true. "
        f"For TV {TV:g} DDPM needs "
        f"{counts[0, 0]:.0f} calls in one dimension and {counts[-1, 0]:.0f} in {DIMENSIONS[-1]} "
        f"(they grow as d to the {worded(slopes[0])}). Langevin would need "
        f"{number(asked, 2)}, and {number(float(times[-1] / times[-3]), 2)} times more at 12 "
        "standard deviations: its relaxation time is exponential in the square of the distance."
    )
    return Result(rows, head, words, figure)


STATEMENT = Statement(
    "isoperimetry",
    "No log-Sobolev inequality, and polynomial in d",
    "Theorem 2 and its discussion",
    "The number of steps is polynomial in the dimension for laws without a useful log-Sobolev "
    "constant, such as mixtures of modes that are far apart.",
    f"DDPM's masses are right in every dimension and Langevin's off by {OFF:g} with {MORE} times "
    "the calls; DDPM's calls for a fixed TV grow at most linearly in d, and hardly with the "
    "distance, where Langevin's relaxation time grows exponentially.",
    run,
)
