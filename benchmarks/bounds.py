"""Every bound against the exact path KL on random laws, and the tables of theory section 9.

    python benchmarks/bounds.py [--gaussians 20000] [--mixtures 200] [--clouds 100] [--tables]
                                [--json FILE]

Gaussians have up to 3072 dimensions, Fisher information up to 1e6 a coordinate and steps from
1e-6 to 1; mixtures have two or three components on a line; clouds are
products of points on lines, in up to 4,096 dimensions. A violation is an exact value above a
bound by more than 1e-9 of it and 1e-12 of the integral of the Fisher information (rounding). The
ratio bound/exact is given by its median and its 90 % quantile.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from bound_truth import (
    Line,
    Spectrum,
    flow_price,
    geometric_path_kl,
    path_kl,
    random_line,
    random_spectrum,
    random_times,
    relative_path_kl,
)

from girsanov.paper.bounds import (
    Facts,
    early_stopping_w2,
    linear_schedule_times,
    projected_w2,
    steps_for,
)
from girsanov.paper.bounds.any_law import geometric_discretisation
from girsanov.paper.bounds.chen2023_cld import exact_discretisation, ou_time_of_cld
from girsanov.paper.bounds.chen2023_cld import uniform_cld_discretisation as cld_discretisation
from girsanov.paper.bounds.chen2023_ddpm import (
    grid_discretisation,
    relative_discretisation,
    uniform_discretisation,
)
from girsanov.paper.bounds.flow_any_law import flow_discretisation
from girsanov.paper.bounds.given import LONGEST_TIME
from girsanov.paper.bounds.intrinsic import intrinsic_discretisation
from girsanov.paper.bounds.strasman2024 import paper_discretisation, schedule_discretisation
from girsanov.paper.statements.intrinsic import CloudDraws, cloud_trials

ROUNDING = 1e-12
ASKED = (
    "theorem2-2a", "theorem2-2c", "theorem2-grid", "ei-relative", "strasman2024",
    "ei-relative-linear", "ddpm", "analytic-dpm", "ddpm-halfway", "ddpm-flow", "ddpm-intrinsic",
    "analytic-dpm-intrinsic",
)  # fmt: skip


class Tally:
    """Ratios bound/exact and violations, by name."""

    def __init__(self) -> None:
        self.ratios: dict[str, list[float]] = defaultdict(list)
        self.broken: dict[str, list[str]] = defaultdict(list)

    def add(self, name: str, exact: float, bound: float, size: float, case: object) -> None:
        if not math.isfinite(bound):
            return  # the theorem says nothing here
        if exact > bound * (1 + 1e-9) + ROUNDING * size:
            self.broken[name].append(f"{exact:.6g} > {bound:.6g}: {case}")
        self.ratios[name].append(bound / exact if exact > 100 * ROUNDING * size else math.nan)

    def rows(self) -> list[dict[str, object]]:
        out = []
        for name, values in self.ratios.items():
            known = np.array(values)[np.isfinite(values)]
            middle, high = np.quantile(known, [0.5, 0.9])
            out.append(
                {"bound": name, "cases": len(values), "violations": len(self.broken[name]),
                 "median": float(middle), "90 %": float(high), "first": self.broken[name][:3]}
            )  # fmt: skip
        return out


def uniform_case(tally: Tally, kind: str, law: Spectrum | Line, n: int, total: float) -> None:
    """All bounds for n equal steps over a time `total` down to the data."""
    lip = {"lipschitz": float(max(1, (1 / law.values).max()))} if kind == "gaussian" else {}
    facts, times = law.facts(**lip), np.linspace(0, total, n + 1)
    exact, size, case = path_kl(law, times), law.integral(0, total), (law, n, total)
    for form in ("2a", "2b", "2c"):
        if form != "2a" or lip:
            bound = uniform_discretisation(facts, form, n, time=total)
            tally.add(f"({form}) {kind}", exact, bound, size, case)
    tally.add(f"(2.3) {kind}, equal steps", exact, grid_discretisation(facts, times), size, case)
    start = law.kl(total)
    tally.add(f"(1.4) {kind}", start, facts.start(total), 1e-3 * size, case)
    relative = relative_path_kl(law, times)
    bound = relative_discretisation(facts, total / n)
    tally.add(f"(2.4) {kind}", relative, bound, max(size, law.kl(0)), case)


def grid_case(tally: Tally, kind: str, law: Spectrum | Line, times: np.ndarray) -> None:
    """(2.3) on any grid, from the law itself and from its second moment alone."""
    facts, size = law.facts(), law.integral(times[0], times[-1])
    exact = path_kl(law, times)
    tally.add(
        f"(2.3) {kind}, any grid", exact, grid_discretisation(facts, times), size, (law, times)
    )
    if times[0] > 0:
        bare = Facts(facts.dimension, facts.second_moment)
        bound = grid_discretisation(bare, times)
        tally.add(f"(2.3) {kind}, second moment only", exact, bound, size, (law, times))


def cld_case(tally: Tally, law: Spectrum, n: int, total: float) -> None:
    """(4a), (4b) and the start of critically damped Langevin."""
    d = int(law.counts.sum())
    facts = law.facts(lipschitz=float(max(1, (1 / law.values).max())))
    exact = exact_discretisation(d, law.information, n, time=total)
    for form in ("4a", "4b"):
        bound = cld_discretisation(facts, form, n, time=total)
        # the exact value is an integral by quadrature: 1e-9 of it is not known
        tally.add(f"({form}) gaussian", exact, bound, 1e3 * d * total, (law, n, total))


def any_law_case(tally: Tally, law: Spectrum, rng: np.random.Generator) -> None:
    """Every bound on a geometric grid: (6.4), without a curve, along the flow, by information."""
    n, ends = int(rng.integers(1, 300)), np.sort(10 ** rng.uniform(-4, 5, 2))
    levels, d = np.geomspace(*ends, n + 1), int(law.counts.sum())
    exact, size = geometric_path_kl(law, levels)
    told = tuple((float(s), law.told(s)) for s in 10 ** rng.uniform(-6, 6, 2))
    facts = Facts(d, float(law.values @ law.counts), information_at=told)
    given, case = {"first": ends[0], "last": ends[1]}, (law, ends, n)
    for sampler in exact:
        bound = geometric_discretisation(facts, sampler, n, **given)
        tally.add(f"(6.4) {sampler}", exact[sampler], bound, size, case)
    for sampler in ("ddpm", "analytic-dpm"):
        bound = intrinsic_discretisation(facts, sampler, n, **given)
        tally.add(f"(13.9) {sampler}, I known at two levels", exact[sampler], bound, size, case)
    along = flow_price(law, levels)
    tally.add("(13.3) ddpm along the flow", along, flow_discretisation(d, n, **given), 0, case)


def schedule_case(tally: Tally, kind: str, law: Spectrum | Line, times: np.ndarray) -> None:
    """Ours for any noise schedule, with and without I_0, and Strasman et al.'s where h grows."""
    facts, size = law.facts(), max(law.integral(times[0], times[-1]), law.kl(0))
    exact, h = relative_path_kl(law, times), np.diff(times)
    bound = schedule_discretisation(facts, times)
    tally.add(f"schedule, {kind}", exact, bound, size, (law, times))
    if times[0] > 0:
        bare = schedule_discretisation(Facts(facts.dimension, facts.second_moment), times)
        tally.add(f"schedule, {kind}, second moment only", exact, bare, size, (law, times))
    if (np.diff(h) >= 0).all():
        quoted = paper_discretisation(facts, float(h[-1]), stop=float(times[0]))
        tally.add(f"Strasman et al., {kind}", exact, quoted, size, (law, times))


