"""Three pipelines trained with nothing but diffusers: what users bring to `girsanov audit`.

    python benchmarks/pipelines_train.py OUT [--steps 1400] [--only NAME ...] [--seeds 0 1 2]
                                         [--device cuda]

One folder a pipeline and training seed, OUT/NAME-SEED; the split of the data is the same for all.
digits-epsilon (linear betas, epsilon, clipped predictions), digits-v (cosine, v prediction), both
on scikit-learn's digits (8 x 8), and tiles-sample (x0 prediction, linear betas) on
grey 8 x 8 tiles of scikit-learn's two photographs. Four fifths of the images are trained on;
train.npy, held_out.npy and labels_*.npy (float32 images in [-1, 1]) are written beside each.
"""

from __future__ import annotations

import argparse
import time
from itertools import product
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers.training_utils import EMAModel
from sklearn.datasets import load_digits, load_sample_images

SETTINGS = {
    "digits-epsilon": {"beta_schedule": "linear", "prediction_type": "epsilon"},
    "digits-v": {"beta_schedule": "squaredcos_cap_v2", "prediction_type": "v_prediction"},
    "tiles-sample": {"beta_schedule": "linear", "prediction_type": "sample"},
}


def digits() -> tuple[np.ndarray, np.ndarray]:
    raw = load_digits()
    x = torch.from_numpy(raw.images / 8 - 1).float()[:, None]
    return x.numpy(), raw.target


def tiles(side: int = 8, stride: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Return grey tiles, and as labels the photograph and third of it that each comes from."""
    found, labels = [], []
    for k, photo in enumerate(load_sample_images().images):
        grey = photo.mean(axis=2) / 127.5 - 1
        grey = grey[: grey.shape[0] // 2 * 2, : grey.shape[1] // 2 * 2]
        grey = grey.reshape(grey.shape[0] // 2, 2, -1, 2).mean(axis=(1, 3))  # half the size
        for i in range(0, grey.shape[0] - side, stride):
            for j in range(0, grey.shape[1] - side, stride):
                found.append(grey[i : i + side, j : j + side])
                labels.append(3 * k + 3 * i // grey.shape[0])
    return np.stack(found)[:, None].astype(np.float32), np.array(labels)


def parts(name: str) -> dict[str, np.ndarray]:
    x, y = digits() if name.startswith("digits") else tiles()
    order = np.random.default_rng(0).permutation(len(x))
    cut = 4 * len(x) // 5
    return {"train": x[order[:cut]], "held_out": x[order[cut:]],
            "labels_train": y[order[:cut]], "labels_held_out": y[order[cut:]]}  # fmt: skip


def learn(
    network: diffusers.UNet2DModel,
    scheduler: diffusers.DDPMScheduler,
    pictures: np.ndarray,
    *,
    steps: int,
    batch: int = 32,
    decay: float = 0.998,
    name: str = "",
) -> diffusers.DDPMPipeline:
    """Return the pipeline of a network trained on pictures [n, C, H, W], its weights averaged."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-4)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    average, device = EMAModel(network.parameters(), decay=decay), network.device
    images, begun = torch.from_numpy(pictures).to(device), time.perf_counter()
    for step in range(steps):
        # drawn on the CPU, so that a seed is the same network's on every device
        clean = images[torch.randint(len(images), (batch,)).to(device)]
        noise = torch.randn(clean.shape).to(device)
        t = torch.randint(1000, (batch,)).to(device)
        target = {"epsilon": noise, "sample": clean}.get(scheduler.config.prediction_type)
        if target is None:
            target = scheduler.get_velocity(clean, noise, t)
        loss = (network(scheduler.add_noise(clean, noise, t), t).sample - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        rate.step()
        average.step(network.parameters())
        if step % 250 == 0:
            spent = f"{time.perf_counter() - begun:.0f} s"
            print(f"{name} step {step} loss {loss.item():.4f} {spent}", flush=True)
    average.copy_to(network.parameters())
    return diffusers.DDPMPipeline(network.cpu(), scheduler)


def train(name: str, x: np.ndarray, steps: int, seed: int, device: str) -> diffusers.DDPMPipeline:
    torch.manual_seed(seed)
    network = diffusers.UNet2DModel(
        sample_size=8, in_channels=1, out_channels=1, layers_per_block=1, norm_num_groups=8,
        block_out_channels=(16, 32), attention_head_dim=16,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    ).to(device)  # fmt: skip
    scheduler = diffusers.DDPMScheduler(**SETTINGS[name])
    return learn(network, scheduler, x, steps=steps, name=f"{name}-{seed}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=1400)
    parser.add_argument("--only", choices=list(SETTINGS), nargs="+", default=list(SETTINGS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    for name, seed in product(options.only, options.seeds):
        folder, data = options.out / f"{name}-{seed}", parts(name)
        pipe = train(name, data["train"], options.steps, seed, options.device)
        pipe.save_pretrained(folder)
        for key, value in data.items():
            np.save(folder / f"{key}.npy", value)
        count = sum(p.numel() for p in pipe.unet.parameters())
        print(f"{folder.name}: {count} parameters, {len(data['train'])} images", flush=True)


if __name__ == "__main__":
    main()
