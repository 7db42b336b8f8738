r"""How many samples keep their class, and how far each class's deviations are from the data's.

    python benchmarks/labels.py MODELS [--count 2000] [--save FILE] [--before FILE] [--json FILE]

Two class-conditional networks of scikit-learn's digits, trained here and kept in MODELS: an MLP by
`gv.fit`, and a UNet2DModel of diffusers by the plain loop below. `planned` is the default plan of
one audit, `pooled` the same with one Gaussian start for all classes; the rest are schedulers of
diffusers on the same network at no more calls. The share of samples to which a classifier trained
on the data gives their label is that of `compare --by labels`, with exact binomial intervals.

For two tables (wine, breast cancer), a model by `gv.fit` on seven tenths of the rows: for every
class and column the deviation of 3,000 samples of the class over that of all its rows, less one.
`chance` is the same of the rows that the model was trained on, which is all that it can know.

--save writes the planned samples, also from an older tree of the package, which has no `pooled`
and no judge; --before reads them and judges them beside the rest.
"""

from __future__ import annotations

import inspect
import math
from pathlib import Path

import diffusers
import numpy as np
import torch
from _table import begin, finish, options, table
from sklearn.datasets import load_breast_cancer, load_wine

import girsanov as gv
from girsanov.sampling.loop import sample_standardised

CALLS = (5, 10, 20)
TABLES = {"wine": load_wine, "cancer": load_breast_cancer}
WITHIN = 0.1  # of a deviation


def split_digits():
    """Return digits to train on and to audit on, with labels."""
    return gv.load_data("digits").split(1500 / 1797, seed=0)


def trained_unet(train, folder: Path, steps: int) -> None:
    """Train a class-conditional UNet2DModel by diffusers' own plain loop, and keep it."""
    torch.manual_seed(0)
    network = diffusers.UNet2DModel(
        sample_size=8, in_channels=1, out_channels=1, layers_per_block=1, norm_num_groups=8,
        block_out_channels=(32, 64), down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"), num_class_embeds=10,
    )  # fmt: skip
    scheduler = diffusers.DDPMScheduler(1000, beta_schedule="squaredcos_cap_v2")
    x, label = train.batch(slice(0, len(train))), torch.as_tensor(train.labels)
    best = torch.optim.AdamW(network.parameters(), lr=1e-3)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(best, steps)
    for _ in range(steps):
        rows = torch.randint(len(x), (64,))
        noise, time = torch.randn(64, *x.shape[1:]), torch.randint(1000, (64,))
        seen = scheduler.add_noise(x[rows], noise, time)
        loss = (network(seen, time, label[rows]).sample - noise).square().mean()
        best.zero_grad()
        loss.backward()
        best.step()
        rates.step()
    diffusers.DDPMPipeline(network.eval(), scheduler).save_pretrained(folder)


def networks(folder: Path, train, steps: tuple[int, int]):
    """Yield name, model, noise prediction eps(x, t, label) and its diffusers scheduler."""
    if not (folder / "mlp").is_dir():
        gv.fit(train, network="mlp", steps=steps[0], seed=0, out=folder / "mlp")
    if not (folder / "unet2d").is_dir():
        trained_unet(train, folder / "unet2d", steps[1])
    model = gv.load_model(folder / "mlp")
    cosine = diffusers.DDPMScheduler(1000, beta_schedule="squaredcos_cap_v2")
    low, high = model.snr_range

    def eps(x, t, label):
        kept = float(cosine.alphas_cumprod[int(t)])
        snr = min(max(kept / (1 - kept), low), high)
        clean = model(x / math.sqrt(kept), snr, label)
        return (x - math.sqrt(kept) * clean) / math.sqrt(1 - kept)

    yield "mlp", model, eps, cosine
    pipeline = diffusers.DDPMPipeline.from_pretrained(folder / "unet2d", local_files_only=True)
    unet = pipeline.unet.eval()
    yield (
        "unet2d", gv.from_pipeline(pipeline), lambda x, t, k: unet(x, t, k).sample,
        pipeline.scheduler,
    )  # fmt: skip


def native(scheduler):
    """Yield name, calls a step and a scheduler: what a user of diffusers would try."""
    for spacing in ("leading", "trailing"):
        of = {"config": scheduler.config, "timestep_spacing": spacing}
        yield f"DDIM {spacing}", 1, diffusers.DDIMScheduler.from_config(**of)
        yield f"Euler {spacing}", 1, diffusers.EulerDiscreteScheduler.from_config(**of)
        yield f"UniPC {spacing}", 1, diffusers.UniPCMultistepScheduler.from_config(**of)
        multistep = diffusers.DPMSolverMultistepScheduler
        yield f"DPM++ {spacing}", 1, multistep.from_config(**of)
        yield f"Heun {spacing}", 2, diffusers.HeunDiscreteScheduler.from_config(**of)


