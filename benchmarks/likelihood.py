"""Likelihood bounds of random laws: beside their definition, and the truth that they bound.

    python benchmarks/likelihood.py [--laws 50] [--seed 0] [--json FILE]

Laws: Gaussians in one to three dimensions with full covariance, and skewed mixtures on a line, off
the origin. Plans: ddpm and analytic-dpm (scalar, pca) on 4 or 8 steps of an exact audit. bound:
what `Audit.likelihood` says of the noised data; definition: -log q(path)/p(path) by the recipe's
coefficients alone (covariances, or quadrature); drawn: -E log q of the law that the sampler ends
in, by propagation; entropy: of the noised data, which no sampler can beat. sampled: the same bound
from an audit of 500 examples, whose denoiser is not known to be exact, in standard errors.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from _table import table
from catalogue import output_of
from chain_truth import cross_entropy, gaussian_bound, line_density, line_truth, random_law

import girsanov as gv
from girsanov.sampling.sampler import Recipe

SAMPLERS = (("ddpm", None), ("analytic-dpm", "scalar"), ("analytic-dpm", "pca"))


class Unsaid(gv.ExactDenoiser):
    """An exact denoiser that does not say so."""

    exact = False


def found(audit: gv.Audit, plan: gv.Plan) -> tuple[float, float]:
    """Return the bound of the noised data and its standard error, in nats."""
    bound = next(b for b in audit.likelihood(plan).bounds if b.of == "noised data")
    return bound.nats.value, (bound.nats.high - bound.nats.low) / 4.26  # t of 15 degrees, twice


def without_last(plan: gv.Plan) -> Recipe:
    """Return the sampler up to the state at the last level."""
    whole = plan.recipe()
    return Recipe(
        whole.mean, whole.start_noise, whole.start_basis, whole.steps[: len(plan.levels) - 1],
        whole.end,
    )  # fmt: skip


def case(rng: np.random.Generator, k: int) -> dict[str, object]:
    """Return the figures of one law and plan."""
    kind = "gaussian" if k % 2 else "mixture"
    law, (sampler, covariance) = random_law(rng, kind), SAMPLERS[k % 3]
    levels = np.geomspace(0.05, 10 ** rng.uniform(1, 2), 17)
    own = {"sampler": sampler, "covariance": covariance, "start": "gaussian"}
    audit = gv.audit(gv.ExactDenoiser(law), law, levels=levels, flow=0)
    plan = gv.evaluate_grid(audit, levels[:: int(rng.choice([2, 4]))], **own)
    recipe, (value, _) = without_last(plan), found(audit, plan)
    if kind == "gaussian":
        definition = gaussian_bound(law, recipe, plan.levels)
        (mean, spread), here = output_of(law, recipe), law.covariance()
        here = here + np.eye(law.dimension) / plan.levels[-1]
        off = law.mean - mean
        drawn, entropy = (
            cross_entropy(here + np.outer(off, off), spread),
            cross_entropy(here, here),
        )
    else:
        definition, drawn = line_truth(law, recipe, plan.levels)
        reach = 9 * np.sqrt(law.variance + 1 / plan.levels[-1])
        x = np.linspace(law.mean[0] - reach, law.mean[0] + reach, 4001)
        p = line_density(law, x, plan.levels[-1])
        entropy = -float(p @ np.log(np.maximum(p, 1e-300))) * (x[1] - x[0])
    seen = gv.audit(Unsaid(law), gv.load_data(law.sample(500, seed=k).numpy()), levels=levels,
                    seed=k, flow=0)  # fmt: skip
    other = gv.evaluate_grid(seen, plan.levels, calibrate=False, force=True, **own)
    sampled, error = found(seen, other)
    return {
        "law": f"{kind}, d = {law.dimension}", "sampler": f"{sampler} {covariance or ''}",
        "steps": len(plan.levels) - 1, "bound": value, "definition": definition, "drawn": drawn,
        "entropy": entropy, "sampled": (sampled - value) / error,
    }  # fmt: skip


def main() -> None:
    """Draw the laws and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--laws", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(asked.seed)
    rows = [case(rng, k) for k in range(asked.laws)]
    shown = [[f"{v:.4f}" if isinstance(v, float) else v for v in row.values()] for row in rows]
    table(rows[0], shown)
    away = max(abs(row["bound"] - row["definition"]) for row in rows)
    below = min(min(row["bound"] - row["drawn"], row["drawn"] - row["entropy"]) for row in rows)
    print(f"\nbound from definition at most {away:.1g} nats; least of bound - drawn and drawn - "
          f"entropy {below:.1g} nats; sampled within 3 standard errors in "
          f"{sum(abs(row['sampled']) < 3 for row in rows)} of {len(rows)}")  # fmt: skip
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
