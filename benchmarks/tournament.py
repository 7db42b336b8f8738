"""Do tournaments choose well, and is the default plan right? On digits and on a table.

    python benchmarks/tournament.py [digits|table] [--model FOLDER] [--steps 4 8 16] [--json FILE]

A network is trained (or given), audited on held-out rows, and every candidate of a tournament is
judged on fresh samples and on data that no tournament saw: the training rows, of which there are
more (what the network has memorised of them is the same for all candidates). Columns: sw, sliced
W2; fd, Frechet distance in the features of a classifier of the labels (digits) or in principal
coordinates (table); both are the distance of the two laws, freed of what chance adds, with the
standard error of the difference from the default plan on the same samples and data. Then who wins
tournaments by sw and by fd on the held-out rows, and what the winner costs beyond the best there
was. `--grids` sets the plan beside the grids of others, by nats and by samples; with `--laws` of
three laws, whose nats are exact and whose samples are held against fresh draws; all grids end
where the plan does. `--ends` judges nothing but where a plan stops: shares of the data's
standard deviation that its last prediction may miss.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from real_data import write_table

import girsanov as gv
from girsanov.comparison.measures.frechet import Frechet
from girsanov.comparison.measures.sliced_w2 import SlicedW2
from girsanov.comparison.sets import vectors
from girsanov.planning.named_grids import NAMED_GRIDS, named_grid
from girsanov.planning.tournament.candidates import candidates, end
from girsanov.planning.tournament.tournament import tournament
from girsanov.sampling.loop import sample_standardised

ENDS = (0.3, 0.2, 0.15, 0.1, 0.07, 0.05, 0.035, 0.025)


class Field:
    """One data set, its network and audit, and how samples are judged."""

    def __init__(self, name: str, model: str | None, train_steps: int) -> None:
        data = gv.load_data(name if name == "digits" else str(table_file()))
        share = 1500 / 1797 if name == "digits" else 0.8
        train, self.held_out = data.split(share, seed=0)
        bare = train.without_labels()
        network = "unet" if name == "digits" else "mlp"
        self.model = (
            gv.load_model(model) if model else gv.fit(bare, steps=train_steps, network=network)
        )
        self.audit = gv.audit(self.model, self.held_out.without_labels(), train=bare)
        units = train.with_standardisation(self.model.standardisation)
        self.seen = vectors(units, argument="train").x
        everything = units.batch(slice(None)).reshape(len(train), -1).double().numpy()
        self.measures = {
            "sw": SlicedW2(everything.shape[1]),
            "fd": Frechet.fit(everything, train.labels),
        }

    def judge(self, plan, samples: int, seed: int) -> dict:
        """Return the squared distances of fresh samples to the rows no tournament saw."""
        x = sample_standardised(self.model, plan, samples, seed=1000 + seed)
        x = x.reshape(samples, -1).double().numpy()
        return {name: m.squared(x, self.seen) for name, m in self.measures.items()}


def table_file() -> Path:
    """Return the breast cancer data as a .csv."""
    path = Path(tempfile.gettempdir()) / "girsanov_breast_cancer.csv"
    if not path.exists():
        write_table(path)
    return path


def line(name: str, found: dict, base: dict) -> dict:
    """Print and return one plan's distances, and the errors of their differences from `base`."""
    row: dict = {"plan": name}
    for key, squared in found.items():
        gap = squared.pseudo - base[key].pseudo
        value = max(0.0, float(squared.pseudo.mean()))
        error = float(gap.std(ddof=1) / len(gap) ** 0.5)
        if key == "sw":  # as roots
            value = value**0.5
            error = error / (2 * max(value, 1e-9))
        row |= {key: value, f"{key}_se": error, f"{key}_behind": float(gap.mean())}
    print(
        f"  {name:44s} sw {row['sw']:.4f} ± {row['sw_se']:.4f}  fd {row['fd']:.3f} ± "
        f"{row['fd_se']:.3f}",
        flush=True,
    )
    return row


def judged(field: Field, plans: dict, options) -> tuple[list[dict], dict]:
    """Judge plans, the first of which is what the others are compared with."""
    found = {
        name: field.judge(plan, options.samples, options.seed) for name, plan in plans.items()
    }
    base = next(iter(found.values()))
    return [line(name, squared, base) for name, squared in found.items()], found


def ends(field: Field, steps: int, options) -> list[dict]:
    """Judge where the default sampler stops, next to ddpm on a uniform log-SNR grid."""
    plans = {"default": field.audit.plan(steps=steps)}
    for share in ENDS:
        sigma = end(field.audit, share)
        plans[f"misses {share:g}: to {sigma:.3g}"] = field.audit.plan(
            steps=steps, resolution=sigma
        )
    for name, by_name in (("uniform log-SNR", "exponential"), ("cosine", "cosine")):
        grid = named_grid(field.audit, by_name, field.audit.levels[-1], steps)
        start = (field.model.moments.mean, float(grid[0] ** -0.5), None)
        plans[f"ddpm, {name}"] = gv.recipe("ddpm", grid, start=start)
    return judged(field, plans, options)[0]


