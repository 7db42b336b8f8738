r"""Data of a latent pipeline: pictures encoded once by its autoencoder, and what that loses.

    z = (E(x) - shift) scaling,    x^ = D(z / scaling + shift),                           (1)

E the mode of the encoder; shift and scaling are numbers, or one a channel (`latents_mean`,
`latents_std` of some autoencoders of SDXL). A latent pipeline is audited on z; that D(E(x)) is
not x is an error of its own, which no sampler can mend, and is measured beside the ledger, as

    r = sqrt( mean of (x - x^)^2 over values and pictures ),  pictures in [-1, 1].        (2)
"""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..._checks import refuse, require
from ..._files import read_tensors, sha256_of, write_tensors
from ...data import Dataset, load_data
from ...data.standardise import ImageStandardisation
from ..facts import AutoencoderLoss
from ..still import still
from .units import units_for

if TYPE_CHECKING:
    from ..._typing import PathLike, Progress, Tensor
    from .pipeline import PipelineDenoiser

RECONSTRUCTED = 256  # pictures (2) is measured on
PICTURE_BATCH = 32


def encode_latents(
    model: PipelineDenoiser,
    data: Dataset,
    *,
    cache: PathLike | None = None,
    progress: Progress | None = None,
) -> tuple[Dataset, AutoencoderLoss]:
    """Return the latents z of (1) as a data set with the same labels, and the record of (2).

    data: pictures of the size the autoencoder was made for; cache: a folder that keeps the
    latents of each data set and autoencoder under a name of their fingerprints, so that the next
    audit reads them; progress(done, total) counts pictures. Raises InputError for a model
    without autoencoder, and for pictures whose latents do not have the network's shape.
    """
    require(model.vae is not None, "model", "must be a latent pipeline: it has no autoencoder")
    pictures = data.with_standardisation(units_for(model, data))
    name = sha256_of("latents", data.fingerprint, _fingerprint(model.vae))
    file = None if cache is None else Path(cache) / f"latents-{name[:24]}.safetensors"
    if file is not None and file.is_file():
        tensors = read_tensors(file)
        latents, errors = tensors["latents"], tensors["errors"]
        require(len(latents) == len(data), str(file), f"must hold {len(data)} latents",
                len(latents), "Remove it")  # fmt: skip
    else:
        latents, errors = _encoded(model, pictures, progress)
        if file is not None:
            write_tensors(file, {"latents": latents, "errors": errors})
    dataset = load_data(latents, name=f"latents of {data.name}")
    if data.labels is not None:
        dataset = dataset.with_labels(data.labels, data.label_names)
    units = ImageStandardisation(model.shape, "chw", latents.dtype, -1.0, 1.0)
    dataset = dataset.with_standardisation(units)
    dataset.lineage = data.lineage
    return dataset, reconstruction(errors)


def latent_shape(model: PipelineDenoiser, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of latents of pictures of this shape [C, H, W]; latents have it already."""
    if model.vae is None or shape[0] == model.shape[0]:
        return shape
    halvings = 2 ** (len(model.vae.config["block_out_channels"]) - 1)
    return model.shape[0], shape[1] // halvings, shape[2] // halvings


def reconstruction(errors: np.ndarray) -> AutoencoderLoss:
    """Return (2) with its 95 % interval, from the mean square error of each picture [n]."""
    mean, se = float(errors.mean()), float(errors.std(ddof=1) / math.sqrt(len(errors)))
    low, high = (math.sqrt(max(0.0, mean + k * 1.96 * se)) for k in (-1, 1))
    note = (
        "root mean square error per value of decoding what was encoded, pictures in [-1, 1]; no "
        "sampler can be better"
    )
    return AutoencoderLoss("vae", math.sqrt(mean), low, high, "estimate", len(errors), note)


def _encoded(
    model: PipelineDenoiser, pictures: Dataset, progress: Progress | None
) -> tuple[np.ndarray, np.ndarray]:
    total = len(pictures)
    parts, errors = [], []
    vae = _upcast(model.vae)
    with still(vae):
        for begin in range(0, total, PICTURE_BATCH):
            x = pictures.batch(slice(begin, min(begin + PICTURE_BATCH, total)))
            z = encode(vae, x)
            rule = f"must have latents of shape {model.shape}, as the network takes"
            require(tuple(z.shape[1:]) == model.shape, pictures.name, rule, tuple(z.shape[1:]),
                    "Give pictures of the size the pipeline draws")  # fmt: skip
            if begin < RECONSTRUCTED:
                errors.append((decode(vae, z) - x).square().flatten(1).mean(1).numpy())
            parts.append(z.numpy())
            if progress is not None:
                progress(min(begin + PICTURE_BATCH, total), total)
    out = np.concatenate(parts)
    require(bool(np.isfinite(out).all()), "autoencoder", "must give finite latents")
    return out, np.concatenate(errors)[:RECONSTRUCTED].astype(np.float64)


def encode(vae: Any, x: Tensor) -> Tensor:
    """Return z of (1) for pictures x [b, C, H, W] in [-1, 1], float32 on the CPU."""
    weight = next(vae.parameters())
    encoded = vae.encode(x.to(weight.device, weight.dtype))
    if hasattr(encoded, "latent_dist"):
        raw = encoded.latent_dist.mode()
    elif hasattr(encoded, "latents"):
        raw = encoded.latents
    else:
        refuse("autoencoder", "must give latents when it encodes", type(vae).__name__)
    shift, scaling = _scaling(vae)
    z: Tensor = (raw.float().cpu() - shift) * scaling
    return z


def decode(vae: Any, z: Tensor) -> Tensor:
    """Return the pictures x^ of (1) for latents z, float32 on the CPU."""
    weight = next(vae.parameters())
    shift, scaling = _scaling(vae)
    raw = z / scaling + shift
    decoded: Tensor = vae.decode(raw.to(weight.device, weight.dtype)).sample
    return decoded.float().cpu()


def _scaling(vae: Any) -> tuple[float | Tensor, float | Tensor]:
    """Return shift and scaling of (1)."""
    shift = float(vae.config.get("shift_factor") or 0.0)
    scaling = float(vae.config.get("scaling_factor") or 1.0)
    mean, std = (vae.config.get(name) for name in ("latents_mean", "latents_std"))
    if mean is None or std is None:
        return shift, scaling
    means, stds = (torch.tensor(v, dtype=torch.float32).reshape(-1, 1, 1) for v in (mean, std))
    return means, scaling / stds


def _upcast(vae: Any) -> Any:
    """Return an autoencoder in float32, a copy of it, where its half precision overflows."""
    half = next(vae.parameters()).dtype == torch.float16
    return copy.deepcopy(vae).float() if half and vae.config.get("force_upcast") else vae


def _fingerprint(vae: Any) -> str:
    parts: list[bytes | str | np.ndarray] = [str(_scaling(vae))]
    for name, value in sorted(vae.state_dict().items()):
        parts += [name, value.detach().cpu().float().numpy()]
    return sha256_of(*parts)
