r"""A small UNet for series [L] or [C, L], pictures [C, H, W] and volumes [C, D, H, W].

    h = W_in patches(x),                                                                   (1)
    h <- h + B silu(N(A silu(N(h))) (1 + g) + f),   (g, f) = G e(log s, y),                (2)
    F = patches^-1(W_out silu(N(h))),   W_out = 0 at the start.                            (3)

Patches of p values along each axis become channels (Shi et al., 2016, pixel unshuffle): at a
given cost the network is then p times as wide, and a step over few values costs little on a CPU.
A level of the UNet is one block (2) on the way down and one on the way up, at half the resolution
of the level before; the coarsest level has attention between its places. The noise level enters
as in `denoise.mlp`; a label y adds a learned vector, and "no label" is one more of them. So do
numbers y [B, p], which stand as further channels beside x where they have its places.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from .._checks import require, require_count
from .mlp import FREQUENCIES, beside, embedded, told_layers

if TYPE_CHECKING:
    from .._typing import Json, Tensor

LARGEST_SIZE = 2**16  # of any size in a configuration
NORM_GROUPS = 8  # of channels that are normalised together
HEAD = 32  # channels of a head of attention
FINEST = 512  # places at the finest level, at most, of the usual size
COARSEST = 5  # places along an axis at the coarsest level, about
MOST_RESOLUTIONS = 8
MOST_PLACES = 256  # among which attention is affordable
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
POOLS = (functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d)


class ConvUNet(nn.Module):
    """Equations (1) to (3).

    shape: of an example, [L], or channels and then one to three axes; width: channels of the
    finest level, a multiple of 8; patch: values along each axis that become channels; levels:
    resolutions, each with twice the channels of the one before, at most 4 times `width`; classes:
    labels 0..classes-1, 0 for none; embedding: size of e; inputs: arrays shown for each predicted;
    given: numbers y that it is told, 0 for none.
    """

    def __init__(
        self, shape: tuple[int, ...], width: int, *, patch: int = 1, levels: int = 2,
        classes: int = 0, embedding: int = 128, inputs: int = 1,
        given: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        rule = "must be [L], [C, L], [C, H, W] or [C, D, H, W]"
        require(1 <= len(shape) <= 1 + len(POOLS), "shape", rule, shape)
        channels, *sides = shape if len(shape) > 1 else (1, *shape)
        axes = len(sides)
        sizes = {"width": width, "patch": patch, "levels": levels, "embedding": embedding}
        for name, value in {**sizes, "inputs": inputs, "shape": max(channels, *sides)}.items():
            require_count(name, value)
            require_count(f"{LARGEST_SIZE} - {name}", LARGEST_SIZE - value)
        require(
            levels <= MOST_RESOLUTIONS, "levels", f"must be at most {MOST_RESOLUTIONS}", levels
        )
        require(width % NORM_GROUPS == 0, "width", f"must be a multiple of {NORM_GROUPS}", width)
        require_count("classes", classes, at_least=0)
        self.config: Json = {"shape": list(shape), **sizes, "classes": classes, "inputs": inputs}
        self.given = told_layers(self.config, given, embedding)
        # pictures of the same sides stand beside x as channels
        self.more = 0 if given % math.prod(sides) else given // math.prod(sides)
        self.axes, self.patch, self.laid_out = axes, patch, (channels, *sides)
        self.multiple = patch * 2 ** (levels - 1)
        convolution, values = CONVOLUTIONS[axes - 1], channels * patch**axes
        widths = [width * min(2**k, 4) for k in range(levels)]
        self.level = nn.Sequential(
            nn.Linear(2 * FREQUENCIES + 1, embedding), nn.SiLU(), nn.Linear(embedding, embedding)
        )
        self.label = nn.Embedding(classes + 1, embedding) if classes else None
        shown = inputs * values + self.more * patch**axes
        self.inward = convolution(shown, width, 3, padding=1)
        before = [width, *widths[:-1]]
        self.down = nn.ModuleList(
            Block(axes, coarse, fine, embedding)
            for coarse, fine in zip(before, widths, strict=True)
        )
        places = math.prod(math.ceil(n / self.multiple) for n in sides)
        self.attention = Attention(widths[-1]) if places <= MOST_PLACES else None
        self.middle = Block(axes, widths[-1], widths[-1], embedding)
        self.up = nn.ModuleList(
            Block(axes, coarse + fine, fine, embedding)
            for coarse, fine in zip([widths[-1], *widths[:0:-1]], widths[::-1], strict=True)
        )
        self.norm = nn.GroupNorm(NORM_GROUPS, width)
        self.outward = convolution(width, values, 3, padding=1)

    def forward(self, x: Tensor, log_snr: Tensor, label: Tensor | None = None) -> Tensor:
        """Return F [B, *shape] for x [B, inputs C, ...], log_snr [B] or [1], label [B] or None."""
        e = embedded(self.level, self.given or self.label, log_snr, label)
        sides = self.laid_out[1:]
        x = beside(x.flatten(1), label, self.config["given"]) if self.more else x
        h = self.inward(self._patches(self._padded(x.reshape(len(x), -1, *sides))))
        passed = []
        for k, block in enumerate(self.down):
            h = block(POOLS[self.axes - 1](h, 2) if k else h, e)
            passed.append(h)
        h = h if self.attention is None else self.attention(h)
        h = self.middle(h, e)
        for k, block in enumerate(self.up):
            h = functional.interpolate(h, scale_factor=2.0) if k else h
            h = block(torch.cat([h, passed.pop()], dim=1), e)
        out = self._values(self.outward(functional.silu(self.norm(h))))
        for axis, n in enumerate(sides, start=2):
            out = out.narrow(axis, 0, n)
        return out.reshape(len(x), *self.config["shape"])

    def _padded(self, x: Tensor) -> Tensor:
        """Return x with zeros after each axis, up to a whole number of coarsest places."""
        more = [(-n) % self.multiple for n in x.shape[2:]]
        pads = [n for pad in reversed(more) for n in (0, pad)]
        return functional.pad(x, pads) if any(more) else x

    def _patches(self, x: Tensor) -> Tensor:
        """Return [B, C p^axes, sides / p] of x [B, C, sides]."""
        p = self.patch
        split = x.reshape(*x.shape[:2], *(n for side in x.shape[2:] for n in (side // p, p)))
        places, within = (range(first, 2 + 2 * self.axes, 2) for first in (2, 3))
        sides = [side // p for side in x.shape[2:]]
        return split.permute(0, 1, *within, *places).reshape(len(x), -1, *sides)

    def _values(self, h: Tensor) -> Tensor:
        """Return what `_patches` makes h of."""
        p, sides = self.patch, h.shape[2:]
        split = h.reshape(len(h), -1, *[p] * self.axes, *sides)
        order = [k for axis in range(self.axes) for k in (2 + self.axes + axis, 2 + axis)]
        return split.permute(0, 1, *order).reshape(*split.shape[:2], *(n * p for n in sides))


class Block(nn.Module):
    """Equation (2) from `inward` to `outward` channels over so many axes."""

    def __init__(self, axes: int, inward: int, outward: int, embedding: int) -> None:
        super().__init__()
        convolution = CONVOLUTIONS[axes - 1]
        self.axes = axes
        self.norm_1, self.norm_2 = (
            nn.GroupNorm(NORM_GROUPS, inward),
            nn.GroupNorm(NORM_GROUPS, outward),
        )
        self.first = convolution(inward, outward, 3, padding=1)
        self.second = convolution(outward, outward, 3, padding=1)
        self.modulation = nn.Linear(embedding, 2 * outward)
        self.around = None if inward == outward else convolution(inward, outward, 1)

    def forward(self, h: Tensor, e: Tensor) -> Tensor:
        """Return h after the block, told the embedding e [B or 1, size]."""
        u = self.norm_2(self.first(functional.silu(self.norm_1(h))))
        gain, shift = self.modulation(e).view(len(e), -1, *[1] * self.axes).chunk(2, dim=1)
        u = self.second(functional.silu(torch.addcmul(shift, u, 1 + gain)))
        h = h if self.around is None else self.around(h)
        return h + u  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Self-attention between all places (Vaswani et al., 2017), added to what comes in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = max(1, width // HEAD)
        self.norm = nn.GroupNorm(NORM_GROUPS, width)
        self.inward, self.outward = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, h: Tensor) -> Tensor:
        """Return h [B, width, sides] after attention."""
        flat = self.norm(h).flatten(2).swapaxes(1, 2)
        parts = self.inward(flat).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(*parts.unbind(0))
        out: Tensor = self.outward(mixed.swapaxes(1, 2).flatten(2))
        return h + out.swapaxes(1, 2).reshape(h.shape)


def conv_size(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return width, patch and levels that learn well in minutes on a CPU, for this shape.

    Patches leave at most `FINEST` places, or a single level at which halving would stop.
    """
    sides = shape[1:] if len(shape) > 1 else shape
    patch = 1
    while math.prod(math.ceil(n / patch) for n in sides) > FINEST:
        patch *= 2
    coarse = max(sides) / patch
    return 32, patch, min(3, max(1, round(math.log2(coarse / COARSEST)) + 1))
