"""What a user gets who types no option, against the best of what diffusers has: Frechet distance.

    python benchmarks/default_plan.py MODELS [--mnist FILE.npz] [--only NAME ...]
                                      [--counts 5 10 20 50] [--count 1000] [--json FILE]
                                      [--samplers]

Three kinds of pipelines, trained into MODELS with plain diffusers code where they are not there:
digits (8 x 8 grey, epsilon, linear betas), tiles (8 x 8 colour tiles of scikit-learn's two
photographs, v prediction, cosine betas) and mnist (28 x 28 averaged to 16 x 16, epsilon, cosine
betas; FILE.npz holds `x` [n, 28, 28] of 0..255 and `y` [n]). Four fifths are trained on, the rest
is audited. For each number of network calls: the Frechet distance to the training images, in 32
features of a small classifier, of samples drawn by ten schedulers and spacings of diffusers, and
by the default plan; beside it the plan for the fewest nats (`weight=0`). `of best`: over the best
of diffusers' own, chosen with hindsight. --samplers: instead, a plan of every sampler of ours,
with sliced W2 besides.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import diffusers
import numpy as np
import torch
from _table import begin, finish, options, table
from common import Judge
from pipelines import drawn
from pipelines_train import learn
from sklearn.datasets import load_digits, load_sample_images

import girsanov as gv

SAMPLERS = ("ddpm", "analytic-dpm", "euler-ancestral", "dpm2-ancestral", "mixed", "ddim", "heun",
            "dpmpp-2m")  # fmt: skip
DOWN, UP = ("DownBlock2D", "AttnDownBlock2D"), ("AttnUpBlock2D", "UpBlock2D")


class Kind(NamedTuple):
    """How a pipeline is trained."""

    betas: str
    prediction: str
    widths: tuple[int, ...]
    batch: int
    steps: int
    decay: float


KINDS = {
    "digits": Kind("linear", "epsilon", (16, 32), 32, 1500, 0.998),
    "tiles": Kind("squaredcos_cap_v2", "v_prediction", (32, 64), 64, 6000, 0.999),
    "mnist": Kind("squaredcos_cap_v2", "epsilon", (16, 32, 32), 32, 1200, 0.998),
}


def images(name: str, mnist: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Return pictures [n, C, H, W] in -1..1, and labels."""
    if name == "digits":
        raw = load_digits()
        return (raw.images / 8 - 1)[:, None].astype("f4"), raw.target
    if name == "mnist":
        assert mnist is not None
        raw = np.load(mnist)
        x = np.pad(raw["x"] / 127.5 - 1, ((0, 0), (2, 2), (2, 2)), constant_values=-1)
        return x.reshape(-1, 16, 2, 16, 2).mean(axis=(2, 4))[:, None].astype("f4"), raw["y"]
    found, labels, side, stride = [], [], 8, 7
    for k, photo in enumerate(load_sample_images().images):
        half = [n // 2 * 2 for n in photo.shape[:2]]
        x = (photo / 127.5 - 1)[: half[0], : half[1]]
        x = x.reshape(half[0] // 2, 2, half[1] // 2, 2, 3).mean(axis=(1, 3))
        for i in range(0, x.shape[0] - side, stride):
            for j in range(0, x.shape[1] - side, stride):
                found.append(x[i : i + side, j : j + side].transpose(2, 0, 1))
                labels.append(3 * k + 3 * i // x.shape[0])
    return np.stack(found).astype("f4"), np.array(labels)


def trained(name: str, x: np.ndarray, folder: Path) -> diffusers.DDPMPipeline:
    """Return the pipeline of a kind, trained on x if it is not in `folder`."""
    if (folder / "model_index.json").is_file():
        return diffusers.DDPMPipeline.from_pretrained(folder, local_files_only=True)
    kind, more = KINDS[name], len(KINDS[name].widths) - 2
    torch.manual_seed(0)
    network = diffusers.UNet2DModel(
        sample_size=x.shape[-1], in_channels=x.shape[1], out_channels=x.shape[1],
        layers_per_block=1, norm_num_groups=8, block_out_channels=kind.widths,
        attention_head_dim=16, down_block_types=(DOWN[0],) * more + DOWN,
        up_block_types=UP + (UP[1],) * more,
    )  # fmt: skip
    scheduler = diffusers.DDPMScheduler(beta_schedule=kind.betas, prediction_type=kind.prediction)
    asked = {"steps": kind.steps, "batch": kind.batch, "decay": kind.decay}
    pipeline = learn(network, scheduler, x, name=name, **asked)
    pipeline.save_pretrained(folder)
    return pipeline


def theirs(config) -> Iterator[tuple[str, object]]:
    """Yield what a user of diffusers would try, by name."""
    for spacing in ("leading", "trailing"):
        more = {"timestep_spacing": spacing}
        yield f"DDPM, {spacing}", diffusers.DDPMScheduler.from_config(config, **more)
        yield f"DDIM, {spacing}", diffusers.DDIMScheduler.from_config(config, **more)
    multistep = diffusers.DPMSolverMultistepScheduler
    yield "DPM-Solver++", multistep.from_config(config, timestep_spacing="linspace")
    yield "DPM-Solver++, Karras", multistep.from_config(config, use_karras_sigmas=True)
    for kind in ("UniPCMultistep", "EulerDiscrete", "EulerAncestralDiscrete", "DEISMultistep"):
        yield kind, getattr(diffusers, f"{kind}Scheduler").from_config(config)


class Field:
    """A pipeline with its data, its audit, and what judges samples."""

    def __init__(self, name: str, given: argparse.Namespace, trajectories: int = 0) -> None:
        x, labels = images(name, given.mnist)
        order = np.random.default_rng(0).permutation(len(x))
        seen, held_out = order[: 4 * len(x) // 5], order[4 * len(x) // 5 :]
        self.pipeline = trained(name, x[seen], given.models / name)
        self.model = gv.from_pipeline(self.pipeline)
        self.audit = gv.audit(self.model, gv.load_data(x[held_out]), train=gv.load_data(x[seen]),
                              trajectories=trajectories)  # fmt: skip
        flat, rows = x.reshape(len(x), -1).astype(np.float64), np.concatenate([seen, held_out])
        self.judge, self.seen = Judge(flat[rows], labels[rows]), flat[seen]

    def distance(self, samples: np.ndarray) -> float:
        """Return the Frechet distance to the training images."""
        return self.judge.frechet(_vectors(samples), self.seen)

    def sliced(self, samples: np.ndarray) -> float:
        """Return the sliced W2 to them."""
        return self.judge.sliced(_vectors(samples), self.seen)


def _vectors(samples: np.ndarray) -> np.ndarray:
    return np.clip(samples, -1, 1).reshape(len(samples), -1).astype(np.float64)


def rows_of(name: str, given: argparse.Namespace) -> list[dict]:
    """Return a row for each number of calls."""
    field = Field(name, given)
    pipeline, model, audit, distance = field.pipeline, field.model, field.audit, field.distance
    rows = []
    for calls in given.counts:
        native = {}
        for who, scheduler in theirs(pipeline.scheduler.config):
            try:
                samples, made = drawn(pipeline.unet, scheduler, calls, given.count)
            except IndexError:  # of DPM-Solver++ with Karras levels and a cosine clock
                continue
            if made <= calls and np.isfinite(samples).all():
                native[who] = distance(samples)
        plans = {w: audit.plan(steps=calls, weight=w) for w in (1.0, 0.0)}
        ours = {w: distance(gv.sample(model, p, given.count, seed=1)) for w, p in plans.items()}
        best = min(native, key=native.__getitem__)
        plan = plans[1.0]
        rows.append({
            "kind": name, "calls": calls, "sampler": plan.sampler, "steps": plan.steps,
            "calibrated": plan.calibration is not None, "default": ours[1.0], "nats": ours[0.0],
            "best": native[best], "who": best, "ratio": ours[1.0] / native[best], "their": native,
            "ledger": [e.value for e in plan.ledger[:2]],
        })  # fmt: skip
        print(f"{name}, {calls} calls: {rows[-1]}", flush=True)
    return rows


def sampler_rows(name: str, given: argparse.Namespace) -> list[dict]:
    """Return a row for each of our samplers and number of calls."""
    field = Field(name, given, trajectories=64)
    rows = []
    for sampler in (*SAMPLERS, None):
        for calls in given.counts:
            options = {} if sampler is None else {"sampler": sampler}
            try:
                plan = field.audit.plan(steps=calls, **options)
            except gv.InputError as cause:
                print(f"{name}, {sampler}, {calls} calls: {cause}", flush=True)
                continue
            samples = gv.sample(field.model, plan, given.count, seed=1)
            nats = sum(float(e.value or 0.0) for e in plan.ledger[:2])
            rows.append({
                "kind": name, "sampler": sampler or f"default ({plan.sampler})", "calls": calls,
                "steps": plan.steps, "nats": nats if plan.distance is None else None,
                "fd": field.distance(samples), "sw": field.sliced(samples),
            })  # fmt: skip
            print(f"{name}: {rows[-1]}", flush=True)
    return rows


def main() -> None:
    """Print and write the table."""
    parser = options(__doc__)
    parser.add_argument("models", type=Path)
    parser.add_argument("--mnist", type=Path)
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--counts", nargs="+", type=int, default=[5, 10, 20, 50])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--samplers", action="store_true")
    given = begin(parser)
    names = [n for n in given.only if n != "mnist" or given.mnist is not None]
    if given.samplers:
        rows = [row for name in names for row in sampler_rows(name, given)]
        table(
            ("kind", "sampler", "calls", "made", "fd", "sliced W2", "sampler's nats"),
            ((r["kind"], r["sampler"], r["calls"], r["steps"], f"{r['fd']:.2f}", f"{r['sw']:.4f}",
              "" if r["nats"] is None else f"{r['nats']:.3g}") for r in rows),
        )  # fmt: skip
        finish(given, {"rows": rows})
        return
    rows = [row for name in names for row in rows_of(name, given)]
    table(
        ("kind", "calls", "default plan", "fewest nats", "best of diffusers", "who", "of best"),
        ((r["kind"], r["calls"], f"{r['default']:.2f}", f"{r['nats']:.2f}", f"{r['best']:.2f}",
          r["who"], f"{r['ratio']:.2f}") for r in rows),
    )  # fmt: skip
    logs = np.log([r["ratio"] for r in rows])
    print(f"default plan over the best of diffusers, geometric mean {np.exp(logs.mean()):.2f}, "
          f"largest {np.exp(logs.max()):.2f}")  # fmt: skip
    finish(given, {"rows": rows})


if __name__ == "__main__":
    main()
