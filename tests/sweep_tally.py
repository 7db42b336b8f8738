"""What is counted of bounds and truths, and what of a law is told to a bound."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
from sweep_chains import Law, gamma_kl, told
from sweep_laws import Line, Product, Truth
from sweep_outputs import hessians

from girsanov._checks import InputError
from girsanov.paper.bounds import Facts

UP = 1 + 1e-12  # facts are given from above


class Tally:
    """Bounds and truths by name: ratios, and what is violated."""

    def __init__(self) -> None:
        self.ratios: dict[str, list[float]] = defaultdict(list)
        self.slacks: dict[str, float] = defaultdict(float)
        self.silent: dict[str, int] = defaultdict(int)
        self.broken: dict[str, list[str]] = defaultdict(list)

    def add(self, name: str, truth: Truth, bound: float, case: object) -> None:
        """Count a case; a violation is a truth above the bound by more than its slack."""
        if not math.isfinite(bound):
            self.silent[name] += 1
            return
        value, slack = float(truth.value), float(truth.slack)
        if value > bound * (1 + 1e-9) + slack:
            self.broken[name].append(f"{value:.9g} (+- {slack:.2g}) > {bound:.9g}: {case}")
        known = value > 20 * slack and value > 0
        self.ratios[name].append(bound / value if known else math.nan)
        if known:
            self.slacks[name] = max(self.slacks[name], slack / value)

    def ask(self, name: str, truth: Truth, bound: Callable[[], float], case: object) -> None:
        """Count a case whose bound may refuse to say anything."""
        try:
            value = bound()
        except InputError:
            self.silent[name] += 1
            return
        self.add(name, truth, value, case)


def facts_of(rng: np.random.Generator, law: Law) -> Facts:
    """Return some of what is true of a law, drawn at random."""
    more: dict[str, Any] = {}
    if rng.random() < 0.7:
        more["variance"] = law.variance * UP
    if law.dense and rng.random() < 0.7:
        more["information"] = law.at(0.0).fisher * (1 + 1e-9)
    if law.dense and rng.random() < 0.5:
        kl = gamma_kl(law, 0.0)
        more["kl"] = kl.value * UP + kl.slack
    if isinstance(law, Line) and law.dense and rng.random() < 0.4:
        more["lipschitz"] = 1.01 * steepest(law, 0.0)
    if law.atoms:
        count = math.prod(len(line.w) for line in law.lines)
        if rng.random() < 0.7:
            more["points"] = count
        if rng.random() < 0.5:
            more["coverings"] = (covering(rng, law),)
        more["radius"] = math.sqrt(sum((np.abs(x.mu).max()) ** 2 for x in law.lines)) * UP
    if rng.random() < 0.7:
        at = float(10 ** rng.uniform(-3, 3) / law.variance)
        nats = told(law, at)
        more["information_at"] = ((at, max(0.0, nats.value) + nats.slack),)
    return Facts(law.dimension, law.second_moment * (1 + 1e-9), **more)


def covering(rng: np.random.Generator, law: Line | Product) -> tuple[float, float]:
    """Return a radius and how many balls of it, set greedily, hold all points."""
    if not isinstance(law, Line) or rng.random() < 0.3:
        return 0.0, float(math.prod(len(line.w) for line in law.lines))
    radius, left, count = math.sqrt(law.variance) * 10 ** rng.uniform(-2, 0), np.sort(law.mu), 0
    while len(left):
        left, count = left[left > left[0] + 2 * radius], count + 1
    return radius * (1 + 1e-9), float(count)


def steepest(law: Line, time: float) -> float:
    """Return the largest |second derivative| of log q_t at all times after `time`, on grids."""
    span = np.abs(law.mu).max() + 10 * math.sqrt(law.v.max() + 1)
    sd = np.sqrt(law.v + 1e-3)
    x = np.concatenate([
        np.linspace(-span, span, 800),
        (law.mu + np.linspace(-9, 9, 181)[:, None] * sd).ravel()])  # fmt: skip
    ahead = [0.0, *np.geomspace(1e-4, 6, 40)]
    return max(float(np.abs(hessians(law, time + t, math.exp(-t) * x)).max()) for t in ahead)


def times_of(rng: np.random.Generator, law: Law, most: int) -> np.ndarray:
    """Return Ornstein-Uhlenbeck times: equal steps, equal ratios of SNR, or anything."""
    n, stop = int(10 ** rng.uniform(0, math.log10(most))), float(10 ** rng.uniform(-4, -0.5))
    if law.dense and rng.random() < 0.6:
        stop = 0.0
    total = stop + float(10 ** rng.uniform(-1, 0.8))
    kind = rng.choice(["equal", "ratios", "any"])
    if kind == "equal" or (kind == "ratios" and stop == 0):
        return np.linspace(stop, total, n + 1)
    if kind == "ratios":
        return np.log1p(1 / np.geomspace(snr(total), snr(stop), n + 1)[::-1]) / 2
    h = 10 ** rng.uniform(-2, 0, n)
    return stop + np.concatenate([[0.0], np.cumsum(h / h.sum() * (total - stop))])


def snr(time: float) -> float:
    return 1 / math.expm1(2 * time)


def plus(*parts: Truth) -> Truth:
    return Truth(sum(p.value for p in parts), sum(p.slack for p in parts))
