r"""Steps priced along the probability flow: the certificate falls as the output's own KL does.

Besides the true reverse process a second ideal chain keeps the law of every level: along the flow
to rho < sigma', then noise back to sigma'. For any sampler with Gaussian steps (theory 13.1)

    KL(output) <= KL_init + sum_k E|Phi - phi|^2/(2 c^2),    rho^2 = sigma'^2 - c^2,       (1)

with the smaller of this and of Girsanov's price in each step. On a line the flow from sigma to
rho is the map of quantiles, Phi = F_rho^-1 o F_sigma, which the Runge-Kutta steps behind (1)
never see.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..._typing import Array
from ...error_curve.flow_curve import FlowCurve
from ...law import GaussianMixture
from ...measuring.exact_flow import exact_flow
from ...noise import NoiseSource
from ...path_kl.flow_cells import ancestral_prices, step_prices
from ...sampling.ancestral import DPM2_ANCESTRAL, EULER_ANCESTRAL, Ancestral, Inner
from ...sampling.exponential_integrators import DDPM, EI_RELATIVE, EI_SCORE
from ...sampling.sampler import Recipe
from ..chart import Series, chart
from ..fit import exponent
from ..output_law import exact_denoise, kl_divergence, law_density, line_output
from ..path_kl import SKEWED
from ..statement import Result, Row, Statement

LOW, HIGH = 0.02, 200.0  # SNRs of the grids, in units of 1/variance
LEVELS = np.geomspace(0.005, 1000.0, 65)
FEWER_LEVELS = np.geomspace(0.005, 500.0, 41)  # for random laws
COUNTS = np.array([8, 16, 32, 64])
NEAR, BAND_ONE, BAND_TWO = 0.05, 0.25, 0.8  # of an identity; that slopes at finite N may be off
TALL = 5.0  # the certificate is at most so many times the KL of the output, in the median
ONE_CALL, TWO_CALLS = 1 / 3, 1 / 5  # the best overshoots of short steps (theory 13.3)
DIMENSION = 64
PLANNED_NAMES = {1: "less noise", 2: "two calls a step"}  # in the figure
MODES = (
    ("mixture", SKEWED),
    ("far modes", GaussianMixture([0.5, 0.5], [[-6.0], [6.0]], [[[1.0]], [[1.0]]])),
    ("three modes", GaussianMixture(
        [0.2, 0.5, 0.3], [[-1.0], [0.0], [1.5]], [[[0.02]], [[0.05]], [[0.01]]])),
)  # fmt: skip


class Trial(NamedTuple):
    """What a grid certifies, what its output costs in truth, and what Girsanov's price would."""

    certified: float
    truth: float


def overshot(levels: Array, share: float, calls: int) -> Inner:
    """Return steps that flow a share farther than their next level."""
    h = np.diff(np.log(levels)) / 2
    length = (1 + share) * h
    middle = levels[:-1] * np.exp(length) if calls == 2 else np.full(len(h), math.nan)
    return Inner(levels[:-1] * np.exp(2 * length), middle)


def grid(variance: float, steps: int) -> Array:
    """Return SNRs uniform in their logarithm."""
    return np.geomspace(LOW / variance, HIGH / variance, steps + 1)


def price(flow: FlowCurve, levels: Array, inner: Inner) -> float:
    """Return the sum in (1) for ancestral steps, all with one call or all with two."""
    calls = 1 if np.isnan(inner.middle).all() else 2
    priced = ancestral_prices(flow, levels[:-1], levels[1:], inner.flow_to, calls)
    return float((priced.nats @ flow.shares).sum())


def quantile_price(law: GaussianMixture, snr: float, snr_next: float, flow_to: float) -> float:
    """Return (1) of one step of euler-ancestral with the flow as the map of quantiles."""

    def distribution(s: float) -> tuple[Array, Array]:
        reach = 9 * math.sqrt(law.variance + 1 / s) + 3 * abs(float(law.mean[0]))
        x = np.linspace(law.mean[0] - reach, law.mean[0] + reach, 400_001)
        p = law_density(law, s, x).p
        total = np.concatenate([[0.0], np.cumsum((p[1:] + p[:-1]) / 2)])
        return x, total / total[-1]

    x, here = distribution(snr)
    y, there = distribution(flow_to)
    seen = np.flatnonzero((here > 1e-9) & (here < 1 - 1e-9))[::20]
    keep = np.concatenate([[True], np.diff(there) > 0])
    flown = np.interp(here[seen], there[keep], y[keep])
    m, shrink = exact_denoise(law, x[seen], snr), math.sqrt(snr / flow_to)
    weight = law_density(law, snr, x[seen]).p
    square = (flown - m - shrink * (x[seen] - m)) ** 2
    return float(weight @ square / weight.sum() / (2 * (1 / snr_next - 1 / flow_to)))


