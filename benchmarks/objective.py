r"""Which objective trains the best ledger: one table, on digits.

    python benchmarks/objective.py --minutes 3 [--steps 1000] [--seed 0] [--json out.json]

1500 of scikit-learn's digits train the MLP, 297 are held out. The first variant turns
--minutes into a number of steps and all take as many. Each is measured on the same held-out
noise:

    ledger to L   1/2 int_{e^-7}^{e^L} M ds, nats, with its standard error over examples,   (1)
    sampler       1/2 sum_k sum_j log(1 + delta_k M_kj) in the principal basis, 16 steps at
                  equal ratios over log-SNR -7..9,                                          (2)

(1) is what ddpm pays on an endless grid, (2) what analytic-dpm pays in 16 steps.
"""

from __future__ import annotations

import argparse
import json
import math

import numpy as np

from girsanov.data import load_data
from girsanov.train import TrainOptions, fit
from girsanov.train.validation import score_error_nats, squared_errors

VARIANTS = [
    ("ledger", "wiener"), ("edm", "wiener"), ("ledger", "edm"),
    ("edm", "edm"),
]  # fmt: skip
TOPS = (4.5, 8.0, 9.0)
LEVELS = np.linspace(-7.0, 9.0, 65)
DRAWS = 4  # of noise an example; they count as one example in the standard errors


def measure(model, held_out):
    """Return equations (1) and (2) of a denoiser on all of `held_out`."""
    x = held_out.batch(slice(0, len(held_out)))
    draws = [squared_errors(model, x, None, LEVELS, seed=1000 + k) for k in range(DRAWS)]
    errors = np.mean(draws, axis=0)
    row = {}
    for top in TOPS:
        kept = top + 1e-9 >= LEVELS
        value, se, _ = score_error_nats(errors[:, kept], LEVELS[kept])
        row[f"to {top:g}"] = [float(value), float(se)]
    grid = np.linspace(-7.0, 9.0, 17)
    curve = squared_errors(model, x, None, grid, seed=1, basis=model.moments.basis).mean(axis=0)
    steps = np.diff(np.exp(grid))[:, None]
    row["sampler"] = float(np.log1p(steps * curve[:-1]).sum() / 2)
    return row


def main():
    """Train every variant and print the table."""
    parser = argparse.ArgumentParser(description="objectives compared on digits")
    parser.add_argument("--minutes", type=float, default=3.0, help="for the first variant")
    parser.add_argument("--steps", type=int, help="of each variant, instead of --minutes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", help="write the table here as well")
    asked = parser.parse_args()
    # no labels: the figures compared with are of a model without
    train, held_out = load_data("digits").without_labels().split(1500 / 1797, seed=0)
    length = {"steps": asked.steps} if asked.steps else {"minutes": asked.minutes}
    rows = []
    print(f"{'objective':<11}{'around':<8}" + "".join(f"{f'to {t:g}':>15}" for t in TOPS), end="")
    print(f"{'sampler':>9}{'best/steps':>13}{'seconds':>9}")
    for objective, around in VARIANTS:
        model = fit(
            train, held_out=held_out, seed=asked.seed, objective=objective, network="mlp",
            options=TrainOptions(preconditioning=around), **length,
        )  # fmt: skip
        ran = model.training
        length = {"steps": ran["steps"]}
        rows.append({"objective": objective, "preconditioning": around})
        rows[-1] |= measure(model, held_out)
        rows[-1] |= {name: ran[name] for name in ("best_step", "steps", "seconds", "parameters")}
        show(rows[-1])
    if asked.json:
        with open(asked.json, "w", encoding="utf-8") as file:
            json.dump({"asked": vars(asked), "rows": rows}, file, indent=1)


def show(row):
    """Print one row."""
    cells = "".join("{:9.2f} ±{:4.2f}".format(*row[f"to {t:g}"]) for t in TOPS)
    print(f"{row['objective']:<11}{row['preconditioning']:<8}{cells}{row['sampler']:9.2f}"
          f"{row['best_step']:>7}/{row['steps']}{row['seconds']:9.0f}", flush=True)  # fmt: skip
    assert math.isfinite(row["sampler"])


if __name__ == "__main__":
    main()
