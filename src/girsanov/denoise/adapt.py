"""Networks of other packages as denoisers: what each says of itself, handed to `wrap`.

Nothing is imported from them: an object that is called in the same way will do. Flow matching
(torchcfm, flow_matching: from noise at t = 0 to data at t = 1, answering x0 - z) needs no adapter,
but `wrap(..., process=Flow(), predicts="-velocity", time="reversed")`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import torch

from .._checks import refuse, require
from ..process import ScalarProcess
from .wrap_options import WrapKeywords
from .wrapped import WrappedDenoiser, wrap

if TYPE_CHECKING:
    from .._typing import Array, Tensor

EDM_TIMES = (0.002, 80.0)  # of Karras et al. (2022), where a network does not say
LUCIDRAINS_OBJECTIVES = {"pred_noise": "epsilon", "pred_x0": "x0", "pred_v": "v"}
HALVINGS = 64  # of an interval of times: float64 has no more


def from_edm(
    network: Any, shape: Sequence[int], **options: Unpack[WrapKeywords]
) -> WrappedDenoiser:
    """Return a network that is called as those of EDM, physicsnemo and k-diffusion: D(x, sigma).

    network: answers x0 [B, *shape] for x = x0 + sigma z and sigma [B], with `class_labels`, one
    hot, if it has a `label_dim`; options: of `wrap`. times are its own sigma_min and sigma_max
    where these are finite and above 0, else 0.002 and 80; label_names 0, 1, ... if not given.
    """
    ends = [getattr(network, name, None) for name in ("sigma_min", "sigma_max")]
    own = [default if end is None or not 0 < float(end) < math.inf else float(end)
           for end, default in zip(ends, EDM_TIMES, strict=True)]  # fmt: skip
    options.setdefault("times", (own[0], own[1]))
    classes = int(getattr(network, "label_dim", 0) or 0)
    if not classes:
        return wrap(network, shape, **options)
    options.setdefault("label_names", [str(k) for k in range(classes)])

    def call(x: Tensor, sigma: Tensor, label: Tensor | None) -> Any:
        one_hot = torch.zeros(len(x), classes, device=x.device)
        if label is not None:  # without one, zeros are EDM's own mark of "not told"
            one_hot.scatter_(1, label[:, None], 1.0)
        return network(x, sigma, class_labels=one_hot)

    options.setdefault("weights", network)
    return wrap(call, shape, **options)


def from_denoising_diffusion_pytorch(
    diffusion: Any, **options: Unpack[WrapKeywords]
) -> WrappedDenoiser:
    """Return the network of a GaussianDiffusion of denoising-diffusion-pytorch.

    diffusion: itself, or its average, trainer.ema.ema_model; options: of `wrap`. Its levels, what
    it predicts and the shape are its own. Pictures are in [-1, 1], as with its auto_normalize;
    without that, give `units`.
    """
    names = ("model", "alphas_cumprod", "objective", "image_size", "channels")
    absent = [name for name in names if not hasattr(diffusion, name)]
    got = f"{type(diffusion).__name__}, which lacks {', '.join(absent)}"
    require(not absent, "diffusion", "must be a GaussianDiffusion", got)
    if diffusion.objective not in LUCIDRAINS_OBJECTIVES:
        rule = f"must have an objective of {', '.join(LUCIDRAINS_OBJECTIVES)}"
        refuse("diffusion", rule, diffusion.objective)
    size, channels = diffusion.image_size, int(diffusion.channels)
    sides = (size, size) if isinstance(size, int) else tuple(size)
    options.setdefault("predicts", LUCIDRAINS_OBJECTIVES[diffusion.objective])
    options.setdefault("alphas_cumprod", diffusion.alphas_cumprod)
    options.setdefault(
        "learned_sigma", getattr(diffusion.model, "out_dim", channels) == 2 * channels
    )
    return wrap(diffusion.model, (channels, *sides), **options)


def from_azula(
    denoiser: Any, shape: Sequence[int], **options: Unpack[WrapKeywords]
) -> WrappedDenoiser:
    """Return a denoiser of azula, its plugins' (ADM, EDM, EDM2, VDM, ...) among them.

    denoiser: called as denoiser(x_t, t).mean, with alpha and sigma by its `schedule`; shape: of
    one example; options: of `wrap`; times are 0.001 and 1 if not given.
    """
    schedule = getattr(denoiser, "schedule", None)
    require(callable(schedule), "denoiser", "must have a schedule, as those of azula have",
            type(denoiser).__name__)  # fmt: skip
    options.setdefault("process", AnySchedule(schedule))  # type: ignore[arg-type]
    options.setdefault("times", (1e-3, 1.0))
    options.setdefault("weights", denoiser)
    return wrap(lambda x, t: denoiser(x, t).mean, shape, **options)


class AnySchedule(ScalarProcess):
    """A process of any alpha and sigma of t in (0, 1], whose SNR falls.

    scales: t [n] to (alpha, sigma), tensors [n]. The time of an SNR is found by halving.
    """

    end = 1.0 + 1e-9

    def __init__(self, scales: Callable[[Tensor], tuple[Tensor, Tensor]]) -> None:
        self.scales = scales

    def alpha(self, t: Array | float) -> Array:
        """Return alpha(t)."""
        return self._both(t)[0]

    def sigma(self, t: Array | float) -> Array:
        """Return sigma(t)."""
        return self._both(t)[1]

    def _both(self, t: Array | float) -> tuple[Array, Array]:
        at = torch.as_tensor(np.asarray(t, dtype=np.float64))
        alpha, sigma = (v.detach().cpu().double().numpy() for v in self.scales(at))
        return alpha, sigma

    def time(self, snr: Array | float) -> Array:
        """Return the time t with snr(t) = snr, to float64's digits."""
        wanted = np.asarray(snr, dtype=np.float64)
        low, high = np.zeros_like(wanted), np.ones_like(wanted)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            alpha, sigma = self._both(middle)
            before = alpha**2 > wanted * sigma**2
            low, high = np.where(before, middle, low), np.where(before, high, middle)
        return np.asarray((low + high) / 2)
