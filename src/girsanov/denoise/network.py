r"""A trained network as a denoiser, and the folder it lives in.

The folder has diffusers' layout: `model_index.json`, one sub-folder a component with
`config.json` and `diffusion_pytorch_model.safetensors`, the scheduler of an image network, and
beside them `girsanov.json` and `moments.safetensors`. The weights are the averaged ones.

A network of phase space (critically damped Langevin diffusion) is shown (x, w) of (5) of
`process/augmented.py`, one map away from (X, V): x as any network is, and the noise w beside it,
in the same coordinates. Where it learns to leave w aside it is an ordinary network.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from .._checks import refuse, require
from .._files import sha256_of, write_json, write_tensors
from .base import require_y
from .columns import ColumnPreconditioning
from .convolutional import ConvUNet
from .mlp import ResidualMLP
from .precondition import (
    Call,
    LinearPreconditioning,
    Preconditioning,
    ResidualPreconditioning,
    VPreconditioning,
    log_range,
)
from .still import evaluating
from .unet import unet_scheduler

if TYPE_CHECKING:
    from .._typing import Array, Json, PathLike, Tensor
    from ..data.conditions import Conditions
    from ..data.standardise import Standardisation
    from ..moments import Moments

WEIGHTS = "diffusion_pytorch_model.safetensors"
CONDITIONS = "conditions.safetensors"
MODEL_FORMAT = "girsanov/model/1"
OWN_NETWORKS = (ResidualMLP, ConvUNet)  # networks that are not of diffusers


@dataclass(eq=False)
class NetworkDenoiser:
    """m(x, s) by a network and its preconditioning, in standardised units.

    network: `ResidualMLP`, `ConvUNet` or `diffusers.UNet2DModel`; shape: of one example;
    preconditioning: ``wiener``, ``edm``, ``columns`` (MLP), ``residual`` (ConvUNet) or ``v``
    (UNet); moments, standardisation: of the training data; snr_range: lowest and highest trained
    SNR; label_names: one a class, empty when it takes no labels; training: what was run;
    scheduler: of diffusers, for ``v`` only, None builds it; told: what is known of y, of a model
    of x given y, whose label is y [B, p]. `process` is ``cld`` when the network is shown twice the
    numbers it predicts, else ``vp``.
    """

    network: nn.Module
    shape: tuple[int, ...]
    preconditioning: str
    moments: Moments
    standardisation: Standardisation
    snr_range: tuple[float, float]
    label_names: tuple[str, ...] = ()
    training: Json = field(default_factory=dict)
    scheduler: Any = None
    told: Conditions | None = None
    exact = False

    def __post_init__(self) -> None:
        self.classes = len(self.label_names)
        self.process = "cld" if phases_of(self.network) == 2 else "vp"
        if self.preconditioning == "v" and self.scheduler is None:
            self.scheduler = unet_scheduler(self.snr_range)
        self.seal()
        self._surroundings = self._build_surroundings()

    def seal(self) -> None:
        """Take note of the weights' precision, place and fingerprint, after they changed."""
        weight = next(self.network.parameters())
        self.dtype, self.device = weight.dtype, weight.device
        self.fingerprint = self._fingerprint()

    def _build_surroundings(self) -> Preconditioning:
        if self.preconditioning == "v":
            return VPreconditioning(self.scheduler, self.dtype)
        ends = log_range(self.snr_range)
        if self.preconditioning == "residual":
            return ResidualPreconditioning(self.moments, ends, self.dtype, self._explained())
        if self.preconditioning == "columns":
            columns = ColumnPreconditioning(self.standardisation.mixtures, ends, self.dtype)
            columns.require_fits(network_config(self.network))
            return columns
        explained = self._explained()
        return LinearPreconditioning(
            self.preconditioning, self.moments, ends, self.dtype, explained
        )

    def _explained(self) -> Array | None:
        """Return how much of each coordinate of the moments' basis y explains, [d]."""
        if self.told is None:
            return None
        line = self.moments.basis.to_coordinates(torch.from_numpy(self.told.line()))
        return np.asarray(line.square().mean(dim=0).numpy())

    def untold_weight(self) -> float:
        """Return the variance of x given y over that of x, 1 of a model that is told no y."""
        explained = self._explained()
        whole = self.moments.variance + (0.0 if explained is None else float(explained.sum()))
        return self.moments.variance / whole

    def _fingerprint(self) -> str:
        """Return the SHA-256 of the weights and of everything else that decides an output."""
        parts: list[bytes | str | np.ndarray] = [json.dumps(self._decisive(), sort_keys=True)]
        for name, value in sorted(weights_of(self.network).items()):
            parts += [name, value]
        axes = [f for f in self.moments.basis.factors if f is not None]
        return sha256_of(*parts, self.moments.mean, self.moments.variances, *axes)

    def _decisive(self) -> Json:
        columns = self.preconditioning == "columns"  # whose laws the units are
        return {
            **({"units": self.standardisation.to_json()} if columns else {}),
            **({"given": self.told.fingerprint} if self.told else {}),
            "network": network_config(self.network),
            "scheduler": None if self.scheduler is None else scheduler_config(self.scheduler),
            "preconditioning": self.preconditioning,
            "shape": list(self.shape),
            "snr_range": list(self.snr_range),
            "classes": self.classes,
        }

    def __call__(self, x: Tensor, snr: float | Tensor, label: Tensor | None = None) -> Tensor:
        """Return m(x, snr) [B, *shape] without a gradient.

        snr: float or [B]; label: int64 [B] or None, which asks a model with classes for a
        guess that does not know the label (one training example in ten had its label hidden).
        """
        self._check(x, label)
        label = None if label is None else label.to(x.device)
        with torch.no_grad():
            return self.denoise(x, snr, label, network=self._infer)

    def denoise(
        self, x: Tensor, snr: float | Tensor, label: Tensor | None = None, *, network: Any = None
    ) -> Tensor:
        """Return m(x, snr) unchecked and with gradients, as training needs it."""
        s = torch.as_tensor(snr, dtype=torch.float64).reshape(-1)
        s = s if len(s) == 1 else s.to(x.device)
        call = network or self.network_call
        if self.process == "cld":
            x, w = x.unbind(1)
            call = self._beside(call, w)
        return self._surroundings.denoise(call, x, s, label)

    def _beside(self, call: Call, w: Tensor) -> Call:
        """Return a call that shows the network w beside its input."""
        if type(self._surroundings) is LinearPreconditioning:
            w = self._surroundings.basis.to_coordinates(w.flatten(1))
        return lambda x, level, label: call(torch.cat([x, w.to(x)], 1), level, label)

    def _infer(self, x: Tensor, level: Tensor, label: Tensor | None) -> Tensor:
        # only the network runs in inference mode: what the caller gets is an ordinary tensor
        with evaluating(self.network), torch.inference_mode():
            return self.network_call(x, level, label)

    def network_call(self, x: Tensor, level: Tensor, label: Tensor | None) -> Tensor:
        """Return what the network says of its own inputs, with gradients."""
        if self.preconditioning != "v":
            return self.network(x, level, label)  # type: ignore[no-any-return]
        if self.classes and label is None:
            label = torch.full((len(x),), self.classes, device=x.device)
        return self.network(x, level, class_labels=label).sample  # type: ignore[no-any-return]

    def _check(self, x: Tensor, label: Tensor | None) -> None:
        whole = (2, *self.shape) if self.process == "cld" else self.shape
        rule = f"must be [B, {whole}]" + (
            ", both coordinates of phase space, in which this model was trained (process cld)"
            if self.process == "cld"
            else ""
        )
        require(x.shape[1:] == whole, "x", rule, tuple(x.shape))
        if label is None:
            return
        if self.told is not None:
            require_y(label, len(x), self.told.width)
            return
        require(self.classes > 0, "label", "must be None: this model has no classes", label)
        good = bool(((label >= 0) & (label < self.classes)).all())
        require(good, "label", f"must lie in 0..{self.classes - 1}", label.tolist())

    def to(self, device: torch.device | str) -> NetworkDenoiser:
        """Move the network to a device and return this denoiser."""
        if torch.device(device) != self.device:
            self.network.to(device)
            self.seal()
        return self

    def save(self, folder: PathLike) -> None:
        """Write the model folder; `girsanov.json` comes last, so a torn folder is not a model."""
        folder = Path(folder)
        name, index = component(self.network)
        weights = weights_of(self.network)
        finite = all(np.isfinite(value).all() for value in weights.values())
        require(finite, str(folder), "must not be given weights that are not finite")
        write_json(folder / name / "config.json", network_config(self.network))
        write_tensors(folder / name / WEIGHTS, weights, {"format": "pt"})
        if self.scheduler is not None:
            write_json(
                folder / "scheduler" / "scheduler_config.json", scheduler_config(self.scheduler)
            )
        self.moments.save(folder / "moments.safetensors")
        if self.told is not None:
            write_tensors(folder / CONDITIONS, self.told.tensors())
        write_json(folder / "model_index.json", index)
        write_json(folder / "girsanov.json", self._record())

    def _record(self) -> Json:
        return {
            "format": MODEL_FORMAT,
            **self._decisive(),
            "process": self.process,
            "label_names": list(self.label_names),
            "standardisation": self.standardisation.to_json(),
            **({"conditions": self.told.units.to_json()} if self.told else {}),
            "training": self.training,
            "fingerprint": self.fingerprint,
        }


