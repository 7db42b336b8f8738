"""Plans against diffusers' own schedulers, on pipelines trained with plain diffusers code.

    python benchmarks/pipelines.py MODELS --out RESULTS [--only NAME] [--who their|our|tenth]
    python benchmarks/pipelines.py MODELS --out RESULTS --table

MODELS is what benchmarks/pipelines_train.py wrote. For each pipeline: an audit on held-out images
of at most 25,000 network calls, all trajectories included (`tenth`:
2,500, without the latter), and the Frechet distance to all the data, in 32 features of a small
classifier, of samples drawn by diffusers' loop with the same network and number of calls: DDPM,
DDIM, DPM-Solver++ and UniPC as diffusers spaces them, and GirsanovScheduler with planned levels,
stochastic (gaussian) and deterministic (ddim, dpmpp-2m), raw and calibrated. A plan takes at most
the calls it is given, and fewer where the audit has no more levels. All rows see the same noise;
+- is 1.96 standard errors by a jackknife over 20 groups of samples, which for ratios uses that.
Rows are kept in RESULTS as they are done, so that a run may be stopped.
"""

from __future__ import annotations

import argparse
import inspect
import json
import time
from pathlib import Path

import diffusers
import numpy as np
import torch
from common import Judge

import girsanov as gv
from girsanov.cli.budget import shared_out
from girsanov.ledger.paths import teacher_calls
from girsanov.plan.solve import calibrated_teacher

COUNTS = (5, 8, 10, 20, 50)
GROUPS = 20
CALLS, TENTH = 25_000, 2_500
PAIRS = {"DDIM leading": "ddim", "DPM++ linspace": "dpmpp-2m"}  # default spacing, planned


def theirs(config):
    """Yield name and scheduler: what a user of diffusers would try."""
    for spacing in ("leading", "trailing", "linspace"):
        yield (
            f"DDPM {spacing}",
            diffusers.DDPMScheduler.from_config(config, timestep_spacing=spacing),
        )
    yield "DDIM leading", diffusers.DDIMScheduler.from_config(config, timestep_spacing="leading")
    multistep = diffusers.DPMSolverMultistepScheduler
    yield "DPM++ linspace", multistep.from_config(config, timestep_spacing="linspace")
    yield "DPM++ Karras", multistep.from_config(config, use_karras_sigmas=True)
    yield "UniPC", diffusers.UniPCMultistepScheduler.from_config(config)


@torch.inference_mode()
def drawn(network, scheduler, steps, count, seed=0):
    """Return samples [count, d] by diffusers' loop, and the network calls it made."""
    generator = torch.Generator().manual_seed(seed)
    shape = (count, network.config.in_channels, *[network.config.sample_size] * 2)
    scheduler.set_timesteps(steps)
    x, calls = torch.randn(shape, generator=generator) * scheduler.init_noise_sigma, 0
    known = inspect.signature(scheduler.step).parameters
    options = {"generator": generator} if "generator" in known else {}
    for t in scheduler.timesteps:
        out, calls = network(scheduler.scale_model_input(x, t), t).sample, calls + 1
        x = scheduler.step(out, t, x, **options).prev_sample
    return x.clamp(-1, 1).flatten(1).numpy().astype(np.float64), calls


def ours(model, held_out, train, who):
    """Yield name and scheduler, from one audit within its network calls."""
    tenth = who == "tenth"
    paths = 16 if tenth else 40
    # the calibrated teacher's trajectories are as many again
    spent = shared_out(
        TENTH if tenth else CALLS,
        available=len(held_out),
        train=len(train),
        trajectories=paths,
        teachers=1 if tenth else 2,
    )
    begun = time.perf_counter()
    audit = gv.audit(model, held_out, train=train, trajectories=paths, **spent)
    right = None if tenth else calibrated_teacher(audit, model)
    calls = audit.about["calls"]
    calls += 0 if tenth else paths * teacher_calls(len(audit.levels))
    total = audit.total()
    spread = float(np.median(1.96 * total.se / total.value))
    print(
        f"audit: {spent}, {paths} trajectories, {calls} network calls, "
        f"{time.perf_counter() - begun:.0f} s; the curve is known to {100 * spread:.0f} % "
        f"(median); calibrated at {100 * audit.calibrated().calibration.share:.0f} %"
    )
    gaussian = audit.plan(steps=8, calibrate=False)
    for e in gaussian.ledger:
        print(f"  8 calls, {e.name}: {e.value} [{e.low}, {e.high}] nats, {e.kind}")
    make = gv.GirsanovScheduler.from_plan
    yield "gaussian, calibrated", make(audit.plan(steps=8, calibrate=True), audit=audit)
    for solver in ("ddim", "dpmpp-2m"):
        yield solver, make(audit.plan(steps=8, sampler=solver, calibrate=False), audit=audit)
    if right is not None:
        yield "dpmpp-2m, calibrated", make(right.plan(steps=8, sampler="dpmpp-2m"), audit=right)
    yield "gaussian", make(gaussian, audit=audit)


def jackknife(judge, x, whole):
    """Return the distance of all samples, and of all but each group in turn."""
    group = np.arange(len(x)) % GROUPS
    return [judge.frechet(x, whole), *(judge.frechet(x[group != g], whole) for g in range(GROUPS))]


