"""What calibration does: the ledger and the samples of plans with and without it.

    python benchmarks/calibrate.py [--mlp FOLDER] [--unet FOLDER] [--pipeline FOLDER] [--json FILE]

Three networks on scikit-learn's digits: an MLP and a UNet of `girsanov.fit` (trained if not given)
and a plain diffusers pipeline on the digits at 16 x 16 (epsilon prediction, linear betas). Each is
audited on held-out images and sampled with the planned analytic-dpm, raw and calibrated, under
one seed. gain: what calibration takes off the path KL in nats, with its 95 % interval, from
examples that did not fit it; `plan` calibrates by default where its lower end is large enough
(`planning/calibrate_or_not.py`). fd, sw: distances to the training images, which the calibration
has not seen, freed of what chance adds; change: of the squared distance, calibrated less raw,
with the standard error on the same groups of samples and images.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from common import Judge
from sklearn.datasets import load_digits

import girsanov as gv
from girsanov.comparison.jackknife import JACKKNIFE_GROUPS
from girsanov.planning.calibrate_or_not import calibration_gain as gain_of
from girsanov.planning.options import PlanOptions
from girsanov.planning.search import search
from girsanov.sampling.loop import sample_standardised

SHARE = 0.8  # of the digits, for training
GREY = 16.0  # levels of the digits


def large_digits() -> gv.Dataset:
    """The digits at 16 x 16, every pixel four times, smoothed so that pixels differ."""
    small = torch.tensor(load_digits().images / GREY, dtype=torch.float32)[:, None]
    large = torch.nn.functional.interpolate(small, size=16, mode="bilinear")
    return gv.load_data(large[:, 0].numpy())


def train_pipeline(train: gv.Dataset, seconds: float, folder: Path) -> None:
    """The training loop of diffusers' documentation."""
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

    torch.manual_seed(0)
    network = UNet2DModel(
        sample_size=16, in_channels=1, out_channels=1, layers_per_block=1, norm_num_groups=8,
        block_out_channels=(32, 64), down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    noise = DDPMScheduler(num_train_timesteps=1000, beta_schedule="linear")
    steps = torch.optim.AdamW(network.parameters(), lr=1e-3)
    x, begun = train.batch(slice(0, len(train))), time.process_time()
    while time.process_time() - begun < seconds:
        x0 = x[torch.randint(len(x), (64,))]
        z, t = torch.randn_like(x0), torch.randint(1000, (64,))
        loss = (network(noise.add_noise(x0, z, t), t).sample - z).square().mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        steps.step()
        steps.zero_grad()
    DDPMPipeline(network.eval(), noise).save_pretrained(folder)


def models(options):
    """Yield (name, model, training part, held-out part, labels of the training part)."""
    order = gv.load_data(np.arange(len(load_digits().target), dtype=np.float64)[:, None])

    def parts(name, model, data, fraction):
        train, held_out = data.split(fraction)
        used = order.split(fraction)[0].raw(slice(None))[:, 0].astype(int)
        return name, model, train, held_out, load_digits().target[used]

    data = gv.load_data("digits").without_labels()
    for name, folder in (("mlp", options.mlp), ("unet", options.unet)):
        if name in options.only:
            if folder is None:
                model = gv.fit(data.split(SHARE)[0], minutes=options.seconds / 60, network=name)
            else:
                model = gv.load_model(folder)
            of = model.training.get("lineage") or {"fraction": SHARE}
            yield parts(name, model, data, of["fraction"])
    if "pipeline" in options.only:
        folder = options.pipeline or Path("out/calibrate-pipeline")
        if not folder.exists():
            train_pipeline(large_digits().split(SHARE)[0], options.seconds, folder)
        yield parts("pipeline", gv.load_model(folder), large_digits(), SHARE)


def proven(audit, plan):
    """Return what calibration takes off the path KL at as many steps to the same end."""
    request = PlanOptions(steps=plan.steps, resolution=plan.resolution, last=plan.last)
    searched = search(audit, request)
    return gain_of(searched.grids.price, searched.nodes)


def compare(name, model, train, held_out, labels, options) -> list[dict]:
    """Audit, plan raw and calibrated, sample and judge; one row a number of steps."""
    audit = gv.audit(model, held_out, train=train)
    units = getattr(model, "standardisation", None)
    seen = train if units is None else train.with_standardisation(units)
    judge = Judge(seen.batch(slice(0, len(seen))).flatten(1).double().numpy(), labels)
    rows = []
    for steps in options.steps:
        asked = {"steps": steps, "sampler": "analytic-dpm", "weight": 0.0}
        raw, better = (audit.plan(**asked, calibrate=c) for c in (False, True))
        gain = proven(audit, raw)
        low, high = gain.interval()
        row = {"model": name, "steps": steps, "gain": [float(gain.value), float(low), float(high)]}
        row["default"] = audit.plan(steps=steps).calibration is not None
        count, found = options.samples - options.samples % JACKKNIFE_GROUPS, []
        for plan in (raw, better):
            x = sample_standardised(model, plan, count, seed=0).flatten(1).double().numpy()
            both = (judge.features, judge.lines)
            found.append([m.squared(x, judge.rows) for m in both])
        for key, before, after in zip(("fd", "sw2"), *found, strict=True):
            gap = after.pseudo - before.pseudo
            row[key] = [float(before.estimate().value), float(after.estimate().value)]
            row[f"{key}_change"] = [float(gap.mean()), float(gap.std(ddof=1) / len(gap) ** 0.5)]
        rows.append(row)
        print(
            f"{name:9s} {steps:3d}  gain {gain.value:8.3f} [{low:.3f}, {high:.3f}]  "
            f"fd {row['fd'][0]:.2f} -> {row['fd'][1]:.2f} (change {row['fd_change'][0]:+.2f} ± "
            f"{row['fd_change'][1]:.2f})  sw^2 {row['sw2'][0]:.5f} -> {row['sw2'][1]:.5f} ("
            f"{row['sw2_change'][0]:+.5f} ± {row['sw2_change'][1]:.5f})  "
            f"{'on' if row['default'] else 'off'} by default",
            flush=True,
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--mlp", type=Path)
    parser.add_argument("--unet", type=Path)
    parser.add_argument("--pipeline", type=Path)
    parser.add_argument("--only", nargs="+", default=["mlp", "unet", "pipeline"])
    parser.add_argument("--seconds", type=float, default=100.0, help="of training, where needed")
    parser.add_argument("--steps", type=int, nargs="+", default=[4, 8, 16])
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = [row for case in models(options) for row in compare(*case, options)]
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
