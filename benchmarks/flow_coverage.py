"""Do the intervals of prices along the flow hold the truth, also where mistakes are rare?

    python benchmarks/flow_coverage.py [--repeat 200] [--examples 256] [--unseen] [--json FILE]

Small audits of exact denoisers price a grid along the flow, with one call a step and with two, on
grids that are given and on grids that the same examples planned. The truth is the price on the
exact curve. Laws: a skewed mixture, two narrow modes 4, 6, 8 and 10 noise levels apart in the
step that parts them, and a Gaussian. Said are 95 % intervals: at least 97.5 % of their upper ends
must be above the truth; the interval of a share is Clopper and Pearson's.

--unseen makes the table `UNSEEN` of `path_kl/flow_cells.py`: of a step from noise 1, by the
length u it flows and the number of examples, the most that the upper end of a mean falls short of
what two points cost, over all distances between them and shares of theirs, in 97.5 % of samples.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from scipy.stats import binomtest, t

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from flow_truth import LineMixture

import girsanov as gv
from girsanov.planning.flow_grids import step_prices_of

LAWS = {
    "skewed": gv.GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [[[0.04]], [[0.15]]]),
    "far modes": gv.GaussianMixture([0.5, 0.5], [[-4.0], [4.0]], [[[0.02]], [[0.02]]]),
    "rare mode": gv.GaussianMixture([0.03, 0.97], [[-3.0], [0.5]], [[[0.05]], [[0.05]]]),
    "gaussian": gv.Gaussian([2.0], [[0.5]]),
}
SAMPLERS = ("euler-ancestral", "dpm2-ancestral")
STEPS = 8
GAPS, SHARES = np.arange(3, 12.1, 0.5), (0.5, 0.9, 0.99)
LENGTHS, EXAMPLES = (0.2, 0.5, 1.0, 2.0), (48, 96, 192, 512, 2000)


def levels_of(law) -> tuple[np.ndarray, np.ndarray]:
    """Return the levels of audits and of the grid that is given."""
    scale = law.variance
    return (np.geomspace(0.005, 1000, 33) / scale, np.geomspace(0.05, 100, STEPS + 1) / scale)


def covered(name: str, repeat: int, examples: int) -> list[dict]:
    """Return how often the interval holds the truth, by sampler and by how the grid came about."""
    law = LAWS[name]
    model, (levels, grid) = gv.ExactDenoiser(law), levels_of(law)
    exact, counts = gv.audit(model, law, levels=levels), {}
    for seed in range(repeat):
        made = gv.audit(model, law, levels=levels, examples=examples, draws=1, seed=seed)
        for sampler in SAMPLERS:
            given = gv.evaluate_grid(made, grid, sampler=sampler, last="sample", force=True)
            planned = made.plan(
                steps=STEPS, sampler=sampler, last="sample", force=True,
                resolution=float(grid[-1] ** -0.5),
            )  # fmt: skip
            for kind, plan in (("given", given), ("planned", planned)):
                truth = true_price(exact, plan)
                entry = plan.ledger[1]
                row = counts.setdefault((sampler, kind), [0, 0, 0.0, 0.0])
                row[0] += truth <= entry.high
                row[1] += entry.low <= truth
                row[2] += entry.high / truth / repeat
                row[3] += entry.value / truth / repeat
    return [
        {"law": name, "sampler": sampler, "grid": kind, "below high": row[0] / repeat,
         "above low": row[1] / repeat, "value / truth": row[3], "high / truth": row[2],
         "least share below": binomtest(row[0], repeat).proportion_ci(0.95, "exact").low}
        for (sampler, kind), row in counts.items()
    ]  # fmt: skip


def true_price(exact, plan) -> float:
    """Return what the steps of a plan cost on the exact curve."""
    return float(step_prices_of(exact.flow, plan.levels, plan.inner).nats.sum())


def unseen(calls: int) -> np.ndarray:
    """Return the table of what no example may have shown, [lengths, examples]."""
    rng, quantile = np.random.default_rng(0), t.ppf(0.975, 15)
    out = np.zeros((len(LENGTHS), len(EXAMPLES)))
    for i, length in enumerate(LENGTHS):
        for share in SHARES:
            for gap in GAPS:
                law = LineMixture([share, 1 - share], [-gap / 2, gap / 2], [1e-12, 1e-12])
                x, weight = law.points(1.0)
                square = (law.flow(x, 1.0, length) - law.step(x, 1.0, length, calls)) ** 2
                loss = square / (length + np.expm1(-length)) ** 2
                for j, count in enumerate(EXAMPLES):
                    drawn = loss[rng.choice(len(x), size=(400, count), p=weight)]
                    groups = drawn[:, : count // 16 * 16].reshape(400, 16, -1).mean(axis=2)
                    high = drawn.mean(axis=1) + quantile * groups.std(axis=1, ddof=1) / 4
                    out[i, j] = max(out[i, j], np.quantile(weight @ loss - high, 0.975))
    return out


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=200)
    parser.add_argument("--examples", type=int, default=256)
    parser.add_argument("--unseen", action="store_true")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if asked.unseen:
        for calls in (1, 2):
            print(f"{calls} call{'s' * (calls > 1)}: lengths {LENGTHS}, examples {EXAMPLES}")
            print(np.array2string(unseen(calls), precision=4))
        return
    rows = [row for name in LAWS for row in covered(name, asked.repeat, asked.examples)]
    for row in rows:
        print(*(f"{k} {v:.3f}" if isinstance(v, float) else v for k, v in row.items()), sep="  ")
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
