r"""What a diffusers scheduler says of its network: which levels it was trained at, and its output.

A network of a pipeline sees g x at a time t, for x = x0 + z/sqrt(s), and its output stands for
an x0 prediction. With sigma = 1/sqrt(s), alpha^2 + beta^2 = 1 and abar_t of the training steps,

    vp      g = alpha = sqrt(s/(1 + s)),      t = 0..T-1 with s_t = abar_t/(1 - abar_t);      (1)
    flow    g = alpha = 1/(1 + sigma),        t = T sigma/(1 + sigma), any in (0, T);         (2)
    edm     g = 1/sqrt(sigma^2 + sigma_d^2),  t = log(sigma)/4,
            m = sigma_d^2 g^2 x + c g sigma sigma_d F,  c = 1 for epsilon and -1 for v.       (3)

Outputs of (1) and (2) are rows of the table in `parametrise.py`. Karras et al. (2022) for (3).
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..._checks import InputError, need, refuse, require, shown
from ..parametrise import to_x0

if TYPE_CHECKING:
    from ..._typing import Array, Json, Tensor

OUTPUTS = {
    "epsilon": "epsilon",
    "sample": "x0",
    "v_prediction": "v",
    "flow_prediction": "velocity",
}
DISTILLED = {
    "LCMScheduler", "TCDScheduler", "CMStochasticIterativeScheduler", "SCMScheduler",
    "FlowMatchLCMScheduler", "FlowMapEulerDiscreteScheduler", "HeliosDMDScheduler",
    "PiflowScheduler",
}  # fmt: skip
LOWEST = 1e-6  # SNR; nothing is left of the data below it, and zero itself has no x
NEAR = 1e-6  # relative distance at which a level counts as a trained one
FLOW_ENDS = (1e-3, 0.999)  # default range of sigma/(1 + sigma) of a flow, whose times have no ends


@dataclass(frozen=True)
class PipelineClock:
    """Equations (1) to (3).

    kind: ``vp``, ``flow`` or ``edm``; output: parametrisation of the network's output (of (3):
    ``epsilon`` or ``v``); snrs: trained SNRs, increasing, and `times`: the time of each, both
    None when any in `snr_range` will do (the time of a vp network is then log(sigma)/4, as in
    (3)); steps: T; sigma_data: of (3).
    """

    kind: str
    output: str
    snr_range: tuple[float, float]
    steps: int
    snrs: Array | None = None
    times: Array | None = None
    sigma_data: float = 0.5

    def scale(self, snr: Array) -> Array:
        """Return g, which takes x to what the network sees."""
        s = np.asarray(snr, dtype=np.float64)
        if self.kind == "edm":
            return np.asarray(1 / np.sqrt(1 / s + self.sigma_data**2))
        return self.alpha(s)

    def alpha(self, snr: Array) -> Array:
        """Return the factor on x of the state that a diffusers sampler keeps."""
        s = np.asarray(snr, dtype=np.float64)
        if self.kind == "vp":
            return np.asarray(np.sqrt(s / (1 + s)))
        return np.asarray(1 / (1 + s**-0.5)) if self.kind == "flow" else np.ones_like(s)

    def time(self, snr: Array, any_level: bool = False) -> Array:
        """Return t of each SNR; InputError for one that was not trained, unless `any_level`."""
        s = np.atleast_1d(np.asarray(snr, dtype=np.float64))
        sigma = s**-0.5
        if self.snrs is None or self.times is None:
            if self.kind == "flow":
                return np.asarray(self.steps * sigma / (1 + sigma))
            return np.asarray(np.log(sigma) / 4)
        log_snrs = np.log(self.snrs)
        near = np.abs(log_snrs - np.log(s)[..., None]).argmin(axis=-1)
        off = np.abs(log_snrs[near] - np.log(s))
        if bool((off <= NEAR).all()):
            return np.asarray(self.times[near])
        require(any_level, "snr", f"must be one of the {len(log_snrs)} levels the network was "
                f"trained at (nearest: {self.snrs[near[off > NEAR][0]]:.6g})",
                float(s[off > NEAR][0]), "Take one of model.levels, or any_level")  # fmt: skip
        return np.asarray(np.interp(np.log(s), log_snrs, self.times))

    def x0(self, output: Tensor, x: Tensor, snr: Array) -> Tensor:
        """Return the x0 prediction behind `output`; x [B, *], snr [B] or [1]."""
        s = np.asarray(snr, dtype=np.float64)
        if self.kind == "edm":
            g, sd = self.scale(s), self.sigma_data
            sign = 1.0 if self.output == "epsilon" else -1.0
            return _like(sd**2 * g**2, x) * x + _like(sign * g * sd * s**-0.5, x) * output
        return x0_behind(self.output, output, x, s, self.alpha(s))

    def to_json(self) -> Json:
        """Return the fields as JSON values."""
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in vars(self).items()
        }

    @classmethod
    def from_json(cls, content: Json) -> PipelineClock:
        """Return the clock that `to_json` described."""
        low, high = content["snr_range"]
        rows = {k: None if content[k] is None else np.asarray(content[k], np.float64)
                for k in ("snrs", "times")}  # fmt: skip
        return cls(**{**content, "snr_range": (float(low), float(high)), **rows})


def x0_behind(kind: str, output: Tensor, x: Tensor, snr: Array, alpha: Array) -> Tensor:
    """Return the x0 prediction behind the output for alpha x; snr, alpha: [B] or [1]."""
    a, b = _like(alpha, x), _like(alpha * snr**-0.5, x)
    return to_x0(kind, output, a * x, a, b)


def _like(values: Array, x: Tensor) -> Tensor:
    return torch.as_tensor(values, dtype=x.dtype, device=x.device).reshape(-1, *[1] * (x.ndim - 1))


def own_config(scheduler: Any) -> Json:
    """Return the settings that this scheduler's class has; diffusers keeps those of others too."""
    parameters = inspect.signature(type(scheduler).__init__).parameters
    return {k: v for k, v in dict(scheduler.config).items() if k in parameters}


