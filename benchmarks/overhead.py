"""What `gv.sample` costs beyond its network calls, beside diffusers, azula and k-diffusion.

    python benchmarks/overhead.py [--runs 7] [--batch 1000] [--device cpu] [--faster] [--json FILE]

Networks (a digits MLP, a UNet of a million parameters; planned steps, analytic-dpm with PCA
covariance): the time of a whole `gv.sample` over that of the bare calls of the torch module, on
tensors that are ready and with one level for all rows, beside diffusers' loop around the same
calls. `a level a row` is how most loops call a network; `denoiser` are the calls of m(x, s), with
what surrounds the module; `noise` and `torch.randn` the normals of a run drawn alone. With
--faster the network and `gv.sample` also compiled (on a GPU with CUDA graphs), in bfloat16, and
both; on a GPU the seconds of the clock are those that count, and samples drawn there are held
against samples drawn on the CPU.

Steps: the network is `0.5 * x` of 64 numbers, so that the sampler is all there is to pay for.
Microseconds a step of what remains of a run of 100 steps after its bare calls. azula takes part
if it can be imported (`pip install --no-deps azula einops`), and k-diffusion too.
"""

from __future__ import annotations

import copy
import importlib.util
import math

import numpy as np
import torch
from _table import Times, begin, finish, in_turns, options, show, table
from diffusers import DDPMScheduler

import girsanov as gv
from girsanov.data.standardise import VectorStandardisation
from girsanov.noise import Ahead, NoiseSource
from girsanov.train import TrainOptions

STEPS, D = 100, 64
REPEAT = {1: 10, 1000: 3}  # runs of the trivial network timed as one, by batch


class Half:
    """The trivial denoiser 0.5 x of D numbers."""

    exact, classes, fingerprint, snr_range = False, 0, "half", (1e-4, 1e4)
    shape, dtype = (D,), torch.float32

    def __init__(self, device):
        self.device = torch.device(device)
        self.standardisation = VectorStandardisation(
            (D,), np.dtype(np.float32), np.zeros(D), np.ones(D)
        )

    def __call__(self, x, snr, label=None):
        return 0.5 * x


@torch.inference_mode()
def diffusers_loop(call, shape, scheduler, steps, device):
    """Return samples by the loop that every diffusers pipeline has."""
    generator = torch.Generator(device).manual_seed(0)
    scheduler.set_timesteps(steps)
    x = torch.randn(shape, generator=generator, device=device)
    for t in scheduler.timesteps:
        x = scheduler.step(call(x, t), t, x, generator=generator).prev_sample
    return x


def azula_sampler(device):
    """Return azula's DDPMSampler around 0.5 x, or None."""
    if not all(importlib.util.find_spec(name) for name in ("azula", "einops")):
        print("azula cannot be imported: left out")
        return None
    from azula.denoise import Denoiser, DiracPosterior
    from azula.noise import VPSchedule
    from azula.sample import DDPMSampler

    class HalfOfAzula(Denoiser):
        def __init__(self):
            super().__init__()
            self.schedule = VPSchedule()

        def forward(self, x_t, t):
            return DiracPosterior(0.5 * x_t)

    return DDPMSampler(HalfOfAzula(), steps=STEPS, silent=True, device=device)


def k_diffusion_sampler(device):
    """Return k-diffusion's ancestral Euler loop around 0.5 x, of a start, or None."""
    try:
        from k_diffusion import sampling
    except ImportError as why:
        print(f"k-diffusion cannot be imported ({why}): left out")
        return None
    sigmas = torch.from_numpy(np.geomspace(20, 0.06, STEPS)).float().to(device)
    sigmas = torch.cat([sigmas, sigmas.new_zeros(1)])

    @torch.inference_mode()
    def draw(x):
        return sampling.sample_euler_ancestral(lambda x, s: 0.5 * x, x, sigmas, disable=True)

    return draw


def bare_loop(x, steps, z):
    """The least there can be: three operations in place, on coefficients and noise at hand."""
    for _ in range(steps):
        m = 0.5 * x
        x = x.mul_(0.9).add_(m, alpha=0.1).add_(z, alpha=0.3)
    return x


