"""How long planning takes: the search for all numbers of steps, and whole plans of an audit.

    python benchmarks/plan.py [--audit audit.json] [--levels 250 500 1000 2000] [--json FILE]

The search: cells of every hold and the best grids of all sizes up to 256, on the exact curve of a
mixture on a line. CPU seconds of one process (`time.process_time`).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

import girsanov as gv
from girsanov.ledger.discretise import cells
from girsanov.ledger.exact import exact_curve
from girsanov.plan.allocate import is_monge, shortest_paths

LAW = gv.GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15])
HOLDS = ("x0", "gaussian", "score", "relative")
GOALS = ({"steps": 16}, {"steps": 16, "sampler": "x0"}, {"kl": 8.0}, {})


def search(hold: str, count: int, most: int) -> dict[str, object]:
    """Time one search on `count` levels."""
    curve = exact_curve(LAW, np.geomspace(1e-3, 1e4, count))
    begun = time.process_time()
    cell = cells(curve, hold, "scalar" if hold == "gaussian" else None)
    priced = time.process_time()
    shortest_paths(np.zeros(count), cell, most)
    done = time.process_time()
    return {
        "hold": hold, "levels": count, "most": most, "divided": is_monge(cell),
        "cells": round(priced - begun, 3), "search": round(done - priced, 3),
    }  # fmt: skip


def main() -> None:
    """Print and write the times."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--audit", type=Path)
    parser.add_argument("--levels", type=int, nargs="+", default=[250, 500, 1000, 2000])
    parser.add_argument("--most", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    for hold in HOLDS:
        rows += [search(hold, k, n) for k in options.levels for n in options.most]
    if options.audit:
        made = gv.load_audit(options.audit)
        made.plan(steps=2)  # what is loaded once
        for goal in GOALS:
            begun = time.process_time()
            plan = made.plan(**goal)
            took = round(time.process_time() - begun, 3)
            rows.append({"goal": goal, "steps": plan.steps, "seconds": took})
    for row in rows:
        print("  ".join(f"{k} {v}" for k, v in row.items()))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
