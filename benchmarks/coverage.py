"""Does the certificate keep its promise? Random laws, grids and samplers, the truth against it.

    python benchmarks/coverage.py [--exact 1000] [--measured 250] [--w2 100] [--json FILE]

Laws: Gaussians in 1 to 10 dimensions with any covariance and mean, and mixtures on a line.
Samplers: ei-score, ei-relative, ddpm and analytic-dpm with every start. Compared with the upper
end of the certificate:

    output KL   KL(noised law | law of the sampler's output): moments in closed form for
                Gaussians, densities propagated on a grid of points for mixtures;
    path KL     of the whole path, the number that the certificate estimates: closed form for
                Gaussians, entropies by quadrature for mixtures.

With exact curves nothing may exceed the certificate. With measured ones (small audits) the path KL
may, in no more cases than the confidence allows; the interval is Clopper and Pearson's.

W2 (`--w2 100`; `--exact 0 --measured 0` for it alone): the laws of
`tests/planning/w2_truth.py`, on which mistakes are rare, audited on 100, 300 and 1,000 examples in
turn, drawn by the law and as a data set. How often the upper end is at least the true root of
M(s), and W2 itself; at least 97.5 % is said. Beside it the end of the interval alone.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

sys.path.append(str(Path(__file__).parents[1] / "tests"))
sys.path.append(str(Path(__file__).parents[1] / "tests" / "planning"))

from typing import TYPE_CHECKING

from certificate_truth import exact_audit, output_kl, path_kl, random_grid, random_law
from w2_truth import BLIND, LAWS, LEVELS, Line, audited

import girsanov as gv
from girsanov.auditing import audit

if TYPE_CHECKING:
    from girsanov.planning.plan import Plan

SAMPLERS = ("ei-score", "ei-relative", "ddpm", "analytic-dpm")
ROUNDING = 1e-9
FEW = (100, 300, 1000)  # examples of an audit
SAID = 0.975  # of the upper ends of W2 cover


def exact_cases(count: int, rng: np.random.Generator) -> list[dict[str, float | str]]:
    """Certificates from exact curves."""
    rows = []
    for k in range(count):
        law = random_law(rng)
        levels = np.geomspace(*np.sort(10 ** rng.uniform(-2.5, 3.5, 2)), int(rng.integers(3, 60)))
        made, sampler = exact_audit(law, levels), SAMPLERS[k % 4]
        options = {"sampler": sampler, "last": "sample", "start": str(rng.choice(gv_starts()))}
        if sampler == "analytic-dpm":
            options["covariance"] = "scalar"
        plan = gv.evaluate_grid(made, random_grid(levels, rng), **options)
        rows.append(_row(law, plan))
    return rows


def measured_cases(count: int, rng: np.random.Generator, chosen: bool) -> list[dict[str, object]]:
    """Certificates from small audits; chosen: of planned grids instead of random ones."""
    rows = []
    for k in range(count):
        law, seed = random_law(rng, most=4), int(rng.integers(2**31))
        levels = np.geomspace(0.02, 10 ** rng.uniform(1, 3), int(rng.integers(12, 32)))
        made = audit(gv.ExactDenoiser(law), law, levels=levels,
                     examples=int(rng.integers(200, 1200)), seed=seed)  # fmt: skip
        sampler = SAMPLERS[k % 4]
        if chosen:
            steps = int(rng.integers(2, 8))
            plan = made.plan(steps=steps, sampler=sampler, last="sample", force=True)
        else:
            plan = gv.evaluate_grid(
                made, random_grid(levels, rng), sampler=sampler, last="sample", force=True
            )
        rows.append(_row(law, plan))
    return rows


def gv_starts() -> tuple[str, ...]:
    """The starts that a sampler may have."""
    from girsanov.path_kl.start import STARTS

    return tuple(start for start in STARTS if start != "class")  # laws have no classes


def _row(law: gv.Law, plan: Plan) -> dict[str, float | str]:
    """The certificate at the last level and at one before it, and the truth there."""
    made = plan.certificate()
    early = max(1, len(plan.levels) // 2)
    recipe = plan.recipe()
    cut = replace(recipe, steps=recipe.steps[:early], end=float(plan.levels[early]))
    return {
        "law": type(law).__name__, "d": law.dimension, "sampler": plan.sampler,
        "high": made.kl.high or 0.0, "low": made.kl.low or 0.0,
        "path": path_kl(law, plan, len(plan.levels) - 1), "output": output_kl(law, recipe),
        "early high": made.levels[early].kl.high or 0.0,
        "early output": output_kl(law, cut), "early path": path_kl(law, plan, early),
    }  # fmt: skip


def report(name: str, rows: list[dict[str, float | str]]) -> dict[str, object]:
    """Print and return how often the truth exceeds the certificate."""
    out: dict[str, object] = {"name": name, "cases": len(rows)}
    for truth, promise in (
        ("output", "high"), ("path", "high"), ("early output", "early high"),
        ("early path", "early high"),
    ):  # fmt: skip
        beyond = [r for r in rows if r[truth] > r[promise] * (1 + ROUNDING) + ROUNDING]
        test = binomtest(len(beyond), len(rows))
        low, high = test.proportion_ci(0.95, method="exact")
        ratio = np.median([r[promise] / max(float(r[truth]), 1e-12) for r in rows])
        out[truth] = {"violations": len(beyond), "interval": [low, high], "median": ratio}
        print(
            f"{name:18s} {truth:12s} {len(beyond):3d} of {len(rows)} beyond "
            f"(95 % interval of the rate {low:.4f} .. {high:.4f}); certificate/truth {ratio:.3g}"
        )
        for row in beyond[:3]:
            print(
                "    ", {k: v if isinstance(v, str) else float(f"{v:.6g}") for k, v in row.items()}
            )
    return out


def _forced(made: gv.Audit) -> gv.Plan:
    """Return the plan on every second level, also where few examples decide."""
    return gv.evaluate_grid(made, LEVELS[::2], sampler="ddpm", force=True)


def w2_case(line: Line, seeds: int, of_data: bool) -> dict[str, object]:
    """Return how often W2's upper end covers on a law, by the certificates of `seeds` audits."""
    ends, plain, w2 = [], [], line.w2() if line.dimension == 1 else 0.0
    root = math.sqrt(line.error())
    for seed in range(seeds):
        made = audited(line, FEW[seed % len(FEW)], seed, of_data=of_data)
        ends.append(_forced(made).certificate().w2.high)
        plain.append(math.sqrt(max(0.0, float(made.total().interval()[1][-1]))))
    covered = int(np.sum(np.array(ends) >= root))
    interval = binomtest(covered, seeds).proportion_ci(0.95, method="exact")
    return {
        "law": line.name, "of": "data" if of_data else "law", "seeds": seeds, "root": root,
        "w2": w2 or None, "covered": covered, "interval": [interval.low, interval.high],
        "w2 covered": int(np.sum(np.array(ends) >= w2)),
        "interval alone": int(np.sum(np.array(plain) >= root)),
        "ratio": float(np.median(ends)) / root, "good": interval.high >= SAID,
    }  # fmt: skip


