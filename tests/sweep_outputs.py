r"""What samplers put out on a line, and distances between laws there, without the library's code.

The density of a state is carried from grid to grid: p'(y) = int p(x) N(y; mean(x), c^2) dx by the
trapezoid rule, whose spacing is halved to see how accurate it is. Wasserstein distances come from
quantiles, total variation from densities, the bounded-Lipschitz distance from a linear programme.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.optimize import linprog
from sweep_laws import Line, Truth, legendre

FINEST = 2500  # points of a grid, at the most
SHARES = np.concatenate([np.geomspace(1e-9, 1e-3, 40), np.linspace(1e-3, 0.999, 1200)[1:]])
MASS = np.concatenate([SHARES, 1 - SHARES[:40][::-1]])


@dataclass(frozen=True)
class Step:
    """A kernel N(mean(x), c^2), and between which ends the true law is where it begins."""

    mean: Callable[[np.ndarray], np.ndarray]
    c2: float
    span: tuple[float, float]


def span_of(law: Line, noise: float) -> tuple[float, float]:
    """Return the ends of where X + sqrt(noise) z is, eight deviations from every component."""
    sd = np.sqrt(law.v + noise)
    return float((law.mu - 8 * sd).min()), float((law.mu + 8 * sd).max())


def geometric_steps(law: Line, levels: np.ndarray, sampler: str, wave: float) -> list[Step]:
    """Steps down SNR levels in x = x0 + z/sqrt(s); the guess is wrong by wave sin(x)."""
    out = []
    for s, t in itertools.pairwise(levels):
        r, delta = s / t, t - s
        kept = {"ddpm": 0.0, "analytic-dpm": law.at(1 / s).error, "ddpm-halfway": 0.5 / s}[sampler]

        def mean(x: np.ndarray, s: float = s, r: float = r) -> np.ndarray:
            return r * x + (1 - r) * (law.guess(x, 1 / s) + wave * np.sin(x))

        out.append(Step(mean, r * (1 / s - 1 / t) * (1 + delta * kept), span_of(law, 1 / s)))
    return out


def time_steps(law: Line, times: np.ndarray, *, relative: bool, wave: float) -> list[Step]:
    """Steps of ei-score or ei-relative down Ornstein-Uhlenbeck times; score + wave sin(x)."""
    out = []
    for t, u in zip(times[-2::-1], times[:0:-1], strict=True):
        h, alpha, noise = u - t, math.exp(-u), math.expm1(2 * u)

        def mean(
            x: np.ndarray, h: float = h, alpha: float = alpha, noise: float = noise
        ) -> np.ndarray:
            score = (law.guess(x / alpha, noise) - x / alpha) / (alpha * noise)
            score = score + wave * np.sin(x)
            if relative:
                return math.exp(-h) * x - 2 * math.expm1(-h) * (score + x)
            return math.exp(h) * x + 2 * math.expm1(h) * score

        c2 = -math.expm1(-2 * h) if relative else math.expm1(2 * h)
        low, high = span_of(law, noise)
        out.append(Step(mean, c2, (alpha * low, alpha * high)))
    return out


def carried(start: tuple[float, float], steps: Sequence[Step], fineness: float, x: np.ndarray):
    """Return the log density of the output at x from N(start), None where a grid is too fine.

    Grids hold where the sampler and where the true law may be; masses are kept as logarithms, for
    a rare part of the law may lie where hardly any state of the sampler comes from.
    """
    (mean, sd), wide = start, 6 + fineness / 2
    ends, spacing = (mean - wide * sd, mean + wide * sd), sd / (2 * fineness)

    def density(here: np.ndarray) -> np.ndarray:
        return -(((here - mean) / sd) ** 2) / 2 - math.log(sd * math.sqrt(2 * math.pi))

    for step in steps:
        low, high = min(ends[0], step.span[0]), max(ends[1], step.span[1])
        if (high - low) / spacing > FINEST * fineness / 4:
            return None
        here = np.arange(low, high, spacing)
        logs = density(here) + math.log(spacing)
        at, c = step.mean(here), math.sqrt(step.c2)
        density = partial(pushed, at, c, logs)
        likely = at[logs > logs.max() - 40]  # the ends of a grid may be sent far away
        ends = likely.min() - wide * c, likely.max() + wide * c
        spacing = c / (2 * fineness)
    return density(x) if abs(np.exp(logs).sum() - 1) < 1e-7 else None


def pushed(at: np.ndarray, c: float, logs: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the log density at x of masses e^logs that a kernel N(at, c^2) moves."""
    terms = logs - (((x[:, None] - at) / c) ** 2) / 2
    top = terms.max(1)
    return top + np.log(np.exp(terms - top[:, None]).sum(1)) - math.log(c * math.sqrt(2 * math.pi))


def output_distances(
    law: Line, end: tuple[float, float], start: tuple[float, float], steps: Sequence[Step]
) -> tuple[Truth, Truth] | None:
    """Return KL(true | output) and TV at the end, or None where grids would be too fine.

    end: (noise, scale), the truth being scale (X + sqrt(noise) z); start: mean and deviation.
    """
    noise, scale = end
    mu, sd = scale * law.mu, scale * np.sqrt(law.v + noise)
    ends = np.unique((mu[:, None] + sd[:, None] * np.linspace(-8, 8, 65)).ravel())
    at, weight = legendre(4)
    half = np.diff(ends)[:, None] / 2
    x, dx = (ends[:-1, None] + half * (1 + at)).ravel(), (half * weight).ravel()
    log_q = law.density(x, noise, scale)
    q, both = np.exp(log_q) * dx, []
    for fineness in (4.0, 2.0):
        log_p = carried(start, steps, fineness, x)
        if log_p is None:
            return None
        kl = float((q * (log_q - log_p)).sum())
        # TV is what q has more than p: each at the points that resolve q
        both.append((kl, float(np.maximum(q - np.exp(log_p) * dx, 0.0).sum())))
    (kl, tv), (other_kl, other_tv) = both
    return (
        Truth(kl, 4 * abs(kl - other_kl) + 1e-9),
        # the integrand of TV has kinks, which panels of a quarter of a deviation resolve to 1e-4
        Truth(tv, 4 * abs(tv - other_tv) + 2e-4),
    )


