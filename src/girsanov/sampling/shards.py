"""Many samples in shards: files that a stopped run keeps, and several processes share.

A shard holds samples k S .. (k+1) S - 1 in the units of the data. It is written under another
name, brought to disk and then renamed, so that a file with a shard's name is a whole shard.
Network calls are cut inside shards, whose size depends on the number of samples alone: the same
batch size gives the same bits for any number of processes and of interruptions.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import torch

from .._checks import InputError, refuse, require_count
from .._files import replacing, sha256_of
from .._parts import claim, remove, sign
from .._records import as_json
from .._signatures import takes
from ..basis import Basis
from ..data.formats.npy_files import read_npy
from ..denoise.base import told_of
from .given import given_rows
from .loop import HasRecipe, sample_batches
from .options import SAMPLE_BATCH, ShardKeywords, ShardOptions
from .sample import check_model, in_units, proportional_labels, units_of
from .sampler import Recipe

if TYPE_CHECKING:
    from .._typing import Json, PathLike, Progress
    from ..data.standardise import Standardisation
    from ..denoise.base import Denoiser

SHARD_SUFFIX = ".npy"  # of a shard, and of the files that shards are merged into unread
SHARDS = 1000  # files at most
OURS = re.compile(r"\.?(\d{6}\.npy|index\.json)(\..*)?")


@dataclass(frozen=True)
class Shards:
    """A folder of shards: `count` samples, `size` to each file but the last."""

    folder: Path
    count: int
    size: int

    def __len__(self) -> int:
        """The number of shards."""
        return -(-self.count // self.size)

    def rows(self, k: int) -> int:
        """Return how many samples shard `k` holds."""
        return min(self.size, self.count - k * self.size)

    def path(self, k: int) -> Path:
        """Return where shard `k` is kept."""
        return self.folder / f"{k:06d}{SHARD_SUFFIX}"

    def open(self, k: int) -> np.ndarray | None:
        """Return the samples of shard `k`, memory-mapped, or None if it is not there whole."""
        try:
            values = read_npy(self.path(k))
        except (OSError, InputError):
            return None
        return values if values.shape[:1] == (self.rows(k),) else None

    def missing(self) -> list[int]:
        """Return the numbers of the shards that are still to be drawn."""
        return [k for k in range(len(self)) if self.open(k) is None]

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the samples of each shard in turn, memory-mapped."""
        for k in range(len(self)):
            values = self.open(k)
            if values is None:
                refuse(str(self.path(k)), "is not there, or not whole", None, "Sample again")
            yield values

    def merge(self, path: PathLike) -> None:
        """Write all samples to one .npy file, whole or not at all, a shard at a time."""
        first = next(iter(self))
        form = (self.count, *first.shape[1:])
        with replacing(path) as temporary:
            merged = np.lib.format.open_memmap(temporary, "w+", first.dtype, form)
            begin = merged.offset
            del merged  # its header is what was wanted: a map would crash on a full disk
            with open(temporary, "r+b") as file:
                file.seek(begin)
                for values in self:
                    file.write(np.ascontiguousarray(values).tobytes())

    def remove(self) -> None:
        """Remove the folder and what this module wrote in it, and nothing else."""
        remove(self.folder, OURS)


