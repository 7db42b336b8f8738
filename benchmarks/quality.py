"""Quality of samples against network calls on real data: every sampler on every grid.

    python benchmarks/quality.py [--train-steps 2400] [--model FOLDER] [--audit FILE] [--last]
        [--steps 2 4 8 16 32] [--samplers ddpm analytic-dpm dpmpp-2m ddim heun] [--json FILE]
        [--table]

One network, trained by `girsanov.fit` on scikit-learn's digits (or given), is sampled with
stochastic and ODE samplers on the grids that others use and on planned ones, and
each set of samples is judged against all 1,797 images. fd: Frechet distance in the 32 features of
a small classifier; sw: sliced W2 over 128 directions in units of [-1, 1]; both are the distance of
the two laws, freed of what chance adds, with the standard error over 20 groups of samples and
images (`plain` in the JSON: as computed, chance included). KL: what the sampler adds to the path
KL (init + discretisation) with its 95 % interval, where there is one. A step is a network call;
every row ends in a denoised prediction.

With --json rows are added to those that FILE has, so that a table may be made in several runs;
--table prints FILE as tables and samples nothing.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from common import Judge, digits_judge, digits_parts, peers

import girsanov as gv
from girsanov.planning.given_grid import evaluate_grid
from girsanov.sampling.loop import sample_standardised
from girsanov.sampling.registry import stochastic_names
from girsanov.train import TrainOptions

__all__ = ["Judge", "fixed"]

WITHIN = ("Karras", "cosine = arctan", "uniform log-SNR")  # also tried on the planned ends
X0_WEIGHTS = (0.0, 0.5)  # beside the default, 1
TRAJECTORIES = 256


def fixed(model, levels):
    """Return ddpm on a grid exactly as it is, from a Gaussian around the mean."""
    start = (model.moments.mean, float(levels[0] ** -0.5), None)
    return gv.recipe("ddpm", levels, start=start)


def variants(audit, model, sampler, steps):
    """Yield (grid name, plan or recipe) for one sampler and number of network calls."""
    planned = dict(plans(audit, sampler, steps))
    first = next(iter(planned.values()))
    low, high = float(audit.levels[0]), float(audit.levels[-1])
    visits = (steps + 1) // 2 if sampler == "heun" else steps
    if visits >= 2:
        for name, levels in peers(low, high, visits).items():
            yield name, by_hand(audit, model, sampler, levels, standard=name.endswith("ing"))
    if len(first.levels) >= 2:
        inner = peers(float(first.levels[0]), float(first.levels[-1]), len(first.levels))
        for name in WITHIN:
            yield f"{name}, planned ends", by_hand(audit, model, sampler, inner[name])
    yield from planned.items()


def plans(audit, sampler, steps):
    """Yield (name, plan) of what is planned, the default first."""
    yield "**planned**", audit.plan(steps=steps, sampler=sampler)
    if sampler == "ddpm":
        for weight in X0_WEIGHTS:
            yield (
                f"planned, a = {weight:g}",
                audit.plan(steps=steps, sampler=sampler, weight=weight),
            )
    if sampler == "analytic-dpm":
        for covariance in ("scalar", "coordinate", "full"):
            yield (
                f"planned, {covariance}",
                audit.plan(steps=steps, covariance=covariance, weight=0.0),
            )
        yield (
            "planned, calibrated",
            audit.plan(steps=steps, calibrate=True, covariance="pca", weight=0.0),
        )


def by_hand(audit, model, sampler, levels, standard=False):
    """Return a sampler on given levels; standard: starts as N(0, 1 + 1/s), diffusers' way."""
    if sampler in stochastic_names():
        start = "standard" if standard and sampler == "ddpm" else None
        return evaluate_grid(audit, levels, sampler=sampler, start=start)
    spread = (1 / levels[0] + standard) ** 0.5
    middle = 0.0 if standard else model.moments.mean
    return gv.ode_recipe(sampler, levels, start=(middle, float(spread), None))


def path_kl(plan):
    """Return init + discretisation of a plan with its interval, None where there is none."""
    rows = [e for e in getattr(plan, "ledger", ()) if e.name != "score"]
    if not rows or any(e.value is None for e in rows):
        return None
    return [sum(getattr(e, end) for e in rows) for end in ("value", "low", "high")]


def fitted(train, options):
    """Return a model trained as the command line asks; steps, not minutes, so that it repeats."""
    if not options.last:
        return gv.fit(train, steps=options.train_steps or 2400)
    settings = TrainOptions(early_stopping=False, dropout=0.0, weight_decay=0.01, width=256)
    return gv.fit(train, steps=options.train_steps or 10_000, network="mlp", options=settings)


