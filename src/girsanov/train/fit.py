"""`fit`: a data set in, a denoiser out, with a folder that a stopped run goes on from."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import torch
from torch import nn

from .._checks import require, require_choice, require_count, require_number
from .._files import write_text
from .._processes import ALONE, Processes
from .._signatures import takes
from ..data.dataset import Dataset
from ..denoise.mlp import ResidualMLP, mlp_size
from ..denoise.network import NetworkDenoiser
from ..denoise.unet import build_unet
from ..moments import measure_moments, with_classes
from ..noise import NoiseSource
from ..sampling.sampler import PROCESSES
from .checkpoint import json_line, load_checkpoint, require_free_folder
from .loop import Trainer
from .objective import OBJECTIVES, build_objective
from .options import FitKeywords, FitOptions, TrainOptions

if TYPE_CHECKING:
    from .._typing import Json, PathLike, Progress, Tensor

MINUTES = 3.0
SMALL_IMAGE = 16 * 16  # values an image may have for the MLP to serve when diffusers is missing
FEWEST_EXAMPLES = 10  # examples a data set must hold
MOST_DROPOUT = 0.3
CHUNK = 1024  # examples read at once to measure moments
LATE = 1.1  # of the minutes asked for, after which a run ends where it is
TIMED_STEPS, TIMED_SECONDS = 40, 2.0  # the warm-up that turns minutes into steps
NETWORK_CHOICES = ("auto", "mlp", "unet")
RATE = 1e-3  # of the MLP and of a UNet whose finest level is 32 wide
BATCH_SIZES = {"mlp": 256, "unet": 64}
ZERO_AT_START = ("outward.weight", "modulation.weight", "conv_out.weight")
EMBEDDINGS = ("label.weight", "class_embedding.weight")


@takes(FitOptions)
def fit(train: Dataset, **keywords: Unpack[FitKeywords]) -> NetworkDenoiser:
    """Return a denoiser trained on `train`, and save it in `out`.

    The loss is an unbiased estimate of 1/2 int M(s) ds in nats (`train.objective`), and the
    weights returned are the averaged ones with the least held-out value of it.

    train: the examples; held_out: measures the run and stops it early, None sets a tenth of
    `train` aside; out: a new folder, in diffusers' layout, with log.jsonl and checkpoint/;
    minutes or steps: how long, 3 minutes if neither, minutes become a number of steps after a
    short timing; seed: of all randomness; network: ``mlp``, ``unet`` (images, needs diffusers)
    or ``auto`` (the UNet for images if diffusers is installed: it learns more in as many
    minutes and answers several times slower; else the MLP); process: ``vp``, or ``cld`` to learn
    on (x, v) of critically damped Langevin diffusion by hybrid score matching, which leaves v_0
    out of the target (Dockhorn et al., 2022); objective: ``edm`` or ``ledger``;
    batch_size: examples a step; resume: go on from out/checkpoint if
    there is one; processes: each takes its slice of every batch (for `steps`, not minutes) and
    the first one writes; progress: called with (steps done, of how many). Raises InputError for
    data too small, a folder in use, a checkpoint of another run, or a loss that stays not finite
    (after saving the best weights so far).
    """
    request = FitOptions(**keywords)
    options, processes = request.options or TrainOptions(), request.processes
    steps, seed, held_out = request.steps, request.seed, request.held_out
    rule = "must be a data set, as gv.load_data makes of a file or an array"
    require(isinstance(train, Dataset), "train", rule, type(train).__name__)
    kind = _network_kind(request.network, train.shape)
    together = processes.count == 1 or steps is not None  # clocks differ, and steps do not
    require(together, "steps", "must be given where several processes train", None)
    batch_size = require_count("batch_size", request.batch_size or BATCH_SIZES[kind])
    folder = _folder(request.out, request.resume)
    asked: Json = {
        "minutes": _minutes(request.minutes, steps), "steps": steps if steps is None else
        int(steps), "seed": require_count("seed", seed, 0), "network": kind,
        "process": require_choice("process", request.process, PROCESSES),
        "objective": require_choice("objective", request.objective, OBJECTIVES),
        "batch_size": batch_size, "options": options.to_json(),
    }  # fmt: skip
    parts = _parts(train, held_out, seed)
    asked["data"] = [part.fingerprint for part in parts]
    asked["label_shares"] = _label_shares(train)
    asked["lineage"] = train.lineage
    asked |= {"reading": train.reading} if train.reading else {}
    # what only stopped the run early has been seen too: an audit on it would flatter the model
    asked["seen"] = [part.lineage for part in (train, held_out) if part is not None]
    saved = load_checkpoint(folder / "checkpoint") if folder and request.resume else None
    if folder and saved:
        saved.require_settings(asked, folder / "checkpoint")
    trainer = _trainer(parts, kind, asked, options, processes)
    if folder and saved:
        trainer.restore(saved, folder / "checkpoint")
    total = trainer.steps if saved else steps or _steps_in(trainer, asked["minutes"])
    set_dropout(trainer, total)
    with processes.together():  # everything is read and refused before anything is written
        enough = batch_size >= processes.count
        require(enough, "batch_size", f"must be at least {processes.count}", batch_size)
    _run(trainer, total, (folder, asked), request.progress)
    return trainer.model


def _run(
    trainer: Trainer, total: int, where: tuple[Path | None, Json], progress: Progress | None
) -> None:
    folder, asked = where

    def keep() -> None:
        if folder and not trainer.processes.rank:
            trainer.checkpoint(asked).save(folder / "checkpoint")
            write_text(folder / "log.jsonl", "".join(map(json_line, trainer.counters.log)))

    try:
        limit = math.inf if asked["minutes"] is None else 60 * LATE * asked["minutes"]
        trainer.run(total, keep, progress, limit)
    finally:
        if trainer.counters.stopped:
            trainer.use_best()
            trainer.model.seal()
            trainer.model.training = _record(trainer, asked)
            if folder and not trainer.processes.rank:
                trainer.model.save(folder)


def _network_kind(network: str, shape: tuple[int, ...]) -> str:
    kind = require_choice("network", network, NETWORK_CHOICES)
    if kind != "auto":
        return kind
    if len(shape) != 3:
        return "mlp"
    missing = find_spec("diffusers") is None
    return "mlp" if missing and math.prod(shape) <= SMALL_IMAGE else "unet"


def _folder(out: PathLike | None, resume: bool) -> Path | None:
    if out is None:
        require(not resume, "resume", "needs out=, the folder of the run to go on with", resume)
        return None
    require_free_folder(Path(out), resume)
    return Path(out)


def _minutes(minutes: float | None, steps: int | None) -> float | None:
    if steps is None:
        return MINUTES if minutes is None else require_number("minutes", minutes, above=0.0)
    require_count("steps", steps)
    require(minutes is None, "minutes", "cannot be given together with steps", minutes)
    return None


def _parts(train: Dataset, held_out: Dataset | None, seed: int) -> tuple[Dataset, Dataset]:
    require(
        len(train) >= FEWEST_EXAMPLES,
        "train",
        f"must hold at least {FEWEST_EXAMPLES} examples",
        len(train),
    )
    units = train.standardisation
    if held_out is not None:
        same = held_out.shape == train.shape
        require(same, "held_out", f"must have examples of shape {train.shape}", held_out.shape)
        require(len(held_out) > 1, "held_out", "must hold at least 2 examples", len(held_out))
        if train.labels is not None and held_out.labels is not None:
            names = held_out.label_names
            require(
                names == train.label_names,
                "held_out",
                f"must have the labels of the training data, {train.label_names}",
                names,
            )
        return train, held_out.with_standardisation(units)
    count = max(2, round(len(train) / 10))
    first, second = train.split(1 - count / len(train), seed=seed)
    return first.with_standardisation(units), second.with_standardisation(units)


def _trainer(
    parts: tuple[Dataset, Dataset], kind: str, asked: Json, options: TrainOptions,
    processes: Processes = ALONE,
) -> Trainer:  # fmt: skip
    train = parts[0]
    moments = measure_moments(_chunks(train), train.shape)
    require(moments.variance > 0, "train", "must hold examples that differ; they are all equal")
    names = label_names(train)
    moments = with_classes(moments, _labelled(train), len(names)) if names else moments
    phases = 2 if asked["process"] == "cld" else 1
    network = build_network(kind, train.shape, len(names), options, phases=phases)
    initialise(network.eval(), asked["seed"])
    low, high = options.log_snr
    model = NetworkDenoiser(
        network, train.shape, "v" if kind == "unet" else options.preconditioning, moments,
        train.standardisation, (math.exp(low), math.exp(high)), names,
    )  # fmt: skip
    usual = "cuda" if torch.cuda.is_available() else "cpu"
    device = options.device or processes.device or usual
    if options.compiled:
        network.compile()
    objective = build_objective(asked["objective"], moments, options.log_snr)
    return Trainer(
        model.to(device), objective, parts, seed=asked["seed"], batch_size=asked["batch_size"],
        options=options, rate=options.learning_rate or _rate(network), processes=processes,
    )  # fmt: skip


def _rate(network: Any) -> float:
    if isinstance(network, ResidualMLP):
        return RATE
    return RATE * min(1.0, 32 / int(network.config.block_out_channels[0]))


def label_names(train: Dataset) -> tuple[str, ...]:
    """Return one name a class, () for data without labels."""
    return () if train.labels is None else tuple(train.label_names)


def _chunks(data: Dataset) -> Iterator[Tensor]:
    for first in range(0, len(data), CHUNK):
        yield data.batch(slice(first, min(first + CHUNK, len(data))))


def _labelled(data: Dataset) -> Iterator[tuple[Tensor, Tensor]]:
    for first in range(0, len(data), CHUNK):
        rows = slice(first, min(first + CHUNK, len(data)))
        label = data.batch_labels(rows)
        assert label is not None
        yield data.batch(rows), label


def build_network(
    kind: str, shape: tuple[int, ...], classes: int, options: TrainOptions, *, phases: int = 1
) -> nn.Module:
    """Return an untrained network of this kind without touching the global random state."""
    with torch.random.fork_rng(devices=[]):
        if kind == "unet":
            return build_unet(shape, classes, options.width, phases)  # type: ignore[no-any-return]
        d = math.prod(shape)
        width, depth = mlp_size(d)
        return ResidualMLP(
            d, options.width or width, options.depth or depth, classes=classes, phases=phases
        )


def initialise(network: nn.Module, seed: int) -> None:
    """Set the weights from `seed`: normal with variance 1 / fan-in (1 for a label's vector),
    gains 1, shifts 0.

    The last layer starts at zero, so that the network starts as its preconditioning.
    """
    source = NoiseSource(seed, "weights")
    with torch.no_grad():
        for i, (name, p) in enumerate(sorted(network.named_parameters())):
            if p.ndim == 1:
                p.fill_(1.0 if name.endswith("weight") else 0.0)
            elif name.endswith(ZERO_AT_START):
                p.zero_()
            else:
                fan = p[0].numel()
                z = source.normal(i, 0, len(p), fan).reshape(p.shape)
                p.copy_(z if name.endswith(EMBEDDINGS) else z / math.sqrt(fan))


def set_dropout(trainer: Trainer, steps: int) -> None:
    """Give the MLP the dropout asked for, or one that grows with the times an example is seen."""
    network, asked = trainer.model.network, trainer.options.dropout
    if isinstance(network, ResidualMLP):
        seen = steps * trainer.batch_size / len(trainer.train)
        network.dropout = min(seen / 1000, MOST_DROPOUT) if asked is None else asked


def _steps_in(trainer: Trainer, minutes: Any) -> int:
    """Return how many steps fit in `minutes`, from a few steps on a copy thrown away."""
    trial = trainer.like(copy.deepcopy(trainer.model), copy.deepcopy(trainer.objective))
    if isinstance(trial.model.network, ResidualMLP):
        trial.model.network.dropout = MOST_DROPOUT  # what it may cost
    trial.step()  # the first one pays for allocations
    took: list[float] = []
    while len(took) < 3 or (len(took) < TIMED_STEPS and sum(took) < TIMED_SECONDS):
        start = time.perf_counter()
        trial.step()
        took.append(time.perf_counter() - start)
    # the median, not the mean: a busy moment of the machine is no reason to train little
    return max(20, int(float(minutes) * 60 / (float(np.median(took)) * 1.15)))  # and evaluations


def _record(trainer: Trainer, asked: Json) -> Json:
    c, network = trainer.counters, trainer.model.network
    return {
        **asked, "steps": trainer.steps, "steps_run": c.step, "best_step": c.best_step,
        "out_of_time": c.step < trainer.steps and not trainer.stale(),
        "skipped_steps": c.skipped, "seconds": c.seconds, "examples": len(trainer.train),
        "parameters": sum(p.numel() for p in trainer.parameters),
        "held_out_ledger": next((e for e in c.log if e["step"] == c.best_step), None),
        "dropout": network.dropout if isinstance(network, ResidualMLP) else 0.0,
        "linear_ledger": c.log[0],
    }  # fmt: skip


def _label_shares(train: Dataset) -> list[float] | None:
    """Return the share of each class in the training data, for samples without a label."""
    if train.labels is None:
        return None
    counts = np.bincount(train.labels, minlength=len(train.label_names))
    return [float(share) for share in counts / len(train)]
