"""How long planning takes: the search for all numbers of steps, plans of an audit, the command.

    python benchmarks/plan.py [--audit audit.json] [--levels 250 500 1000 2000] [--json FILE]

The search: cells of every sampler and the best grids of all sizes up to 16, 64 and 256, on the
exact curve of a mixture on a line; with 64 bands, on that of a Gaussian; and in phase space
(cld). Whole plans, each of an audit that was just read, their remedies, `girsanov plan` and
`--help` of every command need no network; `--audit` is one of `girsanov audit`. Medians of
`--runs`, CPU seconds; `docs/figures.py growth FILE` draws the search from the file of --json.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from _table import Times, begin, finish, in_turns, options, show, table, three

import girsanov as gv
from girsanov.error_curve.exact import exact_curve
from girsanov.path_kl.cells import cells
from girsanov.path_kl.shortest_path import is_monge, shortest_paths
from girsanov.planning.all_step_counts import family
from girsanov.planning.remedies import remedies
from girsanov.sampling.registry import SAMPLERS

LAW = gv.GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15])
KINDS = (
    "ddpm", "analytic-dpm", "analytic-dpm, 64 bands", "ei-score", "ei-relative", "ei-score, cld",
)  # fmt: skip
SPREAD = np.geomspace(0.01, 4.0, 64)  # variances of the Gaussian with 64 bands
GOALS = (
    {"steps": 16}, {"steps": 16, "sampler": "ddpm"}, {"steps": 16, "covariance": "full"},
    {"kl": 8.0}, {"tv": 0.5, "resolution": 1.0}, {},
)  # fmt: skip
COMMANDS = (
    "fit", "audit", "plan", "sample", "compare", "export", "report", "bounds", "verify", "demo",
    "doctor",
)  # fmt: skip
RUN = "from girsanov.cli.main import main; main()"


def search(sampler: str, count: int, most: int, runs: int) -> dict[str, object]:
    """Time one search on `count` levels."""
    levels, took = np.geomspace(1e-3, 1e4, count), []
    curve = exact_curve(LAW, levels)
    covariance = "scalar" if sampler.startswith("analytic-dpm") else None
    if "64" in sampler:
        error = SPREAD / (1 + np.concatenate([[0.0], levels])[:, None, None] * SPREAD)
        curve = replace(curve, errors={"pca": error}, sizes={"pca": np.ones(64)})
        covariance = "pca"
    name, process = sampler.split(",")[0], "cld" if "cld" in sampler else "vp"
    for _ in range(runs):
        begun = time.process_time()
        cell = cells(curve, SAMPLERS[name], covariance, process)
        priced = time.process_time()
        shortest_paths(np.zeros(count), cell, most)
        took.append((priced - begun, time.process_time() - priced))
    priced, searched = np.array(took).T
    return {
        "sampler": sampler, "levels": count, "most": most, "divided": is_monge(cell),
        "cells": three(priced), "search": three(searched), "both": three(priced + searched),
    }  # fmt: skip


def searches(given) -> list[dict[str, object]]:
    """Print and return the growth with levels and steps."""
    rows = [
        search(sampler, count, most, given.runs)
        for sampler in KINDS for count in given.levels for most in given.most
    ]  # fmt: skip
    for most in given.most:
        print(f"\nall numbers of steps to {most}: cells and search, seconds", end="")
        table(
            ("sampler", *(f"{count} levels" for count in given.levels)),
            ((sampler, *(show(r["both"]) for r in rows if (r["sampler"], r["most"]) == (sampler,
            most)))
             for sampler in KINDS),
        )  # fmt: skip
    return rows


def plans(given) -> list[dict[str, object]]:
    """Print and return how long reading an audit and planning take, intervals included."""

    def read():
        return gv.load_audit(given.audit)  # anew: an audit remembers prices of its last plans

    def planned(goal, then):
        made = read()
        then(made, made.plan(**goal))

    jobs = {"reading alone": read}
    jobs |= {str(goal): partial(planned, goal, lambda *_: None) for goal in GOALS}
    jobs["{'steps': 16} and its remedies"] = partial(planned, GOALS[0], remedies)
    jobs["{'steps': 16} and all numbers of steps"] = partial(planned, GOALS[0], family)
    took = in_turns(jobs, given.runs)
    rows = [{"goal": goal, "seconds": times.each(10**6)} for goal, times in took.items()]
    table(("plan", "seconds, CPU"), ((r["goal"], show(r["seconds"]["cpu"])) for r in rows))
    return rows


def commands(given) -> list[dict[str, object]]:
    """Print and return how long commands take as a user starts them."""
    asked = {"import girsanov": ["-c", "import girsanov"], "import torch": ["-c", "import torch"]}
    asked |= {name: ["-c", RUN, name, "--help"] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        if given.audit:
            out = str(Path(folder) / "plan.json")
            audit = str(given.audit.resolve())
            asked["plan AUDIT --steps 16"] = [
                "-c", RUN, "plan", audit, "--steps", "16", "--out", out, "--force",
            ]  # fmt: skip
        took = {name: started(words, given.runs) for name, words in asked.items()}
    rows = [{"command": name, "seconds": times.each(10**6)} for name, times in took.items()]
    table(
        ("command", "seconds, CPU", "wall"),
        ((r["command"] + (" --help" if r["command"] in COMMANDS else ""),
          show(r["seconds"]["cpu"]), show(r["seconds"]["wall"])) for r in rows),
    )  # fmt: skip
    return rows


def started(words: list[str], runs: int) -> Times:
    """Return the times of a fresh interpreter."""
    took = []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), children()
        subprocess.run([sys.executable, *words], check=True, capture_output=True)
        took.append((time.perf_counter() - wall, children() - cpu))
    return Times(*np.array(took).T)


def children() -> float:
    """Return the CPU seconds of processes that have ended."""
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print and write the times."""
    parser = options(__doc__, runs=5)
    parser.add_argument("--audit", type=Path)
    parser.add_argument("--levels", type=int, nargs="+", default=[250, 500, 1000, 2000])
    parser.add_argument("--most", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--only", choices=["search", "plans", "commands"])
    given = begin(parser)
    rows: dict[str, list[dict[str, object]]] = {}
    if given.only in (None, "search"):
        rows["search"] = searches(given)
    if given.audit and given.only in (None, "plans"):
        rows["plans"] = plans(given)
    if given.only in (None, "commands"):
        rows["commands"] = commands(given)
    finish(given, rows)


if __name__ == "__main__":
    main()
