"""Pictures after equal CPU time of training: `fit --minutes`, as it was, and diffusers' loop.

    python benchmarks/pictures.py [--data digits mnist ...] [--minutes 3] [--mnist FILE.npz]
                                  [--seeds 1] [--who fit diffusers hot ...] [--json FILE]

data: digits (8 x 8), tiles (grey, 8 x 8) and colour (32 x 32 pieces of the two photographs), all
of scikit-learn; mnist (28 x 28) and mnist16 (averaged to 16 x 16) of a .npz with arrays x [n, 28,
28] from 0 to 255 and y. Four fifths are trained on. Who: `fit` chooses by itself; `unet`, the
network that it took whatever the time was, `mlp` and `conv-W` are told; `diffusers` is the loop of
its training example on a UNet2DModel that is small enough for minutes (one layer a block, widths
16, 32, 64; no 64 for 8 x 8): linear betas, the squared error of epsilon, AdamW at 1e-4 with 500
steps of warm-up and a cosine, batches of 16, an average of the weights; `hot` is that at 1e-3.

Minutes are of one CPU: the clock of `fit` is the process' CPU time here, so that what else the
machine does matters to nobody. Ours are sampled by plans of 10 steps of an audit (held-out
pictures), diffusers by the better of its DDIM (trailing, clipped) and DPM-Solver++ with 10 steps.
Figures: the Frechet distance of 1,000 samples to all pictures, in 32 features of a small
classifier (or, of pictures without classes, in principal coordinates), with what as many pictures
have among themselves; and 1/2 int M ds on held-out pictures, nats.
"""

from __future__ import annotations

import copy
import math
import time
from pathlib import Path
from types import SimpleNamespace

import diffusers
import numpy as np
import torch
from _table import begin, finish, options, table
from diffusers.optimization import get_cosine_schedule_with_warmup
from diffusers.training_utils import EMAModel
from pipelines_train import digits, tiles
from sklearn.datasets import load_sample_images
from training import Epsilon, judge

import girsanov as gv
from girsanov.comparison.measures.frechet import Frechet
from girsanov.sampling.loop import sample_standardised
from girsanov.train import TrainOptions, choice, loop

DATA = ("digits", "tiles", "colour", "mnist", "mnist16")
WHO = ("fit", "unet", "mlp", "conv-16", "conv-32", "conv-64", "diffusers", "hot")
RATES = {"diffusers": 1e-4, "hot": 1e-3}
BATCH = 16
SAMPLES, STEPS = 1000, 10
CPU_CLOCK = SimpleNamespace(perf_counter=time.process_time)


def pictures(name, mnist):
    """Return pictures [n, C, H, W] and their classes, None where they have none."""
    if name == "digits":
        return digits()
    if name == "tiles":
        return tiles()
    if name == "colour":
        return colour()
    raw = np.load(mnist)
    x = torch.from_numpy(raw["x"] / 127.5 - 1)[:, None]
    x = torch.nn.functional.adaptive_avg_pool2d(x, 16) if name == "mnist16" else x
    return x.float().numpy(), raw["y"]