def cloud_case(tally: Tally, draws: CloudDraws) -> None:
    """The bounds of intrinsic.py on a random cloud of points, in up to 4,096 dimensions."""
    for trial in cloud_trials(draws):
        # the truth is a quadrature of the error curve
        tally.add(trial.name, trial.exact, trial.bound, 1e6 * trial.size, trial)


def sweep(gaussians: int, mixtures: int, clouds: int, seed: int = 0) -> list[dict[str, object]]:
    """Random cases of every kind; `gaussians` equal-step cases and as many others."""
    rng, tally, draws = np.random.default_rng(seed), Tally(), CloudDraws(seed)
    for _ in range(clouds):
        cloud_case(tally, draws)
    for _ in range(gaussians):
        law, h = random_spectrum(rng), 10 ** rng.uniform(-6, 0)
        n = int(10 ** rng.uniform(0, 3))
        uniform_case(tally, "gaussian", law, n, min(n * h, LONGEST_TIME))
        grid_case(tally, "gaussian", random_spectrum(rng), random_times(rng))
        any_law_case(tally, random_spectrum(rng), rng)
        schedule_case(tally, "gaussian", random_spectrum(rng), random_schedule(rng))
    for _ in range(gaussians // 10):
        n = int(10 ** rng.uniform(0, 2.5))
        cld_case(tally, random_spectrum(rng), n, min(12.0, n * 10 ** rng.uniform(-4, 0)))
    for _ in range(mixtures):
        law, n = random_line(rng), int(rng.integers(2, 40))
        uniform_case(tally, "mixture", law, n, 10 ** rng.uniform(-2, 0.8))
        grid_case(tally, "mixture", random_line(rng), random_times(rng))
        schedule_case(tally, "mixture", random_line(rng), random_schedule(rng, 30))
    return tally.rows()


def random_schedule(rng: np.random.Generator, most: int = 300) -> np.ndarray:
    """Any grid, or equal steps of a linear schedule of any growth, stopped early or not."""
    if rng.random() < 0.5:
        return random_times(rng)
    time = 10 ** rng.uniform(-1, 0.8)
    stop = float(rng.choice([0.0, time * 10 ** rng.uniform(-4, -0.5)]))
    steps, growth = int(rng.integers(1, most)), 10 ** rng.uniform(0, 4)
    return linear_schedule_times(steps, time=time, stop=stop, growth=growth)


def output_variance(value: float, h: float, n: int) -> float:
    """The variance that the paper's sampler puts out for N(0, value), started at N(0, 1)."""
    v = 1.0
    for j in range(n, 0, -1):
        target = 1 + (value - 1) * math.exp(-2 * j * h)
        v = (math.exp(h) - 2 * math.expm1(h) / target) ** 2 * v + math.expm1(2 * h)
    return v


def tables() -> None:
    """Print the bounds' columns of tables 9.3, 9.5, 9.7 and 9.8."""
    print("9.3  target, d, h | KL out | path KL | 2a | 2b | 2c   (T = 4)")
    for value, d, h in (
        (1, 1, 0.1), (1, 1, 0.01), (1, 10, 0.01), (0.25, 1, 0.1), (0.25, 1, 0.01),
        (0.25, 10, 0.01), (0.01, 1, 0.1), (0.01, 1, 0.01), (0.01, 10, 0.01), (4, 10, 0.01),
    ):  # fmt: skip
        law, n = Spectrum(np.array([float(value)]), np.array([float(d)])), round(4 / h)
        facts = law.facts(lipschitz=max(1.0, 1 / value))
        ratio = value / output_variance(value, h, n)
        row = [d / 2 * (ratio - 1 - math.log(ratio)), path_kl(law, np.linspace(0, 4, n + 1))]
        row += [uniform_discretisation(facts, f, n, time=4.0) for f in ("2a", "2b", "2c")]
        print(f"N(0,{value} I_{d}) h={h} | " + " | ".join(f"{x:.4g}" for x in row))
    gmm = Line(np.array([0.3, 0.7]), np.array([-1.5, 1.0]), np.array([0.04, 0.15]))
    for n in (30, 150):
        facts, times = gmm.facts(lipschitz=243.6), np.linspace(0, 3, n + 1)
        row = [path_kl(gmm, times), relative_path_kl(gmm, times)]
        row += [uniform_discretisation(facts, f, n, time=3.0) for f in ("2a", "2b", "2c")]
        row.append(relative_discretisation(facts, 3 / n))
        print(f"GMM h={3 / n:.2g} T=3: path, relative path | 2a | 2b | 2c | 2.4: "
              + " | ".join(f"{x:.4g}" for x in row))  # fmt: skip
    print("9.5  target, h | path KL | 4a | 4b   (T = 6)")
    for value in (1.0, 0.25, 0.01, 4.0):
        for h in (0.1, 0.01):
            law, n = Spectrum(np.array([value]), np.array([1.0])), round(6 / h)
            facts = law.facts(lipschitz=max(1.0, 1 / value))
            row = [exact_discretisation(1, law.information, n, time=6.0)]
            row += [cld_discretisation(facts, f, n, time=6.0) for f in ("4a", "4b")]
            print(f"N(0,{value}) h={h} | " + " | ".join(f"{x:.4g}" for x in row))
    print(f"9.5  OU time of CLD at T = 6: {float(ou_time_of_cld(6.0)):.4f}")
    facts = Facts(1, 1.0, radius=1.0)
    bounds = [projected_w2(facts, 0.02, tv) for tv in (0.129, 0.066, 0.033)]
    near = [early_stopping_w2(facts, t) for t in (0.01, 0.1, 0.5)]
    print("9.7  projected W2 bound, +-1: " + " ".join(f"{x:.3f}" for x in bounds)
          + "; W2(q_delta, q) bound: " + " ".join(f"{x:.4f}" for x in near))  # fmt: skip
    print("9.8  d, R, W2 (a million points) | " + " | ".join(ASKED))
    for d, radius, w2 in ((1, 1, 0.1), (2, 3, 0.3), (10, 5, 0.5), (100, 10, 1.0), (3072, 55, 5.0)):
        facts, row = Facts(d, float(radius**2), radius=float(radius), points=10**6), []
        for name in ASKED:
            try:
                row.append(f"{steps_for(name, facts, tv=0.1, w2=w2).steps:.4g}")
            except ValueError:
                row.append("more than 2e6")
        print(f"{d}, {radius}, {w2} | " + " | ".join(row))


def main() -> None:
    """Run the sweep, and the tables when asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gaussians", type=int, default=20_000)
    parser.add_argument("--mixtures", type=int, default=200)
    parser.add_argument("--clouds", type=int, default=100)
    parser.add_argument("--tables", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    begun = time.perf_counter()
    if options.gaussians:
        rows = sweep(options.gaussians, options.mixtures, options.clouds)
        for row in rows:
            print(
                f"{row['bound']:36s} {row['cases']:7d} cases {row['violations']:4d} violations   "
                f"bound/exact median {row['median']:.3f}, 90 % {row['90 %']:.3g}"
            )
            for case in row["first"]:
                print("   ", case[:300])
        print(f"{time.perf_counter() - begun:.0f} s")
        if options.json:
            options.json.write_text(json.dumps(rows, indent=1))
    if options.tables:
        tables()


if __name__ == "__main__":
    main()