def weights_of(network: nn.Module) -> dict[str, np.ndarray]:
    """Return a network's state by name, as arrays on the CPU."""
    return {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}


def phases_of(network: nn.Module) -> int:
    """Return how many numbers a network is shown for each that it predicts: 1, or 2."""
    config: Any = getattr(network, "config", {})
    if isinstance(network, ResidualMLP):
        return int(config.get("phases", 1))
    if isinstance(network, ConvUNet):
        return int(config["inputs"]) - 1  # beside the filter's estimate
    return int(config.in_channels // config.out_channels)


def network_config(network: nn.Module) -> Json:
    """Return what `config.json` of this network holds."""
    if isinstance(network, OWN_NETWORKS):
        return {"_class_name": type(network).__name__, **network.config}
    return _own_config(network)


def scheduler_config(scheduler: Any) -> Json:
    """Return what `scheduler_config.json` of this scheduler holds."""
    return _own_config(scheduler)


def _own_config(part: Any) -> Json:
    if not hasattr(part, "to_json_string"):
        refuse(
            "network",
            "must be a ResidualMLP, a ConvUNet or a diffusers UNet2DModel",
            type(part).__name__,
        )
    content: Json = json.loads(part.to_json_string())
    return {k: v for k, v in content.items() if k != "_name_or_path"}


def component(network: nn.Module) -> tuple[str, Json]:
    """Return the folder of this network and the `model_index.json` that names it."""
    if isinstance(network, OWN_NETWORKS):
        name = type(network).__name__
        return "network", {"_class_name": "Girsanov", "network": ["girsanov", name]}
    version = network_config(network)["_diffusers_version"]
    name = "DDPMPipeline" if phases_of(network) == 1 else "Girsanov"  # diffusers has no such one
    return "unet", {
        "_class_name": name,
        "_diffusers_version": version,
        "scheduler": ["diffusers", "DDPMScheduler"],
        "unet": ["diffusers", "UNet2DModel"],
    }
