"""Plans against diffusers' own schedulers, on pipelines trained with plain diffusers code.

    python benchmarks/pipelines.py MODELS [--only NAME] [--count 500] [--counts 5 8 10 20 50]

MODELS is what benchmarks/pipelines_train.py wrote. For each pipeline: the audit on held-out
images (its network calls are printed), and the Frechet distance to all the data, in 32 features
of a small classifier, of samples drawn by diffusers' loop with the same network and number of
calls: DDPM, DDIM, DPM-Solver++ and UniPC as diffusers spaces them, and GirsanovScheduler with
planned levels, stochastic (gaussian) and deterministic (ddim, dpmpp-2m), raw and calibrated.
`shaped` plans start from the data's Gaussian; `plain` ones run in DDPMPipeline, which spends a
call on the start. All figures are of one seed; the floor is that of two halves of the data.
`--tenth` plans on a tenth of the audit's network calls.
"""

from __future__ import annotations

import argparse
import inspect
import json
import time
from dataclasses import replace
from pathlib import Path

import diffusers
import numpy as np
import torch
from quality import Judge

import girsanov as gv
from girsanov.denoise.calibrate import CalibratedDenoiser

COUNTS = (5, 8, 10, 20, 50)


def theirs(config):
    """Yield name and scheduler: what a user of diffusers would try."""
    for spacing in ("leading", "trailing", "linspace"):
        yield f"DDPM {spacing}", diffusers.DDPMScheduler.from_config(
            config, timestep_spacing=spacing)  # fmt: skip
    for spacing in ("leading", "trailing"):
        yield f"DDIM {spacing}", diffusers.DDIMScheduler.from_config(
            config, timestep_spacing=spacing)  # fmt: skip
    multistep = diffusers.DPMSolverMultistepScheduler
    yield "DPM++ linspace", multistep.from_config(config, timestep_spacing="linspace")
    yield "DPM++ trailing", multistep.from_config(config, timestep_spacing="trailing")
    yield "DPM++ Karras", multistep.from_config(config, use_karras_sigmas=True)
    yield "UniPC", diffusers.UniPCMultistepScheduler.from_config(config)


@torch.inference_mode()
def drawn(network, scheduler, steps, count, scaled=True, seed=0):
    """Return samples [count, d] by diffusers' loop, and the network calls it made."""
    generator = torch.Generator().manual_seed(seed)
    shape = (count, network.config.in_channels, *[network.config.sample_size] * 2)
    scheduler.set_timesteps(steps)
    x, calls = torch.randn(shape, generator=generator) * scheduler.init_noise_sigma, 0
    known = inspect.signature(scheduler.step).parameters
    options = {"generator": generator} if "generator" in known else {}
    for t in scheduler.timesteps:
        seen = scheduler.scale_model_input(x, t) if scaled else x
        out, calls = network(seen, t).sample, calls + 1
        x = scheduler.step(out, t, x, **options).prev_sample
    return x.clamp(-1, 1).flatten(1).numpy().astype(np.float64), calls


