"""Distance of ODE samplers to their teacher, for hand grids and planned ones.

    python benchmarks/ode_samplers.py [--model FOLDER] [--audit FILE] [--sampler dpmpp-2m] [--json
    FILE]

One network, trained by `girsanov.fit` on scikit-learn's digits (or given), is audited with
teacher trajectories (or its audit is given; --audit also says where to keep one that is made).
Every grid is run from the starting points of the half that chose no plan. Columns: rms, the root
mean square over coordinates of its end points less the teacher's, with its standard error; median
over trajectories of the same; fd and sw of the end points as in `quality.py`, to be compared with
those of the teacher's own end points.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from quality import Judge

import girsanov as gv
from girsanov.measuring.teacher import start_noise, start_points
from girsanov.planning.ode_samplers.plan_ode_sampler import JUDGE
from girsanov.sampling.align_your_steps import align_your_steps_grid
from girsanov.sampling.loop import walk


def hand_grids(low, high, count):
    """Grids people use; the KL-optimal arctan formula of AYS is the cosine clock's."""
    return {
        "Karras": gv.karras_grid(low, high, count),
        "uniform log-SNR": gv.log_uniform_grid(low, high, count),
        "cosine = arctan": gv.time_grid(gv.Cosine(), low, high, count),
        "uniform t, linear beta": gv.time_grid(gv.VariancePreserving.linear(), low, high, count),
        "AYS rescaled": align_your_steps_grid(low, high, count),
    }


def end_points(model, audit, sampler, levels):
    """Return the end points [n, d] of an ODE sampler from the starts of the judging half."""
    d, n = audit.curve.dimension, len(audit.trajectories)
    z = start_noise(audit.facts.seed, 0, n, d)[JUDGE].to(model.dtype)
    x = start_points(audit.frame, float(levels[0]), z)
    plan = gv.ode_recipe(sampler, levels, start=(0.0, 1.0, None))
    with torch.inference_mode():
        for visit in walk(model, plan, x):
            x = visit.after
    return x.numpy().astype(np.float64)


def grids(audit, sampler, steps):
    """Yield (name, levels) for one number of network calls."""
    plan = audit.plan(sampler=sampler, steps=steps)
    count = len(plan.levels)
    yield from hand_grids(audit.levels[0], audit.levels[-1], count).items()
    yield "planned", plan.levels
    inner = hand_grids(plan.levels[0], plan.levels[-1], count) if count > 2 else {}
    for name in list(inner)[:2]:
        yield f"{name}, planned ends", inner[name]


def audited(options, data):
    """Return the model and its audit with trajectories."""
    if options.model:
        model = gv.load_model(options.model)
        of = model.training["lineage"]
        train, held_out = data.split(of["fraction"], seed=of["seed"])
    else:
        train, held_out = data.split(1500 / 1797, seed=0)
        model = gv.fit(train, steps=2400)
    if options.audit and Path(options.audit).is_file():
        return model, gv.load_audit(options.audit)
    audit = gv.audit(model, held_out, train=train, draws=1, trajectories=options.trajectories)
    if options.audit:
        audit.save(options.audit)
    return model, audit


def geometric_mean(rows, steps, name):
    """Return the geometric mean over steps of a grid's rms against the best whole hand grid's."""
    hands = list(hand_grids(1.0, 2.0, 3))
    value = {(r["steps"], r["grid"]): r["rms"] for r in rows}
    best = [min(value[n, hand] for hand in hands) for n in steps]
    logs = [np.log(value[n, name] / b) for n, b in zip(steps, best, strict=True)]
    return float(np.exp(np.mean(logs)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", help="a folder that `girsanov fit digits` wrote")
    parser.add_argument("--audit", help="its audit with trajectories; written if it is not there")
    parser.add_argument("--trajectories", type=int, default=512)
    parser.add_argument("--sampler", nargs="+", default=["dpmpp-2m"])
    parser.add_argument("--steps", type=int, nargs="+", default=[5, 8, 12, 16, 24, 32])
    parser.add_argument("--json")
    options = parser.parse_args()
    data = gv.load_data("digits").without_labels()
    model, audit = audited(options, data)
    units = data.with_standardisation(model.standardisation)
    judge = Judge(
        units.batch(slice(None)).reshape(len(data), -1).double().numpy(),
        gv.load_data("digits").labels,
    )
    goal = audit.trajectories.predictions[-1, JUDGE].astype(np.float64)
    fd, sw = judge.against_data(goal)
    print(f"teacher, {len(goal)} end points: fd {fd:.3f}  sw {sw:.4f}", flush=True)
    rows = []
    for sampler in options.sampler:
        own = []
        for steps in options.steps:
            for name, levels in grids(audit, sampler, steps):
                x = end_points(model, audit, sampler, levels)
                square = np.square(x - goal).mean(1)
                rms = square.mean() ** 0.5
                se = square.std(ddof=1) / len(square) ** 0.5 / (2 * rms)
                fd, sw = judge.against_data(x)
                own.append(
                    {"sampler": sampler, "steps": steps, "grid": name, "rms": rms, "se": se,
                     "median": float(np.median(square)) ** 0.5, "fd": fd, "sw": sw}
                )  # fmt: skip
                print(
                    f"{sampler:9s} {steps:3d} {name:31s} rms {rms:.4f} ± {se:.4f}  "
                    f"median {own[-1]['median']:.4f}  fd {fd:6.3f}  sw {sw:.4f}",
                    flush=True,
                )
        ratio = geometric_mean(own, options.steps, "planned")
        print(f"{sampler}: planned / best hand grid, geometric mean {ratio:.3f}", flush=True)
        rows += own
    if options.json:
        with open(options.json, "w") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