def trivial(batch, given, azula, k_diffusion=None):
    """Return the times of samplers of `0.5 * x` at one batch size."""
    device, half = given.device, Half(given.device)
    levels = np.geomspace(2e-3, 300, STEPS)
    plan = gv.recipe("ddpm", levels, start=(0.0, levels[0] ** -0.5, None))
    scheduler = DDPMScheduler(clip_sample=False, prediction_type="sample")
    x, source = torch.randn(batch, D, device=device), NoiseSource(0, "sample")

    @torch.inference_mode()
    def calls():
        for _ in range(STEPS):
            half(x, 1.0)

    def noise():
        draw = Ahead(source, 0, batch, D, last=STEPS - 1, like=x)
        for k in range(STEPS):
            draw(k)

    who = {
        "bare calls": calls,
        "girsanov": lambda: gv.sample(half, plan, batch),
        "diffusers DDPMScheduler": lambda: diffusers_loop(
            lambda x, t: 0.5 * x, (batch, D), scheduler, STEPS, device
        ),
        "in place, noise at hand": torch.inference_mode()(
            lambda: bare_loop(x.clone(), STEPS, torch.randn_like(x))
        ),
        "noise": noise,
        "torch.randn": lambda: [torch.randn(batch, D, device=device) for _ in range(STEPS)],
    }
    if azula:
        start = torch.randn(batch, D, device=device)
        who["azula DDPMSampler"] = lambda: azula(start)
    if k_diffusion:
        begun = 20 * torch.randn(batch, D, device=device)
        who["k-diffusion euler_ancestral"] = lambda: k_diffusion(begun)
    many = {name: _times(REPEAT.get(batch, 1), call) for name, call in who.items()}
    return in_turns(many, given.runs)


def _times(count, call):
    return lambda: [call() for _ in range(count)] and None


def steps_table(batch, given, others):
    """Print and return microseconds a step beyond the bare calls, and the ratio to ours."""
    took = trivial(batch, given, *others)
    count, rows = STEPS * REPEAT.get(batch, 1), []
    ours = took["girsanov"]
    for name, times in took.items():
        alone = name in ("bare calls", "noise", "torch.randn")
        less = None if alone else took["bare calls"]
        each = times.each(count, less)
        row = {"network": "0.5 x", "batch": batch, "who": name, "microseconds": each}
        if not alone:
            row["over ours"] = times.over(ours, less)
        rows.append(row)
    clock = "cpu" if given.device == "cpu" else "wall"
    cells = (
        (r["who"], show(r["microseconds"]["cpu"], 1), show(r["microseconds"]["wall"], 1),
         show(r["over ours"][clock]) if "over ours" in r else "")
        for r in rows
    )  # fmt: skip
    print(f"\n0.5 x, d = {D}, batch {batch}: microseconds a step", end="")
    table(("", "CPU", "wall", f"over ours, {clock}"), cells)
    return rows


def models(given):
    """Yield (name, model, plan) of networks trained for a moment; what they cost is the same."""
    train, held_out = gv.load_data("digits").without_labels().split(1500 / 1797, seed=0)
    for name, width in (("mlp", None), ("unet", 40)):
        if given.only not in (None, name):
            continue
        settings = TrainOptions(width=width, evaluations=1, device=given.device)
        model = gv.fit(train, steps=10, network=name, options=settings)
        audit = gv.audit(model, held_out, train=train, levels=17, draws=1)
        yield name, model, audit.plan(steps=given.calls, sampler="analytic-dpm")


def network_rows(name, model, plan, given):
    """Print and return the table of one network."""
    contestants = usual(name, model, plan, given)
    if given.faster:
        contestants |= faster(name, model, plan, given)
    took = in_turns(contestants, given.runs)
    count, calls = sum(p.numel() for p in model.network.parameters()), given.calls
    rows = [
        {"network": name, "parameters": count, "batch": given.batch, "who": who,
         "ratio": times.over(took["network"]), "milliseconds": times.each(1000 * calls)}
        for who, times in took.items()
    ]  # fmt: skip
    for row in rows:
        base = row["who"].replace("sample", "network")
        if base != row["who"] and base in took:
            row["over its network"] = took[row["who"]].over(took[base])
    clock = "cpu" if given.device == "cpu" else "wall"
    print(f"\n{name}, {count:,} parameters, batch {given.batch}, {calls} calls", end="")
    table(
        ("", f"ms a call, {clock}", "over the network, CPU", "wall", f"over its own, {clock}"),
        ((r["who"], show(r["milliseconds"][clock], 3), *(show(r["ratio"][c], 3) for c in clocks),
          show(r["over its network"][clock], 3) if "over its network" in r else "")
         for r in rows),
    )  # fmt: skip
    return rows


