"""Exact path KLs that bounds are held against, computed in other ways than the library does.

Laws are a spectrum with multiplicities (Gaussians of any dimension), or 1-D mixtures, whose
Fisher information comes from quadrature of the density itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from girsanov.paper.bounds import Facts
from girsanov.paper.bounds.steps import a


@dataclass(frozen=True)
class Spectrum:
    """N(mean, diag(values)), each value `counts` times; size: |mean|^2."""

    values: np.ndarray
    counts: np.ndarray
    size: float = 0.0

    def information(self, times):
        """I(t) = sum 1 / (1 + (l - 1) e^-2t)."""
        t = np.asarray(times, dtype=np.float64)[..., None]
        return (1 / (self.values * np.exp(-2 * t) - np.expm1(-2 * t))) @ self.counts

    def integral(self, first, last):
        """The integral of I over times: 1/2 sum log of (e^2t + l - 1), last over first.

        Written so that short times lose no digits, of which D takes only a small share.
        """
        span, wide = last - first, 1 + (self.values - 1) * math.exp(-2 * first)
        if span > 1:
            logs = 2 * span + np.log1p((wide - 1) * math.exp(-2 * span)) - np.log(wide)
        else:
            logs = np.log1p(math.expm1(2 * span) / wide)
        return float(logs @ self.counts) / 2

    def kl(self, time):
        """KL(q_t | N(0, I)), in a form that keeps its digits near zero."""
        gap = (self.values - 1) * math.exp(-2 * time)
        own = (gap - np.log1p(gap)) @ self.counts
        return float(own + math.exp(-2 * time) * self.size) / 2

    def told(self, snr):
        """I(X_0; X_s) = 1/2 sum log(1 + s l)."""
        return float(np.log1p(snr * self.values) @ self.counts) / 2

    def facts(self, **more):
        d = int(self.counts.sum())
        v = float(self.values @ self.counts)
        return Facts(d, v + self.size, v, self.kl(0.0), float(self.information(0.0)), **more)


@dataclass(frozen=True)
class Line:
    """A 1-D mixture of normals, by quadrature."""

    weights: np.ndarray
    means: np.ndarray
    variances: np.ndarray

    def __post_init__(self):
        object.__setattr__(self, "cache", {})

    def at(self, time):
        """(E|score|^2, KL from N(0, 1)) of the law noised for `time`."""
        if time not in self.cache:
            self.cache[time] = self._at(time)
        return self.cache[time]

    def _at(self, time):
        r = math.exp(-2 * time)
        mu, v = math.sqrt(r) * self.means, r * self.variances - math.expm1(-2 * time)
        sd = np.sqrt(v)
        # the trapezoid rule converges faster than any power here; 1/20 of the least width
        ends = np.unique(np.concatenate([mu - 12 * sd, mu + 12 * sd]))
        x = np.arange(ends[0], ends[-1], sd.min() / 12)
        assert len(x) < 2_000_000
        p = self.weights * stats.norm.pdf(x[:, None], mu, sd)
        density = p.sum(1)
        slope = (p * (mu - x[:, None]) / v).sum(1)
        x, density, slope = (z[density > 1e-290] for z in (x, density, slope))
        step = sd.min() / 12
        kl = (density * (np.log(density) - stats.norm.logpdf(x))).sum() * step
        return (slope**2 / density).sum() * step, kl

    def information(self, times):
        return np.array([self.at(float(t))[0] for t in np.atleast_1d(times)])

    def integral(self, first, last):
        """By 2 x de Bruijn: int I = KL_0 - KL_T + T + (1 - m2^2)(e^-2t0 - e^-2T)/2."""
        lost = math.exp(-2 * first) - math.exp(-2 * last)
        change = self.at(first)[1] - self.at(last)[1]
        return change + (last - first) + (1 - self.second_moment) * lost / 2

    def kl(self, time):
        return self.at(time)[1]

    @property
    def second_moment(self):
        return float(self.weights @ (self.variances + self.means**2))

    def facts(self, **more):
        v = self.second_moment - float(self.weights @ self.means) ** 2
        information, kl = self.at(0.0)
        return Facts(1, self.second_moment, v, float(kl), float(information), **more)


def path_kl(law, times):
    """The exact discretisation of ei-score: int I - sum a_h I(t_j)."""
    return law.integral(times[0], times[-1]) - a(np.diff(times)) @ law.information(times[1:])


def relative_path_kl(law, times):
    """Of ei-relative: KL_0 - KL_T - sum (2 (e^h - 1) - h) FI(t_j), any grid."""
    t, h = times[1:], np.diff(times)
    facts = law.facts()
    second = np.exp(-2 * t) * (facts.second_moment - facts.dimension) + facts.dimension
    relative = law.information(t) - 2 * facts.dimension + second
    return law.kl(times[0]) - law.kl(times[-1]) - (2 * np.expm1(h) - h) @ relative


def geometric_path_kl(law, levels):
    """The exact path KL of a Spectrum on SNR levels, by sampler; and the sum of the costs."""
    s, d = levels[:-1], law.counts.sum()
    delta, used = np.diff(levels), law.told(levels[-1]) - law.told(levels[0])
    spent = delta * ((law.values / (1 + s[:, None] * law.values)) @ law.counts)
    w = delta / (2 * s)  # of variances 1/(2 s)
    costs = {
        "ddpm": spent,
        "analytic-dpm": d * np.log1p(spent / d),
        "ddpm-halfway": d * np.log1p(w) + (spent - d * w) / (1 + w),
    }
    return {name: cost.sum() / 2 - used for name, cost in costs.items()}, spent.sum() / 2


def flow_price(law, levels, errors=0.0):
    """ddpm's price along the flow, sum E|Phi - phi|^2/2c^2, of a Spectrum; errors of the mean.

    The flow of N(0, l) from sigma to rho = sigma'^2/sigma multiplies by a number, DDIM by another.
    """
    here, there = 1 / levels[:-1, None], 1 / levels[1:, None]
    rho = there**2 / here  # squares of sigma, sigma' and rho
    flown = np.sqrt((law.values + rho) / (law.values + here))
    share = law.values / (law.values + here)
    step = np.sqrt(rho / here)
    moved = step + (1 - step) * (share + errors / np.sqrt(law.values + here))
    missed = (flown - moved) ** 2 * (law.values + here) / (2 * (there - rho))
    return float((missed @ law.counts).sum())


def random_spectrum(rng, extreme=True):
    """A Gaussian of any dimension up to 3072 and Fisher information up to 1e6 a coordinate."""
    d = int(rng.choice([1, 2, 3, 10, 64, 768, 3072]))
    kinds = int(rng.integers(1, min(d, 4) + 1))
    counts = np.ones(kinds) + rng.multinomial(d - kinds, np.ones(kinds) / kinds)
    low = -6 if extreme else -2
    values = 10 ** rng.uniform(low, 2, kinds)
    return Spectrum(values, counts, float(rng.exponential() * rng.integers(0, 2) * d))


def random_line(rng, components=3):
    k = int(rng.integers(2, components + 1))
    return Line(rng.dirichlet(np.ones(k)), rng.normal(0, 2, k), 10 ** rng.uniform(-2.0, 0.3, k))


def random_uniform(rng, most=2000):
    """(steps, T) with steps of time from 1e-6 to 1."""
    h = 10 ** rng.uniform(-6, 0)
    return (n := int(rng.integers(1, most))), n * h


def random_times(rng, most=40):
    """Increasing times with ratios of neighbouring steps up to a thousand."""
    n = int(rng.integers(1, most))
    h = 10 ** rng.uniform(-3, 0, n)
    first = float(rng.choice([0.0, 10 ** rng.uniform(-4, -0.5)]))
    return first + np.concatenate([[0.0], np.cumsum(h / h.sum() * 10 ** rng.uniform(-1, 1))])
