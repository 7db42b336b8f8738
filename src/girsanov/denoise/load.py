"""`load_model`: a folder, a law file or the user's own code in; a denoiser out, or a refusal."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from .._checks import InputError, need, refuse, require, shown
from .._files import read_json, read_tensors
from ..data.standardise import Standardisation
from ..law.read import read_law
from ..moments import Moments, load_moments
from .code_file import denoiser_of_code
from .convolutional import ConvUNet
from .exact import ExactDenoiser
from .mlp import ResidualMLP
from .network import CONDITIONS, MODEL_FORMAT, OWN_NETWORKS, WEIGHTS, NetworkDenoiser, phases_of
from .pipelines.folder import load_pipeline
from .places import ACCEPTED, HUB, PICKLE_SUFFIXES, code_of, require_model_place

if TYPE_CHECKING:
    from .._typing import Json, PathLike
    from ..data.conditions import Conditions
    from .base import Denoiser

COMPONENTS = {"ResidualMLP": "network", "ConvUNet": "network", "UNet2DModel": "unet"}
PRECONDITIONINGS = {
    "ResidualMLP": ("wiener", "edm", "columns"), "ConvUNet": ("residual",), "UNet2DModel": ("v",),
}  # fmt: skip
FIELDS: dict[str, type] = {
    "preconditioning": str, "shape": list, "snr_range": list, "label_names": list,
    "standardisation": dict, "training": dict, "fingerprint": str, "network": dict,
}  # fmt: skip


def load_model(path: PathLike, *, device: str | None = None) -> Denoiser:
    """Return the denoiser in `path`: of a network, a diffusers pipeline, a law, or your code.

    path: a model folder that `fit` wrote, a diffusers pipeline folder (or ``hub:owner/name``,
    the only thing that is ever fetched), a law's JSON file, or ``FILE.py:function``, your own
    code, which is run and returns a denoiser; device: where a network runs,
    by default a GPU if there is one (laws run on the CPU, code where it says). Raises InputError
    in one line for anything else, naming what is accepted; pickles are never opened.
    """
    place = _device(device)
    require_model_place(path)
    if code_of(str(path)) is not None:
        return denoiser_of_code(str(path), None if device is None else str(place))
    if str(path).startswith(HUB):
        return load_pipeline(path, device=place)
    if Path(path).is_dir():
        return _from_folder(Path(path), place)
    return ExactDenoiser(read_law(path))


def _device(name: str | None) -> torch.device:
    """Return the device of this name, or refuse one that this machine does not have."""
    usable = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    if name is None:
        return torch.device(usable[-1])
    rule = f"must be a device of this machine: {' or '.join(usable)}"
    try:
        device = torch.device(name)
    except RuntimeError:
        refuse("device", rule, name)
    there = device.type in usable and (device.index or 0) < max(1, torch.cuda.device_count())
    require(there, "device", rule, name)
    return device


def _from_folder(folder: Path, place: torch.device) -> Denoiser:
    if (folder / "girsanov.json").is_file():
        return _read(folder).to(place)
    marks = ("model_index.json", "config.json", "scheduler")
    if any((folder / name).exists() for name in marks):
        return load_pipeline(folder, device=place)
    pickles = sorted(p.name for p in folder.iterdir() if p.suffix.lower() in PICKLE_SUFFIXES)
    got = f"a folder with the pickle {pickles[0]}" if pickles else "another folder"
    refuse(f"model {folder}", f"must be {ACCEPTED}", got)


def _read(folder: Path) -> NetworkDenoiser:
    record = _record(folder / "girsanov.json")
    moments = load_moments(folder / "moments.safetensors")
    name = COMPONENTS[record["network"]["_class_name"]]
    config = read_json(folder / name / "config.json")
    network = _network(folder / name, config)
    model = _assembled(folder, record, (network, moments))
    require(
        model.fingerprint == record["fingerprint"], str(folder / "girsanov.json"),
        "must hold the fingerprint of the weights and settings beside it", record["fingerprint"],
        "A file of this model was changed or belongs to another; copy the folder again",
    )  # fmt: skip
    return model


def _record(path: Path) -> Json:
    record, where = read_json(path, strict=True), str(path)
    require(record.get("format") == MODEL_FORMAT, where, f'must have "format": "{MODEL_FORMAT}"',
            record.get("format", "no format"))  # fmt: skip
    for name, kind in FIELDS.items():
        value = record.get(name)
        require(isinstance(value, kind), where, f"must have {name}, of type {kind.__name__}",
                "nothing" if value is None else value)  # fmt: skip
    network_class = record["network"].get("_class_name")
    require(
        isinstance(network_class, str) and network_class in COMPONENTS,
        where,
        f"must name a network of {', '.join(COMPONENTS)}",
        network_class,
    )
    return record


def _assembled(folder: Path, record: Json, parts: tuple[nn.Module, Moments]) -> NetworkDenoiser:
    network, moments = parts
    where = str(folder / "girsanov.json")
    shape = _shape(where, record["shape"])
    low, high = _pair(where, record["snr_range"])
    d = math.prod(shape)
    fits = len(moments.mean) == d == len(moments.variances)
    require(fits, str(folder / "moments.safetensors"), f"must be of {d} dimensions",
            len(moments.mean))  # fmt: skip
    finite = np.isfinite(moments.mean).all() and np.isfinite(moments.variances).all()
    require(bool(finite), str(folder / "moments.safetensors"), "must hold finite numbers")
    right = PRECONDITIONINGS[type(network).__name__]
    require(record["preconditioning"] in right, where,
            f"must have preconditioning {' or '.join(right)}",
            record["preconditioning"])  # fmt: skip
    made_for = shape if record["preconditioning"] == "columns" else _width(network)
    require(made_for == ((d,) if isinstance(network, ResidualMLP) else shape), where,
            f"must have the shape of its network, {made_for}", shape)  # fmt: skip
    names = tuple(str(name) for name in record["label_names"])
    classes = _classes(network)
    require(len(names) == classes, where, f"must name the {classes} classes of its network", names)
    phases = phases_of(network)
    require((phases == 2) == (record.get("process", "vp") == "cld") and phases in (1, 2), where,
            f"must have the process of its network, {'vp' if phases == 1 else 'cld'}",
            record.get("process"))  # fmt: skip
    return NetworkDenoiser(
        network, shape, record["preconditioning"], moments,
        Standardisation.from_json(record["standardisation"]), (low, high), names,
        record["training"], None if isinstance(network, OWN_NETWORKS) else _scheduler(folder),
        _conditions(folder, record, network),
    )  # fmt: skip


def _conditions(folder: Path, record: Json, network: nn.Module) -> Conditions | None:
    """Return what a model of x given y knows of y, None for another."""
    from ..data.conditions import conditions_from

    config: Any = network.config
    width, where = int(config.get("given", 0)), str(folder / CONDITIONS)
    if "conditions" not in record:
        require(not width, where, f"must tell of the {width} numbers that its network is given")
        return None
    conditions = conditions_from(record["conditions"], read_tensors(folder / CONDITIONS), where)
    rule = f"must be of {width} numbers, which its network is given"
    require(conditions.width == width, where, rule, conditions.width)
    d = math.prod(record["shape"])
    require(len(conditions.rest) == d, where, f"must be of {d} dimensions", len(conditions.rest))
    return conditions


def _shape(where: str, values: list[Any]) -> tuple[int, ...]:
    good = all(isinstance(v, int) and not isinstance(v, bool) and v > 0 for v in values)
    require(good and bool(values), where, "must have shape, a list of whole numbers > 0", values)
    return tuple(values)


def _pair(where: str, values: list[Any]) -> tuple[float, float]:
    good = len(values) == 2 and all(isinstance(v, int | float) for v in values)
    low, high = (float(v) for v in values) if good else (0.0, 0.0)
    require(0 < low < high < np.inf, where,
            "must have snr_range, two increasing positive numbers", values)  # fmt: skip
    return low, high


def _network(folder: Path, config: Json) -> nn.Module:
    """Return the network of `config` with the weights beside it.

    It is built without storage first: a configuration that lies about sizes costs nothing.
    """
    with torch.device("meta"):
        network = _untrained(folder / "config.json", config)
    weights = read_tensors(folder / WEIGHTS)
    _require_same(folder / WEIGHTS, network.state_dict(), weights)
    network.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()}, assign=True)
    return network.eval()


def _untrained(path: Path, config: Json) -> nn.Module:
    arguments = {k: v for k, v in config.items() if k != "_class_name"}
    try:
        if config.get("_class_name") == "ResidualMLP":
            return ResidualMLP(**arguments)
        if config.get("_class_name") == "ConvUNet":
            return ConvUNet(**arguments)
        if config.get("_class_name") == "UNet2DModel":
            unet = need("diffusers", "diffusers").UNet2DModel
            return unet.from_config(json.loads(json.dumps(config)))  # type: ignore[no-any-return]
    except InputError as cause:
        raise InputError(f"{path}: {cause}") from cause
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, RuntimeError) as cause:
        refuse(str(path), "must be a network that can be built", shown(str(cause)))
    refuse(str(path), f"must be of class {' or '.join(COMPONENTS)}", config.get("_class_name"))


def _require_same(path: Path, want: Mapping[str, Any], got: Mapping[str, np.ndarray]) -> None:
    for name in sorted(want.keys() | got.keys()):
        expected = tuple(want[name].shape) if name in want else "no such tensor"
        shape = tuple(got[name].shape) if name in got else "nothing"
        require(expected == shape, str(path), f"must match config.json: {name} {expected}", shape)
    for name, value in got.items():
        require(value.dtype == np.float32, str(path), f"must hold float32 in {name}", value.dtype)
        require(bool(np.isfinite(value).all()), str(path), f"must hold finite weights in {name}",
                "NaN or infinity", "Train it again")  # fmt: skip


def _width(network: nn.Module) -> tuple[int, ...]:
    if isinstance(network, ResidualMLP):
        return (network.config["dimension"],)
    if isinstance(network, ConvUNet):
        return tuple(network.config["shape"])
    config: Any = network.config
    size = config.sample_size
    sides = (size, size) if isinstance(size, int) else tuple(size)
    return (config.out_channels, *sides)


def _classes(network: nn.Module) -> int:
    if isinstance(network, OWN_NETWORKS):
        return int(network.config["classes"])
    config: Any = network.config
    return (config.num_class_embeds or 1) - 1


def _scheduler(folder: Path) -> Any:
    path = folder / "scheduler" / "scheduler_config.json"
    config = read_json(path)
    try:
        scheduler = need("diffusers", "diffusers").DDPMScheduler.from_config(config)
        log_snr = scheduler.alphas_cumprod.double().logit().numpy()
    except (TypeError, ValueError, KeyError, AttributeError, RuntimeError) as cause:
        refuse(str(path), "must be a DDPMScheduler that can be built", shown(str(cause)))
    good = np.isfinite(log_snr).all() and (np.diff(log_snr) < 0).all()
    require(bool(good) and config.get("prediction_type") == "v_prediction", str(path),
            "must predict v at levels of decreasing SNR",
            config.get("prediction_type"))  # fmt: skip
    return scheduler
