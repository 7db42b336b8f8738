"""Training: held-out ledger against time beside the usual diffusers loop, and what a step costs.

    python benchmarks/training.py [--steps 800] [--seeds 1] [--network unet mlp] [--json FILE]

Same network, digits, split, batch, number of steps, top learning rate, warm-up and cosine for
all. `diffusers` is the loop of its training example: uniform timesteps of a linear-beta
DDPMScheduler, the squared error of epsilon, AdamW, clipping at 1, an exponential average of the
weights (0.999, with its warm-up; the better of average and last weights counts). `surrounded` is
that loop with our preconditioning around the network (the MLP starts as the Wiener filter, the
UNet predicts v): what ours gains on it is owed to the objective, its levels and weights. Ours is
`gv.fit`'s. All are measured on the same held-out images, noise and levels: 17 of the scheduler's
own timesteps over log-SNR -7 to 9, where epsilon is turned into x0; 1/2 int M ds in nats. Time is
of the training alone: seconds of the CPU, or on a GPU by the clock.

Step: `Trainer.step` (data, noise, levels, dropout, clipping, averaging of the weights) over the
bare forward pass, backward pass and update of AdamW on tensors that are ready: the update as
PyTorch does it by default, and fused, as ours is.

What `fit --minutes` makes of pictures, beside that loop after equal time: benchmarks/pictures.py.
"""

from __future__ import annotations

import copy
import math
import time

import numpy as np
import torch
from _table import begin, finish, in_turns, options, settle, show, table, three
from diffusers import DDPMScheduler
from diffusers.training_utils import EMAModel

import girsanov as gv
from girsanov.denoise.mlp import ResidualMLP
from girsanov.train import TrainOptions
from girsanov.train.build import build_trainer, set_dropout, training_moments
from girsanov.train.validation import score_error_nats, squared_errors
from girsanov.train.weights import Lent, reseed

BATCH = 64
OTHERS = ("diffusers", "surrounded")


def log_snrs_of(scheduler):
    """Return log s of every timestep, decreasing in t."""
    kept = scheduler.alphas_cumprod.double()
    return (kept / (1 - kept)).log()


class Epsilon:
    """The x0 prediction of a network that was trained to predict epsilon at whole timesteps."""

    exact, classes, fingerprint, snr_range = False, 0, "epsilon", (1e-4, 1e4)

    def __init__(self, network, scheduler, like):
        self.network, self.shape = network, like.shape
        self.dtype, self.device = like.dtype, like.device
        self.log_snrs = log_snrs_of(scheduler).to(like.device)

    def epsilon(self, x_t, t):
        """Return epsilon at x_t [B, *shape] and timesteps t [B]."""
        if not isinstance(self.network, ResidualMLP):
            return self.network(x_t, t).sample
        out = self.network(x_t.flatten(1), self.log_snrs[t].to(x_t))
        return out.view_as(x_t)

    @torch.no_grad()
    def __call__(self, x, snr, label=None):
        t = int((self.log_snrs - math.log(snr)).abs().argmin())
        alpha, sigma = (snr / (1 + snr)) ** 0.5, (1 / (1 + snr)) ** 0.5
        eps = self.epsilon(alpha * x, torch.full((len(x),), t, device=x.device))
        return x - sigma / alpha * eps


class Surrounded(Epsilon):
    """The same of a network inside our preconditioning: epsilon is what its x0 leaves of x_t."""

    def __init__(self, model, scheduler):
        super().__init__(model.network, scheduler, model)
        self.model, self.fingerprint = model, "surrounded"

    def epsilon(self, x_t, t):
        s = self.log_snrs[t].exp()
        kept = s.reshape(-1, *[1] * (x_t.ndim - 1))
        alpha, sigma = ((kept / (1 + kept)) ** 0.5).to(x_t), ((1 / (1 + kept)) ** 0.5).to(x_t)
        return (x_t - alpha * self.model.denoise(x_t / alpha, s)) / sigma


