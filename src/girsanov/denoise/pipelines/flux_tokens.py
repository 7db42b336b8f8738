r"""Flux's kind of network: latents packed into tokens, which it takes with their places.

A latent z [C, 2h, 2w] is h w tokens of its 2 x 2 patches,

    token_(i w + j), 4 c + 2 a + b = z_(c, 2i + a, 2j + b),                               (1)

and the network is called with the tokens, their places (0, i, j), those of the text (0, 0, 0), and
time in (0, 1). One distilled to guide itself is told the weight W, instead of being called twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ..._checks import require

if TYPE_CHECKING:
    from ..._typing import Json, Tensor

PACKED = ("FluxTransformer2DModel",)
SIDE = 128  # of the latent when no size is given: what the pipeline draws by default
TIMES = 1000  # of a diffusers scheduler, for a time of 1


def is_packed(network: Any) -> bool:
    """Return whether a network of diffusers takes tokens."""
    return type(network).__name__ in PACKED


def is_distilled(network: Any) -> bool:
    """Return whether such a network is told the weight of its guidance."""
    return is_packed(network) and bool(network.config.get("guidance_embeds"))


def tokens_of(shape: tuple[int, ...]) -> int:
    """Return how many tokens an item [C, 2h, 2w] is."""
    return shape[1] * shape[2] // 4


def pack_tokens(z: Tensor) -> Tensor:
    """Return tokens [B, h w, 4 C] of items [B, C, 2h, 2w], equation (1)."""
    b, c, height, width = z.shape
    parts = z.reshape(b, c, height // 2, 2, width // 2, 2).permute(0, 2, 4, 1, 3, 5)
    return parts.reshape(b, height * width // 4, 4 * c)


def unpack_tokens(tokens: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return items [B, C, 2h, 2w] of this shape from tokens, equation (1)."""
    c, height, width = shape
    parts = tokens.reshape(len(tokens), height // 2, width // 2, c, 2, 2)
    return parts.permute(0, 3, 1, 4, 2, 5).reshape(len(tokens), c, height, width)


def places(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Return the places of an item's tokens, [h w, 3]."""
    rows, columns = (torch.arange(n // 2, device=like.device) for n in shape[1:])
    grid = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([torch.zeros_like(grid[0]), *grid], dim=-1).reshape(-1, 3).to(like.dtype)


def call_packed(
    network: Any, seen: Tensor, time: Tensor, conditions: Json, weight: float
) -> Tensor:
    """Return the network's output for states [B, C, 2h, 2w], shaped alike.

    time: of the scheduler [B]; conditions: the text; weight: W, for a network that takes it.
    """
    texts = conditions["encoder_hidden_states"].shape[1]
    guides = is_distilled(network)
    guidance = seen.new_full((len(seen),), weight, dtype=torch.float32) if guides else None
    answer = network(
        hidden_states=pack_tokens(seen), timestep=time.to(seen.dtype) / TIMES, guidance=guidance,
        txt_ids=seen.new_zeros(texts, 3), img_ids=places(tuple(seen.shape[1:]), seen),
        **conditions,
    )  # fmt: skip
    return unpack_tokens(answer.sample, tuple(seen.shape[1:]))


def packed_shape(network: Any, where: str) -> tuple[int, int, int]:
    """Return [C, 128, 128], the latent that such a pipeline draws by default."""
    channels = int(network.config["in_channels"])
    half = network.config.get("out_channels") in (None, channels) and channels % 4 == 0
    rule = f"must predict the {channels} channels it is shown, four a latent's"
    require(half, where, rule, network.config.get("out_channels"),
            "Inpainting and control are not read")  # fmt: skip
    return channels // 4, SIDE, SIDE
