r"""Random laws whose noised versions are integrated here, without any code of the library.

A law is noised as X + sqrt(noise) z. Its entropy H, the error M of the best guess of X and the
Fisher information I are integrals over panels of one standard deviation of every component, by
Gauss and Legendre. Each is computed with NODES[0] and NODES[1] nodes a panel. What the two differ
by says how accurate the first is: `Truth.slack` is four times that, and what rounding adds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

NODES = (12, 9)  # a panel of one standard deviation
REACH = 9  # standard deviations
GRID = (8, 6)  # of the trapezoid rule in the plane, points a standard deviation
ROUNDING = 2e-14  # of the sum of the absolute terms


class Noised(NamedTuple):
    """Entropy, error of the best guess and Fisher information of a noised law."""

    entropy: float
    error: float
    fisher: float


class Truth(NamedTuple):
    """A number with how far it may be off."""

    value: float
    slack: float


def twice(integral: Callable[[int], tuple[float, float]]) -> Truth:
    """Return integral(0), (value, sum of absolute terms), as accurate as integral(1) shows."""
    (fine, size), (coarse, _) = integral(0), integral(1)
    return Truth(fine, 4 * abs(fine - coarse) + ROUNDING * size)


@cache
def legendre(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights on [-1, 1]."""
    return np.polynomial.legendre.leggauss(nodes)