def study(folder, options):
    network = diffusers.UNet2DModel.from_pretrained(folder / "unet", local_files_only=True).eval()
    own = diffusers.DDPMScheduler.from_pretrained(folder / "scheduler", local_files_only=True)
    parts = {
        key: np.load(folder / f"{key}.npy")
        for key in ("train", "held_out", "labels_train", "labels_held_out")
    }
    whole = np.concatenate([parts["train"], parts["held_out"]]).reshape(-1, 64).astype(np.float64)
    judge = Judge(whole, np.concatenate([parts["labels_train"], parts["labels_held_out"]]))
    half = np.random.default_rng(0).permutation(len(whole))
    path = options.out / f"{folder.name}.json"
    kept = json.loads(path.read_text()) if path.is_file() else {"rows": {}}
    kept["floor"] = judge.frechet(whole[half[::2]], whole[half[1::2]])
    runs = theirs(own.config)
    if options.who != "their":
        data = gv.load_data(parts["held_out"]), gv.load_data(parts["train"])
        runs = ours(gv.from_pipeline(diffusers.DDPMPipeline(network, own)), *data, options.who)
    for name, scheduler in runs:
        row = kept["rows"].setdefault(f"{options.who} {name}", {})
        for steps in (n for n in options.counts if str(n) not in row):
            try:
                x, calls = drawn(network, scheduler, steps, options.count)
            except IndexError:  # DPM++ with Karras levels and a last training level near SNR 0
                row[str(steps)] = None
                continue
            assert calls <= steps, (name, steps, calls)
            row[str(steps)] = jackknife(judge, x, whole)
        print(
            f"{options.who} {name:24s}"
            + "".join(f"{v[0] if v else np.nan:8.2f}" for v in row.values()),
            flush=True,
        )
        path.write_text(json.dumps(kept))


def spread(values):
    """Return 1.96 standard errors of a figure from its leave-out values."""
    return 1.96 * np.sqrt((GROUPS - 1) / GROUPS * np.square(values - np.mean(values)).sum())


def table(path):
    kept = json.loads(path.read_text())
    rows = {
        name: {int(n): np.array(v) for n, v in row.items() if v}
        for name, row in kept["rows"].items()
    }
    counts = sorted({n for row in rows.values() for n in row})
    print(f"\n{path.stem}: two halves of the data {kept['floor']:.2f}\n")
    print("| sampler | " + " | ".join(f"{n} calls" for n in counts) + " |")
    print("|---" * (len(counts) + 1) + "|")
    for name, row in rows.items():
        cells = (f"{row[n][0]:.2f} ± {spread(row[n][1:]):.2f}" if n in row else "" for n in counts)
        print(f"| {name} | " + " | ".join(cells) + " |")
    for who in ("our", "tenth"):
        if not any(name.startswith(who) for name in rows):
            continue
        mine, theirs_too = best_of(rows, who), best_of(rows, "their")
        both = sorted(mine.keys() & theirs_too.keys())
        if both:
            logs = [np.log(mine[n] / theirs_too[n]) for n in both]
            mean = np.exp(np.mean(logs, axis=0))
            print(f"\nbest of {who} to best of theirs: {ratios(mine, theirs_too)}; geometric mean "
                  f"{mean[0]:.2f} ± {spread(mean[1:]):.2f} (goal .8)")  # fmt: skip
        for default, planned in PAIRS.items():
            pair = rows.get(f"{who} {planned}", {}), rows.get(f"their {default}", {})
            print(f"planned {planned} to {default}: {ratios(*pair)}")
        for kind in (f"{who} gaussian", f"{who} gaussian, calibrated"):
            row, ddpm = rows.get(kind, {}), rows.get("their DDPM leading", {})
            twice = {n: ddpm[2 * n] for n in row if 2 * n in ddpm}
            print(f"{kind} to DDIM leading: {ratios(row, rows.get('their DDIM leading', {}))}; "
                  f"to DDPM leading with twice the calls: {ratios(row, twice)}")  # fmt: skip


def best_of(rows, who):
    """Return the best row at each number of calls."""
    mine = [row for name, row in rows.items() if name.startswith(who)]
    counts = {n for row in mine for n in row}
    return {n: min((row[n] for row in mine if n in row), key=lambda v: v[0]) for n in counts}


def ratios(tops, bottoms):
    """Return the ratios of two rows in words, at the numbers of calls that both have."""
    both = [(n, tops[n] / bottoms[n]) for n in sorted(tops.keys() & bottoms.keys())]
    return ", ".join(f"{n}: {r[0]:.2f} ± {spread(r[1:]):.2f}" for n, r in both) or "not run"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only")
    parser.add_argument("--who", choices=("their", "our", "tenth"), default="our")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--counts", type=int, nargs="+", default=list(COUNTS))
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    folders = sorted(p.parent for p in options.models.glob("*/model_index.json"))
    for folder in (f for f in folders if options.only in (None, f.name)):
        if options.table:
            table(options.out / f"{folder.name}.json")
        else:
            study(folder, options)


if __name__ == "__main__":
    main()
