"""Do the intervals and tests of `compare` on tables keep what they say?

    python benchmarks/compare_tables.py [--runs 200] [--only columns trees target closest]

Three tables of 200 rows (samples, training rows, data) with a normal, a category of which one in a
hundred is rare, a normal with gaps, counts and a constant. Of one law, p <= .05 may come one in
twenty times, and an interval of 95 % may miss its truth one in twenty times: AUC 1/2, difference 0
of what rows teach, share 1/2 of closer rows. Where samples are shifted by half a deviation, the
largest distance of a column is 2 Phi(1/4) - 1, and no AUC may lie above Phi(1/2),
since half of the variance of the normal is known from the one with gaps. Intervals
of the rates are Clopper and Pearson's.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import binomtest, norm

import girsanov as gv

ROWS, SHIFT = 200, 0.5
Row = Any


def mixed_rows(rng: np.random.Generator, shift: float = 0.0) -> np.recarray:
    """Return a table of all sorts of columns."""
    z, other = rng.normal(size=(2, ROWS))
    columns = {
        "z": z + shift,
        "word": rng.choice(["a", "b", "rare"], ROWS, p=(0.7, 0.29, 0.01)),
        "gappy": np.where(rng.random(ROWS) < 0.1, np.nan, 0.7 * (z + other)),
        "count": rng.poisson(1.0, ROWS),
        "constant": np.full(ROWS, 2.0),
    }
    return np.rec.fromarrays(list(columns.values()), names=list(columns))


def compared(name: str, seed: int, shift: float = 0.0) -> Row:
    """Return one measure of three tables, of samples that are shifted."""
    rng = np.random.default_rng(seed)
    samples, train, data = (mixed_rows(rng, by) for by in (shift, 0.0, 0.0))
    target = {"target": "gappy"} if name == "target" else {}
    return gv.compare(samples, data, train=train, by=[name], seed=seed, **target)[name]


def outside(truth: float) -> Callable[[Row], bool]:
    """Return whether an interval leaves out the truth."""
    return lambda row: not row.low - 1e-9 <= truth <= row.high + 1e-9


def by_chance(row: Row) -> bool:
    """Return whether the test tells one law from itself."""
    return row.p_value <= 0.05


WRONG: dict[str, tuple[tuple[str, float, Callable[[Row], bool]], ...]] = {
    "columns": (
        ("p <= .05, nothing differs", 0.0, by_chance),
        ("95 % interval of the largest, shifted", SHIFT, outside(2 * norm.cdf(SHIFT / 2) - 1)),
    ),
    "trees": (
        ("p <= .05, nothing differs", 0.0, by_chance),
        ("95 % interval, nothing differs", 0.0, outside(0.5)),
        (
            "lower end above a perfect judge, shifted",
            SHIFT,
            lambda row: row.low > norm.cdf(SHIFT),
        ),
    ),
    "target": (("95 % interval, nothing differs", 0.0, outside(0.0)),),
    "closest": (
        ("p <= .05, nothing differs", 0.0, by_chance),
        ("95 % interval, nothing differs", 0.0, outside(0.5)),
    ),
}


def main() -> None:
    """Print how often each statement was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--only", nargs="+", choices=WRONG, default=list(WRONG))
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    print("| statement | wrong | interval of the rate |\n|---|---|---|")
    for name in given.only:
        for words, shift, wrong in WRONG[name]:
            count = sum(bool(wrong(compared(name, s, shift))) for s in range(given.runs))
            low, high = binomtest(count, given.runs).proportion_ci(method="exact")
            print(f"| {name}, {words} | {count} of {given.runs} | {low:.3f} .. {high:.3f} |",
                  flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
