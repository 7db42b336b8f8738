"""What a stopped audit keeps: its sums over the batches of examples measured so far.

Every process has a file for each pass (the held-out and the training examples): its sums after a
number of whole batches, replaced as a whole about every half a minute. A run that goes on adds
the remaining batches to them in the order of a run that was never stopped, so that its sums are
the same to the bit. The folder is removed when the audit is written.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from .._checks import InputError
from .._files import read_tensors, write_tensors
from .._parts import claim, remove, sign
from .._processes import ALONE, Processes
from .._typing import Json, Tensor

SECONDS = 30.0  # between two files: what a kill may cost
BATCHES = "batches"
OURS = re.compile(r"\.?([a-z]+-\d+\.safetensors|index\.json)(\..*)?")
FORMAT = "girsanov/sums/1"


@dataclass
class Kept:
    """The folder of one audit; identity: all that decides its numbers, as JSON."""

    folder: Path
    identity: Json
    processes: Processes = ALONE
    force: bool = False
    _last: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        """Refuse a folder with sums of another audit, or with anything else."""
        self.identity = {"format": FORMAT, **self.identity}
        with self.processes.together():
            if self.processes.rank == 0:
                claim(self.folder, self.identity, OURS, force=self.force)

    def path(self, stage: str) -> Path:
        """Return where this process keeps the sums of a pass."""
        return self.folder / f"{stage}-{self.processes.rank}.safetensors"

    def begin(self, stage: str, sums: Mapping[str, Tensor]) -> int:
        """Fill `sums` with those kept of this pass; return of how many batches they are."""
        try:
            found = read_tensors(self.path(stage))
        except InputError:
            return 0
        batches = found.pop(BATCHES, np.zeros(0))
        forms = {name: (value.shape, value.dtype) for name, value in found.items()}
        want = {name: (tuple(t.shape), np.dtype(np.float64)) for name, t in sums.items()}
        if forms != want or batches.shape != (1,):
            return 0
        for name, value in found.items():
            sums[name].copy_(torch.from_numpy(value))
        return int(batches[0])

    def after(self, stage: str, batches: int, sums: Mapping[str, Tensor]) -> None:
        """Keep the sums over the first `batches` batches of this process, if it is time to."""
        if time.monotonic() - self._last < SECONDS:
            return
        sign(self.folder, self.identity)
        arrays = {name: value.numpy() for name, value in sums.items()}
        write_tensors(self.path(stage), {**arrays, BATCHES: np.array([batches])})
        self._last = time.monotonic()

    def remove(self) -> None:
        """Remove the folder, once the audit is written."""
        remove(self.folder, OURS)
