"""Bounds with the error of a learned score against the exact output, on random laws.

    python benchmarks/learned_bounds.py [--laws 1500] [--seed 0]

Scores are learned by denoising score matching from 20 to 1,000 examples; their error is known by
quadrature, and so is the law of what comes out (tests/learned_truth.py). A violation is a KL or a
TV above its bound by more than 1e-4.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from learned_truth import Held, study


def main() -> None:
    """Print a row a bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--laws", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rows: dict[str, list[Held]] = defaultdict(list)
    for held in study(asked.laws, asked.seed):
        rows[held.bound].append(held)
    print("| bound | cases | violations | KL bound / KL of the output, median | least |")
    print("|---|---|---|---|---|")
    for name, held_rows in rows.items():
        ratios = np.array([h.kl_bound / max(h.kl, 1e-12) for h in held_rows])
        broken = sum(h.violated for h in held_rows)
        least = ratios.min()
        print(f"| {name} | {len(ratios):,} | {broken} | {np.median(ratios):.3g} | {least:.3g} |")


if __name__ == "__main__":
    main()
