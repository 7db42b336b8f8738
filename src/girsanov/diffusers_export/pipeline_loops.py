"""Which schedulers a pipeline's own code can run, and the loop where it can run none.

A scheduler whose state is not of variance 1 (Euler, Heun, LMS) needs a pipeline that multiplies
its noise by `init_noise_sigma` and shows the network what `scale_model_input` returns; some
pipelines do neither, and would draw something else without a word. Some hand `step` arguments
that not every scheduler takes, and fail.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Drive:
    """What a pipeline does for its scheduler.

    scales: calls `scale_model_input`; begins: multiplies its noise by `init_noise_sigma`; tells:
    arguments that it hands to `step` whether or not they are taken.
    """

    scales: bool
    begins: bool
    tells: tuple[str, ...] = ()


PIPELINES = {
    "DDPMPipeline": Drive(False, False, ("generator",)),
    "DDIMPipeline": Drive(False, False, ("eta", "use_clipped_model_output", "generator")),
    "DiTPipeline": Drive(True, False),
    "StableDiffusionPipeline": Drive(True, True),
    "StableDiffusionXLPipeline": Drive(True, True),
    "StableDiffusion3Pipeline": Drive(False, False),
    "FluxPipeline": Drive(False, False),
}
PLAIN_PIPELINES = (
    "DDPMPipeline",
    "DDIMPipeline",
)  # a network and a scheduler, whose loop is a few lines


def drives(pipeline: str, scheduler: Any) -> bool:
    """Return whether a pipeline of this class can run this scheduler as it is meant.

    Of a class that is not known here, as little is assumed as any does.
    """
    own = PIPELINES.get(pipeline, PIPELINES["DDPMPipeline"])
    takes = inspect.signature(scheduler.step).parameters
    plain = float(getattr(scheduler, "init_noise_sigma", 1.0)) == 1.0
    return (plain or (own.scales and own.begins)) and all(name in takes for name in own.tells)


def loop(set_timesteps: str, why: str = "DDPMPipeline cannot run this scheduler") -> list[str]:
    """Return the loop that runs any scheduler on the network of a plain pipeline.

    set_timesteps: the arguments of that call, as they are written.
    """
    return [
        f"# {why}, its loop can be written out",
        "import torch",
        "unet, scheduler, side = pipe.unet, pipe.scheduler, pipe.unet.config.sample_size",
        f"scheduler.set_timesteps({set_timesteps})",
        "x = scheduler.init_noise_sigma * torch.randn(16, unet.config.in_channels, side, side)",
        "with torch.inference_mode():",
        "    for t in scheduler.timesteps:",
        "        out = unet(scheduler.scale_model_input(x, t), t).sample",
        "        x = scheduler.step(out, t, x).prev_sample",
        "images = (x / 2 + 0.5).clamp(0, 1)",
    ]
