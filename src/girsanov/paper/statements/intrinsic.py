r"""Few points, or a thin set, need few steps in any dimension: bounds by what a state tells.

paper/bounds/intrinsic.py bounds the path KL of ddpm on a geometric grid by (e^x - 1) I(X_0; X_s),
where I is at most the logarithm of the number of points. The laws are products of points on lines,

    X_0 = (X^1, ..., X^k, 0, ..., 0) in R^d,      each X^i one of a few numbers,            (1)

whose error curve, path KL and information are sums over the lines, each by quadrature, in any d.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ...law import GaussianMixture
from ...ledger.numbers import number
from ...noise import NoiseSource
from ..bounds import Facts, steps_for
from ..bounds.any_law import CERTIFIED_SAMPLERS, geometric_discretisation
from ..bounds.intrinsic import intrinsic_discretisation, mutual_information
from ..chart import Series, chart
from ..path_kl import half_information
from ..statement import Result, Row, Statement, printed

if TYPE_CHECKING:
    from markupsafe import Markup

    from ..._typing import Array

COUNTS = (4, 16, 64, 256)
TV, PIXELS, RADIUS, W2, POINTS = 0.1, 3072, 55.0, 5.0, 10**6  # theory 13.9, and table 9.8
ROUNDING = 1e-6  # of an integral by quadrature


@dataclass(frozen=True)
class PointsOnLine:
    """One line of (1): places, their weights, and its law."""

    places: Array
    weights: Array

    @property
    def law(self) -> GaussianMixture:
        """Return the law on this line."""
        return GaussianMixture(self.weights, self.places[:, None], 0.0)

    @property
    def entropy(self) -> float:
        """Return H, all that can be told of a point."""
        return float(-self.weights @ np.log(self.weights))

    def balls(self, radius: float) -> int:
        """Return how many intervals of this radius hold the places, by going from the left."""
        count, left = 0, -math.inf
        for x in np.sort(self.places):
            if x > left + 2 * radius:
                count, left = count + 1, float(x)
        return count


@dataclass(frozen=True)
class CloudTrial:
    """An exact path KL, its bound, and which of all it is."""

    name: str
    exact: float
    bound: float
    size: float

    @property
    def holds(self) -> bool:
        """Whether the bound is not below the truth, up to rounding of the quadrature."""
        return self.exact <= self.bound * (1 + 1e-9) + ROUNDING * self.size


class CloudDraws:
    """Random numbers by their place."""

    def __init__(self, seed: int) -> None:
        self.source, self.place = NoiseSource(seed, "intrinsic statement"), 0

    def uniform(self, low: float, high: float) -> float:
        """Return the next number between two."""
        self.place += 1
        return low + (high - low) * float(self.source.uniform(0, self.place, 1)[0])

    def points(self) -> PointsOnLine:
        """Return two to five places of any scale and their weights, off centre and skewed."""
        count = int(self.uniform(2, 6))
        scale, shift = 10 ** self.uniform(-1.5, 1), self.uniform(-1, 3)
        weights = np.array([self.uniform(0.05, 1) for _ in range(count)])
        places = np.array([self.uniform(-1, 1) for _ in range(count)])
        return PointsOnLine(scale * (places + shift), weights / weights.sum())


def truths(levels: Array, errors: Array, d: int, used: float) -> dict[str, float]:
    """Return the exact path KL of three samplers from the error curve at the nodes.

    used: what is learnt between the first level and the last, 1/2 int M ds.
    """
    delta, v = np.diff(levels), 1 / (2 * levels[:-1])
    spent = delta * errors
    halfway = d * np.log1p(delta * v) + (spent - d * delta * v) / (1 + delta * v)
    costs = {"ddpm": spent, "analytic-dpm": d * np.log1p(spent / d), "ddpm-halfway": halfway}
    return {name: float(cost.sum() / 2 - used) for name, cost in costs.items()}


def cloud_trials(draws: CloudDraws) -> list[CloudTrial]:
    """Return one random law (1) in several dimensions and on several grids."""
    lines = [draws.points() for _ in range(int(draws.uniform(1, 4)))]
    first = 10 ** draws.uniform(-4, -1)
    ends = {"first": first, "last": first * 10 ** draws.uniform(0.5, 7)}
    variance, second = (sum(getattr(p.law, name) for p in lines)
                        for name in ("variance", "second_moment"))  # fmt: skip
    at = (first * 1e-7, first, math.sqrt(first * ends["last"]), ends["last"])
    pieces = [sum(half_information(p.law, a, b, 20) for p in lines) for a, b in pairwise(at)]
    start = pieces[0] + at[0] * variance / 2
    radius = 10 ** draws.uniform(-2, 1)
    cover = (radius * math.sqrt(len(lines)), float(math.prod(p.balls(radius) for p in lines)))
    knowledge: dict[str, dict[str, Any]] = {
        "points": {"points": math.prod(len(p.places) for p in lines)},
        "balls": {"coverings": (cover,)},
        "measured": {"information_at": ((at[2], start + pieces[1]),)},
    }
    used, trials = pieces[1] + pieces[2], []
    told = start + used
    for n in COUNTS:
        levels = np.geomspace(first, ends["last"], n + 1)
        errors = np.sum([p.law.curve(levels[:-1]).value for p in lines], axis=0)
        for d in (len(lines), 64, 4096):
            true = truths(levels, errors, d, used)
            bound = geometric_discretisation(Facts(d, second, variance), "ddpm-halfway", n, **ends)
            trials.append(CloudTrial("ddpm-halfway, any law", true["ddpm-halfway"], bound, told))
            for name, known in knowledge.items():
                facts = Facts(d, second, variance, **known)
                most = mutual_information(facts, ends["last"])
                trials.append(CloudTrial(f"I, {name}", told, most, told))
                for s in CERTIFIED_SAMPLERS:
                    bound = intrinsic_discretisation(facts, s, n, **ends)
                    trials.append(CloudTrial(f"{s}, {name}", true[s], bound, told))
    return trials


def picture_rows() -> list[Row]:
    """Return what the theorems ask for pictures of d = 3,072, any and a million of them."""
    facts = Facts(PIXELS, RADIUS**2, radius=RADIUS, points=POINTS)
    steps = {
        name: float(steps_for(name, facts, tv=TV, w2=W2).steps)
        for name in ("ddpm", "analytic-dpm", "ddpm-intrinsic", "analytic-dpm-intrinsic")
    }
    where = f"d = {PIXELS:,}, R = {RADIUS:g}, W2 = {W2:g}, TV {TV:g}, {POINTS:,} points"
    return [
        printed(f"{where}: ddpm by intrinsic dimension", "1.4e4", steps["ddpm-intrinsic"],
                source="theory 13.9"),
        printed(f"{where}: ddpm, any law", "1.44e7", steps["ddpm"], source="theory 9.8",
                slack=0.025 * steps["ddpm"]),
        printed(f"{where}: analytic-dpm, any law", "7.2e6", steps["analytic-dpm"],
                source="theory 9.8", slack=0.025 * steps["analytic-dpm"]),
        Row(f"{where}: analytic-dpm by intrinsic dimension, not above ddpm",
            steps["ddpm-intrinsic"], steps["analytic-dpm-intrinsic"], "<="),
    ]  # fmt: skip


def run(quick: bool, seed: int) -> Result:
    """Hold the bounds against random point clouds, and ask them for a million pictures."""
    draws, cases = CloudDraws(seed), 8 if quick else 40
    trials = [t for _ in range(cases) for t in cloud_trials(draws)]
    rows = []
    for name in sorted({t.name for t in trials}):
        own = [t for t in trials if t.name == name]
        broken = sum(not t.holds for t in own)
        rows.append(Row(f"{name}: bounds below the truth, of {len(own):,}", 0, broken))
    every = draws.points()
    told = half_information(every.law, 1e-9, 1e9, 40) + 5e-10 * every.law.variance
    rows.append(Row("what a state without noise tells of points is their entropy",
                    every.entropy, told, "=", 1e-3))  # fmt: skip
    pictures = picture_rows()
    figure, flat = dimension_chart()
    many = [t.bound / t.exact for t in trials if t.name == "ddpm, points" and t.exact > 1e-3]
    words = (
        f"A million pictures of {PIXELS:,} numbers ask for {pictures[0].measured:,.0f} steps of "
        f"ddpm, where any law of that size asks for {pictures[1].measured:,.0f}; with d "
        f"the count rises as a logarithm alone ({flat}). On {cases} random clouds the bound "
        f"from the number of points is {number(float(np.median(many)), 2)} times the exact "
        "path KL in the median. It is of the empirical law: a model that does not remember its "
        "examples samples another."
    )
    return Result([*rows, *pictures], pictures[0], words, figure)


def dimension_chart() -> tuple[Markup, str]:
    """Return steps for TV 0.1 against d for pixels, any law and a million; and the last counts."""
    d = np.array([4, 16, 64, 256, 1024, 4096, 16384])
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "ddpm, any law": ("ddpm", {}),
        "analytic-dpm, any law": ("analytic-dpm", {}),
        "ddpm, a million points": ("ddpm-intrinsic", {"points": POINTS}),
        "ddpm, e²⁰ balls of radius 1": ("ddpm-intrinsic", {"coverings": ((1.0, math.exp(20)),)}),
    }
    counts = {
        label: [
            steps_for(name, Facts(n, float(n), **known), tv=TV, w2=0.1 * math.sqrt(n)).steps
            for n in d.tolist()
        ]
        for label, (name, known) in kinds.items()
    }  # fmt: skip
    series = [Series(label, d, y, tone, "both")
              for tone, (label, y) in enumerate(counts.items(), start=1)]  # fmt: skip
    figure = chart("intrinsic", "Steps that are enough for TV 0.1, W2 a tenth of the data's size",
                   series, ("dimension d", "steps N"), log="xy")  # fmt: skip
    few = counts["ddpm, a million points"]
    return figure, f"{few[0]:,} at d = {d[0]}, {few[-1]:,} at d = {d[-1]:,}"


STATEMENT = Statement(
    "intrinsic",
    "Few points need few steps in any dimension",
    "after the paper: intrinsic dimension",
    "The steps of ddpm that are enough depend on what a state tells of the data, at most the "
    "logarithm of how many points there are, and hardly on the dimension they lie in.",
    "no bound is below the exact path KL of random point clouds in up to 4,096 dimensions, and "
    "a million pictures ask for the steps in print (13.9).",
    run,
)
