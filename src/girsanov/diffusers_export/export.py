"""A plan put back into diffusers: a pipeline folder that runs it, or a list for other samplers."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._checks import refuse, require, require_choice
from .._choices import TARGETS
from .._files import read_json, require_free, write_json
from ..denoise.load import load_model
from ..denoise.pipelines.schedule import build_scheduler, clock_of
from ..planning.plan import Plan
from ..sampling.ancestral import EULER_ANCESTRAL
from .native_eta import ONE_ETA, ddim_lines, native_eta
from .pipeline_loops import drives, loop
from .plans_for_steps import PlanSource, require_same
from .timesteps_and_sigmas import (
    LOST,
    flow_sigmas,
    from_bare_noise,
    lines_for,
    runner,
    shift_of,
    sigmas_of,
    timesteps_of,
)

if TYPE_CHECKING:
    from .._typing import Json, PathLike
    from ..denoise.base import Denoiser
    from ..measuring.record import AuditRecord

FRESH = ("DDIMPipeline",)  # it makes a DDIMScheduler of whatever it is loaded with


def export(
    plan: Plan | PathLike,
    pipeline: PathLike,
    out: PathLike,
    *,
    to: str = "diffusers",
    audit: AuditRecord | PathLike | None = None,
    any_model: bool = False,
    force: bool = False,
) -> Json:
    """Write a plan for a pipeline and return what was written.

    to: ``diffusers``, a copy of the pipeline's folder whose scheduler runs the plan, and its like
    for other numbers of calls; ``timesteps`` or ``sigmas``, a JSON file `out` with a list of as
    many levels, planned for the start that other samplers have (`lists`), and the lines of Python
    that use it with this pipeline; ``eta``, for a plan of euler-ancestral, a JSON file with both
    lists, the best one eta for all steps, and what that, eta 1 and each step's own eta cost
    (`native_eta.py`). audit: the one the plan was made from; by default it is looked
    for beside the plan's file. The plan must be of this very network unless `any_model`. Raises
    InputError, with nothing written, when the scheduler takes no such list.
    """
    require_choice("to", to, TARGETS)
    source, folder = PlanSource.of(plan, audit), Path(pipeline)
    planned = source.plan
    if planned.scheduler is not None:
        rule = f"must be diffusers: {planned.scheduler.name} spaces its own levels"
        require(to == "diffusers", "--to", rule, to)
    require((folder / "model_index.json").is_file(), f"pipeline {folder}",
            "must be a folder with model_index.json")  # fmt: skip
    if not any_model:
        _require_its_own(planned, load_model(folder))
    if to == "diffusers":
        return _export_folder(source, folder, Path(out), force=force)
    audit_read = source.audit
    if audit_read is None:
        rule = "must lie beside its audit: a list is planned again, for a start from bare noise"
        refuse("plan", rule, None, "Name it: --audit, or in Python audit=")
    require_same(planned, audit_read)
    if to == "eta":
        return _export_eta(planned, audit_read, folder, Path(out), force=force)
    return _export_list(planned, audit_read, folder, Path(out), to=to, force=force)


def _require_its_own(plan: Plan, model: Denoiser) -> None:
    wanted = plan.model
    require(wanted == model.fingerprint, "plan",
            f"was made for the model with fingerprint {wanted[:12]}…",
            model.fingerprint[:12] + "…", "Audit this pipeline, or say --any-model")  # fmt: skip


def _scheduler_of(folder: Path) -> tuple[Path, Json]:
    path, what = folder / "scheduler" / "scheduler_config.json", f"pipeline {folder}"
    index = read_json(folder / "model_index.json")
    if "network" in index and not path.is_file():
        rule = "must hold a network that diffusers knows"
        remedy = "Draw with `girsanov sample`, or fit pictures again with --network unet"
        refuse(what, rule, " ".join(map(str, index["network"])), remedy)
    require(path.is_file(), what, "must have scheduler/scheduler_config.json")
    return path, read_json(path)


def _export_folder(source: PlanSource, folder: Path, out: Path, *, force: bool) -> Json:
    from .scheduler import GirsanovScheduler

    path, config = _scheduler_of(folder)
    require(force or not out.exists() or not any(out.iterdir()), str(out),
            "exists and is not empty", None, "Use --force")  # fmt: skip
    inside = folder.resolve() in (out.resolve(), *out.resolve().parents)
    require(not inside, str(out), "must lie outside the pipeline's folder")
    index = read_json(folder / "model_index.json")
    own = build_scheduler(config, str(path))
    planned = source.plan
    if planned.scheduler is not None:
        scheduler = build_scheduler(planned.scheduler.config, "plan")
    else:
        scheduler = GirsanovScheduler.of_plans(source.family(), own)
    shutil.copytree(folder, out, dirs_exist_ok=True)
    kind = type(scheduler).__name__
    if index.get("_class_name") in FRESH and kind != "DDIMScheduler":
        index["_class_name"] = "DDPMPipeline"
    ours = isinstance(scheduler, GirsanovScheduler)
    index["scheduler"] = ["girsanov" if ours else "diffusers", kind]
    scheduler.save_pretrained(out / "scheduler")
    write_json(out / "model_index.json", index)
    calls = sorted(map(int, scheduler.config["plans"]["grids"])) if ours else [planned.steps]
    steps = planned.steps if planned.steps in calls else scheduler.num_inference_steps
    name = str(index.get("_class_name"))
    alone = ours or name != "DDPMPipeline" or drives(name, scheduler)
    use = [
        *(["import girsanov  # the home of the scheduler"] if ours else []),
        "from diffusers import DiffusionPipeline",
        f"pipe = DiffusionPipeline.from_pretrained({str(out)!r})",
        *([f"pipe(num_inference_steps={steps})"] if alone else loop(str(steps))),
    ]
    done = {"pipeline": str(out), "scheduler": kind, "calls": calls, "python": use}
    return {**done, "cannot_tell": _doubt(planned)}


def _export_list(
    plan: Plan, audit: AuditRecord, folder: Path, out: Path, *, to: str, force: bool
) -> Json:
    path, config = _scheduler_of(folder)
    scheduler = build_scheduler(config, str(path))
    clock = clock_of(scheduler, str(path))
    flow = clock.kind == "flow"
    pipeline = str(read_json(folder / "model_index.json").get("_class_name"))
    if flow and to == "timesteps":
        refuse("--to", "must be sigmas: a flow scheduler shifts the sigmas of timesteps", to)
    require_free(out, to, force)
    run = None if clock.kind == "edm" else runner(scheduler, pipeline, to, clock)
    noisy = from_bare_noise(plan, audit, flow or (run is not None and run.noisy))
    values: list[Any] = sigmas_of(noisy, clock) if to == "sigmas" else timesteps_of(noisy, clock)
    content: Json = {"format": f"girsanov/{to}/1", to: values, "calls": noisy.steps,
                     "scheduler": None if run is None else type(run.scheduler).__name__,
                     "model": plan.model, "init": noisy.ledger[0].to_json(),
                     "lost": LOST}  # fmt: skip
    if to == "sigmas":
        content["text"] = ", ".join(f"{v:.6g}" for v in [*values, 0])  # as ComfyUI takes them
    shift = shift_of(scheduler) if flow else None
    if shift is not None:
        content |= {"shift": shift, "sigmas_to_pass": flow_sigmas(values, shift)}
    passed = content.get("sigmas_to_pass", values)
    none = [f"# {pipeline} drives no scheduler that takes {to}; export --to diffusers"]
    content["python"] = none if run is None else lines_for(run, clock, to, passed)
    write_json(out, content)
    return {"file": str(out), **content, "cannot_tell": _doubt(plan)}


def _export_eta(plan: Plan, audit: AuditRecord, folder: Path, out: Path, *, force: bool) -> Json:
    path, config = _scheduler_of(folder)
    scheduler = build_scheduler(config, str(path))
    clock = clock_of(scheduler, str(path))
    rule = "must not be eta: samplers of flows add no noise"
    require(clock.kind != "flow", "--to", rule, "eta", "Export --to diffusers")
    rule = "must be of euler-ancestral, the sampler that has an eta"
    remedy = "Plan with --sampler euler-ancestral"
    require(plan.sampler == EULER_ANCESTRAL.name, "plan", rule, plan.sampler, remedy)
    require_free(out, "eta", force)
    noisy = from_bare_noise(plan, audit, noisiest=False, sampler=plan.sampler)
    found, times = native_eta(noisy, audit), timesteps_of(noisy, clock)
    whole = clock.kind == "vp" and all(isinstance(t, int) for t in times)
    pipeline = str(read_json(folder / "model_index.json").get("_class_name"))
    none = ["# DDIMScheduler runs no network of this kind; export --to diffusers"]
    content: Json = {
        "format": "girsanov/eta/1", **found.to_json(), "timesteps": times if whole else None,
        "sigmas": sigmas_of(noisy, clock), "calls": noisy.steps, "model": plan.model,
        "init": noisy.ledger[0].to_json(), "lost": ONE_ETA,
        "python": ddim_lines(scheduler, pipeline, times, found.eta) if whole else none,
    }  # fmt: skip
    write_json(out, content)
    return {"file": str(out), **content, "cannot_tell": _doubt(plan)}


def _doubt(plan: Plan) -> str:
    """Return what a plan's audit cannot tell, or what its nats are relative to, "" of others."""
    to = plan.audit.relative_to
    return plan.cannot_tell or (f"the plan's nats are {to}" if to else "")
