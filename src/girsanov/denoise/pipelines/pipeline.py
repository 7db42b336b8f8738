r"""The network of a diffusers pipeline as a denoiser, called as its own pipeline calls it.

    m(x, s) = clip( x0( F(g x, t(s), condition), x, s ) ),                                (1)

g, t and x0 from the scheduler (`schedule.py`), F the first C channels of the output, and
clip what the scheduler does to a prediction: to an interval (`clip_sample`) or to a quantile of
each item (`thresholding`). As data lie in the interval, clipping never makes (1) worse. With
classifier-free guidance (Ho and Salimans, 2022) F is replaced by

    F(none) + W (F(condition) - F(none)),    W = 1 without guidance,                      (2)

which is two evaluations of the network a call, and the denoiser of no data law; a network that
was distilled to take W (Flux) makes one.

The network of a live pipeline stays its owner's (`still.py`), who may train it between calls, so
its fingerprint is made anew whenever it is asked for.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from ..._checks import InputError, refuse, require, require_number, shown
from ..._files import sha256_of
from ..._typing import Array, Json, Tensor
from ..facts import ModelFacts, PipelineFacts
from ..still import plain, still
from .flux_tokens import call_packed, is_distilled, is_packed
from .notes import notes_on
from .schedule import PipelineClock, clock_of, own_config

# (label [B] or None, B, a tensor of the network's device and type) -> keyword arguments
Conditions = Callable[[Tensor | None, int, Tensor], Json]


@dataclass(eq=False)
class PipelineDenoiser:
    """A network of diffusers and the scheduler it was trained with, equation (1).

    shape: of one item, channels first, in [-1, 1] (or of one latent); conditions: what the
    network is told besides x and t; label_names: one a class; any_level: whether levels between
    the trained ones may be asked for, at an interpolated timestep; notes: what of the pipeline's
    own sampler differs from a planned one, in words; guidance: W of equation (2); text: the
    encoders of a pipeline that reads prompts (`text.py`); live: whether the network is
    somebody else's too, who may change it.
    """

    network: nn.Module
    scheduler: Any
    shape: tuple[int, ...]
    conditions: Conditions | None = None
    label_names: tuple[str, ...] = ()
    any_level: bool = False
    pipeline: str = ""
    vae: Any = None
    notes: tuple[str, ...] = ()
    training: Json = field(default_factory=dict)
    guidance: float = 1.0
    text: Any = None
    live: bool = False
    exact = False
    standardisation = None  # a pipeline does not say which units its images had

    def __post_init__(self) -> None:
        self.clock: PipelineClock = clock_of(self.scheduler)
        self.clipping = clip_of(own_config(self.scheduler))
        self.packed = is_packed(self.network)
        self.distilled = is_distilled(self.network)
        self.classes = len(self.label_names)
        if self.classes and "label_shares" not in self.training:
            self.training["label_shares"] = [1.0] * self.classes  # it does not record any
        self.snr_range = self.clock.snr_range
        self.dtype = torch.float32  # of the arithmetic around the network, whatever its weights
        self.given = self.notes
        self.seal()

    def seal(self) -> None:
        """Take note of what the weights, their precision or the guidance, once changed, mean."""
        self._rounded, self._known = "", "" if self.live else self._fingerprint()
        guides = self.pipeline if self.distilled or not self.packed else ""
        own = notes_on(self.scheduler, self.weights_dtype, guides, self.guidance,
                       1 if self.distilled else 2)  # fmt: skip
        self.notes = (*self.given, *own)

    @property
    def weights_dtype(self) -> torch.dtype:
        """The type of the network's weights, as they are now."""
        return next(self.network.parameters()).dtype

    @property
    def device(self) -> torch.device:
        """Where the network is now."""
        return next(self.network.parameters()).device

    def guided(self, weight: float) -> PipelineDenoiser:
        """Return the denoiser guided with W = `weight`, equation (2); the network is shared.

        Raises InputError for a network that cannot be asked without its condition.
        """
        copied, weight = copy.copy(self), require_number("guidance", weight)
        copied.guidance = weight
        if weight != 1:
            remedy = "Leave guidance out"
            if self.conditions is None:
                refuse("guidance", "needs a network with a condition", weight, remedy)
            self.conditions(None, 1, next(self.network.parameters()))  # refuses without "none"
        copied.seal()
        return copied

    def sized(self, shape: tuple[int, ...]) -> PipelineDenoiser:
        """Return the denoiser for items of this shape, of a network that draws any size.

        Others are returned as they are. The network and the fingerprint are shared.
        """
        if not self.packed or shape == self.shape:
            return self
        fits = len(shape) == 3 and shape[0] == self.shape[0] and shape[1] % 2 == shape[2] % 2 == 0
        require(fits, "shape", f"must be {self.shape[0]} channels of even height and width", shape)
        copied = copy.copy(self)
        copied.shape = shape
        return copied

    @property
    def unnamed(self) -> bool:
        """Whether its classes have no names but their numbers."""
        numbers = tuple(str(k) for k in range(self.classes))
        return self.text is None and self.classes > 0 and self.label_names == numbers

    @property
    def levels(self) -> Array | None:
        """The SNRs it was trained at, increasing; None when its time is continuous."""
        return self.clock.snrs

    def describe(self) -> ModelFacts:
        """Return what an audit records: clock, trained levels, clipping, class and notes."""
        levels = None if self.levels is None else tuple(self.levels.tolist())
        kind = type(self.scheduler).__name__
        return ModelFacts(
            PipelineFacts(self.pipeline, self.clock.to_json(), self.clipping, kind),
            levels, tuple(self.notes), self.guidance,
        )  # fmt: skip

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the weights and of what (1) does with them; of live ones, as they are."""
        return self._rounded or self._known or self._fingerprint()

    @fingerprint.setter
    def fingerprint(self, value: str) -> None:
        self._rounded = value  # of the network in fewer digits, another function

    def _fingerprint(self) -> str:
        decisive: Json = {"clock": self.clock.to_json(), "clip": self.clipping,
                    "network": _config(self.network)}  # fmt: skip
        decisive |= {} if self.packed else {"shape": list(self.shape)}  # which any may be
        decisive |= {} if self.guidance == 1 else {"guidance": self.guidance}
        parts: list[bytes | str | np.ndarray] = [json.dumps(decisive, sort_keys=True, default=str)]
        return sha256_of(*parts, *bytes_of(self.network.state_dict()))

    def __call__(self, x: Tensor, snr: float | Tensor, label: Tensor | None = None) -> Tensor:
        """Return m(x, snr) [B, *shape] without a gradient.

        snr: float or [B]; label: int64 [B], or None for a network that needs no condition.
        """
        require(x.shape[1:] == self.shape, "x", f"must be [B, {self.shape}]", tuple(x.shape))
        self._check_label(label)
        s = torch.as_tensor(snr, dtype=torch.float64).reshape(-1).cpu().numpy()
        with torch.no_grad():
            return self.clip(self.clock.x0(self.output(x, s, label), x, s))

    def output(self, x: Tensor, snr: Array, label: Tensor | None = None) -> Tensor:
        """Return what the network says of g x at these SNRs ([B] or [1]), its mean half only."""
        shape = (-1, *[1] * (x.ndim - 1))
        g = torch.as_tensor(self.clock.scale(snr), device=x.device, dtype=x.dtype).reshape(shape)
        time = torch.as_tensor(self.clock.time(snr, self.any_level), device=x.device)
        whole = self.levels is not None and not self.any_level
        time = time.to(torch.int64 if whole else torch.float32).expand(len(x))
        return self.raw(g * x, time, label)[:, : self.shape[0]].to(x.dtype)

    def raw(self, seen: Tensor, time: Tensor, label: Tensor | None) -> Tensor:
        """Return the network's whole output for the state `seen` at times [B], by equation (2)."""
        with still(self.network):
            answer = self._evaluated(seen, time, label)
            if self.guidance == 1 or self.distilled:
                return answer
            c, none = self.shape[0], self._evaluated(seen, time, None)[:, : self.shape[0]]
        return torch.cat([none + self.guidance * (answer[:, :c] - none), answer[:, c:]], dim=1)

    def _evaluated(self, seen: Tensor, time: Tensor, label: Tensor | None) -> Tensor:
        seen, time = plain(seen.to(self.weights_dtype)), plain(time)
        inputs = {} if self.conditions is None else self.conditions(label, len(seen), seen)
        try:
            if self.packed:
                return call_packed(self.network, seen, time, inputs, self.guidance)
            answer = self.network(seen, timestep=time, **inputs)
        except torch.OutOfMemoryError:
            raise
        except Exception as cause:  # what its configuration promised and its layers cannot do
            rule = "has a network that fails when it is called"
            raise InputError(f"model {self.pipeline}: {rule}; {shown(str(cause), 160)}") from cause
        return answer.sample  # type: ignore[no-any-return]

    def shown(self, x: Tensor) -> Tensor:
        """Return samples as the pipeline shows them: within [-1, 1], latents as they are."""
        return x.clamp(-1, 1) if self.vae is None else x

    def clip(self, m: Tensor) -> Tensor:
        """Return a prediction as this pipeline's sampler uses it."""
        return clipped(m, self.clipping)

    def _check_label(self, label: Tensor | None) -> None:
        if label is None:
            return
        require(self.classes > 0, "label", "must be None: this model has no classes", label)
        good = bool(((label >= 0) & (label < self.classes)).all())
        require(good, "label", f"must lie in 0..{self.classes - 1}", label.tolist())

    def to(self, device: torch.device | str) -> PipelineDenoiser:
        """Move the network, and the autoencoder, to a device and return this denoiser."""
        self.network.to(device)
        if self.vae is not None:
            self.vae.to(device)
        return self


