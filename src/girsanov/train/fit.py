"""`fit`: a data set in, a denoiser out, with a folder that a stopped run goes on from."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np

from .._checks import require, require_choice, require_count, require_number
from .._choices import OBJECTIVES
from .._files import write_text
from .._signatures import takes
from ..data.dataset import Dataset
from ..denoise.mlp import ResidualMLP
from ..denoise.network import NetworkDenoiser
from ..sampling.sampler import PROCESSES
from .build import build_trainer, set_dropout, training_moments
from .checkpoint import Checkpoint, json_line, load_checkpoint, require_free_folder
from .choice import (
    Choice,
    is_open,
    networks_to_try,
    steps_in,
    timed_choice,
    too_little,
    usual_choice,
)
from .loop import Trainer
from .options import FitKeywords, FitOptions, TrainOptions

if TYPE_CHECKING:
    from .._typing import Json, PathLike, Progress

MINUTES = 3.0
FEWEST_EXAMPLES = 10  # examples a data set must hold
LATE = 1.1  # of the minutes asked for, after which a run ends where it is


@takes(FitOptions)
def fit(train: Dataset, **keywords: Unpack[FitKeywords]) -> NetworkDenoiser:
    """Return a denoiser trained on `train`, and save it in `out`.

    The loss is an unbiased estimate of 1/2 int M(s) ds in nats (`train.objective`), and the
    weights returned are the averaged ones with the least held-out value of it.

    train: the examples; held_out: measures the run and stops it early, None sets a tenth of
    `train` aside; out: a new folder, in diffusers' layout, with log.jsonl and checkpoint/;
    minutes or steps: how long, 3 minutes if neither, minutes become a number of steps after a
    short timing; seed: of all randomness; network: ``mlp``, ``conv`` (series, pictures and
    volumes, and vectors, which it takes for series), ``unet`` (pictures, of diffusers),
    ``columns`` (tables: each column's own law is exact, and an MLP says how they hang together)
    or ``auto``: that for tables of which categories and piles of equal values hold a fifth or
    more, the MLP for other rows; for series, pictures and volumes the largest of a few networks
    that makes 2,000 steps in the minutes on this machine, or with `steps` ``conv``, but for
    pictures the UNet of diffusers if it is installed; process: ``vp``, or ``cld`` to learn on
    (x, v) of critically damped Langevin diffusion by hybrid score matching,
    which leaves v_0 out of the target (Dockhorn et al., 2022); objective: ``edm`` or ``ledger``;
    batch_size: examples a step; resume: go on from out/checkpoint if there is one;
    processes: each takes its slice of every batch (for `steps`, not minutes) and the first one
    writes; progress: called with (steps done, of how many); say: with a line, where the minutes
    are too few. Raises InputError for data too small, a folder in use, a checkpoint of another
    run, or a loss that stays not finite (after saving the best weights so far).
    """
    request = FitOptions(**keywords)
    options, processes = request.options or TrainOptions(), request.processes
    steps, seed, held_out = request.steps, request.seed, request.held_out
    rule = "must be a data set, as gv.load_data makes of a file or an array"
    require(isinstance(train, Dataset), "train", rule, type(train).__name__)
    if request.network == "conv":
        train = train.as_series()
        held_out = None if held_out is None else held_out.as_series()
    choice = usual_choice(train, request, options)
    request = request if train.beside is None else replace(request, network=choice.network)
    together = processes.count == 1 or steps is not None  # clocks differ, and steps do not
    require(together, "steps", "must be given where several processes train", None)
    require_count("batch_size", choice.batch_size)
    folder = _folder(request.out, request.resume)
    parts = _parts(train, held_out, seed, scored=choice.network == "columns")
    asked = _asked(request, train, parts)
    saved = load_checkpoint(folder / "checkpoint") if folder and request.resume else None
    moments = training_moments(parts[0])
    if is_open(train.shape, request.network, options.width):
        if saved:
            choice = _chosen(saved, train.shape, choice, request)
        elif steps is None:
            choice = timed_choice(parts, moments, asked, request)
    options = replace(options, width=choice.width)
    asked = {"network": choice.network, "batch_size": choice.batch_size,
             "options": options.to_json(), **asked}  # fmt: skip
    if folder and saved:
        saved.require_settings(asked, folder / "checkpoint")
    trainer = build_trainer(parts, moments, asked, options, processes)
    if folder and saved:
        trainer.restore(saved, folder / "checkpoint")
    total = trainer.steps if saved else steps or steps_in(trainer, asked["minutes"])
    advice = None if asked["minutes"] is None else too_little(total, asked["minutes"])
    if advice and request.say:
        request.say(advice)
    set_dropout(trainer, total)
    with processes.together():  # everything is read and refused before anything is written
        enough = choice.batch_size >= processes.count
        require(enough, "batch_size", f"must be at least {processes.count}",
                choice.batch_size)  # fmt: skip
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


def _asked(request: FitOptions, train: Dataset, parts: tuple[Dataset, Dataset]) -> Json:
    """Return what the run is asked for, beside its network, and what it will have seen."""
    steps = request.steps
    return {
        "minutes": _minutes(request.minutes, steps),
        "steps": steps if steps is None else int(steps),
        "seed": require_count("seed", request.seed, 0),
        "process": require_choice("process", request.process, PROCESSES),
        "objective": require_choice("objective", request.objective, OBJECTIVES),
        "data": [part.fingerprint for part in parts],
        "label_shares": _label_shares(train),
        "lineage": train.lineage,
        # what only stopped the run early has been seen too: an audit on it would flatter the model
        "seen": [part.lineage for part in (train, request.held_out) if part is not None],
        **({"reading": train.reading} if train.reading else {}),
    }


def _chosen(
    saved: Checkpoint, shape: tuple[int, ...], usual: Choice, request: FitOptions
) -> Choice:
    """Return what the run of a checkpoint had chosen, `usual` where that cannot be its choice."""
    before = saved.settings
    for choice in networks_to_try(shape, request.network):
        width = before.get("options", {}).get("width")
        if (choice.network, choice.width) == (before.get("network"), width):
            return replace(choice, batch_size=request.batch_size or before["batch_size"])
    return usual


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


def _parts(
    train: Dataset, held_out: Dataset | None, seed: int, *, scored: bool = False
) -> tuple[Dataset, Dataset]:
    require(
        len(train) >= FEWEST_EXAMPLES,
        "train",
        f"must hold at least {FEWEST_EXAMPLES} examples",
        len(train),
    )
    units = train.scored_units if scored else train.standardisation
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
        parts = train.with_standardisation(units), held_out.with_standardisation(units)
        return _told(train, parts)
    count = max(2, round(len(train) / 10))
    first, second = train.split(1 - count / len(train), seed=seed)
    return _told(train, (first.with_standardisation(units), second.with_standardisation(units)))


def _told(train: Dataset, parts: tuple[Dataset, Dataset]) -> tuple[Dataset, Dataset]:
    """Return both parts in the units of x given y, which the first teaches, where there is y."""
    if train.beside is None:
        return parts
    told = parts[0].learn_conditions(train.beside.standardisation)
    return parts[0].with_conditions(told), parts[1].with_conditions(told)


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
