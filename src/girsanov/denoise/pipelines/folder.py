"""Reading a diffusers pipeline folder, or a live pipeline, into a denoiser; safetensors only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from ..._checks import InputError, need, refuse, require, shown
from ..._files import read_json
from ..places import HUB, PICKLE_SUFFIXES
from .network_kinds import PART_CLASSES, READERS, conditions_of, label_names_of, network_item_shape
from .pipeline import PipelineDenoiser
from .quiet import quietly
from .schedule import build_scheduler
from .text import TEXT, Text, text_of, with_captions

if TYPE_CHECKING:
    from ..._typing import Json, PathLike

PARTS = ("unet", "transformer", "model")


class Parts(NamedTuple):
    """A pipeline taken apart: its class, network, scheduler, and autoencoder if it has one."""

    pipeline: str
    network: Any
    scheduler: Any
    vae: Any = None
    model_index: Json | None = None
    text: Any = None


def load_pipeline(
    path: PathLike,
    *,
    scheduler: PathLike | None = None,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
    any_level: bool = False,
    guidance: float = 1.0,
) -> PipelineDenoiser:
    """Return the denoiser of a diffusers pipeline folder, of one `network` folder, or of a hub id.

    path: a folder with model_index.json, or with a network and a scheduler sub-folder, or a
    network's own folder (then `scheduler` names the other's); ``hub:owner/name`` is fetched, and
    nothing else ever is; dtype: of the network, default float32 on a CPU, else as stored;
    any_level: allow levels between the trained ones; guidance: weight of classifier-free
    guidance, 1 for none. Raises InputError in one line for a folder
    without scheduler or safetensors, unknown classes, broken files and weights that are NaN.
    """
    place = torch.device(device)
    folder = _fetched(str(path)) if str(path).startswith(HUB) else Path(path)
    require(folder.is_dir(), f"model {path}", "must be an existing folder of a pipeline")
    if dtype is None and place.type == "cpu":
        dtype = torch.float32
    parts = _parts(folder, None if scheduler is None else Path(scheduler), dtype)
    require_finite(parts.network, str(folder))
    try:
        model = _assembled(parts, str(folder), any_level).to(place)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError) as cause:
        if isinstance(cause, InputError):
            raise
        raise InputError(
            f"{folder}: has a configuration that cannot be; {cause!r:.160}"
        ) from cause
    return model if guidance == 1 else model.guided(guidance)


def from_pipeline(
    pipe: Any, *, any_level: bool = False, guidance: float = 1.0
) -> PipelineDenoiser:
    """Return the denoiser of a live diffusers pipeline; its network is used as it is, not copied.

    pipe: a `DiffusionPipeline` with a scheduler and a `unet` or `transformer`; any_level,
    guidance: as of `load_pipeline`.
    """
    components = getattr(pipe, "components", {})
    network = next((components[n] for n in PARTS if components.get(n) is not None), None)
    complete = network is not None and components.get("scheduler") is not None
    require(complete, "pipeline", "must have a scheduler and a unet or transformer",
            type(pipe).__name__)  # fmt: skip
    require_finite(network, "pipeline")
    index = {**dict(getattr(pipe, "config", {})), "id2label": _named(pipe)}
    text = Text(pipe) if type(network).__name__ in READERS else None
    parts = Parts(type(pipe).__name__, network, components["scheduler"], components.get("vae"),
                  index, text)  # fmt: skip
    model = _assembled(parts, "pipeline", any_level, live=True)
    return model if guidance == 1 else model.guided(guidance)


def _named(pipe: Any) -> Json:
    """Return the classes of a pipeline by number, from its map of every name to one."""
    names: dict[str, list[str]] = {}
    for name, k in (getattr(pipe, "labels", None) or {}).items():
        names.setdefault(str(k), []).append(name)
    return {k: ", ".join(sorted(words)) for k, words in names.items()}


def _assembled(
    parts: Parts, where: str, any_level: bool, *, live: bool = False
) -> PipelineDenoiser:
    shape = network_item_shape(parts.network, parts.vae, where)
    model = PipelineDenoiser(
        parts.network, parts.scheduler, shape, conditions_of(parts.network, where),
        label_names_of(parts.network, parts.model_index or {}), any_level, parts.pipeline,
        parts.vae, text=parts.text, live=live,
    )  # fmt: skip
    return model if parts.text is None else with_captions(model)


def _fetched(name: str) -> Path:
    hub = need("huggingface_hub", "diffusers")
    wanted = ["*.json", "*.txt", "*/*.safetensors", "*/*.json", "*/*.txt", "*/*.model"]
    try:
        return Path(hub.snapshot_download(name.removeprefix(HUB), allow_patterns=wanted))
    except Exception as cause:  # the hub's own errors share no class that could be named
        raise InputError(f"model {name}: cannot be fetched; {shown(str(cause), 160)}") from cause


def _parts(folder: Path, scheduler: Path | None, dtype: torch.dtype | None) -> Parts:
    alone = (folder / "config.json").is_file() and not (folder / "model_index.json").is_file()
    listed = folder / "model_index.json"
    index = read_json(listed) if listed.is_file() else {}
    place = folder if alone else _network_folder(folder)
    given = scheduler or (folder.parent if alone else folder) / "scheduler"
    path = given if given.is_file() else given / "scheduler_config.json"
    rule = "has no scheduler, whose levels its network was trained at: no scheduler_config.json"
    require(path.is_file(), f"model {folder}", rule, None, f"Looked for {path}")
    built = build_scheduler(read_json(path), str(path))
    vae = folder / "vae"
    autoencoder = _loaded(vae, dtype) if (vae / "config.json").is_file() else None
    network, text = _loaded(place, dtype), None
    if type(network).__name__ in READERS:
        rule = "must be a whole pipeline: its network reads text, which model_index.json places"
        require(index.get("_class_name") in TEXT, f"model {folder}", rule,
                index.get("_class_name"), "Known are " + ", ".join(TEXT))  # fmt: skip
        loaded = {place.name: network, "scheduler": built, "vae": autoencoder}
        text = text_of(folder, index, loaded, dtype)
    return Parts(str(index.get("_class_name", "")), network, built, autoencoder, index, text)


def _network_folder(folder: Path) -> Path:
    folders = [folder / name for name in PARTS if (folder / name / "config.json").is_file()]
    if not folders:
        refuse(f"model {folder}", "must hold a network: config.json in " + ", ".join(PARTS))
    return folders[0]


def _loaded(folder: Path, dtype: torch.dtype | None) -> Any:
    """Return the model in `folder`, from safetensors and from this disk only."""
    config = read_json(folder / "config.json")
    name = config.get("_class_name")
    where = str(folder / "config.json")
    require(
        name in PART_CLASSES, where, "must be of a known class: " + ", ".join(PART_CLASSES), name
    )
    safe = sorted(p.name for p in folder.glob("*.safetensors"))
    pickles = sorted(p.name for p in folder.iterdir() if p.suffix in PICKLE_SUFFIXES)
    if not safe:
        rule = "must hold weights as safetensors"
        remedy = "Convert them: load where they came from, then save_pretrained(FOLDER)"
        refuse(str(folder), rule, f"the pickle {pickles[0]}" if pickles else "none", remedy)
    options: Json = {"local_files_only": True, "use_safetensors": True, "variant": _variant(safe)}
    if dtype is not None:
        options["torch_dtype"] = dtype
    options["output_loading_info"] = True
    network, info = quietly(folder, lambda: _class(str(name)).from_pretrained(folder, **options))
    for what in ("missing_keys", "unexpected_keys"):  # diffusers would fill in noise and go on
        rule = f"must hold the weights of config.json; {what.replace('_', ' ')}"
        require(not info[what], str(folder), rule, ", ".join(sorted(info[what])))
    return network


def _class(name: str) -> Any:
    return getattr(need("diffusers", "diffusers"), name)


def _variant(names: list[str]) -> str | None:
    """Return ``fp16`` of diffusion_pytorch_model.fp16.safetensors, None when plain ones exist."""
    parts = [name.split("-00")[0].removesuffix(".safetensors").split(".") for name in names]
    return None if any(len(p) == 1 for p in parts) else parts[0][1]


def require_finite(network: Any, where: str) -> None:
    """Refuse a network with NaN or infinite weights, or weights that are still missing."""
    for name, value in network.state_dict().items():
        good = value.device.type != "meta" and bool(torch.isfinite(value).all())
        require(good, where, f"must hold finite weights in {name}", "NaN, infinity or nothing",
                "Get the weights again where they came from")  # fmt: skip