def ours(model, held_out, train, options):
    """Yield name, scheduler and whether its loop scales the input, from one audit."""
    spent = {"levels": options.levels, "draws": 1, "trajectories": options.trajectories}
    if options.tenth:
        spent = {"levels": 17, "draws": 1, "trajectories": options.trajectories // 5,
                 "examples": len(held_out) // 5}  # fmt: skip
    begun = time.perf_counter()
    audit = gv.audit(model, held_out, train=train, **spent)
    calibration = audit.calibrated().calibration
    right = gv.audit(CalibratedDenoiser(model, calibration), held_out, train=train, **spent)
    total = audit.total()
    spread = float(np.median(1.96 * total.se / total.value))
    print(f"audits: {audit.about['calls']} and {right.about['calls']} network calls, "
          f"{time.perf_counter() - begun:.0f} s; the curve is known to {100 * spread:.0f} % "
          f"(median); calibrated at {100 * calibration.share:.0f} %")  # fmt: skip
    gaussian = audit.plan(steps=8, calibrate=False)
    for e in gaussian.ledger:
        print(f"  8 calls, {e.name}: {e.value} [{e.low}, {e.high}] nats, {e.kind}")
    make = gv.GirsanovScheduler.from_plan
    yield "gaussian, plain", make(gaussian, audit=audit), False
    yield "gaussian, shaped", make(gaussian, audit=audit), True
    plan = audit.plan(steps=8, calibrate=True)
    yield "gaussian, calibrated, plain", make(plan, audit=audit), False
    yield "gaussian, calibrated, shaped", make(plan, audit=audit), True
    for solver in ("ddim", "dpmpp-2m"):
        yield f"{solver}, shaped", make(audit.plan(steps=8, sampler=solver), audit=audit), True
    made = [replace(right.plan(steps=n, sampler="dpmpp-2m"), calibration=calibration)
            for n in options.counts]  # fmt: skip
    yield "dpmpp-2m, calibrated, shaped", carried(made), True


def carried(plans):
    """Return one scheduler for plans that were made one by one."""
    from girsanov.interop.carried import carry

    one = gv.GirsanovScheduler.from_plan(plans[0])
    config = {**json.loads(one.to_json_string()), "plans": carry(plans).to_json()}
    return gv.GirsanovScheduler.from_config(config)


def study(folder, options):
    network = diffusers.UNet2DModel.from_pretrained(folder / "unet", local_files_only=True).eval()
    own = diffusers.DDPMScheduler.from_pretrained(folder / "scheduler", local_files_only=True)
    pipe = diffusers.DDPMPipeline(network, own)
    parts = {key: np.load(folder / f"{key}.npy")
             for key in ("train", "held_out", "labels_train", "labels_held_out")}  # fmt: skip
    whole = np.concatenate([parts["train"], parts["held_out"]]).reshape(-1, 64).astype(np.float64)
    judge = Judge(whole, np.concatenate([parts["labels_train"], parts["labels_held_out"]]))
    half = np.random.default_rng(0).permutation(len(whole))
    floor = judge.frechet(whole[half[::2]], whole[half[1::2]])
    print(f"\n{folder.name}: {len(parts['held_out'])} held-out images; halves {floor:.2f}")
    model = gv.from_pipeline(pipe)
    found: dict[str, dict[int, float]] = {}
    runs = [(f"their {name}", s, True) for name, s in theirs(own.config)]
    runs = [] if options.ours else runs
    runs += [
        (f"our {name}", s, scaled)
        for name, s, scaled in ours(
            model, gv.load_data(parts["held_out"]), gv.load_data(parts["train"]), options
        )
    ]
    print(f"{'':36s}" + "".join(f"{n:>8d}" for n in options.counts) + "   calls")
    for name, scheduler, scaled in runs:
        row = {}
        for steps in options.counts:
            try:
                x, calls = drawn(network, scheduler, steps, options.count, scaled)
            except IndexError:  # DPM++ with Karras levels and a last training level near SNR 0
                row[steps] = float("nan")
                continue
            assert calls <= steps, (name, steps, calls)
            row[steps] = judge.frechet(x, whole)
        found[name] = row
        print(f"{name:36s}" + "".join(f"{v:8.2f}" for v in row.values()), flush=True)
    if not options.ours:
        summary(found, options.counts)
    return {"floor": floor, "frechet": found}


def summary(found, counts):
    """Print the goals: best of ours to best of theirs, and the pairs that should be ordered."""

    def best(who, n):
        return np.nanmin([row[n] for name, row in found.items() if name.startswith(who)])

    ratios = [best("our", n) / best("their", n) for n in counts]
    print("best of ours to best of theirs: " + " ".join(f"{r:.2f}" for r in ratios)
          + f"; geometric mean {np.exp(np.mean(np.log(ratios))):.2f} (goal 0.8)")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path)
    parser.add_argument("--only")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--counts", type=int, nargs="+", default=list(COUNTS))
    parser.add_argument("--levels", type=int, default=65)
    parser.add_argument("--trajectories", type=int, default=128)
    parser.add_argument("--tenth", action="store_true")
    parser.add_argument(
        "--ours", action="store_true", help="leave out the schedulers of diffusers"
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    folders = sorted(p.parent for p in options.models.glob("*/model_index.json"))
    done = {f.name: study(f, options) for f in folders if options.only in (None, f.name)}
    if options.json:
        options.json.write_text(json.dumps(done, indent=1))


if __name__ == "__main__":
    main()
