"""Bounds on geometric grids against chains whose KL comes from entropies, not from error curves.

The true kernel from level s to s' is p'(x') N(x; x', 1/s - 1/s')/p(x), so that with entropies H

    KL(chain) = sum H(s) - H(s') - 1/2 log(2 pi e (1/s - 1/s'))
                    + 1/2 log(2 pi c^2) + E(x' - mean(x))^2/(2 c^2),

where E(x' - mean)^2 = r (1/s - 1/s') + (1 - r)^2 M, r = s/s'. Laws are one to six normals or
atoms on a line, skewed, and up to thousands of their deviations off the middle.
"""

import math

import numpy as np
import pytest

from girsanov.paper.bounds import Facts, any_law, intrinsic, mutual_information

NODES, WEIGHTS = np.polynomial.legendre.leggauss(6)
SAMPLERS = ("ddpm", "analytic-dpm", "ddpm-halfway")


class Line:
    """sum w N(mu, v), some or all v being 0."""

    def __init__(self, rng):
        count = int(rng.integers(2, 7))
        self.w = rng.dirichlet(np.full(count, rng.choice([0.3, 1.0, 5.0]))) + 1e-6
        self.w /= self.w.sum()
        size = 10 ** rng.uniform(-2, 2)
        self.mu = size * rng.standard_normal(count) ** rng.choice([1, 3])
        self.mu += rng.choice([-1, 0, 1]) * size * 10 ** rng.uniform(0, 3.5)
        self.v = (size * 10 ** rng.uniform(-2.5, 0.5, count)) ** 2
        self.v *= rng.choice([0.0, 1.0], p=[0.4, 0.6]) * (rng.random(count) < 0.8)
        self.mean = self.w @ self.mu
        self.variance = self.w @ ((self.mu - self.mean) ** 2 + self.v)

    def at(self, snr):
        """Return the entropy of X_0 + z/sqrt(s), and M(s)."""
        mu, seen = self.mu - self.mean, self.v + 1 / snr
        ends = np.unique((mu[:, None] + np.sqrt(seen)[:, None] * np.linspace(-12, 12, 49)).ravel())
        half = np.diff(ends)[:, None] / 2
        x, dx = (ends[:-1, None] + half * (1 + NODES)).ravel(), (half * WEIGHTS).ravel()
        gap = x - mu[:, None]
        logs = np.log(self.w)[:, None] - (gap**2 / seen[:, None] + np.log(seen)[:, None]) / 2
        top = logs.max(0)
        share = np.exp(logs - top)
        log_p = top + np.log(share.sum(0)) - math.log(2 * math.pi) / 2
        share, p = share / share.sum(0), np.exp(log_p) * dx
        assert p.sum() == pytest.approx(1, abs=1e-9)
        guess = mu[:, None] + (self.v / seen)[:, None] * gap
        left = (self.v / (1 + snr * self.v))[:, None] + (guess - (share * guess).sum(0)) ** 2
        return -(p @ log_p), p @ (share * left).sum(0)


def chain_kl(law, levels, sampler):
    entropy, m = np.array([law.at(s) for s in levels]).T
    s, r, delta = levels[:-1], levels[:-1] / levels[1:], np.diff(levels)
    walk = delta / s / levels[1:]
    kept = {"ddpm": 0.0, "analytic-dpm": m[:-1], "ddpm-halfway": 1 / (2 * s)}[sampler]
    c2 = r * walk * (1 + delta * kept)
    apart = r * walk + (1 - r) ** 2 * m[:-1]
    cells = -np.diff(entropy) - (np.log(walk) + 1) / 2 + np.log(c2) / 2 + apart / (2 * c2)
    start = -entropy[0] + (math.log(2 * math.pi / s[0]) + s[0] * law.variance + 1) / 2
    return float(cells.sum()), float(start)


def facts_of(rng, law):
    atoms = bool((law.v == 0).all())
    second = float(law.variance + law.mean**2) * (1 + 1e-9)
    at = float(10 ** rng.uniform(-3, 3) / law.variance)
    told = float(law.at(at)[0] - (math.log(2 * math.pi / at) + 1) / 2)
    return Facts(
        1,
        second,
        float(law.variance) if rng.random() < 0.7 else None,
        points=len(law.w) if atoms and rng.random() < 0.7 else None,
        coverings=((0.0, float(len(law.w))),) if atoms and rng.random() < 0.5 else (),
        information_at=((at, max(told, 0.0) + 1e-9),) if rng.random() < 0.7 else (),
    )


def test_no_bound_is_below_the_chain_of_any_law():
    rng, closest = np.random.default_rng(41), dict.fromkeys(SAMPLERS, 0.0)
    for _ in range(60):
        law = Line(rng)
        facts, n = facts_of(rng, law), int(10 ** rng.uniform(0, 1.5))
        first = float(10 ** rng.uniform(-4, 1) / law.variance)
        last = first * float(10 ** rng.uniform(0.3, 6))
        levels, ends = np.geomspace(first, last, n + 1), {"first": first, "last": last}
        told = law.at(last)[0] - (math.log(2 * math.pi / last) + 1) / 2
        assert told <= mutual_information(facts, last) * (1 + 1e-9) + 1e-9
        for sampler in SAMPLERS:
            steps, start = chain_kl(law, levels, sampler)
            bounds = [any_law(facts, sampler, n, **ends)]
            if sampler != "ddpm-halfway":
                bounds.append(intrinsic(facts, sampler, n, **ends))
            for bound in bounds:
                assert steps <= bound.discretisation * (1 + 1e-8) + 1e-8, (sampler, bound)
                assert start <= bound.init * (1 + 1e-8) + 1e-8
                closest[sampler] = max(closest[sampler], steps / bound.discretisation)
    assert min(closest.values()) > 0.5  # some law comes near each bound: it is worth asking
