r"""The forward process forgets the data exponentially fast: the first term of Theorem 2.

The compensation identity gives the distance left at time T exactly, with r = e^-2T and
s_T = r/(1-r), and two bounds follow (theory 1.4),

    KL(q_T | gamma) = 1/2 [r (m2^2 - d) - d log(1 - r)] - 1/2 int_0^{s_T} M ds              (1)
                   <= min( r KL(q | gamma), 1/2 [r (m2^2 - d) - d log(1 - r) - s_T M(s_T)] ). (2)

Here the left side is integrated from the densities, which know nothing of (1).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ...law import Gaussian, GaussianMixture
from ...process import OrnsteinUhlenbeck
from ..chart import Series, chart
from ..output_law import Density, kl_divergence, law_density
from ..path_kl import SKEWED, half_information
from ..statement import Result, Row, Statement

if TYPE_CHECKING:
    from ..._typing import Array
    from ...law.base import Law

LAWS: dict[str, Law] = {
    "skewed mixture": SKEWED,
    "N(2, 1/4)": Gaussian([2.0], 0.25),
    "two far modes": GaussianMixture([0.2, 0.8], [[-4.0], [4.0]], 0.1),
}
GAP = 1e-9  # of the quadratures
NARROWEST = 0.3  # a standard deviation that every law has at least


def direct(law: Law, time: float) -> float:
    """Return KL(q_T | N(0, 1)) from the densities in OU coordinates."""
    alpha, points = math.exp(-time), np.linspace(-14, 14, 6001)
    density = law_density(law, float(OrnsteinUhlenbeck().snr(time)), points / alpha)
    gauss = np.exp(-(points**2) / 2) / math.sqrt(2 * math.pi)
    return kl_divergence(Density(points, density.p / alpha), Density(points, gauss))


def identity(law: Law, time: float) -> float:
    """Return the right side of (1)."""
    s = 1 / math.expm1(2 * time)
    return _free(law, time) - half_information(law, s * 1e-8, s, 10)


def bound(law: Law, time: float, at_zero: float) -> float:
    """Return the right side of (2); at_zero: KL(q | gamma)."""
    s = 1 / math.expm1(2 * time)
    integral = s * float(law.curve(np.array([s])).value[0]) / 2
    return min(math.exp(-2 * time) * at_zero, _free(law, time) - integral)


def _free(law: Law, time: float) -> float:
    r, d = math.exp(-2 * time), law.dimension
    return (r * (law.second_moment - d) - d * math.log1p(-r)) / 2


def at_zero(law: Law) -> float:
    """Return KL(q | gamma) for the law itself."""
    points = np.linspace(-14, 14, 20_001)
    density = law_density(law, math.inf, points)
    gauss = np.exp(-(points**2) / 2) / math.sqrt(2 * math.pi)
    return kl_divergence(density, Density(points, gauss))


def run(quick: bool, seed: int) -> Result:
    """Compare (1) and (2) with the densities; everything is deterministic."""
    times: Array = np.linspace(0.25, 5.0, 5 if quick else 20)
    rows, series, worst, last = [], [], None, []
    for tone, (name, law) in enumerate(LAWS.items(), start=1):
        first = at_zero(law)
        kl = np.array([direct(law, t) for t in times])
        limit = np.array([bound(law, t, first) for t in times])
        exact = np.array([identity(law, t) for t in times])
        for t, k, b, e in zip(times, kl, limit, exact, strict=True):
            rows.append(Row(f"{name}: identity (1) at T = {t:.2f}", e, k, "=", GAP + 1e-6 * k))
            rows.append(Row(f"{name}: bound (2) at T = {t:.2f}", b, k, "<=", GAP))
            if worst is None or k / b > worst.measured / worst.claimed:
                worst = Row(f"KL left at T = {t:.2f}, {name}, against the bound", b, k, "<=", GAP)
        last.append(float(kl[-1] / limit[-1]))
        series += [
            Series(name, times, kl, tone, "both"),
            Series("", times, limit, tone, "dashed"),
        ]
        decay = float(np.polyfit(times[times >= 2], np.log(kl[times >= 2]), 1)[0])
        rows.append(Row(f"{name}: rate of log KL in T, from T = 2 on", -2.0, decay, "<=", 0.02))
    assert worst is not None
    ends = ", ".join(f"{r:.4f}" for r in last)
    figure = chart(
        "convergence", "What is left of the data at time T", series,
        ("time T", "KL(q_T | N(0, 1)), nats; dashed: the bound"), log="y",
    )  # fmt: skip
    words = (
        "The KL that is left falls at least as fast as exp(−2T), and for long times the bound is "
        f"nearly exact: at T = {times[-1]:g} the KL is {ends} times the bound for the three laws. "
        "The data need no density; a second moment is enough."
    )
    return Result(rows, worst, words, figure)


STATEMENT = Statement(
    "convergence",
    "The forward process forgets the data",
    "Theorem 2, first term: √KL(q‖γ) exp(−T)",
    "The KL of the law at time T to the standard Gaussian is at most exp(−2T) KL(q‖γ), and at "
    "most a bound that needs the second moment alone.",
    "the KL integrated from the densities equals the compensation identity to 1e-6 of itself, is "
    "below both bounds at every T, and falls at rate 2 or faster.",
    run,
)
