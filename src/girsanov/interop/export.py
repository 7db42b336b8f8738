r"""A plan in the words of other samplers: timesteps, sigmas, flow sigmas, a snippet, a pipeline.

The levels s_0 < ... < s_N of a plan are, for samplers that take a list of their own,

    timesteps      t(s_k), strictly descending, whole numbers for a network of discrete time; (1)
    sigmas         1/sqrt(s_k) descending, and a last 0; for a flow sigma/(1 + sigma);        (2)
    flow sigmas    u/(shift - (shift - 1) u) for u of (2): diffusers shifts what it is given
                   by u -> shift u/(1 + (shift - 1) u), which takes these back to u.          (3)

A list is only the grid: the sampler that takes it keeps its own start, noise and order.
"""

from __future__ import annotations

import inspect
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from .._checks import refuse, require, require_choice
from .._files import read_json, require_free, write_json
from .._typing import Array, Json, PathLike
from ..denoise.base import Denoiser
from ..denoise.load import load_model
from ..denoise.pipeline_clock import Clock, build_scheduler, clock_of, own_config
from ..plan.plan import Plan, load_plan

TARGETS = ("diffusers", "timesteps", "sigmas")
FRESH = ("DDIMPipeline",)  # it makes a DDIMScheduler of whatever it is loaded with


def timesteps_of(plan: Plan, clock: Clock) -> list[float | int]:
    """Return (1) of the levels at which the plan calls the network."""
    times = clock.time(plan.levels[: plan.steps], any_level=True)
    whole = bool((times == np.rint(times)).all())
    return [int(t) for t in times] if whole else [float(t) for t in times]


def sigmas_of(plan: Plan, clock: Clock) -> list[float]:
    """Return (2) of the levels at which the plan calls the network, without the last 0."""
    sigma = plan.levels[: plan.steps] ** -0.5
    return [float(v) for v in (sigma / (1 + sigma) if clock.kind == "flow" else sigma)]


def flow_sigmas(sigmas: Array | list[float], shift: float) -> list[float]:
    """Return (3): what to pass so that a shift of `shift` gives `sigmas`."""
    u = np.asarray(sigmas, dtype=np.float64)
    return [float(v) for v in u / (shift - (shift - 1) * u)]


def taken_by(scheduler: Any) -> tuple[str, ...]:
    """Return which lists this scheduler's `set_timesteps` takes: timesteps, sigmas, or neither."""
    known = inspect.signature(scheduler.set_timesteps).parameters
    config = own_config(scheduler)
    flow_only = type(scheduler).__name__ == "UniPCMultistepScheduler"
    closed = flow_only and not config.get("use_flow_sigmas")
    return tuple(n for n in ("timesteps", "sigmas")
                 if n in known and not (n == "sigmas" and closed))  # fmt: skip


def export(
    plan: Plan | PathLike,
    pipeline: PathLike,
    out: PathLike,
    *,
    to: str = "diffusers",
    any_model: bool = False,
    force: bool = False,
) -> Json:
    """Write a plan for a pipeline and return what was written.

    to: ``diffusers``, a copy of the pipeline's folder whose scheduler runs the plan, and its like
    for other numbers of calls; ``timesteps`` or ``sigmas``, a JSON file `out` with the list and
    the lines of Python that use it with the pipeline's own scheduler. The plan must be of this
    very network unless `any_model`. Raises InputError, with nothing written, when the scheduler
    takes no such list.
    """
    require_choice("to", to, TARGETS)
    made, folder = (plan if isinstance(plan, Plan) else load_plan(plan)), Path(pipeline)
    if made.scheduler is not None:
        rule = f"must be diffusers: {made.scheduler['name']} spaces its own levels"
        require(to == "diffusers", "--to", rule, to)
    require((folder / "model_index.json").is_file(), f"pipeline {folder}",
            "must be a folder with model_index.json")  # fmt: skip
    if not any_model:
        _require_its_own(made, load_model(folder))
    if to == "diffusers":
        return _export_folder(plan, folder, Path(out), force)
    return _export_list(made, folder, Path(out), to, force)


def _require_its_own(plan: Plan, model: Denoiser) -> None:
    wanted = str(plan.about["model"])
    require(wanted == model.fingerprint, "plan",
            f"was made for the model with fingerprint {wanted[:12]}…",
            model.fingerprint[:12] + "…", "Audit this pipeline, or say --any-model")  # fmt: skip


def _scheduler_of(folder: Path) -> tuple[Path, Json]:
    path = folder / "scheduler" / "scheduler_config.json"
    require(path.is_file(), f"pipeline {folder}", "must have scheduler/scheduler_config.json")
    return path, read_json(path)