LAWS = {
    "skewed, 1-D": gv.GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15]),
    "far modes, 2-D": gv.GaussianMixture([0.3, 0.7], [[0.0, 1.0], [3.0, -1.0]], [0.5, 0.02]),
    "thin, 8-D": gv.Gaussian(np.full(8, 2.0), np.diag(np.geomspace(1e-3, 4.0, 8))),
}


def beside_grids(name: str, audit, steps: int, judge) -> list[dict]:
    """Print and return nats and distances of the plan and of every grid with a name.

    judge(plan): the distances of its samples by name, each with its standard error.
    """
    rows = []
    for sampler in ("analytic-dpm", "ddpm"):
        plan = audit.plan(steps=steps, sampler=sampler)
        asked = {"steps": steps, "sampler": sampler, "resolution": plan.resolution}
        made = {"planned": plan}
        for grid in NAMED_GRIDS:
            made[grid] = gv.evaluate_grid(audit, grid, **asked)
        for grid, one in made.items():
            nats = sum(e.value for e in one.ledger if e.name != "score")
            found = judge(one)
            figures = "  ".join(f"{k} {v:.4f} ± {se:.4f}" for k, (v, se) in found.items())
            print(f"  {sampler:13s} {grid:12s} {nats:9.4f} nats  {figures}", flush=True)
            of = {"of": name, "sampler": sampler, "steps": steps, "grid": grid, "nats": nats}
            rows.append(of | found)
    return rows


def law_grids(steps: int, options) -> list[dict]:
    """Set plans of three laws beside the grids of others."""
    rows = []
    for name, law in LAWS.items():
        model = gv.ExactDenoiser(law)
        seen = law.sample(4000, seed=10**6).numpy()
        measure = SlicedW2(law.dimension)

        def judge(plan, model=model, measure=measure, seen=seen):
            x = sample_standardised(model, plan, 4000, seed=1000 + options.seed).numpy()
            return {"sw": freed(measure.squared(x, seen))}

        print(f"{name}, {steps} calls", flush=True)
        rows += beside_grids(name, gv.audit(model, law), steps, judge)
    return rows


def freed(squared) -> tuple[float, float]:
    """Return the root of a squared distance freed of what chance adds, and its error."""
    value = max(0.0, float(squared.pseudo.mean())) ** 0.5
    se = float(squared.pseudo.std(ddof=1)) / len(squared.pseudo) ** 0.5
    return value, se / (2 * max(value, se**0.5))


def digits_grids(field: Field, steps: int, options) -> list[dict]:
    """Set plans of a network beside the grids of others."""

    def judge(plan):
        found = field.judge(plan, options.samples, options.seed)
        fd = found["fd"].pseudo
        return {"sw": freed(found["sw"]), "fd": (fd.mean(), fd.std(ddof=1) / len(fd) ** 0.5)}

    return beside_grids(options.which, field.audit, steps, judge)


def contest(field: Field, steps: int, options) -> list[dict]:
    """Judge every candidate, then ask tournaments by each measure."""
    plans = {"default": field.audit.plan(steps=steps)}
    plans |= {c.name: c.plan for c in candidates(field.audit, steps)}
    rows, found = judged(field, plans, options)
    for key, measure in field.measures.items():
        won = tournament(
            field.audit, field.model, field.held_out.without_labels(), by=measure, steps=steps,
            calls=options.calls, seed=options.seed,
        )  # fmt: skip
        name = next(r.candidate for r in won.tournament.table if r.won)
        best = min(found, key=lambda n: found[n][key].pseudo.mean())
        gap = found[name][key].pseudo - found[best][key].pseudo
        print(
            f"  tournament by {key}: {name}; best here: {best}; behind (squared) "
            f"{gap.mean():.5f} ± {gap.std(ddof=1) / len(gap) ** 0.5:.5f}",
            flush=True,
        )
        rows.append({"tournament": key, "winner": name, "best": best, "behind": gap.mean()})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("which", nargs="?", choices=["digits", "table"], default="digits")
    parser.add_argument("--model", help="a folder fitted on the same split, in place of training")
    parser.add_argument("--train-steps", type=int, default=2400)
    parser.add_argument("--steps", type=int, nargs="+", help="4 8, and 16 for the table")
    parser.add_argument("--samples", type=int, help="fresh ones a candidate: 400, table 1000")
    parser.add_argument("--calls", type=int, help="of a tournament: 30,000, table 50,000")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ends", action="store_true")
    parser.add_argument("--grids", action="store_true")
    parser.add_argument("--laws", action="store_true", help="with --grids: of three laws instead")
    parser.add_argument("--json")
    options = parser.parse_args()
    usual = {"steps": [4, 8], "samples": 400, "calls": 30_000}  # the UNet takes minutes of these
    if options.which == "table":
        usual = {"steps": [4, 8, 16], "samples": 1000, "calls": 50_000}
    for name, value in usual.items():
        setattr(options, name, getattr(options, name) or value)
    result: dict = {}
    alone = options.grids and options.laws
    if alone:
        result["laws"] = [row for steps in options.steps for row in law_grids(steps, options)]
    field = None if alone else Field(options.which, options.model, options.train_steps)
    todo = digits_grids if options.grids else ends if options.ends else contest
    for steps in [] if alone else options.steps:
        print(f"{options.which}, {steps} calls", flush=True)
        result[steps] = todo(field, steps, options)
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=1, default=float))


if __name__ == "__main__":
    main()
