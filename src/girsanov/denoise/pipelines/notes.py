"""What a pipeline's own sampler does besides its network, said in words for the audit."""

from __future__ import annotations

from typing import Any

import torch

from .schedule import own_config

GUIDED = {
    "DiTPipeline": 4.0,
    "StableDiffusionPipeline": 7.5,
    "StableDiffusion3Pipeline": 7.0,
    "StableDiffusionXLPipeline": 5.0,
    "FluxPipeline": 3.5,
    "LDMTextToImagePipeline": 7.5,
}
COUNTED = {1: "one evaluation", 2: "two evaluations"}
GRIDS = ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas")


def notes_on(
    scheduler: Any,
    dtype: torch.dtype,
    pipeline: str,
    guidance: float = 1.0,
    evaluations: int = 2,
) -> tuple[str, ...]:
    """Return one sentence for each thing that makes a pipeline's sampler another than planned.

    evaluations: of the network in a call that is guided.
    """
    config = own_config(scheduler)
    notes = [*_clipping(config), *_variance(config), *_levels(config)]
    if guidance != 1:
        notes.append(
            f"guided with weight {guidance:g}, {COUNTED[evaluations]} of the network a call: a "
            "guided field has no data law, so every figure is relative to the guided field"
        )
    elif pipeline in GUIDED:
        notes.append(
            f"{pipeline} guides by default (guidance_scale={GUIDED[pipeline]:g}); a guided field "
            "has no data law, so what is measured here holds for guidance_scale=1"
        )
    if dtype != torch.float32:
        notes.append(f"the network runs in {str(dtype).removeprefix('torch.')}, the sampler's "
                     "own arithmetic in float32")  # fmt: skip
    return tuple(notes)


def _clipping(config: dict[str, Any]) -> list[str]:
    if config.get("thresholding"):
        return ["predictions are thresholded at a quantile of each item, as its scheduler does: "
                "the denoiser measured is the thresholded one"]  # fmt: skip
    if config.get("clip_sample"):
        edge = float(config.get("clip_sample_range", 1.0))
        return [f"predictions are clipped to [-{edge:g}, {edge:g}], as its scheduler does: the "
                "denoiser measured is the clipped one"]  # fmt: skip
    return []


def _variance(config: dict[str, Any]) -> list[str]:
    match config.get("variance_type"):
        case "learned" | "learned_range":
            return ["the network also predicts variances, which are left aside: a plan uses the "
                    "measured covariance"]  # fmt: skip
        case "fixed_large" | "fixed_large_log":
            return ["its own scheduler adds the large variance (beta), a plan the measured one"]
        case _:
            return []


def _levels(config: dict[str, Any]) -> list[str]:
    notes = []
    if config.get("timestep_spacing") == "leading":
        steps = int(config.get("num_train_timesteps", 1000))
        first = steps - steps // 10 + int(config.get("steps_offset") or 0)
        notes.append(f"its own scheduler spaces timesteps from the clean end (leading): 10 steps "
                     f"start at {first} of {steps - 1}, where data still show")  # fmt: skip
    if config.get("rescale_betas_zero_snr"):
        notes.append("its last training level has SNR 0; levels below 1e-6 are left out")
    used = [name for name in GRIDS if config.get(name)]
    if used:
        notes.append(f"its own grid follows {used[0]}; a plan has a grid of its own")
    return notes
