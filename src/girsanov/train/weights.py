"""The weights of a network in training: lent, numbered, and one gradient of several processes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..denoise.mlp import ResidualMLP
from ..denoise.network import OWN_NETWORKS
from ..denoise.unet import fast_columns, level_weight
from ..noise import NoiseSource

if TYPE_CHECKING:
    from .._processes import Processes
    from .._typing import Tensor


def add_gradients(parameters: list[Any], processes: Processes) -> None:
    """Replace gradients by their sums over processes, all in one message."""
    if processes.count == 1:
        return
    given = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    flat = torch.cat([g.detach().flatten() for g in given]).cpu()
    processes.add(flat)
    parts = torch.split(flat, [p.numel() for p in parameters])
    for p, part in zip(parameters, parts, strict=True):
        p.grad = part.view_as(p).to(p)


def reseed(network: Any, seed: int, step: int, process: int = 0) -> None:
    """Make the dropout of a step depend on nothing but (seed, step, process)."""
    if isinstance(network, ResidualMLP) and network.dropout:
        device = network.outward.weight.device
        if network.generator.device != device:
            network.generator = torch.Generator(device)
        bits = NoiseSource(seed, "train dropout").uniform(step, process, 1)[0]
        network.generator.manual_seed(int(bits * 2**53))


class SmoothInLevel:
    """Keeps features of the level that are too fast from a UNet: their columns are and stay zero.

    The saved network is an ordinary one in which they do nothing. A weight that is zero and has
    no gradient stays so under the optimiser's steps, its decay of weights, averages and resuming.
    """

    def __init__(self, network: Any, fastest: float) -> None:
        self.weight = None if isinstance(network, OWN_NETWORKS) else level_weight(network)
        if self.weight is not None:
            self.heeded = (~fast_columns(network, fastest)).to(self.weight)
            with torch.no_grad():
                self.weight.mul_(self.heeded)

    def mask_gradient(self) -> None:
        """Take the gradient of these columns away, after it was made and before it is used."""
        if self.weight is not None and self.weight.grad is not None:
            self.weight.grad.mul_(self.heeded)


class Lent:
    """Other weights lent to a network for the length of a block."""

    def __init__(self, parameters: list[Any], values: list[Tensor]) -> None:
        self.parameters, self.values = parameters, values

    def __enter__(self) -> None:
        self.own = [p.data for p in self.parameters]
        for p, value in zip(self.parameters, self.values, strict=True):
            p.data = value

    def __exit__(self, *_: object) -> None:
        for p, value in zip(self.parameters, self.own, strict=True):
            p.data = value


def numbered(tensors: list[Any]) -> dict[str, np.ndarray]:
    """Return tensors as arrays by their number."""
    return {str(i): t.detach().cpu().numpy() for i, t in enumerate(tensors)}


def finite_or_none(value: Any) -> float | None:
    """Return a number for JSON, which has no NaN."""
    return float(value) if math.isfinite(value) else None