def audited(options):
    """Return the model and its audit, with trajectories if an ODE sampler is asked for."""
    model = gv.load_model(options.model) if options.model else fitted(digits_parts()[0], options)
    if options.audit and Path(options.audit).is_file():
        return model, gv.load_audit(options.audit)
    train, held_out = digits_parts(model if options.model else None)
    follow_ode = any(s not in stochastic_names() for s in options.samplers)
    audit = gv.audit(model, held_out, train=train, trajectories=TRAJECTORIES if follow_ode else 0)
    if options.audit:
        audit.save(options.audit)
    return model, audit


def describe(audit) -> None:
    """Print what the audit says of the model before any sample is drawn."""
    s, total = audit.levels, audit.total().value
    for top in (4.5, 6.75, 9.0):
        kept = np.log(s) <= top + 1e-9
        nats = np.trapezoid((s * total)[kept] / 2, np.log(s[kept]))
        said = f"held-out error to log-SNR {top}: {nats:.1f} nats"
        if audit.memorisation is not None:
            seen = (total - (audit.memorisation @ audit.curve.shares)[1:])[kept]
            gap = nats - np.trapezoid(s[kept] * seen / 2, np.log(s[kept]))
            said += f", {gap:.1f} more than in training"
        print(said, flush=True)


def judged(options) -> list[dict]:
    """Sample and judge every sampler on every grid; return the rows."""
    model, audit = audited(options)
    describe(audit)
    judge = digits_judge(model)
    a, b = judge.rows[::2], judge.rows[1::2]
    print(f"two halves of the data: fd {judge.frechet(a, b):.3f}  sw {judge.sliced(a, b):.4f}")
    rows = []
    for steps in options.steps:
        for sampler in options.samplers:
            for name, plan in variants(audit, model, sampler, steps):
                x = sample_standardised(model, plan, options.samples, seed=options.seed)
                x = x.reshape(options.samples, -1).double().numpy()
                row = {"steps": steps, "sampler": sampler, "grid": name, "kl": path_kl(plan)}
                row |= {**judge.freed(x), "plain": judge.against_data(x)}
                rows.append(row)
                said = "" if row["kl"] is None else "KL {:.3g} [{:.3g}, {:.3g}]".format(*row["kl"])
                print(
                    f"{steps:3d} {sampler:9s} {name:31s} fd {row['fd']:7.3f} ± {row['fd_se']:.3f}"
                    f"  sw {row['sw']:.4f} ± {row['sw_se']:.4f}  {said}",
                    flush=True,
                )
    return rows


def table(rows: list[dict]) -> None:
    """Print rows as one table a sampler: grids down, network calls across."""
    for sampler in dict.fromkeys(r["sampler"] for r in rows):
        own = [r for r in rows if r["sampler"] == sampler]
        counts = sorted({r["steps"] for r in own})
        print(f"\n{sampler}: fd, sw" + (", nats" if sampler in stochastic_names() else "") + "\n")
        print("| grid | " + " | ".join(f"{n} calls" for n in counts) + " |")
        print("|---" * (len(counts) + 1) + "|")
        for name in dict.fromkeys(r["grid"] for r in own):
            found = {r["steps"]: r for r in own if r["grid"] == name}
            cells = [cell(found[n]) if n in found else "" for n in counts]
            print(f"| {name} | " + " | ".join(cells) + " |")


def cell(row: dict) -> str:
    """Return fd, sw and nats of a row, in words short enough for a table."""
    said = f"{row['fd']:.2f} ± {row['fd_se']:.2f}, {row['sw']:.3f} ± {row['sw_se']:.3f}"
    return said if row["kl"] is None else f"{said}, {row['kl'][0]:.3g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--train-steps", type=int, help="2400, or 10000 with --last")
    parser.add_argument("--model", help="a folder that `girsanov fit digits` wrote")
    parser.add_argument("--audit", help="its audit; written if it is not there")
    parser.add_argument(
        "--last",
        action="store_true",
        help="keep the last weights of an MLP without dropout: no early stopping",
    )
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, nargs="+", default=[2, 4, 8, 16, 32])
    samplers = ["ddpm", "analytic-dpm", "dpmpp-2m", "ddim", "heun"]
    parser.add_argument("--samplers", nargs="+", default=samplers)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    rows = json.loads(options.json.read_text()) if options.json and options.json.is_file() else []
    if not options.table:
        fresh = judged(options)
        made = {(r["steps"], r["sampler"], r["grid"]) for r in fresh}
        rows = [r for r in rows if (r["steps"], r["sampler"], r["grid"]) not in made] + fresh
        if options.json:
            options.json.write_text(json.dumps(rows, indent=1))
    table(rows)


if __name__ == "__main__":
    main()
