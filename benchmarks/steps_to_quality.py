"""Network calls until a sampler is within 10 % of what it reaches with many.

    python benchmarks/steps_to_quality.py --model FOLDER [--samples 1000] [--runs 5] [--json FILE]
                                          [--network mlp] [--device cuda]

One network, trained by `gv.fit(train, network=...)` on digits if it is not there. Every sampler
draws with few calls and with MANY; its figure is the Frechet distance to all digits in 32
features of a small classifier, median of `--runs` seeds. Two questions: from how many calls on is
it within 10 % (or `--within`) of its own distance at MANY calls, and of the best sampler's? "-":
at no count tried. Ours: planned levels with the gaussian, ddpm, ddim, heun and dpmpp-2m; peers:
diffusers' schedulers on the same network, which is shown to them as one that predicts the sample
at the 1000 timesteps of the scheduler that girsanov's images have. Plans are made from one audit
with teacher trajectories.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import diffusers
import numpy as np
from _table import begin, finish, options, show, table, three
from pipelines import drawn
from quality import Judge

import girsanov as gv
from girsanov.denoise.unet import unet_scheduler
from girsanov.sampling.loop import sample_standardised
from girsanov.sampling.registry import ode_names
from girsanov.train import TrainOptions

COUNTS = (4, 8, 16, 32)
MANY = 100
OURS = ("analytic-dpm", "ddpm", "ddim", "heun", "dpmpp-2m")


class AsNetwork:
    """A denoiser as diffusers' loop calls a network: x_t and a timestep in, the sample out."""

    def __init__(self, model, scheduler):
        self.model, self.kept = model, scheduler.alphas_cumprod.double()
        self.config = SimpleNamespace(in_channels=model.shape[0], sample_size=model.shape[-1])
        self.device = model.device

    def __call__(self, x, t):
        kept = float(self.kept[int(t)])
        seen = (x / kept**0.5).to(self.model.device)
        return SimpleNamespace(sample=self.model(seen, kept / (1 - kept)).to(x.device))


def ours(model, audit, samples):
    """Yield name and a function (calls, seed) -> samples [n, d]."""
    for sampler in OURS:
        plans = {}

        def draw(calls, seed, sampler=sampler, plans=plans):
            if calls not in plans:
                most = len(audit.levels) - 1 if sampler in ode_names() else calls  # of its levels
                plans[calls] = audit.plan(steps=min(calls, most), sampler=sampler)
            x = sample_standardised(model, plans[calls], samples, seed=seed)
            return x.flatten(1).double().cpu().numpy()

        yield f"girsanov {sampler}, planned", draw


def peers(model, samples):
    """Yield the same for diffusers' schedulers."""
    config = {**unet_scheduler(model.snr_range).config, "prediction_type": "sample"}
    multistep = diffusers.DPMSolverMultistepScheduler
    schedulers = {
        "DDPM trailing": diffusers.DDPMScheduler.from_config(config, timestep_spacing="trailing"),
        "DDIM trailing": diffusers.DDIMScheduler.from_config(config, timestep_spacing="trailing"),
        "DPM++ 2M": multistep.from_config(config, timestep_spacing="linspace"),
        "DPM++ 2M Karras": multistep.from_config(config, use_karras_sigmas=True),
        "UniPC": diffusers.UniPCMultistepScheduler.from_config(config),
    }
    for name, scheduler in schedulers.items():

        def draw(calls, seed, scheduler=scheduler):
            return drawn(AsNetwork(model, scheduler), scheduler, calls, samples, seed=seed)[0]

        yield f"diffusers {name}", draw


def measured(draw, judge, counts, given):
    """Return {calls: [median, least, largest]} of the distance."""
    found = {}
    for calls in counts:
        values = [judge.frechet(draw(calls, seed), judge.data) for seed in range(given.runs)]
        found[calls] = three(np.array(values))
    return found


def reached(found, goal):
    """Return the fewest calls from which on every count tried is within the goal, or "-"."""
    good = [calls for calls, values in sorted(found.items()) if values[0] <= goal]
    bad = [calls for calls, values in found.items() if values[0] > goal]
    return next((calls for calls in good if calls > max(bad, default=0)), "-")


def main() -> None:
    """Print and write the table."""
    parser = options(__doc__, runs=5)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--audit", type=Path, help="kept here; made if it is not there")
    parser.add_argument("--network", choices=["mlp", "unet"], default="mlp", help="to train")
    parser.add_argument("--train-steps", type=int, default=2400)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--counts", type=int, nargs="+", default=list(COUNTS))
    parser.add_argument("--many", type=int, default=MANY)
    parser.add_argument("--within", type=float, default=0.1)
    parser.add_argument("--only", default="", help="samplers whose name holds this")
    given = begin(parser)
    data = gv.load_data("digits").without_labels()
    train, held_out = data.split(1500 / 1797, seed=0)
    if not given.model.is_dir():
        settings = TrainOptions(device=given.device)
        gv.fit(train, steps=given.train_steps, network=given.network, out=given.model,
               options=settings)  # fmt: skip
    model = gv.load_model(given.model).to(given.device)
    audit = audited(model, held_out, train, given)
    units = data.with_standardisation(model.standardisation)
    x = units.batch(slice(None)).flatten(1).double().numpy()
    judge = Judge(x, gv.load_data("digits").labels)
    rows = []
    for name, draw in [*ours(model, audit, given.samples), *peers(model, given.samples)]:
        if given.only not in name:
            continue
        found = measured(draw, judge, [*given.counts, given.many], given)
        own = reached(found, (1 + given.within) * found[given.many][0])
        rows.append({"sampler": name, "calls": own, "fd": found})
        shown = ", ".join(f"{k}: {v[0]:.2f}" for k, v in found.items())
        print(f"{name}: {shown}; within at {own}", flush=True)
    best = min(row["fd"][given.many][0] for row in rows)
    for row in rows:
        row["calls to the best"] = reached(row["fd"], (1 + given.within) * best)
    table(
        ("sampler", "fd at 8", "at 16", f"at {given.many}", "calls to its own", "to the best's"),
        ((r["sampler"], *(show(r["fd"][k]) if k in r["fd"] else "" for k in (8, 16, given.many)),
          r["calls"], r["calls to the best"]) for r in rows),
    )  # fmt: skip
    finish(given, rows)


def audited(model, held_out, train, given):
    """Return an audit with teacher trajectories."""
    if given.audit and given.audit.is_file():
        return gv.load_audit(given.audit)
    audit = gv.audit(model, held_out, train=train, draws=1, trajectories=256)
    if given.audit:
        audit.save(given.audit)
    return audit


if __name__ == "__main__":
    main()