class RandomDraws:
    """Numbers for random laws and samplers, by their place."""

    def __init__(self, seed: int) -> None:
        self.source, self.place = NoiseSource(seed, "flow statement"), 0

    def normal(self, count: int) -> Array:
        """Return the next `count` standard normals."""
        self.place += 1
        return np.asarray(self.source.normal(0, self.place, 1, count)[0].double().numpy())

    def uniform(self, low: float, high: float) -> float:
        """Return the next number that is uniform between two."""
        self.place += 1
        return low + (high - low) * float(self.source.uniform(1, self.place, 1)[0])


def random_law(draws: RandomDraws) -> GaussianMixture:
    """Return a skewed, off-centre mixture on a line."""
    k = int(draws.uniform(1, 5))
    weights = np.exp(1.5 * draws.normal(k))
    weights = 0.95 * weights / weights.sum() + 0.05 / k
    means = 2 * draws.normal(1) + 10 ** draws.uniform(-0.5, 0.6) * draws.normal(k)
    variances = 10 ** np.array([draws.uniform(-1.5, 0.3) for _ in range(k)])
    return GaussianMixture(weights / weights.sum(), means[:, None], variances[:, None, None])


def random_trial(law: GaussianMixture, flow: FlowCurve, draws: RandomDraws) -> Trial | None:
    """Return what a random sampler on a random grid certifies, and its truth; None if nothing."""
    steps, kind = int(draws.uniform(1, 9)), int(draws.uniform(0, 5))
    levels = np.sort(grid(law.variance, steps) * np.exp(0.2 * draws.normal(steps + 1)))
    start = (float(law.mean[0]), math.sqrt(law.variance + 1 / levels[0]), None)
    if kind < 2:
        sampler: Ancestral = (EULER_ANCESTRAL, DPM2_ANCESTRAL)[kind]
        inner = overshot(levels, draws.uniform(0.15, 1.2), kind + 1)
        plan = replace(sampler, inner=inner).recipe(levels, start=start, last="sample")
        cost = price(flow, levels, inner)
    else:
        plan = (DDPM, EI_SCORE, EI_RELATIVE)[kind - 2].recipe(levels, start=start, last="sample")
        cost = float(step_prices(flow, list(plan.steps), levels[1:]).nats.sum())
    if not math.isfinite(cost):
        return None  # longer steps than were followed, or more noise than there is
    return Trial(_start(law, start, levels[0]) + cost, truth(law, plan))


def truth(law: GaussianMixture, plan: Recipe) -> float:
    """Return KL(p_{s_N} | output), by exact propagation."""
    out = line_output(law, plan)
    return kl_divergence(law_density(law, plan.end, out.x), out)


def _start(law: GaussianMixture, start: tuple[float, float, None], snr: float) -> float:
    """Return the KL of the start: of a Gaussian with the moments of the law there."""
    x, scale = np.linspace(start[0] - 12 * start[1], start[0] + 12 * start[1], 20_001), start[1]
    p = law_density(law, snr, x)
    normal = np.exp(-((x - start[0]) ** 2) / (2 * scale**2)) / (scale * math.sqrt(2 * math.pi))
    return kl_divergence(p, replace(p, p=normal))


def tall_law() -> GaussianMixture:
    """Return ten modes in 64 dimensions."""
    means = NoiseSource(3, "flow statement").normal(0, 0, 10, DIMENSION).double().numpy()
    return GaussianMixture(
        np.full(10, 0.1), means, np.full(10, 0.02)[:, None] * np.ones(DIMENSION)
    )


def rate_rows(quick: bool, seed: int) -> tuple[list[Row], list[Series]]:
    """Return the slopes of (1) against the number of steps, and their curves."""
    rows, series = [], list[Series]()
    laws = [(name, law, law.variance) for name, law in MODES]
    if not quick:
        tall = tall_law()
        laws.append((f"ten modes in {DIMENSION} dimensions", tall, tall.variance / DIMENSION))
    for name, law, scale in laws:
        flow = exact_flow(law, LEVELS / scale, seed, None)
        for calls, share, order, band in (
            (1, ONE_CALL, 2, BAND_ONE), (2, TWO_CALLS, 4, BAND_TWO)
        ):  # fmt: skip
            costs = [
                price(flow, levels, overshot(levels, share, calls))
                for levels in (grid(scale, int(n)) for n in COUNTS)
            ]
            slope = -exponent(COUNTS[-2:], costs[-2:]).value
            words = "one call" if calls == 1 else "two calls"
            rows.append(Row(f"{name}: order with {words} a step", order, slope, "=", band))
            if law is SKEWED:
                label = PLANNED_NAMES[calls]
                series.append(Series(label, calls * COUNTS, costs, 2 + calls, "both"))
    return rows, series