class Theirs:
    """The loop of diffusers' training example; surrounded: with our preconditioning."""

    def __init__(self, ours, data, steps, seed, surrounded=False):
        model = copy.deepcopy(ours.model)
        self.network = model.network
        self.scheduler = DDPMScheduler(num_train_timesteps=1000)
        self.model = (
            Surrounded(model, self.scheduler)
            if surrounded
            else Epsilon(self.network, self.scheduler, model)
        )
        self.data, self.steps, self.rate, self.seed = data, steps, ours.rate, seed
        self.adam = torch.optim.AdamW(
            self.network.parameters(), ours.rate, betas=(0.95, 0.999), weight_decay=1e-6
        )
        self.rise = ours.options.warm_up * steps
        self.average = EMAModel(self.network.parameters(), decay=0.999, use_ema_warmup=True)
        self.generator = torch.Generator().manual_seed(seed)
        self.order = torch.empty(0, dtype=torch.long)

    def step(self, k):
        """Go down the gradient once."""
        if len(self.order) < BATCH:
            fresh = torch.randperm(len(self.data), generator=self.generator)
            self.order = torch.cat([self.order, fresh])
        rows, self.order = self.order[:BATCH], self.order[BATCH:]
        x0 = self.data[rows].to(self.model.device)
        noise = torch.randn(x0.shape, generator=self.generator).to(x0)
        t = torch.randint(0, 1000, (BATCH,), generator=self.generator).to(x0.device)
        shape = min(1.0, (k + 1) / self.rise) * 0.5 * (1 + math.cos(math.pi * k / self.steps))
        for group in self.adam.param_groups:
            group["lr"] = self.rate * shape
        self.network.train()
        reseed(self.network, self.seed, k)
        x_t = self.scheduler.add_noise(x0, noise, t)
        loss = torch.nn.functional.mse_loss(self.model.epsilon(x_t, t), noise)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.adam.step()
        self.adam.zero_grad()
        self.average.step(self.network.parameters())
        self.network.eval()

    def measured(self, measure):
        """Return the better of the averaged and the last weights."""
        last = measure(self.model)
        self.average.store(self.network.parameters())
        self.average.copy_to(self.network.parameters())
        mean = measure(self.model)
        self.average.restore(self.network.parameters())
        return min(last, mean)


class Ours:
    """The trainer of `gv.fit`, a step at a time."""

    def __init__(self, trainer):
        self.trainer = trainer

    def step(self, k):
        """Go down the gradient once."""
        self.trainer.step()

    def measured(self, measure):
        """Measure the averaged weights."""
        with Lent(self.trainer.parameters, self.trainer.average):
            return measure(self.trainer.model)


def made(train, held_out, given, network, seed):
    """Return a trainer as `gv.fit` makes it."""
    asked = {"network": network, "process": "vp", "objective": "edm", "seed": seed}
    moments, settings = training_moments(train), TrainOptions(device=given.device)
    trainer = build_trainer((train, held_out), moments, {**asked, "batch_size": BATCH}, settings)
    trainer.steps = given.steps
    set_dropout(trainer, given.steps)
    return trainer


def judge(held_out, scheduler):
    """Return what measures a denoiser on 17 of the scheduler's levels, increasing in log-SNR."""
    trained = log_snrs_of(scheduler).numpy()
    levels = np.sort(trained[[np.abs(trained - w).argmin() for w in np.linspace(-7, 9, 17)]])
    x0 = held_out.batch(slice(None))
    return lambda model: float(
        score_error_nats(squared_errors(model, x0, None, levels, seed=1), levels)[0]
    )


def now(device):
    """Return seconds of CPU; on a GPU, which works while the CPU goes on, by the clock."""
    if device == "cpu":
        return time.process_time()
    settle()
    return time.perf_counter()


def race(train, held_out, given, network, seed):
    """Train all in turns, a stretch at a time; return {name: [(seconds, nats)]}."""
    trainer = made(train, held_out, given, network, seed)
    data = train.batch(slice(None))
    theirs = Theirs(trainer, data, given.steps, seed)
    measure = judge(held_out, theirs.scheduler)
    inside = Theirs(trainer, data, given.steps, seed, surrounded=True)
    runs = {"girsanov": Ours(trainer), "diffusers": theirs, "surrounded": inside}
    spent, found = dict.fromkeys(runs, 0.0), {name: [] for name in runs}
    stretch = given.steps // given.evaluations
    for first in range(0, given.steps - stretch + 1, stretch):
        for name, run in runs.items():
            begun = now(given.device)
            for k in range(first, first + stretch):
                run.step(k)
            spent[name] += now(given.device) - begun
            nats = run.measured(measure)
            found[name].append((spent[name], nats))
            when = f"  {network}, seed {seed}, step {first + stretch}, {name}: "
            print(f"{when}{nats:.1f} nats after {spent[name]:.1f} s", flush=True)
    return found


