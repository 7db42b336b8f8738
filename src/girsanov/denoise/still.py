"""A network held still while it is asked, and left to its owner as it was.

A user may audit in the middle of a training loop, and goes on training bit for bit as if nobody
had asked. For the length of a call every module is in evaluation mode, so that no dropout is drawn
and no running statistic moves, and nothing records a gradient. Afterwards, after an error too,
each module has its own mode again. Modes are set here, not asked for by `train()`: some modules do
more in it (they merge weights), and it cannot give a frozen part its own mode back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from .._typing import Tensor


@contextmanager
def evaluating(*parts: Any) -> Iterator[None]:
    """Hold the modules among `parts` in evaluation mode."""
    modules = [part for part in parts if isinstance(part, nn.Module)]
    training = [m for module in modules for m in module.modules() if m.training]
    try:
        for module in training:
            module.training = False
        yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def still(*parts: Any) -> Iterator[None]:
    """Hold the modules among `parts` in evaluation mode without gradients, in their own types.

    Inference mode is left: what a network keeps from such a call could not be trained with. So is
    autocast, whose copies of weights without gradients the caller's next step would be given.
    """
    with ExitStack() as stack:
        stack.enter_context(evaluating(*parts))
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.no_grad())
        yield


def plain(x: Tensor) -> Tensor:
    """Return x as a tensor that a network may keep or change: a copy where it is for inference."""
    return x.clone() if x.is_inference() else x
