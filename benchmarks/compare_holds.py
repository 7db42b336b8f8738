"""Do the intervals and tests of `compare` keep what they say? Two laws, or twice the same.

    python benchmarks/compare_holds.py [--runs 200] [--seed 3]

Distances (`tests/comparison/pairs.py`): Gaussians in three dimensions, 400 rows against 300; the
true squared distance in closed form, of sliced W2 by a mean over a million directions. An interval
of 95 % may miss one in twenty. Tests, of twice one law: p <= .05 may come one in twenty times;
memorisation, of samples far too narrow that share few nearest examples, of which none were seen.
Intervals of the rates are Clopper and Pearson's.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from comparison.pairs import LAWS, draw
from comparison.test_mmd import WIDTH, gaussian_mmd
from comparison.test_sliced import sliced_gaussians

from girsanov.comparison.jackknife import squared_interval
from girsanov.comparison.measures.classifier import classifier_test
from girsanov.comparison.measures.frechet import Frechet
from girsanov.comparison.measures.gaussian_w2 import GaussianW2, bures
from girsanov.comparison.measures.measure import SquaredDistance
from girsanov.comparison.measures.memorisation import memorisation
from girsanov.comparison.measures.mmd import MMD, permutation_p_value, random_deals
from girsanov.comparison.measures.sliced_w2 import SlicedW2

SAID, SURE = 0.05, 0.05  # of the intervals may miss; at which a test tells two sets apart
SIZES = (400, 300)
ROUNDING = 1e-12


def gaussians(pair: tuple) -> float:
    """The squared W2 of two Gaussians."""
    (a, root_a), (b, root_b) = pair
    return float(bures(a, root_a @ root_a.T, b, root_b @ root_b.T))


def missed(
    measure: SquaredDistance, name: str, truth: float, runs: int, rng: np.random.Generator
) -> int:
    """Return how many intervals of a distance miss the truth."""
    count, root = 0, float(np.sqrt(max(0.0, truth)))
    for _ in range(runs):
        found = measure.squared(*(draw(k, n, rng) for k, n in zip(LAWS[name], SIZES, strict=True)))
        _, low, high = (np.sqrt(v) for v in squared_interval(found.estimate(), 0.95))
        count += not low - ROUNDING <= root <= high + ROUNDING
    return count


def p_of(name: str, k: int, rng: np.random.Generator) -> float:
    """Return the p-value of a test where nothing is to be found."""
    x, y = (draw(LAWS["the same"][0], n, rng) for n in (60, 50))
    if name == "mmd":
        deals = random_deals(len(x) + len(y), len(x), 199, k)
        return permutation_p_value(np.concatenate([x, y]), deals, WIDTH)
    if name == "classifier":
        return classifier_test(x, y, seed=k).p_value
    held = rng.gamma(2.0, size=(2, 40, 2)) - 2
    return memorisation(0.3 * rng.normal(size=(200, 2)), held[0], held[1], seed=k).p_value


def row(what: str, wrong: int, runs: int) -> str:
    """Return a line of the table."""
    ends = binomtest(wrong, runs).proportion_ci(0.95, method="exact")
    mark = "" if ends.low <= SAID else " (!)"
    return f"| {what} | {wrong} of {runs}{mark} | {ends.low:.3f} .. {ends.high:.3f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=3)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    measures: dict[str, tuple[SquaredDistance, Callable]] = {
        "sliced-w2": (SlicedW2(3, 96), sliced_gaussians),
        "gaussian-w2": (GaussianW2(np.zeros((1, 3))), gaussians),
        "frechet": (Frechet(lambda f: f, "in the rows"), gaussians),
        "mmd": (MMD(WIDTH), gaussian_mmd),
    }
    print("| statement | wrong | interval of the rate |\n|---|---|---|")
    for name, (measure, truth) in measures.items():
        for laws in LAWS:
            count = missed(measure, laws, truth(LAWS[laws]), asked.runs, rng)
            print(row(f"{name}, 95 % interval, {laws}", count, asked.runs), flush=True)
    for name in ("mmd", "classifier", "memorisation"):
        count = sum(p_of(name, k, rng) <= SURE for k in range(asked.runs))
        print(row(f"{name}, p <= {SURE}, nothing differs", count, asked.runs), flush=True)


if __name__ == "__main__":
    main()