@torch.inference_mode()
def drawn(eps, scheduler, calls, each, shape, label):
    """Return samples by diffusers' loop at no more than these calls, [n, *shape]."""
    generator = torch.Generator().manual_seed(0)
    scheduler.set_timesteps((calls + 1) // 2 if each == 2 else calls)
    x = torch.randn((len(label), *shape), generator=generator) * scheduler.init_noise_sigma
    known = inspect.signature(scheduler.step).parameters
    more = {"generator": generator} if "generator" in known else {}
    assert len(scheduler.timesteps) <= calls
    for t in scheduler.timesteps:
        # schedulers of sigmas hold x/alpha, and scale it back before the network is called
        seen = scheduler.scale_model_input(x, t)
        x = scheduler.step(eps(seen, t, label), t, x, **more).prev_sample
    return x


def planned(models, held_out, train, label):
    """Return the samples of the default and of the pooled plan, by network, calls and row."""
    found = {}
    for name, model, _, _ in models:
        audit = gv.audit(model, held_out, train=train, draws=1)
        pooled = "class_bases" in inspect.getsource(gv.Recipe)
        for row, asked in (("planned", {}), ("pooled", {"start": "analytic-dpm"})):
            for calls in CALLS if row == "planned" or pooled else ():
                plan = audit.plan(steps=calls, **asked, **({"force": True} if pooled else {}))
                x = sample_standardised(model, plan, len(label), label=label, seed=1)
                found[f"{name} {calls} {row}"] = x.flatten(1).numpy()
    return found


def judged(rows, label, data):
    """Return the share of labels kept in each set of samples, and of the data."""
    from girsanov.comparison.measures.labels import labels_kept

    y = data.batch(slice(0, len(data))).flatten(1).double().numpy()
    out = []
    for row, x in rows.items():
        found = labels_kept((x.astype(np.float64), label), (y, data.labels))
        network, calls, name = row.split(" ", 2)
        out.append({"network": network, "calls": int(calls), "row": name,
                    "kept": found.samples._asdict(), "data": found.data._asdict()})  # fmt: skip
    return out


def deviations(name: str, folder: Path, steps: int | None = None):
    """Return for each number of calls how far every class's deviations are from the data's."""
    bunch = TABLES[name]()
    data = gv.load_data(bunch.data, labels=bunch.target)
    train, held_out = data.split(0.7, seed=0)
    if not (folder / name).is_dir():
        gv.fit(train, seed=0, out=folder / name, **({} if steps is None else {"steps": steps}))
    model = gv.load_model(folder / name)
    audit = gv.audit(model, held_out, train=train)
    classes, kept = np.unique(bunch.target), train.raw(slice(0, len(train)))
    whole = np.stack([bunch.data[bunch.target == c].std(axis=0) for c in classes])
    seen = np.stack([kept[train.labels == c].std(axis=0) for c in classes])
    out = [{"table": name, "calls": "chance", **summary(seen / whole)}]
    for calls in CALLS:
        plan = audit.plan(steps=calls)
        each = [gv.sample(model, plan, 3000, label=int(c), seed=3).std(axis=0) for c in classes]
        out.append({"table": name, "calls": calls, **summary(np.stack(each) / whole),
                    "of train": summary(np.stack(each) / seen)})  # fmt: skip
    return out


def summary(ratio):
    """Return what ratios of deviations come to."""
    off = np.abs(ratio - 1)
    return {"least": float(ratio.min()), "most": float(ratio.max()),
            "rms": float(np.sqrt(np.square(off).mean())),
            "within": float((off <= WITHIN).mean())}  # fmt: skip


def show_labels(rows) -> None:
    """Print the share of labels kept, each row a sampler and each column a number of calls."""
    for network in dict.fromkeys(r["network"] for r in rows):
        own = [r for r in rows if r["network"] == network]
        said = own[0]["data"]
        print(f"\n{network}: rows of data keep {said['value']:.3f} "
              f"({said['low']:.3f} .. {said['high']:.3f})\n")  # fmt: skip
        cells = {(r["row"], r["calls"]): r["kept"] for r in own}
        names = list(dict.fromkeys(r["row"] for r in own))
        table(("", *(f"{n} calls" for n in CALLS)), (
            (name, *(f"{k['value']:.3f} ({k['low']:.3f} .. {k['high']:.3f})"
                     for k in (cells[name, n] for n in CALLS))) for name in names
        ))  # fmt: skip


def main() -> None:
    """Print and write the tables."""
    parser = options(__doc__, runs=1)
    parser.add_argument("models", type=Path)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--before", type=Path)
    given = begin(parser)
    train, held_out = split_digits()
    label = torch.arange(given.count) % 10
    models = list(networks(given.models, train, (2000, 1000)))
    rows = planned(models, held_out, train, label)
    if given.save:
        np.savez(given.save, **{k: v for k, v in rows.items() if k.endswith("planned")})
    if given.save:
        return
    if given.before:
        with np.load(given.before) as file:
            rows |= {k.replace("planned", "before"): file[k] for k in file.files}
    for name, model, eps, scheduler in models:
        for row, each, own in native(scheduler):
            for calls in CALLS:
                x = drawn(eps, own, calls, each, model.shape, label)
                rows[f"{name} {calls} {row}"] = x.flatten(1).numpy()
    found = judged(rows, label.numpy(), gv.load_data("digits"))
    show_labels(found)
    spread = [row for name in TABLES for row in deviations(name, given.models)]
    print()
    table(
        ("table", "calls", "least", "most", "rms of ratio - 1", f"within {WITHIN:.0%}"),
        ((r["table"], r["calls"], f"{r['least']:.2f}", f"{r['most']:.2f}", f"{r['rms']:.3f}",
          f"{r['within']:.0%}") for r in spread),
    )  # fmt: skip
    finish(given, {"labels": found, "deviations": spread})


if __name__ == "__main__":
    main()
