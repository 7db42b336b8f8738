"""A network held still while it is asked, and left to its owner as it was.

A user may audit in the middle of a training loop, and goes on training bit for bit as if nobody
had asked. For the length of a call every module is in evaluation mode, so that no dropout is drawn
and no running statistic moves, and nothing records a gradient. Afterwards, after an error too,
each module has its own mode again. Modes are set here, not asked for by `train()`: some modules do
more in it (they merge weights), and it cannot give a frozen part its own mode back.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from .._typing import Tensor


class evaluating:
    """Holds the modules among `parts` in evaluation mode; on every call, so quick about it."""

    def __init__(self, *parts: Any) -> None:
        self._training: list[nn.Module] = []
        left = [part for part in parts if isinstance(part, nn.Module)]
        while left:
            module = left.pop()
            if module.training:
                self._training.append(module)
            left.extend(part for part in module._modules.values() if part is not None)

    def __enter__(self) -> None:
        for module in self._training:
            module.training = False

    def __exit__(self, *_: object) -> None:
        for module in self._training:
            module.training = True


class still(evaluating):
    """Holds them so without gradients, in their own types.

    Inference mode is left: what a network keeps from such a call could not be trained with. So is
    autocast, whose copies of weights without gradients the caller's next step would be given.
    """

    def __enter__(self) -> None:
        self._modes: list[AbstractContextManager[Any]] = [
            torch.autocast(kind, enabled=False)
            for kind in ("cpu", "cuda")
            if torch.is_autocast_enabled(kind)
        ]
        self._modes += [torch.inference_mode(False), torch.no_grad()]
        for mode in self._modes:
            mode.__enter__()
        super().__enter__()

    def __exit__(self, *told: Any) -> None:
        super().__exit__()
        for mode in reversed(self._modes):
            mode.__exit__(*told)


def plain(x: Tensor) -> Tensor:
    """Return x as a tensor that a network may keep or change: a copy where it is for inference."""
    return x.clone() if x.is_inference() else x
