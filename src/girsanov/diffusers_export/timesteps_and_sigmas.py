r"""A plan in the words of other samplers: timesteps, sigmas, flow sigmas, lines that use them.

The levels s_0 < ... < s_N of a plan are, for samplers that take a list of their own,

    timesteps      t(s_k), strictly descending, whole numbers for a network of discrete time; (1)
    sigmas         1/sqrt(s_k) descending, and a last 0; for a flow sigma/(1 + sigma);        (2)
    flow sigmas    u/(shift - (shift - 1) u) for u of (2): diffusers shifts what it is given
                   by u -> shift u/(1 + (shift - 1) u), which takes these back to u.          (3)

A list is only the grid: the sampler that takes it starts from bare noise, and a plan does not. So
its levels are planned again, for a start from N(0, I) ((3) of path_kl/start.py), of the network as
it is. Where the steps are deterministic the first level is the best for that start. What a
stochastic sampler gets wrong at first its later noise covers, so that for one, and for flows,
whose bare noise is no other level's, the first is the noisiest of all, and the rest the best then.
A list for an eta (`native_eta.py`) begins where init and steps along the flow are cheapest.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from .._checks import need, require
from ..denoise.pipelines.schedule import PipelineClock, own_config
from ..ledger.plan_records import Limits
from ..planning.make_plan import make_plan
from ..sampling.registry import USUAL_SAMPLER
from .pipeline_loops import PLAIN_PIPELINES, drives, loop

if TYPE_CHECKING:
    from .._typing import Array
    from ..measuring.record import AuditRecord
    from ..planning.plan import Plan

LOST = (
    "A list is only the grid: the start from the data's Gaussian, the measured covariance, a last "
    "draw and the correction of the network stay with GirsanovScheduler (--to diffusers)"
)
SWAPS = {"timesteps": "DPMSolverMultistepScheduler", "sigmas": "EulerDiscreteScheduler"}
WARPED = ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas")


def timesteps_of(plan: Plan, clock: PipelineClock) -> list[float | int]:
    """Return (1) of the levels at which the plan calls the network."""
    times = clock.time(plan.levels[: plan.steps], any_level=True)
    whole = bool((times == np.rint(times)).all())
    return [int(t) for t in times] if whole else [float(t) for t in times]


def sigmas_of(plan: Plan, clock: PipelineClock) -> list[float]:
    """Return (2) of the levels at which the plan calls the network, without the last 0."""
    sigma = plan.levels[: plan.steps] ** -0.5
    return [float(v) for v in (sigma / (1 + sigma) if clock.kind == "flow" else sigma)]


def flow_sigmas(sigmas: Array | list[float], shift: float) -> list[float]:
    """Return (3): what to pass so that a shift of `shift` gives `sigmas`."""
    u = np.asarray(sigmas, dtype=np.float64)
    return [float(v) for v in u / (shift - (shift - 1) * u)]


def taken_by(scheduler: Any) -> tuple[str, ...]:
    """Return which lists this scheduler's `set_timesteps` takes: timesteps, sigmas, or neither."""
    parameters = inspect.signature(scheduler.set_timesteps).parameters
    config = own_config(scheduler)
    if any(config.get(name) for name in WARPED):  # levels of its own, whatever it is given
        return ()
    flow_only = type(scheduler).__name__ == "UniPCMultistepScheduler"
    closed = flow_only and not config.get("use_flow_sigmas")
    return tuple(n for n in ("timesteps", "sigmas")
                 if n in parameters and not (n == "sigmas" and closed))  # fmt: skip


class Runner(NamedTuple):
    """What will run a list: a scheduler, the lines that put it in place, and who drives it.

    pipeline: the class that `pipe` then has, None where the loop is written out.
    """

    scheduler: Any
    lines: list[str]
    pipeline: str | None

    @property
    def noisy(self) -> bool:
        """Whether its steps add noise."""
        name = type(self.scheduler).__name__
        algorithm = str(own_config(self.scheduler).get("algorithm_type"))
        return name.startswith("DDPM") or algorithm.startswith("sde")


