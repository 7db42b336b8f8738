r"""A diffusers UNet for images, and the scheduler that makes its folder a plain pipeline.

The network sees x_t = alpha x at a whole or fractional timestep t and predicts v (Salimans and
Ho, 2022). The scheduler's 1000 levels follow the cosine clock cut to the trained range:

    log s(u) = -2 log tan(pi u / 2),   u_t = u_first + (u_last - u_first) t / 999,         (1)

so that every timestep that a sampler of diffusers can ask for was trained.

It is told t by sines and cosines of t w_j, from one radian a timestep down to nearly none. By (1)
the fast ones turn within a few hundredths of log sigma, where the best denoiser hardly changes:
what is learnt from them is noise. `fast_columns` says which they are, for training to leave out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .._checks import need, require
from ..process import Cosine

if TYPE_CHECKING:
    from .._typing import Array, Json, Tensor

TIMESTEPS = 1000
PERIODS = 10_000.0  # of the slowest feature in that of the fastest, in diffusers


def build_unet(
    shape: tuple[int, ...], classes: int = 0, base: int | None = None, phases: int = 1
) -> Any:
    """Return an untrained `diffusers.UNet2DModel` for images of `shape` [C, H, W].

    Widths are multiples of `base`, which follows the image size if None; with classes, label
    number `classes` stands for "no label"; phases: how many images are shown as one.
    """
    config = unet_config(shape, classes, base)
    config["in_channels"] *= phases
    return need("diffusers", "diffusers").UNet2DModel(**config)


def unet_config(shape: tuple[int, ...], classes: int = 0, base: int | None = None) -> Json:
    """Return the constructor arguments that suit images of `shape` [C, H, W]."""
    require(len(shape) == 3, "network", "unet needs images [C, H, W]", shape, "Use network='mlp'")
    channels, height, width = shape
    size = max(height, width)
    base = base or (32 if size <= 32 else 64)
    require(base % 8 == 0, "width", "must be a multiple of 8 for a unet", base)
    halvings = min(_twos(math.gcd(height, width)), max(round(math.log2(size)) - 2, 0), 4)
    plain = size // 2**halvings > 16  # attention over more than 16 x 16 positions is too dear
    widths = [base * min(2**k, 4) for k in range(halvings + 1)]
    down = ["DownBlock2D"] * halvings + ["DownBlock2D" if plain else "AttnDownBlock2D"]
    up = ["UpBlock2D" if plain else "AttnUpBlock2D"] + ["UpBlock2D"] * halvings
    return {
        "sample_size": [height, width], "in_channels": channels, "out_channels": channels,
        "down_block_types": down, "up_block_types": up, "block_out_channels": widths,
        "layers_per_block": 1 if size <= 16 else 2, "norm_num_groups": 8,
        "attention_head_dim": min(32, base), "add_attention": not plain,
        "num_class_embeds": classes + 1 if classes else None,
    }  # fmt: skip


def _twos(n: int) -> int:
    """Return how many times 2 divides n >= 1."""
    return (n & -n).bit_length() - 1


def level_weight(network: Any) -> Any:
    """Return the first weight that the features of a UNet's timestep meet, [size, features]."""
    return network.time_embedding.linear_1.weight


def fast_columns(network: Any, fastest: float) -> Tensor:
    """Return which columns of `level_weight` belong to features above `fastest`, bool [features].

    fastest: in radians a timestep.
    """
    half = network.time_proj.num_channels // 2
    slowing = torch.arange(half) / (half - network.time_proj.downscale_freq_shift)
    speeds: Tensor = PERIODS**-slowing
    return (speeds > fastest).repeat(2)  # of the sines, and of the cosines


def unet_scheduler(snr_range: tuple[float, float]) -> Any:
    """Return the `DDPMScheduler` with the levels of equation (1) over this SNR range."""
    clock = Cosine()
    first, last = clock.time(snr_range[1]), clock.time(snr_range[0])
    kept = clock.alpha(np.linspace(first, last, TIMESTEPS)) ** 2
    betas = 1 - kept / np.concatenate([[1.0], kept[:-1]])
    return need("diffusers", "diffusers").DDPMScheduler(
        num_train_timesteps=TIMESTEPS, trained_betas=betas.tolist(), clip_sample=False,
        prediction_type="v_prediction", timestep_spacing="trailing",
    )  # fmt: skip


def scheduler_log_snr(scheduler: Any) -> Array:
    """Return log s of each timestep 0..T-1 from the scheduler's own alphas_cumprod [T]."""
    kept = scheduler.alphas_cumprod.double().numpy()
    return np.asarray(np.log(kept / (1 - kept)))