def share(found, other):
    """Return when ours was at the other's final ledger, as a share of its whole time, or None."""
    (times, nats), (whole, final) = zip(*found["girsanov"], strict=True), found[other][-1]
    for k, value in enumerate(nats):
        if value <= final:
            before = (times[k - 1], nats[k - 1]) if k else (0.0, math.inf)
            if not math.isfinite(before[1]):
                return times[k] / whole
            part = (before[1] - final) / (before[1] - value)
            return (before[0] + part * (times[k] - before[0])) / whole
    return None


def step_cost(train, held_out, given, network):
    """Return times of our step and of the bare passes and update, ten of each a round."""
    trainer = made(train, held_out, given, network, 0)
    model = copy.deepcopy(trainer.model.network).train()
    usual = torch.optim.AdamW(model.parameters(), 1e-3)
    fused = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)
    x = torch.randn(BATCH, *trainer.model.shape, device=trainer.model.device)
    x = x if network == "unet" else x.flatten(1)
    level, goal = torch.full((BATCH,), 5.0).to(x), torch.randn_like(x)

    def bare(adam):
        for _ in range(10):
            out = model(x, level)
            out = out.sample if network == "unet" else out
            adam.zero_grad(set_to_none=True)
            (out - goal).square().mean().backward()
            adam.step()

    def ours():
        for _ in range(10):
            trainer.step()

    return in_turns(
        {"bare": lambda: bare(usual), "bare, fused": lambda: bare(fused), "step": ours}, given.runs
    )


def step_rows(parts, given):
    """Print and return what a step costs, by network."""
    rows, clock = [], "cpu" if given.device == "cpu" else "wall"
    for network in given.network:
        took = step_cost(*parts, given, network)
        rows += [
            {"network": network, "over": name, "ratio": took["step"].over(times),
             "microseconds": times.each(10)}
            for name, times in took.items()
        ]  # fmt: skip
    table(
        ("network", "", f"ms, {clock}", "our step over it, CPU", "wall"),
        ((r["network"], r["over"], show(x / 1000 for x in r["microseconds"][clock]),
          show(r["ratio"]["cpu"]), show(r["ratio"]["wall"])) for r in rows),
    )  # fmt: skip
    return rows


def race_rows(parts, given):
    """Print and return every race, and the medians over seeds."""
    rows = []
    for network in given.network:
        for seed in range(given.seeds):
            found = race(*parts, given, network, seed)
            shares = {other: share(found, other) for other in OTHERS}
            rows.append({"network": network, "seed": seed, "share": shares, **found})
    names = ("girsanov", *OTHERS)
    table(
        ("network", "seed", *(f"{name}: nats, s" for name in names),
         *(f"share of {name}'s time" for name in OTHERS)),
        ((r["network"], r["seed"], *(f"{r[k][-1][1]:.1f}, {r[k][-1][0]:.1f}" for k in names),
          *("never" if x is None else f"{x:.2f}" for x in r["share"].values())) for r in rows),
    )  # fmt: skip
    for network in given.network:
        for other in OTHERS:
            own = [r["share"][other] for r in rows if r["network"] == network]
            reached = three(np.array([math.inf if x is None else x for x in own]))
            print(f"{network}, share of the time of {other}: {show(reached)}")
    return rows


def main() -> None:
    """Print and write both tables."""
    parser = options(__doc__)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--evaluations", type=int, default=16)
    parser.add_argument("--network", choices=["unet", "mlp"], nargs="+", default=["unet"])
    parser.add_argument("--only", choices=["race", "step"])
    given = begin(parser)
    train, held_out = gv.load_data("digits").without_labels().split(1500 / 1797, seed=0)
    parts = train, held_out.with_standardisation(train.standardisation)
    rows = {}
    if given.only != "race":
        rows["step"] = step_rows(parts, given)
    if given.only != "step":
        rows["race"] = race_rows(parts, given)
    finish(given, rows)


if __name__ == "__main__":
    main()
