"""Several processes on one job: which one this is, and what they do together.

Launched by `torchrun` or `accelerate launch`, every process runs the same command. Each takes
its share, sums are added over all of them, and process 0 alone prints and writes results. Sums
are taken by gloo, on the CPU.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec

import torch

from ._typing import Tensor


@dataclass(frozen=True)
class Processes:
    """Process `rank` of `count`; local: its number on its own machine."""

    rank: int = 0
    count: int = 1
    local: int = 0

    @property
    def device(self) -> str | None:
        """The GPU of this process, or None for the usual choice."""
        gpus = torch.cuda.device_count() if self.count > 1 else 0
        return f"cuda:{self.local % gpus}" if gpus else None

    def add(self, *tensors: Tensor) -> None:
        """Replace tensors, the same shapes in every process, by their sums over processes."""
        if self.count > 1:
            for tensor in tensors:
                torch.distributed.all_reduce(tensor)

    def wait(self) -> None:
        """Return when every process has come here."""
        self.add(torch.zeros(1))


ALONE = Processes()


def is_first() -> bool:
    """Return whether this process prints and writes, before anything heavy is imported."""
    return os.environ.get("RANK", "0") == "0" or not _launched()


def processes() -> Processes:
    """Return this process's place among those that a launcher started with it.

    From accelerate's state where accelerate is installed, else from torch.distributed; one
    process that no launcher started is alone.
    """
    if not _launched():
        return ALONE
    if find_spec("accelerate") is not None:
        from accelerate import PartialState

        state = PartialState(backend="gloo")
        return Processes(state.process_index, state.num_processes, state.local_process_index)
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("gloo")
    rank, count = torch.distributed.get_rank(), torch.distributed.get_world_size()
    return Processes(rank, count, int(os.environ.get("LOCAL_RANK", "0")))


def _launched() -> bool:
    return "RANK" in os.environ and os.environ.get("WORLD_SIZE", "1") != "1"
