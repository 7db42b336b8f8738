r"""What a pipeline already has: samplers of diffusers, run by their own code on its network.

    state = z sigma_init;    for t in timesteps:  state = step(F(scaled state, t), t, state),   (1)

z the noise that planned samplers start from under the same seed, and a generator of its own for
each sample, so that a sample does not depend on its batch. Nothing of (1) is ours: it is what a
plan has to be better than, and what is used where it is not.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from ..._checks import InputError, need, refuse, require, shown
from ...noise import NoiseSource
from .flux_tokens import tokens_of
from .pipeline import PipelineDenoiser
from .schedule import LOWEST, PipelineClock, build_scheduler, own_config

if TYPE_CHECKING:
    from ..._typing import Json, Levels, Progress, Tensor
    from ..facts import DiffusersScheduler

TRIED: tuple[tuple[str, str, Json], ...] = (
    ("DDIM, leading", "DDIMScheduler", {"timestep_spacing": "leading"}),
    ("DDIM, trailing", "DDIMScheduler", {"timestep_spacing": "trailing"}),
    ("DPM-Solver++", "DPMSolverMultistepScheduler", {"timestep_spacing": "linspace"}),
    ("DPM-Solver++, trailing", "DPMSolverMultistepScheduler", {"timestep_spacing": "trailing"}),
    ("DPM-Solver++, Karras", "DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
    ("UniPC", "UniPCMultistepScheduler", {}),
    ("Euler, trailing", "EulerDiscreteScheduler", {"timestep_spacing": "trailing"}),
)
SEQUENCES = {"base": 256, "max": 4096}  # tokens between which a dynamic shift goes from
SHIFTS = {"base_shift": 0.5, "max_shift": 1.15}  # one of these to the other: diffusers' defaults
BROKEN = (ValueError, TypeError, KeyError, IndexError, NotImplementedError, RuntimeError,
          AttributeError, ImportError, AssertionError)  # fmt: skip


def own_schedulers(model: PipelineDenoiser) -> dict[str, Json]:
    """Return configurations by name: the pipeline's own, and what else its users would try.

    Flow and EDM pipelines have only their own: the others do not know their levels.
    """
    own = json.loads(model.scheduler.to_json_string())
    configs = {f"its own {type(model.scheduler).__name__}": own}
    if model.clock.kind != "vp" or model.levels is None:
        return configs
    diffusers = need("diffusers", "diffusers")
    for name, kind, options in TRIED:
        try:
            scheduler = getattr(diffusers, kind).from_config(model.scheduler.config, **options)
        except BROKEN:  # of a prediction type that it does not know, for one
            continue
        configs[f"diffusers' {name}"] = json.loads(scheduler.to_json_string())
    return configs


def started(config: Json, calls: int, model: PipelineDenoiser | None = None) -> Any:
    """Return a scheduler of this configuration, set to at most so many network calls.

    model: whose items' size decides where the configuration says so (`use_dynamic_shifting`).
    """
    scheduler = build_scheduler(config, "scheduler")
    for steps in range(calls, 0, -1):
        try:
            scheduler.set_timesteps(steps, **_pipeline_options(config, steps, model))
        except BROKEN as cause:
            refuse("scheduler", f"must run with {calls} network calls", shown(str(cause)))
        if len(scheduler.timesteps) <= calls:  # second order calls twice a step
            return scheduler
    refuse("scheduler", f"must run with {calls} network calls", type(scheduler).__name__)


def _pipeline_options(config: Json, steps: int, model: PipelineDenoiser | None) -> Json:
    """Return what FluxPipeline and StableDiffusion3Pipeline tell their scheduler besides."""
    if model is None or model.clock.kind != "flow":
        return {}
    options: Json = {}
    if model.packed and not config.get("use_flow_sigmas"):
        options["sigmas"] = np.linspace(1.0, 1 / steps, steps)
    if config.get("use_dynamic_shifting"):
        low, high = (int(config.get(f"{k}_image_seq_len", n)) for k, n in SEQUENCES.items())
        base, most = (float(config.get(k, v)) for k, v in SHIFTS.items())
        share = (tokens_of(model.shape) - low) / (high - low)
        options["mu"] = base + share * (most - base)
    return options


def levels_of(scheduler: Any, clock: PipelineClock) -> Levels:
    """Return the SNRs that a scheduler, once set, calls the network at, increasing."""
    sigmas = getattr(scheduler, "sigmas", None)
    if sigmas is not None and len(sigmas) > len(scheduler.timesteps):
        sigma = np.asarray(sigmas, dtype=np.float64)[: len(scheduler.timesteps)]
        u = sigma / (1 - sigma).clip(1e-12) if clock.kind == "flow" else sigma
        snrs = u.clip(1e-6, 1 / np.sqrt(LOWEST)) ** -2.0
    else:
        kept = scheduler.alphas_cumprod[scheduler.timesteps.long().cpu()].double().numpy()
        snrs = (kept / (1 - kept)).clip(LOWEST)
    return np.unique(snrs)


class Seeded(Protocol):
    """What is asked of the samples: their seed, and whom to tell how far they are."""

    @property
    def seed(self) -> int: ...
    @property
    def progress(self) -> Progress | None: ...


def own_batches(
    model: Any,
    scheduler: DiffusersScheduler,
    rows: range,
    size: int,
    label: Tensor | None,
    asked: Seeded,
) -> Iterator[Tensor]:
    """Yield the samples `rows` by equation (1), in batches [<= size, *shape].

    scheduler: as a plan records it.
    Raises InputError for another model than a pipeline, and where diffusers itself fails.
    """
    rule = "must be a diffusers pipeline: its plan leaves the steps to diffusers"
    require(isinstance(model, PipelineDenoiser), "model", rule, type(model).__name__)
    seed, progress, first, count = asked.seed, asked.progress, rows.start, len(rows)
    source, total = NoiseSource(seed, "sample"), count * scheduler.calls
    for begin in range(0, count, size):
        b = min(size, count - begin)
        z = source.normal(0, first + begin, b, int(np.prod(model.shape)))
        part = None if label is None else label[begin : begin + b]
        generators = NoiseSource(seed, "diffusers").generators(first + begin, b)
        try:
            # of which some draw without being given a generator
            with torch.random.fork_rng(_drawing(model.device)), torch.inference_mode():
                state = _run(model, scheduler, z.view(b, *model.shape), generators, part)
        except InputError:
            raise
        except BROKEN as cause:
            name = scheduler.config["_class_name"]
            raise InputError(f"scheduler: {name} failed; {shown(str(cause))}") from cause
        yield state
        if progress is not None:
            progress((begin + b) * scheduler.calls, total)


def _drawing(device: torch.device) -> list[torch.device]:
    """Return the devices besides the CPU whose random state a sampler on this one may move."""
    return [device] if device.type == "cuda" else []


def _run(
    model: PipelineDenoiser,
    record: DiffusersScheduler,
    z: Tensor,
    generators: list[Any],
    label: Tensor | None,
) -> Tensor:
    scheduler = started(record.config, record.calls, model)
    state = z.to(model.device) * getattr(scheduler, "init_noise_sigma", 1.0)  # flows have none
    scale = getattr(scheduler, "scale_model_input", lambda x, _: x)
    takes = "generator" in inspect.signature(scheduler.step).parameters
    options = {"generator": generators} if takes else {}
    whole = str(own_config(scheduler).get("variance_type")).startswith("learned")
    for t in scheduler.timesteps:
        seen = scale(state, t)
        out = model.raw(seen, t.to(model.device).expand(len(state)), label).float()
        out = out if whole else out[:, : model.shape[0]]
        state = scheduler.step(out, t, state, **options).prev_sample
    rule = "must give finite samples of this network"
    require(bool(torch.isfinite(state).all()), "scheduler", rule, record.name)
    return state