def bare(name, network, given, plan, like):
    """Return a function of a level that makes the calls of a run, and no more."""
    x = torch.randn(given.batch, *like.shape, device=given.device)
    x = x.flatten(1) if name == "mlp" else x

    @torch.inference_mode()
    def calls(level):
        for _ in plan.recipe().steps:
            network(x, level)

    return calls


def usual(name, model, plan, given):
    """Return the contestants of one network: calls, our loop, diffusers' loop, noise."""
    batch, device, levels = given.batch, given.device, plan.recipe().steps
    d, raw = math.prod(model.shape), model.network
    x = torch.randn(batch, *model.shape, device=device)
    inside = x.flatten(1) if name == "mlp" else x
    level, source = torch.full((1,), 5.0, device=device), NoiseSource(0, "sample")
    scheduler = DDPMScheduler(clip_sample=False, prediction_type="sample")
    network = bare(name, raw, given, plan, model)

    def through(x, t):
        out = raw(x, level)
        return out if name == "mlp" else out.sample

    def noise():
        draw = Ahead(source, 0, batch, d, last=len(levels) - 1, like=x)
        for k in range(len(levels)):
            draw(k)

    return {
        "network": lambda: network(level),
        "network, a level a row": lambda: network(level.repeat(batch)),
        "sample": lambda: gv.sample(model, plan, batch, batch_size=batch),
        "denoiser": lambda: [model(x, step.snr) for step in levels],
        "diffusers": lambda: diffusers_loop(
            through, inside.shape, scheduler, len(levels), device
        ),
        "noise": noise,
        "torch.randn": lambda: [torch.randn(batch, d, device=device) for _ in levels],
    }  # fmt: skip


def faster(name, model, plan, given):
    """Return the network and our loop compiled, in fewer digits, and both."""
    level, found = torch.full((1,), 5.0, device=given.device), {}
    kinds = {"compiled": ("float32", True), "bfloat16": ("bfloat16", False),
             "bfloat16, compiled": ("bfloat16", True)}  # fmt: skip
    for kind, (precision, compiled) in kinds.items():
        made = gv.in_precision(model, precision, compiled=compiled)
        calls = bare(name, made.network, given, plan, model)
        found[f"network, {kind}"] = lambda calls=calls: calls(level)
        found[f"sample, {kind}"] = lambda made=made: gv.sample(
            made, plan, given.batch, batch_size=given.batch, any_model=True
        )
    return found


def held_against_the_cpu(name, model, plan, given):
    """Print how far samples drawn on a GPU are from those of the CPU, in all ways to draw them."""
    far = copy.deepcopy(model).to("cpu")
    there = gv.sample(far, plan, 64).astype(np.float64)
    kinds = {"as it is": model}
    if given.faster:
        kinds["compiled"] = gv.in_precision(model, compiled=True)
        kinds["bfloat16"] = gv.in_precision(model, "bfloat16")
    for kind, made in kinds.items():
        here = gv.sample(made, plan, 64, any_model=True)
        gap = np.sqrt(np.square(here - there).mean() / there.var())
        print(f"{name}, {kind}: samples differ from the CPU's by {gap:.1e} of their deviation")


clocks = Times._fields[::-1]


def main() -> None:
    """Print and write the tables."""
    parser = options(__doc__)
    parser.add_argument("--batch", type=int, default=1000, help="of the networks")
    parser.add_argument("--calls", type=int, default=16, help="of the networks")
    parser.add_argument("--faster", action="store_true", help="also compiled and in bfloat16")
    parser.add_argument("--only", choices=["steps", "mlp", "unet"])
    given = begin(parser)
    rows = []
    if given.only in (None, "steps"):
        others = azula_sampler(given.device), k_diffusion_sampler(given.device)
        for batch in REPEAT:
            rows += steps_table(batch, given, others)
    for made in models(given):
        rows += network_rows(*made, given)
        if given.device != "cpu":
            held_against_the_cpu(*made, given)
    finish(given, rows)


if __name__ == "__main__":
    main()