def colour(side=32, stride=9):
    """Return pieces of scikit-learn's two photographs, without classes."""
    found = []
    for photo in load_sample_images().images:
        half = photo[: photo.shape[0] // 2 * 2, : photo.shape[1] // 2 * 2] / 127.5 - 1
        half = half.reshape(half.shape[0] // 2, 2, -1, 2, 3).mean(axis=(1, 3))
        for i in range(0, half.shape[0] - side, stride):
            for j in range(0, half.shape[1] - side, stride):
                found.append(half[i : i + side, j : j + side].transpose(2, 0, 1))
    return np.stack(found).astype(np.float32), None


def ours(train, held_out, given, seed, who):
    """Return the model of `fit`, its samples in its units, and what was trained."""
    choice.time = loop.time = CPU_CLOCK
    network, _, width = who.replace("fit", "auto").partition("-")
    settings = TrainOptions(device="cpu", width=int(width) if width else None)
    model = gv.fit(train, minutes=given.minutes, network=network, seed=seed, options=settings)
    count = min(given.examples, len(held_out))
    audit = gv.audit(model, held_out, train=train, examples=count, seed=seed)
    plan = audit.plan(steps=STEPS)
    run = model.training
    network = f"{run['network']} {run['options']['width'] or ''}".strip()
    words = f"{network}, {run['steps_run']} x {run['batch_size']}"
    return model, sample_standardised(model, plan, SAMPLES, seed=seed), words


def theirs(train, given, seed, top):
    """Return the same of the loop of diffusers' training example."""
    torch.manual_seed(seed)
    channels, side, _ = train.shape
    widths = (16, 32, 64) if side > 8 else (16, 32)
    levels = len(widths) - 1
    network = diffusers.UNet2DModel(
        sample_size=side, in_channels=channels, out_channels=channels, layers_per_block=1,
        block_out_channels=widths, norm_num_groups=8, attention_head_dim=16,
        down_block_types=(*["DownBlock2D"] * levels, "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", *["UpBlock2D"] * levels),
    )  # fmt: skip
    scheduler = diffusers.DDPMScheduler(num_train_timesteps=1000)
    data, seconds = train.batch(slice(None)), 60 * given.minutes
    trial = copy.deepcopy(network)
    adam = torch.optim.AdamW(trial.parameters(), lr=0.0)
    took = [once(trial, adam, scheduler, data) for _ in range(4)][1:]
    steps = int(seconds / float(np.median(took)))
    adam = torch.optim.AdamW(network.parameters(), lr=top)
    rate = get_cosine_schedule_with_warmup(adam, min(500, steps // 10), steps)
    average = EMAModel(network.parameters(), decay=0.9999, use_ema_warmup=True, power=0.75)
    for _ in range(steps):
        once(network, adam, scheduler, data)
        rate.step()
        average.step(network.parameters())
    average.copy_to(network.parameters())
    like = SimpleNamespace(shape=train.shape, dtype=torch.float32, device=torch.device("cpu"))
    words = f"UNet2DModel, {steps} x {BATCH}"
    return Epsilon(network.eval(), scheduler, like), drawn(network, scheduler, seed), words


def once(network, adam, scheduler, data):
    """Go down the gradient once; return the CPU seconds of it."""
    begun = time.process_time()
    clean = data[torch.randint(len(data), (BATCH,))]
    noise, t = torch.randn_like(clean), torch.randint(0, 1000, (BATCH,))
    noisy = scheduler.add_noise(clean, noise, t)
    torch.nn.functional.mse_loss(network(noisy, t).sample, noise).backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    adam.step()
    adam.zero_grad()
    return time.process_time() - begun


@torch.no_grad()
def drawn(network, scheduler, seed):
    """Return samples of both schedulers."""
    config, found = scheduler.config, []
    for solver in (
        diffusers.DDIMScheduler.from_config(config, timestep_spacing="trailing"),
        diffusers.DPMSolverMultistepScheduler.from_config(config),
    ):
        generator = torch.Generator().manual_seed(seed)
        solver.set_timesteps(STEPS)
        shape = (SAMPLES, network.config.in_channels, *[network.config.sample_size] * 2)
        x = torch.randn(shape, generator=generator)
        for t in solver.timesteps:
            out = torch.cat([network(part, t).sample for part in x.split(100)])
            x = solver.step(out, t, x).prev_sample
        found.append(x)
    return found


def contest(name, given, seed):
    """Train all on one data set and return their rows."""
    x, labels = pictures(name, given.mnist)
    data = gv.load_data(x)
    train, held_out = data.split(0.8, seed=0)
    held_out = held_out.with_standardisation(train.standardisation)
    units = data.with_standardisation(train.standardisation).batch(slice(None))
    flat = units.flatten(1).double().numpy()
    features = Frechet.fit(flat, labels)
    order = np.random.default_rng(0).permutation(len(flat))
    floor = features.plugin(flat[order[:SAMPLES]], flat[order[-SAMPLES:]])
    rest, rows = held_out.split(0.5, seed=1), []
    measure = judge(rest[1], diffusers.DDPMScheduler(num_train_timesteps=1000))
    for who in given.who:
        begun = time.process_time()
        if who in RATES:
            model, samples, words = theirs(train, given, seed, RATES[who])
        else:
            model, one, words = ours(train, rest[0], given, seed, who)
            samples = [one]
        fd = min(features.plugin(s.flatten(1).double().cpu().numpy(), flat) for s in samples)
        nats = measure(model)
        if given.pictures:
            given.pictures.mkdir(parents=True, exist_ok=True)
            np.save(given.pictures / f"{name}-{who}-{seed}.npy", samples[0][:100].cpu().numpy())
        rows.append({"data": name, "who": who, "seed": seed, "trained": words, "frechet": fd,
                     "floor": floor, "nats": nats,
                     "cpu": time.process_time() - begun})  # fmt: skip
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Print and write the table."""
    parser = options(__doc__)
    parser.add_argument("--data", choices=DATA, nargs="+", default=["digits", "tiles", "colour"])
    parser.add_argument("--who", choices=WHO, nargs="+", default=["fit", *RATES])
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--examples", type=int, default=200, help="of the audit")
    parser.add_argument("--mnist", type=Path)
    parser.add_argument("--pictures", type=Path, help="keep 100 samples of each in this folder")
    given = begin(parser)
    torch.set_num_threads(1)
    rows = []
    for name in given.data:
        for seed in range(given.seeds):
            rows += contest(name, given, seed)
    first = {(r["data"], r["seed"]): r["frechet"] for r in rows if r["who"] == "fit"}
    table(
        ("data", "who", "trained", "fd", "of pictures", "fit's over it", "nats", "CPU s, all"),
        ((r["data"], r["who"], r["trained"], f"{r['frechet']:.2f}", f"{r['floor']:.2f}",
          f"{first.get((r['data'], r['seed']), math.nan) / r['frechet']:.2f}",
          f"{r['nats']:.0f}", f"{r['cpu']:.0f}") for r in rows),
    )  # fmt: skip
    finish(given, rows)


if __name__ == "__main__":
    main()