def shard_size(count: int) -> int:
    """Return how many samples a shard holds: a default batch, more of them for many samples."""
    return SAMPLE_BATCH * max(1, -(-count // (SAMPLE_BATCH * SHARDS)))


@takes(ShardOptions)
def sample_shards(
    denoiser: Denoiser,
    plan: Recipe | HasRecipe,
    count: int,
    folder: PathLike,
    **options: Unpack[ShardKeywords],
) -> Shards:
    """Draw the samples of `sample` into shards in `folder`, going on with what is there.

    folder: new, empty, or with shards of the same model, plan, seed, labels and count, which
    its index says; others are refused, or removed with `force`; processes: every process draws
    its share and returns when all are done; resumed(count) is called, before any work, where so
    many samples are there from a run that was stopped; the other arguments as for `sample`.
    Of a model of x given y, shards hold `count` samples of each row of `given`, row after row.
    Memory holds one shard. Raises InputError also when a shard cannot be written.
    """
    asked = ShardOptions(**options)
    seed, label, processes = asked.seed, asked.label, asked.processes
    count = require_count("count", count)
    check_model(denoiser, plan, asked.any_model)
    measured, units = None, units_of(denoiser, plan, asked.as_drawn)
    if asked.observed is not None:
        measured = asked.observed.seen_by(denoiser, units, count, label)
        count = measured.total
    elif asked.given is not None or (label is None and told_of(denoiser) is not None):
        y = given_rows(denoiser, asked.given)
        label, count = y.repeat_interleave(count, dim=0), count * len(y)
    elif label is None:
        label = proportional_labels(denoiser, count, seed)
    shards = Shards(Path(folder), count, shard_size(count))
    labels = None if label is None else torch.as_tensor(label)
    if labels is not None and not labels.is_floating_point():
        labels = labels.long().expand(count)
    told = None if measured is None else measured.fingerprint
    with processes.together():
        if processes.rank == 0:
            identity = _identity(denoiser, plan, seed, labels, shards, units)
            identity |= {} if told is None else {"observed": told}
            claim(shards.folder, identity, OURS, force=asked.force)
            sign(shards.folder, identity)
    missing = shards.missing()
    drawn = count - sum(shards.rows(k) for k in missing)
    if asked.resumed is not None and drawn and processes.rank == 0:
        asked.resumed(drawn)
    own = [k for k in missing if k % processes.count == processes.rank]
    done, total = 0, sum(shards.rows(k) for k in own)
    with processes.together():
        for k in own:
            first, rows = k * shards.size, shards.rows(k)
            part = None if labels is None else labels[first : first + rows]
            batches = sample_batches(
                denoiser, plan, rows, seed=seed, first=first, batch_size=asked.batch_size,
                label=part, measured=measured, progress=_among(asked.progress, done, rows, total),
            )  # fmt: skip
            x = torch.cat(list(batches))
            _write(shards.path(k), in_units(units, x, denoiser, part))
            done += rows
    return shards


def _among(progress: Progress | None, before: int, rows: int, total: int) -> Progress | None:
    """Return the callback of one shard, which counts on from `before` of `total` samples."""
    if progress is None:
        return None
    return lambda done, calls: progress(calls // rows * before + done, calls // rows * total)


def _write(path: Path, values: np.ndarray) -> None:
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.save(file, values, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())  # or a power cut could leave the name without the content


def _identity(
    denoiser: Denoiser,
    plan: Recipe | HasRecipe,
    seed: int,
    labels: torch.Tensor | None,
    shards: Shards,
    units: Standardisation | None,
) -> Json:
    codes = () if labels is None else (labels.contiguous().numpy(),)
    return {
        "format": "girsanov/shards/1",
        "model": denoiser.fingerprint,
        "plan": plan_fingerprint(plan),
        "seed": seed,
        "count": shards.count,
        "shard": shards.size,
        "labels": sha256_of(*codes),
        "units": None if units is None else sha256_of(json.dumps(units.to_json())),
    }


def plan_fingerprint(plan: Recipe | HasRecipe) -> str:
    """Return the SHA-256 of all that decides the samples: the recipe and the calibration."""
    scheduler = getattr(plan, "scheduler", None)
    if scheduler is not None:
        return sha256_of("scheduler", json.dumps(as_json(scheduler), sort_keys=True))
    steps = plan if isinstance(plan, Recipe) else plan.recipe()
    calibration = getattr(plan, "calibration", None)
    return sha256_of(_recipe_text(steps), "" if calibration is None else calibration.fingerprint)


def _recipe_text(value: Any) -> str:
    """Return a text that two recipes share only if they are the same."""
    if isinstance(value, np.ndarray):
        return sha256_of(value)
    if isinstance(value, Basis):
        return f"{value.kind}{value.shape}{_recipe_text(value.factors)}"
    if isinstance(value, tuple):
        return f"({','.join(map(_recipe_text, value))})"
    if hasattr(value, "__dataclass_fields__"):
        fields = value.__dataclass_fields__
        return (
            f"{type(value).__name__}({','.join(_recipe_text(getattr(value, f)) for f in fields)})"
        )
    return repr(value)
