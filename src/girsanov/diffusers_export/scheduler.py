r"""A scheduler of diffusers that runs planned grids with the measured covariance.

A diffusers sampler keeps the state g x of a noisy item x = x0 + z/sqrt(s) (`schedule.py`)
and calls `step` with the network's output. Here `step` turns both into x and the prediction m,
and does what the plan says (`sampling/exponential_integrators.py`, `sampling/ode_samplers.py`):

    x' = a x + b m + b_h m_before + c xi,    state' = alpha' x'.                          (1)

A plan starts from mean + U sqrt(v + 1/s_0) U^T z, and a pipeline from z. One that calls
`scale_model_input` has its z made into that start there. One that does not (`DDPMPipeline`,
`DDIMPipeline`) has shown the network z itself by the time `step` is first called; that output is
left aside, z is made into the start, and the plan for one call less follows. Where that takes one
call less still (heun's are odd), the network is shown the start twice, so that the pipeline makes
the calls it was told of. A start that is z itself (``standard``) costs nothing anywhere. One that
keeps items packed into tokens (`FluxPipeline`) is given tokens back.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .._checks import InputError, need, refuse, require
from ..denoise.pipelines.flux_tokens import pack_tokens, tokens_of, unpack_tokens
from ..denoise.pipelines.pipeline import clip_of, clipped
from ..denoise.pipelines.schedule import PipelineClock, build_scheduler, clock_of, own_config
from ..planning.plan import Plan
from ..sampling.loop import coloured
from .plan_table import carry, plan_item_shape
from .plans_for_steps import PlanSource
from .validate import read_whole

if TYPE_CHECKING:
    from .._typing import Json, PathLike, Tensor
    from ..measuring.record import AuditRecord
    from ..sampling.sampler import Recipe

_diffusers: Any = need("diffusers", "diffusers")
_configuration = need("diffusers.configuration_utils", "diffusers")
_schedulers = need("diffusers.schedulers.scheduling_utils", "diffusers")
_random = need("diffusers.utils.torch_utils", "diffusers")

SchedulerMixin: Any = _diffusers.SchedulerMixin  # diffusers looks for it in a package
ConfigMixin: Any = _diffusers.ConfigMixin
OUTPUTS = {"x0": "sample", "v": "v_prediction", "velocity": "flow_prediction"}


class GirsanovScheduler(SchedulerMixin, ConfigMixin):  # type: ignore[misc]
    """Equation (1) for any number of network calls, from plans that it carries in its file.

    Made by `from_plan`; saved and loaded by diffusers as ``scheduler_config.json``.
    plans: `Carried` as JSON; clock: of the network's own scheduler; clip: what that does to
    predictions; shape: of one item, which the covariance was measured on; use_flow_sigmas: what
    FluxPipeline looks for before it leaves the levels to a scheduler.
    """

    order = 1
    config_name = "scheduler_config.json"
    _compatibles: list[str] = []  # noqa: RUF012  (diffusers' own name; nothing can replace it)

    @_configuration.register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        plans: Json | None = None,
        clock: Json | None = None,
        clip: Json | None = None,
        shape: list[int] | None = None,
        num_train_timesteps: int = 1000,
        prediction_type: str = "epsilon",
        about: Json | None = None,
        use_flow_sigmas: bool = False,
    ) -> None:
        if plans is None or clock is None or shape is None:
            refuse("scheduler", "must be made with GirsanovScheduler.from_plan", "no plans")
        self._drawn: Tensor | None = None
        self._before: Tensor | None = None
        self._clip = clip or {}
        self._plans, self._clock = read_whole(plans, clock, self._clip, shape)
        self._shape = tuple(shape)
        self.set_timesteps(max(self._plans.grids))

    @classmethod
    def from_plan(
        cls,
        plan: Plan | PathLike,
        *,
        audit: AuditRecord | PathLike | None = None,
        scheduler: Any = None,
    ) -> Any:
        """Return the scheduler that runs `plan`, and its like for other numbers of calls.

        Where a tournament was won by what the pipeline had already, that scheduler of diffusers.

        audit: the one the plan was made from, which gives the grids for other numbers of calls;
        by default it is looked for beside the plan's file. scheduler: the pipeline's own, for
        plans of models that are not pipelines of diffusers' making.
        """
        source = PlanSource.of(plan, audit)
        if source.plan.scheduler is not None:
            return build_scheduler(source.plan.scheduler.config, "plan")
        return cls.of_plans(source.family(), scheduler)

    @classmethod
    def of_plans(cls, plans: Sequence[Plan], scheduler: Any = None) -> Any:
        """Return the scheduler that runs these plans, which differ in their number of calls.

        scheduler: as in `from_plan`.
        """
        clock, clip = _clock_and_clip(plans[0], scheduler)
        last = plans[-1]
        return cls(
            plans=carry(plans).to_json(), clock=clock.to_json(), clip=clip,
            shape=list(plan_item_shape(plans[0])), num_train_timesteps=clock.steps,
            prediction_type=OUTPUTS.get(clock.output, clock.output),
            about={"girsanov": last.audit.girsanov, "model": last.model},
            use_flow_sigmas=clock.kind == "flow",
        )  # fmt: skip

    def __repr__(self) -> str:
        """Return in a line what it can run; its file holds the grids."""
        counts = sorted(self._plans.grids)
        model = str((self.config.get("about") or {}).get("model", ""))[:12]
        return f"GirsanovScheduler({counts[0]} to {counts[-1]} network calls, of model {model})"

    @property
    def init_noise_sigma(self) -> float:
        """1: a pipeline's own noise is what the start is made of."""
        return 1.0

    def set_timesteps(
        self, num_inference_steps: int, device: str | torch.device | None = None, **_: Any
    ) -> None:
        """Choose the grid for so many network calls, or for the most there is, and say so."""
        self._grid = self._plans.grid(num_inference_steps)
        self.num_inference_steps = calls = self._plans.calls(self._grid)
        if calls < num_inference_steps:
            words = f"num_inference_steps={num_inference_steps}: {calls} network calls are made"
            warnings.warn(f"{words}, the nearest grid this plan has", stacklevel=2)
        self._use(self._plans.recipe(self._grid))
        self.timesteps = self._times(self._recipe).to(device)
        self._cursor, self._late, self._spent, self._drawn = 0, 0, 0, None

    def set_begin_index(self, begin_index: int = 0) -> None:
        """Begin at a later step, with a state that `add_noise` made of an image."""
        self._cursor = begin_index

    def _use(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._before = None

    def _times(self, recipe: Recipe) -> Tensor:
        times = self._clock.time(np.array([step.snr for step in recipe.steps]), any_level=True)
        whole = bool((times == np.rint(times)).all())
        return torch.from_numpy(times).to(torch.int64 if whole else torch.float32)

    def scale_model_input(self, sample: Tensor, timestep: Any = None) -> Tensor:
        """Return what the network sees; at first, the start made of the pipeline's noise."""
        step = self._recipe.steps[self._cursor]
        if self._cursor == 0:
            sample = self._drawn = self._start(sample)
        s = np.array([step.snr])
        factor = float(self._clock.scale(s)[0] / self._clock.alpha(s)[0])
        return (sample * factor).to(sample.dtype)

    def step(
        self, model_output: Tensor, timestep: Any, sample: Tensor,
        generator: Any = None, return_dict: bool = True, **_: Any,
    ) -> Any:  # fmt: skip
        """Return the next state by equation (1), the clean items at the last step.

        generator: one, or one an item; further arguments that other schedulers take (`eta`,
        `use_clipped_model_output`) mean nothing here.
        """
        if self._cursor == 0 and self._drawn is None and not self._bare:
            after = self._late_start(sample)
        elif self._spent < self._late:
            after = sample  # the start, shown once more
        else:
            after = self._step(model_output, timestep, sample, generator)
        self._spent += 1
        if not return_dict:
            return (after,)
        return _schedulers.SchedulerOutput(prev_sample=after)

    @property
    def _bare(self) -> bool:
        """Whether the plan starts from a pipeline's own noise as it is."""
        return self._plans.start == "standard" and self._clock.kind == "vp"

    def _late_start(self, sample: Tensor) -> Tensor:
        """Return the start of the plan for one call less: the network has seen bare noise."""
        grid = self._plans.after_start(len(self.timesteps))
        self._late = len(self.timesteps) - (0 if grid is None else self._plans.calls(grid))
        if grid is None:  # no call is left: what the start knows of the data
            return self._started(sample, self._plans.start_at(self._end), 1.0)
        self._use(self._plans.recipe(grid))
        times = self._times(self._recipe).to(self.timesteps)
        # in place: the pipeline is going through this very tensor
        self.timesteps[self._late :] = times
        self.timesteps[: self._late] = times[0]
        start = self._drawn = self._start(sample)
        return start

    @property
    def _end(self) -> float:
        """The SNR of what is returned, inf for clean items."""
        return self._recipe.end if self._plans.last == "sample" else math.inf

    def _start(self, z: Tensor) -> Tensor:
        r = self._recipe
        start = (r.mean, r.start_noise, r.start_basis)
        return self._started(z, start, self._alpha(r.steps[0].snr))

    def _started(self, z: Tensor, start: Any, alpha: float) -> Tensor:
        mean, noise, basis = start
        x, _ = self._flat(z, 1.0)
        x = coloured(x.clone(), noise, basis) + torch.tensor(mean).to(x)
        return self._shaped(x * alpha, z.shape).to(z.dtype)

    def _step(self, output: Tensor, timestep: Any, sample: Tensor, generator: Any) -> Tensor:
        k, steps = self._cursor, self._recipe.steps
        require(k < len(steps), "step", f"must be called {len(self.timesteps)} times after "
                "set_timesteps", k + 1 + self._late)  # fmt: skip
        self._require_time(timestep, k)
        if k == 0 and self._drawn is not None and not self._late:
            # what the network saw, where the pipeline keeps its noise; once, where it saw two
            sample = self._drawn[: len(sample)]
        step, last = steps[k], k + 1 == len(steps)
        x, shape = self._flat(sample, self._alpha(step.snr))
        m = self._prediction(output, x, step.snr, shape)
        # without a step before (an image to begin from), m stands for its prediction
        before = m if self._before is None else self._before
        after = step.state * x + step.prediction * m + step.history * before
        if np.any(step.noise):
            z, _ = self._flat(self._noise(sample, generator), 1.0)
            after = after + coloured(z, step.noise, step.basis)
        self._cursor, self._before = k + 1, m
        scale = 1.0 if last else self._alpha(steps[k + 1].snr)
        return self._shaped(after * scale, shape).to(sample.dtype)

    def _prediction(self, output: Tensor, x: Tensor, snr: float, shape: torch.Size) -> Tensor:
        whole = output if self._packed(shape) else output[:, : self._shape[0]]
        m = self._clock.x0(self._flat(whole, 1.0)[0].to(x), x, np.array([snr]))
        m = clipped(m.reshape(len(m), *self._shape), self._clip).reshape(x.shape)
        return self._plans.corrected(m, x, snr)

    def _noise(self, sample: Tensor, generator: Any) -> Tensor:
        # in float32 whatever the pipeline's precision, so that the noise does not depend on it
        noise = _random.randn_tensor(
            sample.shape, generator=generator, device=sample.device, dtype=torch.float32
        )
        return noise  # type: ignore[no-any-return]

    def _alpha(self, snr: float) -> float:
        return float(self._clock.alpha(np.array([snr]))[0])

    def _packed(self, shape: torch.Size) -> bool:
        """Return whether items of this shape are tokens of those that the plan was made for."""
        return len(self._shape) == 3 and shape[1:] == (tokens_of(self._shape), 4 * self._shape[0])

    def _flat(self, sample: Tensor, alpha: float) -> tuple[Tensor, torch.Size]:
        if self._packed(sample.shape):
            return unpack_tokens(sample, self._shape).flatten(1).float() / alpha, sample.shape
        right = tuple(sample.shape[1:]) == self._shape
        require(right, "sample", f"must be [B, {self._shape}], the shape of the audited items",
                tuple(sample.shape), "Audit the pipeline at this size")  # fmt: skip
        return sample.reshape(len(sample), math.prod(self._shape)).float() / alpha, sample.shape

    def _shaped(self, x: Tensor, shape: torch.Size) -> Tensor:
        """Return x [B, d] in the shape that the pipeline keeps."""
        if self._packed(shape):
            return pack_tokens(x.reshape(len(x), *self._shape))
        return x.reshape(shape)

    def _require_time(self, timestep: Any, k: int) -> None:
        """Refuse to go on when the network was asked at another time than planned."""
        want = float(self.timesteps[k + self._late])
        got = float(torch.as_tensor(timestep).reshape(-1)[0])
        if abs(got - want) > 1e-3 * max(1.0, abs(want)):
            raise InputError(
                f"timestep: must be {want:g} at step {k + 1 + self._late}; got {got:g}. This "
                "pipeline keeps timesteps of its own; use girsanov export --to timesteps"
            )

    def add_noise(self, original_samples: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Return items noised to the levels of `timesteps` [B], as states."""
        times = self._times(self._recipe)
        near = (times[None] - timesteps.cpu().to(times).reshape(-1, 1)).abs().argmin(dim=1)
        s = np.array([self._recipe.steps[int(k)].snr for k in near])
        alpha, sigma = (
            torch.as_tensor(v, dtype=original_samples.dtype, device=original_samples.device)
            .reshape(-1, *[1] * (original_samples.ndim - 1))
            for v in (self._clock.alpha(s), self._clock.alpha(s) * s**-0.5)
        )  # fmt: skip
        return alpha * original_samples + sigma * noise

    def __len__(self) -> int:
        """The number of training timesteps."""
        return int(self.config.num_train_timesteps)


def _clock_and_clip(plan: Plan, scheduler: Any) -> tuple[PipelineClock, Json]:
    """Return the clock and the clipping of the plan's pipeline, or of the scheduler given."""
    if scheduler is not None:
        return clock_of(scheduler), clip_of(own_config(scheduler))
    recorded = plan.audit.pipeline
    if recorded is None:
        refuse("plan", "must be of a diffusers pipeline", None,
               "Give its own scheduler: from_plan(plan, scheduler=pipe.scheduler)")  # fmt: skip
    return PipelineClock.from_json(recorded.clock), dict(recorded.clip)


GirsanovScheduler.__module__ = "girsanov"  # the name that model_index.json keeps for ever