def w2_noised(line: Line, noise: float, scale: float) -> float:
    """W2^2 of scale (X + sqrt(noise) z) and X by quantiles, a little below it."""
    return squared_gap(scale * line.quantiles(MASS, 1 - MASS, noise), plain_quantiles(line))


def w2_guess(line: Line, noise: float) -> float:
    """W2^2 of X and E[X | X + sqrt(noise) z], which rises with the state, a little below it."""
    guess = line.guess(line.quantiles(MASS, 1 - MASS, noise), noise)
    return squared_gap(guess, plain_quantiles(line))


def w2_projected(output: Line, law: Line, radius: float) -> float:
    """W2^2 of an output, cut to [-radius, radius], and a law, a little below it."""
    cut = np.clip(output.quantiles(MASS, 1 - MASS, 0.0), -radius, radius)
    return squared_gap(cut, plain_quantiles(law))


def squared_gap(one: np.ndarray, other: np.ndarray) -> float:
    """The mean square of what quantiles at MASS differ by; the ends beyond them are left out."""
    gap = (one - other) ** 2
    return float((np.minimum(gap[1:], gap[:-1]) * np.diff(MASS)).sum())


def plain_quantiles(line: Line) -> np.ndarray:
    """Quantiles at MASS of the law itself; points are widened by 1e-9 of its deviation."""
    if line.dense:
        return line.quantiles(MASS, 1 - MASS, 0.0)
    return line.quantiles(MASS, 1 - MASS, 1e-18 * max(line.variance, 1e-300))


def flow_price(line: Line, levels: np.ndarray, which: int = 0) -> tuple[float, float]:
    """Price of ddpm along the flow: sum E|Phi(x) - mean(x)|^2/(2 c^2), Phi by quantiles."""
    spent = size = 0.0
    at, weight = legendre((8, 6)[which])
    for s, t in itertools.pairwise(levels):
        rho = s / t**2  # the square of sigma'^2/sigma
        # panels in every component's own deviations; the flow keeps the mass below a point
        mu, sd = line.mu, np.sqrt(line.v + 1 / s)
        ends = np.unique((mu[:, None] + sd[:, None] * np.linspace(-7, 7, 15)).ravel())
        half = np.diff(ends)[:, None] / 2
        x, dx = (ends[:-1, None] + half * (1 + at)).ravel(), (half * weight).ravel()
        flown = line.quantiles(*line.tails(x, 1 / s), rho)
        r = s / t
        mean = r * x + (1 - r) * line.guess(x, 1 / s)
        c2 = 1 / t - rho
        p = np.exp(line.density(x, 1 / s)) * dx
        spent += float(p @ (flown - mean) ** 2) / (2 * c2)
        size += float(p @ (flown**2 + mean**2)) / (2 * c2)
    return spent, size


def lipschitz_distance(output: Line, law: Line) -> Truth:
    """sup (E p - E q) f over |f| <= 1 of slope at most 1.

    Mass is moved to the nearest of some 300 quantiles of both, which changes the distance by no
    more than the mean way; then the optimum of a linear programme is exact.
    """
    shares = np.linspace(0.003, 0.997, 150)
    ends = [(x.mu - 9 * np.sqrt(x.v), x.mu + 9 * np.sqrt(x.v)) for x in (output, law)]
    x = np.unique(np.concatenate([
        output.quantiles(shares, 1 - shares, 0.0), law.mu, *(e for pair in ends for e in pair),
        law.quantiles(shares, 1 - shares, 1e-18 * law.variance)]))  # fmt: skip
    x, gap = np.delete(x, 1 + np.flatnonzero(np.diff(x) <= 0)), np.diff(x)
    n, middles = len(x), (x[1:] + x[:-1]) / 2
    p, q = (
        np.diff(np.concatenate([[0.0], one.tails(middles, 1e-18 * one.variance)[0], [1.0]]))
        for one in (output, law)
    )
    way = np.maximum(np.append(gap, 0.0), np.append(0.0, gap)) / 2
    slope, rows = np.zeros((n - 1, n)), np.arange(n - 1)
    slope[rows, rows], slope[rows, rows + 1] = -1, 1
    found = linprog(
        q - p, A_ub=np.vstack([slope, -slope]), b_ub=np.tile(gap, 2), bounds=[(-1, 1)] * n
    )
    # points of the law are among x and need not move
    return Truth(float(-found.fun), float(p @ np.minimum(way, 2.0)) + 1e-6)


def hessians(line: Line, time: float, x: np.ndarray) -> np.ndarray:
    """The second derivative of log q_t at x, from the components' shares."""
    alpha = math.exp(-time)
    seen = alpha**2 * line.v - math.expm1(-2 * time)
    gap = x - alpha * line.mu[:, None]
    logs = np.log(line.w / np.sqrt(seen))[:, None] - gap**2 / (2 * seen[:, None])
    share = np.exp(logs - logs.max(0))
    share /= share.sum(0)
    slope = -gap / seen[:, None]
    own = (share * slope).sum(0)
    return (share * ((slope - own) ** 2 - 1 / seen[:, None])).sum(0)