def known_series(seed: int) -> list[Series]:
    """Return ddpm's output, its price along the flow and Girsanov's, on the mixture."""
    flow, law = exact_flow(SKEWED, LEVELS / SKEWED.variance, seed, None), SKEWED
    out, along, path = [], [], []
    for n in COUNTS:
        levels = grid(law.variance, int(n))
        start = (float(law.mean[0]), math.sqrt(law.variance + 1 / levels[0]), None)
        plan = DDPM.recipe(levels, start=start, last="sample")
        known = law.known(levels)
        assert known is not None
        used = np.diff(known.information)
        path.append(float((np.diff(levels) * known.errors[:-1, 0] / 2 - used).sum()))
        along.append(float(step_prices(flow, list(plan.steps), levels[1:]).nats.sum()))
        out.append(truth(law, plan))
    names = ("ddpm, path KL", "ddpm, along the flow", "ddpm, its output")
    return [
        Series(name, COUNTS, values, tone, "both")
        for name, values, tone in zip(names, (path, along, out), (1, 2, 5), strict=True)
    ]


def run(quick: bool, seed: int) -> Result:
    """Check (1) by quantiles, its rates, and that no random sampler costs more than it."""
    draws, rows = RandomDraws(seed), list[Row]()
    flow = exact_flow(SKEWED, LEVELS / SKEWED.variance, seed, None)
    for s, t, share in ((0.3, 0.9, 1.0), (1.5, 4.0, 0.4), (20.0, 45.0, 1.0)):
        to = s * (t / s) ** (1 + share)
        cell = ancestral_prices(flow, np.array([s]), np.array([t]), np.array([to]), 1).nats[0, 0]
        by_quantiles = quantile_price(SKEWED, s, t, to)
        what = f"a step from SNR {s:g} to {t:g}: price by quantiles, and by the flow"
        rows.append(Row(what, by_quantiles, float(cell), "=", NEAR * by_quantiles))
    rates, series = rate_rows(quick, seed)
    rows += rates
    trials = list[Trial]()
    enough, of_one_law = (20, 10) if quick else (1000, 20)
    while len(trials) < enough:
        law = random_law(draws)
        one = exact_flow(law, FEWER_LEVELS / law.variance, seed, None)
        drawn = (random_trial(law, one, draws) for _ in range(of_one_law))
        trials += [trial for trial in drawn if trial is not None]
    broken = sum(t.truth > t.certified * (1 + NEAR) + 1e-9 for t in trials)
    ratio = float(np.median([t.certified / max(t.truth, 1e-12) for t in trials]))
    head = Row(f"certificates below the truth, of {len(trials)} random samplers", 0, broken, "=")
    rows += [head, Row("certificate over the KL of the output, median", TALL, ratio, "<=")]
    words = (
        f"No certificate of {len(trials)} random laws, grids and samplers is below the KL of the "
        f"output, and the median is {ratio:.1f} times it. The price along the flow falls with the "
        "square of the number of steps with one call a step, and with about its fourth power with "
        "two, as the output does and the path KL does not."
    )
    figure = chart("flow", "What is certified of ddpm, and what is true", known_series(seed) +
    series,
                   ("network calls", "nats"), log="xy")  # fmt: skip
    return Result(rows, head, words, figure)


STATEMENT = Statement(
    "flow",
    "Priced along the flow, the certificate falls as the output's own KL",
    "beyond the paper: Theorem 2 with another ideal chain",
    "A chain that follows the probability flow to a lower level and then adds noise keeps the law "
    "of every level. Any sampler with Gaussian steps can be priced beside it, and the price is of "
    "the order of the output's KL: 1/N² with one call a step and about 1/N⁴ with two.",
    f"the price of single steps is that of the map of quantiles within {NEAR:.0%}; slopes are "
    f"within {BAND_ONE} and {BAND_TWO} of 2 and 4; no random sampler costs more than its "
    f"certificate, which is at most {TALL:g} times the KL of the output in the median.",
    run,
)
