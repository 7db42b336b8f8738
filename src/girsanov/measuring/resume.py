"""What a stopped audit keeps: its sums over the batches of examples measured so far.

Every process has a file for each pass (the held-out and the training examples): its sums after a
number of whole batches, replaced as a whole about every half a minute. A run that goes on adds
the remaining batches to them in the order of a run that was never stopped, so that its sums are
the same to the bit. The folder is removed when the audit is written.
An audit of several rounds has a folder for each: a finished round is read again, not measured.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .._checks import InputError
from .._files import read_tensors, sha256_of, write_tensors
from .._parts import claim, remove, sign
from .._processes import ALONE, Processes

if TYPE_CHECKING:
    from .._typing import Json, PathLike, Tensor

SECONDS = 30.0  # between two files: what a kill may cost
BATCHES, SEAL = "batches", "seal"
OURS = re.compile(r"\.?([a-z-]+-\d+\.safetensors|index\.json)(\..*)?")
SUMS_FORMAT = "girsanov/sums/1"


def keep_sums(
    folder: PathLike | None, parties: Sequence[Any], numbers: Sequence[Any],
    processes: Processes,
) -> Callable[[str], Stage | None]:  # fmt: skip
    """Return where an audit keeps the sums of the pass of a name, None if nowhere.

    parties, numbers: the models and data, and all else that its numbers follow from; the version
    and the number of processes, which the order of summation follows, go along.
    """
    if folder is None:
        return lambda name: None
    from .. import __version__

    fingerprints = [party and party.fingerprint for party in parties]
    identity = sha256_of(json.dumps([__version__, processes.count, *fingerprints, *numbers]))
    return Kept(Path(folder), {"of": identity}, processes).stage


@dataclass
class Kept:
    """The folder of one audit; identity: all that decides its numbers, as JSON."""

    folder: Path
    identity: Json
    processes: Processes = ALONE

    def __post_init__(self) -> None:
        """Refuse a folder with sums of another audit, or with anything else."""
        self.identity = {"format": SUMS_FORMAT, **self.identity}
        with self.processes.together():
            if self.processes.rank == 0:
                claim(self.folder, self.identity, OURS)

    def stage(self, name: str) -> Stage:
        """Return where this process keeps the sums of the pass of this name."""
        return Stage(self, self.folder / f"{name}-{self.processes.rank}.safetensors")


@dataclass
class Stage:
    """The file of one process for one pass."""

    kept: Kept
    path: Path
    last: float = field(default_factory=time.monotonic)

    def begin(self, sums: Mapping[str, Tensor]) -> int:
        """Fill `sums` with those kept of this pass; return of how many batches they are."""
        try:
            tensors = read_tensors(self.path)
        except InputError:
            return 0
        seal, batches = tensors.pop(SEAL, None), tensors.pop(BATCHES, np.zeros(0))
        if seal is None or not np.array_equal(seal, _seal(batches, tensors)):
            return 0  # damaged or changed: its numbers would become those of the audit
        forms = {name: (value.shape, value.dtype) for name, value in tensors.items()}
        want = {name: (tuple(t.shape), np.dtype(np.float64)) for name, t in sums.items()}
        if forms != want or batches.shape != (1,):
            return 0
        for name, value in tensors.items():
            sums[name].copy_(torch.from_numpy(value))
        return int(batches[0])

    def after(self, batches: int, sums: Mapping[str, Tensor]) -> None:
        """Keep the sums over the first `batches` batches of this process, if it is time to."""
        if time.monotonic() - self.last < SECONDS:
            return
        sign(self.kept.folder, self.kept.identity)
        arrays = {name: value.numpy() for name, value in sums.items()}
        count = np.array([batches])
        write_tensors(self.path, {**arrays, BATCHES: count, SEAL: _seal(count, arrays)})
        self.last = time.monotonic()


def _seal(batches: np.ndarray, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the SHA-256 of sums and of how many batches they are of, as bytes [32]."""
    parts = [part for name, value in sorted(arrays.items()) for part in (name, value)]
    return np.frombuffer(bytes.fromhex(sha256_of(batches, *parts)), np.uint8)


def of_round(folder: PathLike, number: int) -> Path:
    """Return where a round of an audit keeps its sums: `folder`, and beside it folder-2, ..."""
    place = Path(folder)
    return place if number == 1 else place.with_name(f"{place.name}-{number}")


def kept_in(folder: PathLike) -> list[Path]:
    """Return the folders that keep sums of an audit, of one round or more."""
    place = Path(folder)
    beside = re.compile(re.escape(place.name) + r"(-\d+)?")
    entries = place.parent.iterdir() if place.parent.is_dir() else ()
    return sorted(p for p in entries if beside.fullmatch(p.name) and p.is_dir())


def remove_sums(folder: PathLike) -> None:
    """Remove the sums that an audit keeps in all of its rounds, once it is written."""
    for place in kept_in(folder):
        remove(place, OURS)