def runner(own: Any, pipeline: str, to: str, clock: PipelineClock) -> Runner | None:
    """Return what runs a list `to` with this pipeline: its own scheduler, or one of its levels.

    None where the pipeline drives none that takes such a list.
    """
    diffusers, lines = need("diffusers", "diffusers"), []
    if pipeline == "DDIMPipeline":  # it drives DDIMScheduler alone, and loads no other
        own, pipeline = diffusers.DDIMScheduler.from_config(own.config), "DDPMPipeline"
        lines = ["from diffusers import DDPMPipeline",
                 "pipe = DDPMPipeline(pipe.unet, pipe.scheduler)  # DDIMPipeline drives "
                 "DDIMScheduler alone"]  # fmt: skip
    able = [Runner(own, lines, pipeline)] if to in taken_by(own) else []
    if clock.kind == "vp":
        plain = {name: False for name in WARPED if dict(own.config).get(name)}
        other = getattr(diffusers, SWAPS[to]).from_config(own.config, **plain)
        able.append(Runner(other, [*lines, *_swap(own, other, to, plain)], pipeline))
    for one in able:
        if drives(pipeline, one.scheduler):
            return one
    return able[0]._replace(pipeline=None) if able and pipeline in PLAIN_PIPELINES else None


def _swap(own: Any, other: Any, to: str, plain: dict[str, bool]) -> list[str]:
    """Return the lines for a scheduler that takes no such list: another one of the same levels."""
    kind, options = type(other).__name__, "".join(f", {k}={v}" for k, v in plain.items())
    return [
        f"# {type(own).__name__} cannot run {to} here, this one can",
        f"from diffusers import {kind}",
        f"pipe.scheduler = {kind}.from_config(pipe.scheduler.config{options})",
    ]


def from_bare_noise(
    plan: Plan, audit: AuditRecord, noisiest: bool, sampler: str = USUAL_SAMPLER
) -> Plan:
    """Return the best levels, as many and to the same end, for a start from bare noise.

    By analytic-dpm, whatever the plan's: what runs them is none of ours; or by another sampler.
    noisiest: begin at the noisiest level there is. Raises InputError where there are not so many
    levels.
    """
    limits = cast(Limits, {k: v for k, v in plan.limits.items() if k != "weight"})
    if noisiest:
        levels = limits.get("among") or audit.facts.trained_levels or audit.levels
        limits["keep"] = np.unique([*(limits.get("keep") or ()), min(levels)])
    # steps along the flow are priced for the network whose flow was followed
    corrected = sampler != USUAL_SAMPLER and plan.calibration is not None
    return make_plan(
        audit, steps=len(plan.levels[: plan.steps]), covariance=plan.covariance, start="standard",
        resolution=plan.resolution, calibrate=corrected, force=bool(plan.cannot_tell),
        sampler=sampler, **limits,
    )  # fmt: skip


def shift_of(scheduler: Any) -> float | None:
    """Return the shift that a flow scheduler will apply to sigmas it is given."""
    config = own_config(scheduler)
    remedy = "Export --to diffusers, or change its configuration"
    for name in ("use_dynamic_shifting", "shift_terminal", "invert_sigmas"):
        require(not config.get(name), "scheduler", "must use the sigmas it is given", name, remedy)
    shift = config.get("shift", config.get("flow_shift"))
    return None if shift is None else float(shift)


def lines_for(run: Runner, clock: PipelineClock, to: str, values: list[Any]) -> list[str]:
    """Return the Python that makes `pipe` visit `values`, or draws with them where it cannot."""
    kind = type(run.scheduler).__name__
    last = [0.0] if to == "sigmas" and clock.kind == "vp" else []  # Euler wants the end as well
    array = kind == "UniPCMultistepScheduler"  # a list is an error to it
    visits = repr([*values, *last])
    given = [*(["import numpy"] if array else []),
             f"given = {f'numpy.array({visits})' if array else visits}"]  # fmt: skip
    if run.pipeline is None:
        use = loop(f"{to}=given", f"DDPMPipeline cannot run {kind}")
    else:
        use = [
            "kind = type(pipe.scheduler)",
            "pipe.scheduler.set_timesteps = lambda *_, device=None, **__: kind.set_timesteps("
            f"pipe.scheduler, {to}=given, device=device)",
            "# then run pipe as before; num_inference_steps counts for nothing",
        ]
    return [*run.lines, *given, *use]