def bytes_of(weights: Mapping[str, Tensor]) -> list[str | np.ndarray]:
    """Return name, type and bytes of every tensor, in the order of the names, to be hashed."""
    parts: list[str | np.ndarray] = []
    for name, value in sorted(weights.items()):
        raw = value.detach().cpu().contiguous().reshape(-1)
        parts += [name, str(value.dtype), raw.view(torch.uint8).numpy()]
    return parts


def clip_of(config: Mapping[str, Any]) -> Json:
    """Return what a scheduler of this configuration does to its predictions of x0."""
    if config.get("thresholding"):
        return {"quantile": float(config.get("dynamic_thresholding_ratio", 0.995)),
                "most": float(config.get("sample_max_value", 1.0))}  # fmt: skip
    return (
        {"range": float(config.get("clip_sample_range", 1.0))} if config.get("clip_sample") else {}
    )


def clipped(m: Tensor, clip: Json) -> Tensor:
    """Return predictions m [B, *] clipped: to +-range, or to a quantile of |m| and rescaled.

    The second is the dynamic thresholding of Imagen (Saharia et al., 2022), per item.
    """
    if "range" in clip:
        return m.clamp(-clip["range"], clip["range"])
    if "quantile" not in clip:
        return m
    flat = m.reshape(len(m), -1).float()
    edge = torch.quantile(flat.abs(), clip["quantile"], dim=1, keepdim=True)
    edge = edge.clamp(1.0, max(1.0, clip["most"]))
    return (flat.clamp(-edge, edge) / edge).to(m.dtype).reshape(m.shape)


def _config(network: nn.Module) -> Json:
    content: Any = getattr(network, "config", None)
    if content is None:
        refuse("network", "must be a model of diffusers", type(network).__name__)
    return {k: v for k, v in dict(content).items() if not k.startswith("_")}
