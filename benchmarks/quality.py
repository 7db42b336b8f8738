"""Quality of samples against number of network calls, on real data, for holds and grids.

    python benchmarks/quality.py [--train-steps 2400] [--model FOLDER] [--last] [--json FILE]

One network, trained by `girsanov.fit` on scikit-learn's digits (or given), is sampled with every
hold on hand grids and planned ones. Columns: fd, Frechet distance in the 32 features of a small
classifier; sw, sliced W2 over 128 directions in units of [-1, 1]; both against all the data,
next to the same figures between two halves of the data, which are the floor. Each figure is the
mean over seeds, with the standard error over seeds.
"""

from __future__ import annotations

import argparse
import json

import numpy as np

import girsanov as gv
from girsanov.comparison.frechet import builtin
from girsanov.comparison.sliced import SlicedW2
from girsanov.sampling.run import sample_standardised
from girsanov.train import TrainOptions

DIRECTIONS = 128


class Judge:
    """Distances of samples [n, d] to reference data in fixed features and directions."""

    def __init__(self, data: np.ndarray, labels: np.ndarray) -> None:
        self.data = data
        self.features = builtin(data, labels)
        self.lines = SlicedW2(data.shape[1], DIRECTIONS)

    def frechet(self, x: np.ndarray, y: np.ndarray) -> float:
        return self.features.plugin(x, y)

    def sliced(self, x: np.ndarray, y: np.ndarray) -> float:
        return self.lines.plugin(x, y) ** 0.5

    def against_data(self, x: np.ndarray) -> tuple[float, float]:
        return self.frechet(x, self.data), self.sliced(x, self.data)


def variants(audit, model, steps):
    """Yield (hold, covariance, grid name, plan) for one number of network calls."""
    low, high = audit.levels[0], audit.levels[-1]
    hand = {
        "uniform log-SNR": gv.log_uniform_grid(low, high, steps),
        "Karras": gv.karras_grid(low, high, steps),
        "cosine": gv.time_grid(gv.Cosine(), low, high, steps),
        "linear beta": gv.time_grid(gv.VariancePreserving.linear(), low, high, steps),
    }
    for name, grid in hand.items():
        yield "x0", None, name, fixed(model, grid)
    yield "x0", None, "planned", audit.plan(steps=steps, sampler="x0")
    for covariance in ("scalar", "coordinate", "pca", "full"):
        yield "gaussian", covariance, "planned", audit.plan(steps=steps, covariance=covariance)


def fixed(model, levels):
    """Return the x0 hold on a grid exactly as it is, from a Gaussian around the mean."""
    start = (model.moments.mean, float(levels[0] ** -0.5), None)
    return gv.recipe("x0", levels, start=start)


def fitted(train, options):
    """Return a model trained as the command line asks; steps, not minutes, so that it repeats."""
    if not options.last:
        return gv.fit(train, steps=options.train_steps or 2400)
    settings = TrainOptions(early_stopping=False, dropout=0.0, weight_decay=0.01, width=256)
    return gv.fit(train, steps=options.train_steps or 10_000, network="mlp", options=settings)


def describe(audit) -> None:
    """Print what the audit says of the model before any sample is drawn."""
    s, total = audit.levels, audit.total().value
    seen = audit.memorisation @ audit.curve.shares
    for top in (4.5, 6.75, 9.0):
        kept = np.log(s) <= top + 1e-9
        nats, gap = (
            np.trapezoid((s * e)[kept] / 2, np.log(s[kept])) for e in (total, total - seen[1:])
        )
        print(
            f"held-out error to log-SNR {top}: {nats:.1f} nats, {gap:.1f} more than in training",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--train-steps", type=int, help="2400, or 10000 with --last")
    parser.add_argument("--model", help="a folder that `girsanov fit digits` wrote on this split")
    parser.add_argument(
        "--last",
        action="store_true",
        help="keep the last weights of an MLP without dropout: no early stopping",
    )
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, nargs="+", default=[2, 4, 8, 16, 32])
    parser.add_argument("--json")
    options = parser.parse_args()
    data = gv.load_data("digits").without_labels()
    train, held_out = data.split(1500 / 1797, seed=0)
    model = gv.load_model(options.model) if options.model else fitted(train, options)
    audit = gv.audit(model, held_out, train=train)
    describe(audit)
    units = data.with_standardisation(model.standardisation)
    x = units.batch(slice(None)).reshape(len(data), -1).double().numpy()
    labels = gv.load_data("digits").labels
    judge = Judge(x, labels)
    order = np.random.default_rng(0).permutation(len(x))
    a, b = x[order[::2]], x[order[1::2]]
    print(f"floor (two halves): fd {judge.frechet(a, b):.3f}  sw {judge.sliced(a, b):.4f}")
    rows = []
    for steps in options.steps:
        for hold, covariance, grid, plan in variants(audit, model, steps):
            scores = []
            for seed in range(options.seeds):
                draws = sample_standardised(model, plan, options.samples, seed=seed)
                scores.append(
                    judge.against_data(draws.reshape(options.samples, -1).double().numpy())
                )
            mean, se = np.mean(scores, 0), np.std(scores, 0, ddof=1) / options.seeds**0.5
            rows.append(
                {
                    "steps": steps,
                    "hold": hold,
                    "covariance": covariance,
                    "grid": grid,
                    "fd": mean[0],
                    "fd_se": se[0],
                    "sw": mean[1],
                    "sw_se": se[1],
                }
            )
            print(
                f"{steps:3d} {hold:9s} {covariance or '-':10s} {grid:16s} "
                f"fd {mean[0]:6.3f} ± {se[0]:.3f}  sw {mean[1]:.4f} ± {se[1]:.4f}",
                flush=True,
            )
    if options.json:
        with open(options.json, "w") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