def _export_folder(plan: Plan | PathLike, folder: Path, out: Path, force: bool) -> Json:
    from .scheduler import GirsanovScheduler

    path, config = _scheduler_of(folder)
    require(force or not out.exists() or not any(out.iterdir()), str(out),
            "exists and is not empty", None, "Use --force")  # fmt: skip
    inside = folder.resolve() in (out.resolve(), *out.resolve().parents)
    require(not inside, str(out), "must lie outside the pipeline's folder")
    index = read_json(folder / "model_index.json")
    own = build_scheduler(config, str(path))
    scheduler = GirsanovScheduler.from_plan(plan, scheduler=own)
    shutil.copytree(folder, out, dirs_exist_ok=True)
    kind = type(scheduler).__name__
    if index.get("_class_name") in FRESH and kind != "DDIMScheduler":
        index["_class_name"] = "DDPMPipeline"
    ours = isinstance(scheduler, GirsanovScheduler)
    index["scheduler"] = ["girsanov" if ours else "diffusers", kind]
    scheduler.save_pretrained(out / "scheduler")
    write_json(out / "model_index.json", index)
    made = plan if isinstance(plan, Plan) else load_plan(plan)
    calls = sorted(map(int, scheduler.config["plans"]["grids"])) if ours else [made.steps]
    steps = made.steps if made.steps in calls else scheduler.num_inference_steps
    alone = ours or index.get("_class_name") != "DDPMPipeline" or _suits_ddpm(scheduler)
    use = [
        *(["import girsanov  # the home of the scheduler"] if ours else []),
        "from diffusers import DiffusionPipeline",
        f"pipe = DiffusionPipeline.from_pretrained({str(out)!r})",
        *([f"pipe(num_inference_steps={steps})"] if alone else loop(steps)),
    ]
    return {"pipeline": str(out), "scheduler": kind, "calls": calls, "python": use}


def _suits_ddpm(scheduler: Any) -> bool:
    """Return whether `DDPMPipeline`, which scales nothing and passes a generator, can run it."""
    takes = "generator" in inspect.signature(scheduler.step).parameters
    return takes and float(getattr(scheduler, "init_noise_sigma", 1.0)) == 1.0


def loop(steps: int) -> list[str]:
    """Return the loop that runs any scheduler on the network of a `DDPMPipeline`."""
    return [
        "# DDPMPipeline cannot run this scheduler, its loop can be written out",
        "import torch",
        "unet, scheduler, side = pipe.unet, pipe.scheduler, pipe.unet.config.sample_size",
        f"scheduler.set_timesteps({steps})",
        "x = scheduler.init_noise_sigma * torch.randn(16, unet.config.in_channels, side, side)",
        "with torch.inference_mode():",
        "    for t in scheduler.timesteps:",
        "        out = unet(scheduler.scale_model_input(x, t), t).sample",
        "        x = scheduler.step(out, t, x).prev_sample",
        "images = (x / 2 + 0.5).clamp(0, 1)",
    ]


def _export_list(plan: Plan, folder: Path, out: Path, to: str, force: bool) -> Json:
    path, config = _scheduler_of(folder)
    scheduler = build_scheduler(config, str(path))
    clock = clock_of(scheduler, str(path))
    flow = clock.kind == "flow"
    if flow and to == "timesteps":
        refuse("--to", "must be sigmas: a flow scheduler shifts the sigmas of timesteps", to)
    require_free(out, to, force)
    values: list[Any] = sigmas_of(plan, clock) if to == "sigmas" else timesteps_of(plan, clock)
    content: Json = {"format": f"girsanov/{to}/1", to: values, "calls": plan.steps,
                     "sampler": plan.sampler, "model": plan.about["model"]}  # fmt: skip
    if to == "sigmas":
        content["text"] = ", ".join(f"{v:.6g}" for v in [*values, 0])  # as ComfyUI takes them
    shift = _shift(scheduler) if flow else None
    if shift is not None:
        content |= {"shift": shift, "sigmas_to_pass": flow_sigmas(values, shift)}
    passed = content.get("sigmas_to_pass", values)
    content["python"] = _lines(scheduler, clock, to, passed)
    write_json(out, content)
    return {"file": str(out), **content}


def _lines(scheduler: Any, clock: Clock, to: str, values: list[Any]) -> list[str]:
    """Return the Python that makes a pipeline visit `values`."""
    if clock.kind == "edm":
        return [f"# {type(scheduler).__name__} takes no list of levels; export --to diffusers"]
    swap = [] if to in taken_by(scheduler) else _swap(scheduler, to)
    array = type(scheduler).__name__ == "UniPCMultistepScheduler" and not swap
    last = [0.0] if to == "sigmas" and clock.kind == "vp" else []  # Euler wants the end as well
    return [*swap, *snippet(to, [*values, *last], array)]


def _shift(scheduler: Any) -> float | None:
    """Return the shift that a flow scheduler will apply to sigmas it is given."""
    config = own_config(scheduler)
    remedy = "Export --to diffusers, or change its configuration"
    for name in ("use_dynamic_shifting", "shift_terminal", "invert_sigmas"):
        require(not config.get(name), "scheduler", "must use the sigmas it is given", name, remedy)
    shift = config.get("shift", config.get("flow_shift"))
    return None if shift is None else float(shift)


def snippet(to: str, values: list[Any], array: bool = False) -> list[str]:
    """Return the lines that make `pipe` visit `values`, whether or not it takes such a list."""
    given = f"numpy.array({values!r})" if array else repr(values)  # a list is an error to some
    return [
        *(["import numpy"] if array else []),
        f"given = {given}",
        "kind = type(pipe.scheduler)",
        "pipe.scheduler.set_timesteps = lambda *_, device=None, **__: kind.set_timesteps("
        f"pipe.scheduler, {to}=given, device=device)",
        "# then run pipe as before; num_inference_steps counts for nothing",
    ]


def _swap(scheduler: Any, to: str) -> list[str]:
    """Return the lines for a scheduler that takes no such list: another one of the same levels."""
    kind = {"timesteps": "DPMSolverMultistepScheduler", "sigmas": "EulerDiscreteScheduler"}[to]
    return [
        f"# {type(scheduler).__name__} takes no {to}, this one does",
        f"from diffusers import {kind}",
        f"pipe.scheduler = {kind}.from_config(pipe.scheduler.config, use_karras_sigmas=False)",
    ]