def panels(mu: np.ndarray, sd: np.ndarray, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points and weights that resolve every normal of these means and deviations."""
    ends = np.unique((mu[:, None] + sd[:, None] * np.linspace(-REACH, REACH, 19)).ravel())
    at, weight = legendre(nodes)
    half = np.diff(ends)[:, None] / 2
    return (ends[:-1, None] + half * (1 + at)).ravel(), (half * weight).ravel()


@dataclass(frozen=True)
class Line:
    """sum w N(mu, v) on a line; some or all v may be 0."""

    w: np.ndarray
    mu: np.ndarray
    v: np.ndarray
    dimension = 1

    @cached_property
    def known(self) -> dict[tuple[float, int], Noised]:
        return {}

    @property
    def lines(self) -> tuple[Line, ...]:
        return (self,)

    @property
    def mean(self) -> float:
        return float(self.w @ self.mu)

    @property
    def variance(self) -> float:
        return float(self.w @ ((self.mu - self.mean) ** 2 + self.v))

    @property
    def second_moment(self) -> float:
        return self.variance + self.mean**2

    @property
    def atoms(self) -> bool:
        return bool((self.v == 0).all())

    @property
    def dense(self) -> bool:
        return bool((self.v > 0).all())

    def at(self, noise: float, which: int = 0) -> Noised:
        """Return H, M and I; which: 0 or 1, of NODES."""
        key = (noise, which)
        if key not in self.known:
            self.known[key] = self._at(noise, NODES[which])
        return self.known[key]

    def _at(self, noise: float, nodes: int) -> Noised:
        mu, seen = self.mu - self.mean, self.v + noise
        x, dx = panels(mu, np.sqrt(seen), nodes)
        logs, gap = self._logs(x, mu, seen)
        top = logs.max(0)
        share = np.exp(logs - top)
        whole = share.sum(0)
        log_p, share = top + np.log(whole), share / whole
        p = np.exp(log_p) * dx
        assert abs(p.sum() - 1) < 1e-8, p.sum()
        score = -(share * gap / seen[:, None]).sum(0)
        guess = mu[:, None] + (self.v / seen)[:, None] * gap
        left = (self.v * noise / seen)[:, None] + (guess - (share * guess).sum(0)) ** 2
        return Noised(-float(p @ log_p), float(p @ (share * left).sum(0)), float(p @ score**2))

    def _logs(self, x, mu, seen):
        gap = x - mu[:, None]
        front = np.log(self.w / np.sqrt(2 * math.pi * seen))[:, None]
        return front - gap**2 / (2 * seen[:, None]), gap

    def density(self, x: np.ndarray, noise: float, scale: float = 1.0) -> np.ndarray:
        """Return the log density of scale (X + sqrt(noise) z) at x."""
        logs, _ = self._logs(x, scale * self.mu, scale**2 * (self.v + noise))
        top = logs.max(0)
        return top + np.log(np.exp(logs - top).sum(0))

    def guess(self, x: np.ndarray, noise: float) -> np.ndarray:
        """Return E[X | X + sqrt(noise) z = x]."""
        seen = self.v + noise
        logs, gap = self._logs(x, self.mu, seen)
        share = np.exp(logs - logs.max(0))
        guess = self.mu[:, None] + (self.v / seen)[:, None] * gap
        return (share * guess).sum(0) / share.sum(0)

    def tails(self, x: np.ndarray, noise: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the mass below and above x, each with its own digits."""
        z = (x - self.mu[:, None]) / np.sqrt(self.v + noise)[:, None]
        return self.w @ ndtr(z), self.w @ ndtr(-z)

    def quantiles(self, low: np.ndarray, high: np.ndarray, noise: float) -> np.ndarray:
        """Return where the mass below is `low` and above it `high` (of one), by bisection."""
        sd = np.sqrt(self.v + noise)
        left = np.full(len(low), (self.mu - 12 * sd).min())
        right = np.full(len(low), (self.mu + 12 * sd).max())
        lower = low < high
        for _ in range(70):
            middle = (left + right) / 2
            below, above = self.tails(middle, noise)
            short = np.where(lower, below < low, above > high)
            left, right = np.where(short, middle, left), np.where(short, right, middle)
        return (left + right) / 2


@dataclass(frozen=True)
class Product:
    """Independent lines; turning them changes nothing that is asked here."""

    lines: tuple[Line, ...]

    @property
    def dimension(self) -> int:
        return len(self.lines)

    @property
    def variance(self) -> float:
        return sum(line.variance for line in self.lines)

    @property
    def second_moment(self) -> float:
        return sum(line.second_moment for line in self.lines)

    @property
    def atoms(self) -> bool:
        return all(line.atoms for line in self.lines)

    @property
    def dense(self) -> bool:
        return all(line.dense for line in self.lines)

    def at(self, noise: float, which: int = 0) -> Noised:
        return Noised(*map(sum, zip(*(line.at(noise, which) for line in self.lines), strict=True)))


@dataclass(frozen=True)
class Plane:
    """sum w N(mu, C) in the plane, by the trapezoid rule."""

    w: np.ndarray
    mu: np.ndarray  # [k, 2]
    c: np.ndarray  # [k, 2, 2]
    dimension = 2
    lines = ()
    atoms, dense = False, True

    @cached_property
    def known(self) -> dict[tuple[float, int], Noised]:
        return {}

    @property
    def variance(self) -> float:
        away = ((self.mu - self.w @ self.mu) ** 2).sum(1)
        return float(self.w @ (away + np.trace(self.c, axis1=1, axis2=2)))

    @property
    def second_moment(self) -> float:
        return self.variance + float(((self.w @ self.mu) ** 2).sum())

    def at(self, noise: float, which: int = 0) -> Noised:
        key = (noise, which)
        if key not in self.known:
            self.known[key] = self._at(noise, GRID[which])
        return self.known[key]

    def _at(self, noise: float, points: int) -> Noised:
        mu, seen = self.mu - self.w @ self.mu, self.c + noise * np.eye(2)
        wide = np.sqrt(np.diagonal(seen, axis1=1, axis2=2))
        step = math.sqrt(np.linalg.eigvalsh(seen).min()) / points
        axes = [np.arange(*ends, step) for ends in zip(
            (mu - REACH * wide).min(0), (mu + REACH * wide).max(0), strict=True)]  # fmt: skip
        x = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
        gap = x - mu[:, None]  # [k, n, 2]
        pulled = gap @ np.linalg.inv(seen)
        logs = -(gap * pulled).sum(-1) / 2
        logs += np.log(self.w / (2 * math.pi * np.sqrt(np.linalg.det(seen))))[:, None]
        top = logs.max(0)
        share = np.exp(logs - top)
        whole = share.sum(0)
        log_p, share = top + np.log(whole), (share / whole)[..., None]
        p = np.exp(log_p) * step**2
        assert abs(p.sum() - 1) < 1e-8, p.sum()
        score = -(share * pulled).sum(0)
        guess = mu[:, None] + pulled @ self.c
        away = ((guess - (share * guess).sum(0)) ** 2).sum(-1, keepdims=True)
        own = np.trace(noise * self.c @ np.linalg.inv(seen), axis1=1, axis2=2)
        left = (share * (own[:, None, None] + away)).sum((0, 2))
        return Noised(-float(p @ log_p), float(p @ left), float(p @ (score**2).sum(1)))


def random_line(rng: np.random.Generator, kind: str) -> Line:
    """Return a skewed law of two to six components; kind: dense, atoms or both."""
    count = int(rng.integers(2, 7))
    w = rng.dirichlet(np.full(count, rng.choice([0.3, 1.0, 5.0]))) + 1e-6
    if rng.random() < 0.4:
        w[0] = w[1:].sum() * 10 ** rng.uniform(-3, -1)  # a rare component
    size = 10 ** rng.uniform(-2, 2)
    mu = size * rng.standard_normal(count) ** rng.choice([1, 3])
    mu += rng.choice([-1, 0, 1]) * size * 10 ** rng.uniform(0, 3)
    v = (size * 10 ** rng.uniform(-2.3, 0.5, count)) ** 2
    if kind != "dense":
        v *= 0.0 if kind == "atoms" else rng.random(count) < 0.6
    return Line(w / w.sum(), mu, v)


def random_plane(rng: np.random.Generator) -> Plane:
    """Return two or three normals in the plane, at most five times as wide as they are thin."""
    count, size = int(rng.integers(2, 4)), 10 ** rng.uniform(-1, 1)
    turn = np.linalg.qr(rng.standard_normal((count, 2, 2)))[0]
    sd = size * 10 ** rng.uniform(-0.7, 0, (count, 2))
    c = turn @ (sd[..., None] ** 2 * np.swapaxes(turn, 1, 2))
    w = rng.dirichlet(np.full(count, 1.0)) + 1e-3
    mu = size * (1.5 * rng.standard_normal((count, 2)) + rng.choice([0, 30]))
    return Plane(w / w.sum(), mu, c)


def random_law(rng: np.random.Generator, number: int) -> Line | Product | Plane:
    """Return the law of this number: of 20 two are products, one is in the plane."""
    kinds = ("dense", "atoms", "both")
    kind = kinds[number % 3]
    if number % 20 == 7:
        return random_plane(rng)
    if number % 10 == 3:
        return Product((random_line(rng, kind), random_line(rng, kind)))
    return random_line(rng, kind)


def disguised_gaussian(rng: np.random.Generator) -> Line:
    """Return N(mean, variance) as three components of other weights: closed forms are known."""
    mean, sd = rng.normal() * 10, 10 ** rng.uniform(-2, 2)
    return Line(rng.dirichlet(np.ones(3)), np.full(3, mean), np.full(3, sd**2))
