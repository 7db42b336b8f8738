"""Do the ledger's 95 % intervals hold the truth? Random laws, wrong denoisers, grids and samplers.

    python benchmarks/intervals.py [--cases 120] [--seed 777] [--json FILE]

Laws: mixtures of two or three Gaussians on a line, and Gaussians in three dimensions with full
covariance. Denoisers: the exact one (which the audit is not told), scaled by .95 or .8, shifted by
.1 or .2. Audits: 200 to 1,000 examples, 9, 17 or 33 levels. Grids: given, or planned on the audit
that prices them; samplers analytic-dpm (scalar, pca, full), ddpm, ei-relative, 3 to 8 steps. The
truth of init and discretisation is by quadrature and its own search for the least path
(`tests/planning/coverage_truth.py`). The interval of the rate of misses is Clopper and Pearson's.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

sys.path.append(str(Path(__file__).parents[1] / "tests" / "planning"))

from typing import TYPE_CHECKING

from coverage_truth import Scaled, Truth, true_shares

import girsanov as gv
from girsanov._checks import InputError

if TYPE_CHECKING:
    from girsanov.planning.plan import Plan

WRONG = ((1, 0), (0.8, 0.1), (0.95, 0), (1, 0.2))  # scale and shift of the exact denoiser
SAMPLERS = ("analytic-dpm", "analytic-dpm", "ddpm", "ei-relative")
ROUNDING = 1e-6
NAMES = ("init", "discretisation")


def drawn_law(rng: np.random.Generator, line: bool) -> gv.Law:
    """Return a random mixture on a line, or a random Gaussian in three dimensions."""
    if line:
        n = int(rng.integers(2, 4))
        means, variances = rng.normal(0, 2, (n, 1)), 10 ** rng.uniform(-1.7, -0.3, n)
        return gv.GaussianMixture(rng.dirichlet(np.full(n, 2.0)), means, variances)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    spread = 10 ** rng.uniform(-1, 0.6, 3)
    return gv.Gaussian(rng.normal(0, 1, 3), (turn * spread) @ turn.T)


def planned(
    audit: gv.Audit, rng: np.random.Generator, sampler: str, covariance: str | None
) -> Plan:
    """Return a plan on a grid of its own, or on a given one, at the toss of a coin."""
    levels, steps = audit.levels, int(rng.integers(3, 9))
    names = {"sampler": sampler, "covariance": covariance, "calibrate": False}
    if rng.integers(2):
        weight = {"weight": 0.0} if sampler == "ddpm" else {}
        end = (0.7 * levels[-1]) ** -0.5
        return audit.plan(steps=steps, resolution=end, force=True, **names, **weight)
    return gv.evaluate_grid(
        audit, np.geomspace(2 * levels[0], 0.7 * levels[-1], steps + 1), force=True, **names
    )


def case(rng: np.random.Generator, line: bool) -> dict[str, object] | None:
    """Return one case: what was drawn, which intervals missed, how wide; None if not planned."""
    law, wrong = drawn_law(rng, line), WRONG[int(rng.integers(len(WRONG)))]
    denoiser, count = Scaled(law, *wrong), int(rng.integers(200, 1000))
    levels = np.geomspace(0.01, 10 ** rng.uniform(1.5, 2.3), int(rng.choice([9, 17, 33])))
    sampler, covariance = SAMPLERS[int(rng.integers(len(SAMPLERS)))], None
    if sampler == "analytic-dpm" and not line:
        covariance = str(rng.choice(["scalar", "pca", "full"]))
    seed = int(rng.integers(10**6))
    data = gv.load_data(law.sample(count, seed=seed))
    audit = gv.audit(denoiser, data, levels=levels, seed=seed)
    try:
        plan = planned(audit, rng, sampler, covariance)
    except InputError as cause:
        print(f"left out: {cause}", file=sys.stderr)
        return None
    truth = true_shares(Truth(denoiser, law), audit, plan)
    entries = plan.ledger[:2]
    return {
        "law": "mixture" if line else "gaussian", "wrong": wrong, "sampler": sampler,
        "covariance": covariance, "levels": len(levels), "examples": count,
        "planned": plan.why != "the grid was given",
        "missed": [not e.low - ROUNDING <= t <= e.high + ROUNDING
                   for e, t in zip(entries, truth, strict=True)],
        "width": [e.high - e.low for e in entries],
    }  # fmt: skip


def table(rows: list[dict[str, object]]) -> list[str]:
    """Return the misses of each entry on given and planned grids, as a table."""
    out = ["| entry | grid | beyond | interval of the rate | width, median (nats) |",
           "|---|---|---|---|---|"]  # fmt: skip
    for k, name in enumerate(NAMES):
        for kind, own in (("given", False), ("planned", True)):
            mine = [r for r in rows if r["planned"] is own]
            missed = sum(bool(r["missed"][k]) for r in mine)
            ends = binomtest(missed, len(mine)).proportion_ci(0.95, method="exact")
            width = float(np.median([r["width"][k] for r in mine]))
            out.append(f"| {name} | {kind} | {missed} of {len(mine)} | {ends.low:.3f} .. "
                       f"{ends.high:.3f} | {width:.3g} |")  # fmt: skip
    return out


def main() -> None:
    """Draw the cases and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=120)
    parser.add_argument("--seed", type=int, default=777)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    found = [case(rng, line=k % 3 != 1) for k in range(asked.cases)]
    rows = [row for row in found if row is not None]
    print("\n".join(table(rows)))
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1, default=float), encoding="utf-8")


if __name__ == "__main__":
    main()
