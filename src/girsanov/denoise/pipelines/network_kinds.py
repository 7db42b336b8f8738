"""What the networks of diffusers take besides x and t, and the items they are made for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ..._checks import refuse, require
from .flux_tokens import is_packed, packed_shape

if TYPE_CHECKING:
    from ..._typing import Json, Tensor
    from .pipeline import Conditions

READERS = ("UNet2DConditionModel", "SD3Transformer2DModel", "FluxTransformer2DModel")  # of text
NETWORKS = ("UNet2DModel", "DiTTransformer2DModel", "Transformer2DModel", *READERS)
VAES = ("AutoencoderKL", "AutoencoderTiny", "VQModel")
PART_CLASSES = (*NETWORKS, *VAES)


def network_item_shape(network: Any, vae: Any, where: str) -> tuple[int, ...]:
    """Return [C, H, W] of one item of this network."""
    config, name = network.config, type(network).__name__
    require(name in NETWORKS, where, "must have a network of " + ", ".join(NETWORKS), name,
            "Other networks are not read yet")  # fmt: skip
    if is_packed(network):
        return packed_shape(network, where)
    told_more = config.get("time_cond_proj_dim") or config.get("encoder_hid_dim_type")
    require(not told_more, where, "must be told time, text and nothing else", told_more,
            "Distilled and image-conditioned networks are not read")  # fmt: skip
    size = config.get("sample_size")
    require(size is not None, where, "must have a network with a sample_size", "none")
    sides = (size, size) if isinstance(size, int) else tuple(size)
    channels = int(config["in_channels"])
    half = config.get("out_channels") in (None, channels, 2 * channels)
    require(half, where, f"must predict {channels} or {2 * channels} channels",
            config.get("out_channels"), "Inpainting and upscaling are not read")  # fmt: skip
    shape = (channels, *(int(n) for n in sides))
    require(all(n > 0 for n in shape), where, "must have a sample_size of pixels", size)
    return shape


def null_class(network: Any) -> int | None:
    """Return the class that stands for "no label", None when the network has none."""
    if type(network).__name__ in ("UNet2DModel", *READERS):
        return None
    return int(network.config["num_embeds_ada_norm"])


def label_names_of(network: Any, index: Json) -> tuple[str, ...]:
    """Return one name a class: of model_index.json's id2label, or 0, 1, ..."""
    config = network.config
    if type(network).__name__ in READERS:
        return ()
    unet = type(network).__name__ == "UNet2DModel"
    count = config.get("num_class_embeds") if unet else config.get("num_embeds_ada_norm")
    names = index.get("id2label") or {}
    if not count or (unet and config.get("class_embed_type")):
        return ()
    return tuple(str(names.get(str(k), names.get(k, k))) for k in range(int(count)))


def conditions_of(network: Any, where: str) -> Conditions | None:
    """Return what to tell this network about labels, None when it takes none."""
    config, unet = network.config, type(network).__name__ == "UNet2DModel"
    if type(network).__name__ in READERS:
        return None
    if unet and config.get("class_embed_type"):
        refuse(where, "must take whole-number classes or none", config["class_embed_type"])
    if not config.get("num_class_embeds" if unet else "num_embeds_ada_norm"):
        return None
    null = null_class(network)

    def tell(label: Tensor | None, count: int, like: Tensor) -> Json:
        if label is None:
            require(
                null is not None, "label", "must be given: this network has no unlabelled class"
            )
            label = torch.full((count,), null or 0)
        return {"class_labels": label.to(like.device)}

    return tell