def w2_study(seeds: int) -> list[dict[str, object]]:
    """Print and return the coverage of W2's upper end, law by law."""
    print("| law | audited on | sqrt M, W2 | covered | 95 % interval | W2 covered | "
          "interval alone | end/sqrt M, median |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
    rows = []
    for line in (*LAWS, *BLIND):
        for of_data in (False, True):
            row = w2_case(line, seeds, of_data)
            rows.append(row)
            w2 = f"{row['w2']:.3g}" if row["w2"] else "not computed"
            low, high = row["interval"]
            print(f"| {row['law']} | {row['of']} | {row['root']:.3g}, {w2} | {row['covered']} of "
                  f"{seeds}{'' if row['good'] else ' (!)'} | {low:.3f} .. {high:.3f} | "
                  f"{row['w2 covered']} | {row['interval alone']} | {row['ratio']:.3g} |",
                  flush=True)  # fmt: skip
    return rows


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--exact", type=int, default=1000)
    parser.add_argument("--measured", type=int, default=250)
    parser.add_argument("--w2", type=int, default=0, help="seeds of each law")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    begun, rng = time.perf_counter(), np.random.default_rng(options.seed)
    parts = {}
    if options.exact:
        parts["exact curves"] = exact_cases(options.exact, rng)
    if options.measured:
        parts["measured, given"] = measured_cases(options.measured, rng, chosen=False)
        parts["measured, planned"] = measured_cases(options.measured // 2, rng, chosen=True)
    found = [report(name, rows) for name, rows in parts.items()]
    assert all(math.isfinite(float(r["high"])) for rows in parts.values() for r in rows)
    if options.w2:
        found.append({"name": "w2", "rows": w2_study(options.w2)})
    print(f"{time.perf_counter() - begun:.0f} s")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
