"""Every bound of `girsanov.paper.bounds` on random laws, against truths computed here.

    python benchmarks/bounds_sweep.py [--laws 1000] [--quick] [--seed 0] [--json FILE]
                                      [--only bounds | outputs]

Laws: mixtures and atoms on a line, skewed, with rare components (1e-3), scales 300 apart and means
a thousand deviations off the middle; one in ten is a product of two lines, one in twenty a mixture
in the plane.
Horizons, grids, stops, score errors and what is known of the law (`Facts`) are random. Truths are
entropies, Fisher informations, quantiles and densities by quadrature (tests/sweep_laws.py,
sweep_chains.py, sweep_outputs.py): they share no code with the bounds.

A violation is a truth above its bound by more than 1e-9 of it and the truth's own accuracy: four
times what two quadratures of different fineness differ by, and rounding. Two controls say whether
that accuracy is honest: on Gaussians disguised as mixtures truths are known in closed form, and
the Fisher information of every law is known from its error (Tweedie), I = s d - s^2 M. Exit 1 on a
violation, or where a control fails.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from sweep_cases import cld_case, geometric_case, row_case, time_case
from sweep_chains import Law, Phase, chain_kl, frozen_kl, start_kl
from sweep_laws import Line, Truth, disguised_gaussian, random_law
from sweep_output_cases import output_case, support_case
from sweep_tally import Tally, facts_of

from girsanov.paper.bounds import theorem7


def sweep(laws: int, seed: int, only: str = "all") -> Tally:
    """Return the tally over `laws` random laws."""
    tally = Tally()
    for k in range(laws):
        rng = np.random.default_rng([seed, k])
        law = random_law(rng, k)
        if only != "outputs":
            one_law(tally, rng, law, k)
        if isinstance(law, Line) and k % 3 != 1 and only != "bounds":
            output_case(tally, np.random.default_rng([seed, k, 2]), law)
        if sys.stderr.isatty() or (k + 1) % 100 == 0:
            broken = sum(map(len, tally.broken.values()))
            print(f"{k + 1} of {laws} laws, {broken} violations", file=sys.stderr, flush=True)
    return tally


def one_law(tally: Tally, rng: np.random.Generator, law: Law, number: int) -> None:
    """Hold every bound that applies against the truths of a law, but for the law of outputs."""
    facts = facts_of(rng, law)
    geometric_case(tally, rng, law, facts)
    time_case(tally, rng, law, facts)
    row_case(tally, rng, law, facts)
    tweedie(tally, law, float(10 ** rng.uniform(-3, 4) / law.variance))
    if law.lines and law.dense and number % 2 == 0:
        cld_case(tally, rng, law, facts)
    if isinstance(law, Line):
        support_case(tally, rng, law, facts)


def tweedie(tally: Tally, law: Law, snr: float) -> None:
    """A control: two integrals of one density that must agree."""
    found = law.at(1 / snr)
    other = law.at(1 / snr, 1)
    slack = 4 * abs(found.fisher - other.fisher) + 4 * snr**2 * abs(found.error - other.error)
    rounding = 1e-13 * snr * law.dimension
    off = abs(found.fisher - (snr * law.dimension - snr**2 * found.error))
    tally.add("control: Tweedie", Truth(off, 0.0), slack + rounding, law)


def control(tally: Tally, count: int, seed: int) -> None:
    """Gaussians in disguise: how far a quadrature is off, against how far it says to be."""
    for k in range(count):
        rng = np.random.default_rng([seed, k, 1])
        law, n = disguised_gaussian(rng), int(rng.integers(1, 30))
        v = law.variance
        levels = np.geomspace(1e-3, 10 ** rng.uniform(0, 5), n + 1) / v
        m = v / (1 + levels * v)
        exact = (np.diff(levels) @ m[:-1] - np.log(m[0] / m[-1])) / 2
        found = chain_kl(law, levels, "ddpm")
        off = Truth(abs(found.value - exact), 0.0)
        tally.add("control: path KL of a Gaussian", off, found.slack, law)
        first = levels[0] * v
        exact = (first - math.log1p(first)) / 2
        theorem7_case(tally, n, 10 ** rng.uniform(-1, 0.7))
        found = start_kl(law, float(levels[0]))
        tally.add(
            "control: start of a Gaussian", Truth(abs(found.value - exact), 0.0), found.slack, law
        )


def theorem7_case(tally: Tally, steps: int, total: float) -> None:
    """Theorem 7, an equality for N(0, 1): from above and from below."""
    gamma = Line(np.full(2, 0.5), np.zeros(2), np.ones(2))
    truths = {"ddpm": frozen_kl(gamma, np.linspace(0, total, steps + 1), relative=False)}
    if steps < 5:
        truths["cld"] = Phase(gamma).path_kl(steps, total)
    for process, truth in truths.items():
        stated = theorem7(1, steps, time=total, process=process)
        tally.add(f"theorem7 {process}", truth, stated, (steps, total))
        tally.add(f"theorem7 {process}, low end", Truth(stated, truth.slack), truth.value, steps)


def rows(tally: Tally) -> list[dict[str, object]]:
    """Return a row a bound."""
    out: list[dict[str, object]] = []
    for name in sorted({*tally.ratios, *tally.silent}):
        values = np.array(tally.ratios[name])
        known = values[np.isfinite(values)]
        least, middle = (
            (float(known.min()), float(np.median(known))) if len(known) else (None, None)
        )
        out.append(
            {
                "bound": name,
                "cases": len(values),
                "says nothing or not computed": tally.silent[name],
                "violations": len(tally.broken[name]),
                "least ratio": least,
                "median": middle,
                "accuracy": tally.slacks[name],
                "first": tally.broken[name][:3],
            }
        )
    return out


def shown(table: list[dict[str, object]]) -> str:
    """Return the table in Markdown."""
    lines = ["| bound | cases | violations | bound/truth, least | median | truth known to |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    for row in table:
        least, middle = (
            "-" if row[k] is None else f"{row[k]:.4g}" for k in ("least ratio", "median")
        )
        lines.append(
            f"| {row['bound']} | {row['cases']:,} | {row['violations']} | {least} | {middle} | "
            f"{row['accuracy']:.1g} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the sweep and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--laws", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="50 laws")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=("all", "bounds", "outputs"), default="all")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    begun, laws = time.process_time(), 50 if asked.quick else asked.laws
    tally = sweep(laws, asked.seed, asked.only)
    control(tally, max(20, laws // 10), asked.seed)
    table = rows(tally)
    print(shown(table))
    broken = {name: cases for name, cases in tally.broken.items() if cases}
    for name, cases in broken.items():
        print(f"violated, {name}:", *(case[:600] for case in cases[:3]), sep="\n  ")
    judged = sum(len(values) for values in tally.ratios.values())
    total, spent = sum(map(len, broken.values())), time.process_time() - begun
    print(f"{laws} laws, {judged:,} bounds, {total} violations, {spent:.0f} s of CPU")
    if asked.json:
        asked.json.write_text(json.dumps(table, indent=1), encoding="utf-8")
    raise SystemExit(bool(broken))


if __name__ == "__main__":
    main()