def build_scheduler(config: Json, where: str) -> Any:
    """Return the diffusers scheduler of this configuration, or refuse in one line."""
    name = config.get("_class_name")
    diffusers = need("diffusers", "diffusers")
    require(isinstance(name, str), where, "must name a scheduler class in _class_name", name)
    _require_levels({str(name)}, where)
    kind = getattr(diffusers, str(name), None)
    valid = isinstance(kind, type) and str(name).endswith("Scheduler")
    require(valid, where, "must name a scheduler that this version of diffusers has", name)
    try:
        return kind.from_config(config)  # type: ignore[union-attr]
    except ImportError as cause:
        if name == "DPMSolverSDEScheduler":  # its sampler needs another package, its levels do not
            return diffusers.DDPMScheduler.from_config(config)
        refuse(where, "must be of a scheduler that can be built here", shown(str(cause)))
    except Exception as cause:  # a damaged configuration fails anywhere, with any error
        raise InputError(
            f"{where}: must be a scheduler that can be built; {shown(str(cause))}"
        ) from cause


def _require_levels(names: set[str], where: str) -> None:
    """Refuse a scheduler of these classes (its own and what that is made from) if distilled."""
    distilled = sorted(names & DISTILLED)
    require(not distilled, where, "must belong to a denoiser", ", ".join(distilled),
            "A distilled network predicts samples, not E[x0 | x]; it has no levels")  # fmt: skip


def clock_of(scheduler: Any, where: str = "scheduler") -> PipelineClock:
    """Return the clock of a diffusers scheduler.

    Raises InputError for one of a distilled network, and when it has neither `alphas_cumprod`
    nor the sigmas of a known convention, or an unknown prediction type.
    """
    _require_levels({kind.__name__ for kind in type(scheduler).__mro__}, where)
    config, name = own_config(scheduler), type(scheduler).__name__
    steps = int(config.get("num_train_timesteps", 1000))
    if name.startswith("FlowMatch"):
        return _flow(steps, "velocity")
    output = _output(config.get("prediction_type", "epsilon"), where)
    if config.get("use_flow_sigmas"):
        return _flow(steps, output)
    require(output != "velocity", where, "flow_prediction needs use_flow_sigmas", None,
            "Set it in the scheduler's configuration")  # fmt: skip
    if name.startswith("EDM"):
        rule = "must have prediction_type epsilon or v_prediction"
        require(output in ("epsilon", "v"), where, rule, config["prediction_type"])
        ends = (config["sigma_max"] ** -2.0, config["sigma_min"] ** -2.0)
        return PipelineClock("edm", output, ends, steps, sigma_data=float(config["sigma_data"]))
    kept = getattr(scheduler, "alphas_cumprod", None)
    if kept is None or name == "DDPMWuerstchenScheduler":
        refuse(where, "must define alphas_cumprod, or be a FlowMatch or EDM scheduler", name)
    return vp_clock(np.asarray(kept.double()), output, where, config)


def _output(prediction: Any, where: str) -> str:
    rule = "must have a prediction_type of " + ", ".join(OUTPUTS)
    require(prediction in OUTPUTS, where, rule, prediction)
    return OUTPUTS[prediction]


def _flow(steps: int, output: str) -> PipelineClock:
    low, high = (((1 - u) / u) ** 2 for u in FLOW_ENDS[::-1])
    return PipelineClock("flow", output, (low, high), steps)


def vp_clock(kept: Array, output: str, where: str, config: Json | None = None) -> PipelineClock:
    """Return the clock of `alphas_cumprod`, `kept` [T], and of what else a scheduler says."""
    config = config or {}
    require(kept.ndim == 1, where, "must have alphas_cumprod, one a timestep", kept.shape)
    if config.get("rescale_betas_zero_snr"):
        kept = np.append(kept[:-1], 0.0)  # some classes write 2^-24 there, to divide by it
    good = np.isfinite(kept).all() and (kept >= 0).all() and (kept < 1).all()
    falling = bool(good) and len(kept) >= 2 and bool((np.diff(kept) < 0).all())
    require(falling, where, "must have alphas_cumprod that fall and lie in [0, 1)")
    snrs = kept / (1 - kept)
    times = np.flatnonzero(snrs > LOWEST)[::-1].copy()
    levels = snrs[times]
    require(len(levels) >= 2, where, f"must have levels of SNR above {LOWEST:g}")
    ends = (float(levels[0]), float(levels[-1]))
    if config.get("timestep_type") == "continuous" and output == "v":
        low, high = (config.get(k) for k in ("sigma_max", "sigma_min"))
        ends = (low**-2.0, high**-2.0) if low and high else ends
        return PipelineClock("vp", output, ends, len(kept))
    return PipelineClock("vp", output, ends, len(kept), levels, times.astype(np.float64))
