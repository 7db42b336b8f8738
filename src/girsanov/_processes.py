"""Several processes on one job: which one this is, and what they do together.

Launched by `torchrun` or `accelerate launch`, every process runs the same command. Each takes
its share, sums are added over all of them, and process 0 alone prints and writes results. Sums
are taken by gloo, on the CPU.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import torch

from ._checks import InputError
from ._launched import launched

if TYPE_CHECKING:
    from ._typing import Tensor

MESSAGE = 500  # bytes of a mistake that other processes are told
PATIENCE = timedelta(days=7)  # one process may have more to do than another


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

    @contextmanager
    def together(self) -> Iterator[None]:
        """Leave the block when every process does; a mistake in one becomes that of all."""
        mistake = None
        try:
            yield
        except InputError as found:
            mistake = found
            if self.count == 1:
                raise
        messages = torch.zeros(self.count, MESSAGE, dtype=torch.int32)
        text = str(mistake or "").encode()[:MESSAGE]
        messages[self.rank, : len(text)] = torch.tensor(list(text), dtype=torch.int32)
        self.add(messages)
        texts = [bytes(row[row > 0].tolist()).decode(errors="replace") for row in messages]
        if any(texts):
            raise InputError(next(filter(None, texts))) from mistake


ALONE = Processes()


def processes() -> Processes:
    """Return this process's place among those that a launcher started with it.

    From accelerate's state where accelerate is installed, else from torch.distributed; one
    process that no launcher started is alone.
    """
    if not launched():
        return ALONE
    if not torch.distributed.is_initialized():
        atexit.register(leave)  # registered first: what joins below may have its own to run
    if importlib.util.find_spec("accelerate") is not None:
        from accelerate import PartialState

        state = PartialState(backend="gloo", timeout=PATIENCE)
        return Processes(state.process_index, state.num_processes, state.local_process_index)
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("gloo", timeout=PATIENCE)
    rank, count = torch.distributed.get_rank(), torch.distributed.get_world_size()
    return Processes(rank, count, int(os.environ.get("LOCAL_RANK", "0")))


def leave() -> None:
    """Take leave of the other processes: a process that ends in their company may be aborted."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
