"""Critically damped Langevin diffusion beside DDPM, on real data: ledgers and quality of samples.

    python benchmarks/cld.py [--train-steps 1500] [--network mlp] [--keep DIR]

Three samplers of scikit-learn's digits: a network trained as usual and sampled as usual (vp); the
same network sampled in phase space through the statistic that tells all about x0 (derived); and a
network trained on positions and velocities (learned). Each is audited on the same held-out images
and planned for every sampler. Columns: init and discretisation, what the plan's ledger promises,
in nats, with half its 95 % interval; score, what it proves the score error to be at least; fd and
sw as in quality.py, mean over seeds with its standard error. It prints each model's held-out error
first, in nats, which is all that a ledger takes of a model.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
from quality import Judge
from scipy import linalg

import girsanov as gv
from girsanov.sampling.loop import sample_standardised
from girsanov.train.options import TrainOptions

SAMPLERS = ("analytic-dpm", "ddpm", "ei-relative", "ei-score")


def nats(audit) -> tuple[float, float]:
    """Return 1/2 int M ds over the measured levels with its standard error."""
    s, curve = audit.levels, audit.curve
    by_group = np.trapezoid(s * curve.traces[1:, :, 0].T / 2, np.log(s), axis=1)
    return by_group.mean(), by_group.std(ddof=1) / len(by_group) ** 0.5


def entries(plan) -> dict[str, float]:
    """Return the values and half-widths of a plan's ledger."""
    out = {}
    for entry in plan.ledger:
        found = entry.to_json()
        low, high = found["low"], found["high"]
        wide = 0.0 if low is None or high is None else (high - low) / 2
        out[found["name"]] = (found["value"] if found["value"] is not None else low, wide)
    return out


def judged(judge, model, plan, options):
    """Return fd, sw and their standard errors over seeds."""
    n = options.samples
    if n == 0:
        return np.full((2, 2), np.nan)
    scores = [
        judge.against_data(
            sample_standardised(model, plan, n, seed=s).reshape(n, -1).double().numpy()
        )
        for s in range(options.seeds)
    ]
    return np.mean(scores, 0), np.std(scores, 0, ddof=1) / options.seeds**0.5


def run(options, judge, models, audits) -> list[dict]:
    rows = []
    for steps in options.steps:
        for sampler in options.samplers:
            for name, process in (("vp", "vp"), ("derived", "cld"), ("learned", "cld")):
                source = "learned" if name == "learned" else "vp"
                plan = audits[source].plan(steps=steps, sampler=sampler, process=process)
                found = entries(plan)
                (fd, sw), (fd_se, sw_se) = judged(judge, models[source], plan, options)
                rows.append(
                    {"steps": steps, "sampler": sampler, "process": name, **found,
                     "fd": (fd, fd_se), "sw": (sw, sw_se)}
                )  # fmt: skip
                cells = [
                    f"{found[k][0]:.2f} ± {found[k][1]:.2f}" for k in ("init", "discretisation")
                ]
                print(
                    f"| {steps} | {sampler} | {name} | {' | '.join(cells)} "
                    f"| {found['score'][0]:.1f} "
                    f"| {fd:.2f} ± {fd_se:.2f} | {sw:.4f} ± {sw_se:.4f} |",
                    flush=True,
                )
    return rows


def network(name, process, train, options):
    """Return the network called vp or learned: given, kept from a run before, or trained now."""
    given = {"vp": options.model, "learned": options.learned}[name]
    kept = Path(options.keep) / name if options.keep else None
    if given or (kept and (kept / "girsanov.json").exists()):
        return gv.load_model(given or kept)
    more = TrainOptions(patience=options.patience)
    return gv.fit(
        train, steps=options.train_steps, network=options.network, process=process, out=kept,
        options=more,
    )  # fmt: skip


def measured(name, model, held_out, options):
    """Return the audit of a network, kept from a run before if it is of this very network."""
    kept = Path(options.keep) / f"{name}.json" if options.keep else None
    if kept and kept.exists():
        found = gv.load_audit(kept)
        if found.facts.model == model.fingerprint:
            return found
    found = gv.audit(model, held_out, examples=options.examples)
    if kept:
        found.save(kept)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--train-steps", type=int, default=1500)
    parser.add_argument("--network", default="mlp", help="mlp (under a minute each) or unet")
    parser.add_argument("--model", help="a folder trained on this split as vp")
    parser.add_argument("--learned", help="a folder trained on this split as cld")
    parser.add_argument("--patience", type=int, default=6, help="of training, in evaluations")
    parser.add_argument("--keep", help="a folder to keep networks and audits in, for later runs")
    parser.add_argument("--examples", type=int, help="that an audit uses (all held out)")
    parser.add_argument("--samples", type=int, default=2000, help="0: the ledgers alone")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, nargs="+", default=[8, 16, 32])
    parser.add_argument("--samplers", nargs="+", default=SAMPLERS, choices=SAMPLERS)
    parser.add_argument("--json")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=linalg.LinAlgWarning)
    data = gv.load_data("digits").without_labels()
    train, held_out = data.split(1500 / 1797, seed=0)
    models = {
        name: network(name, process, train, options)
        for name, process in (("vp", "vp"), ("learned", "cld"))
    }
    audits = {name: measured(name, model, held_out, options) for name, model in models.items()}
    for name, audit in audits.items():
        value, se = nats(audit)
        print(f"{name}: held-out error {value:.1f} ± {se:.1f} nats", flush=True)
    x = data.with_standardisation(models["vp"].standardisation).batch(slice(None))
    judge = Judge(x.reshape(len(data), -1).double().numpy(), gv.load_data("digits").labels)
    rows = run(options, judge, models, audits)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
