"""Which network to train in so many minutes, and how many steps of it they are.

The larger of two networks learns more in as many steps and makes fewer of them. Of arrays with
axes (series, pictures, volumes) the largest is taken that makes `ENOUGH` steps in the time on this
machine: steps of each are timed, from the cheapest on, on copies that are thrown away. Nothing is
timed where steps are given, or where the network and its width are.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from .._checks import figure, plural, require, require_choice
from .._choices import NETWORK_CHOICES
from ..denoise.mlp import ResidualMLP
from .build import MOST_DROPOUT, build_trainer
from .options import TrainOptions

if TYPE_CHECKING:
    from .._typing import Json
    from ..data.dataset import Dataset
    from ..moments import Moments
    from .loop import Trainer
    from .options import FitOptions

BATCH_SIZES = {"mlp": 256, "columns": 256, "conv": 32, "unet": 64}
ENOUGH = 2000  # steps that a network should make, if it is not the smallest
WIDTHS = (16, 32, 64)  # of the networks with convolutions that are tried
FEW = 1000  # steps below which more minutes are advised
TIMED_STEPS, TIMED_SECONDS = 40, 2.0  # of the warm-up that turns minutes into steps
TRIED_STEPS, TRIED_EXAMPLES = 2, 4  # of a network that is only tried
SPARE = 1.15  # of a step's time, for evaluations
PILED = 0.2  # of an average column's rows, from which a table is trained by columns
FEWEST_STEPS = 20


@dataclass(frozen=True)
class Choice:
    """A kind of network, the width of its finest level (None: the usual), examples a step."""

    network: str
    width: int | None
    batch_size: int


def usual_choice(train: Dataset, request: FitOptions, options: TrainOptions) -> Choice:
    """Return what is trained on these examples where nothing is timed."""
    kind = require_choice("network", request.network, NETWORK_CHOICES)
    if train.beside is not None:
        return _told_choice(train, kind, request, options)
    table = train.is_table and request.process == "vp"
    if kind == "auto":
        plain = "columns" if table and _is_piled(train) else "mlp"
        kind = "conv" if len(train.shape) > 1 else plain
        kind = "unet" if _takes_unet(train.shape) else kind
    rule = "must be of rows of a table and of the process vp to be columns"
    require(table or kind != "columns", "network", rule, request.process)
    return Choice(kind, options.width, request.batch_size or BATCH_SIZES[kind])


def _told_choice(
    train: Dataset, kind: str, request: FitOptions, options: TrainOptions
) -> Choice:  # fmt: skip
    """Return what is trained on x given y."""
    rule = "must be mlp or conv (or auto): others take no conditions"
    require(kind in ("auto", "mlp", "conv"), "network", rule, kind)
    require(request.process == "vp", "process", "must be vp: cld takes no conditions", "cld")
    usual = "conv" if len(train.shape) > 1 else "mlp"
    kind = usual if kind == "auto" else kind
    return Choice(kind, options.width, request.batch_size or BATCH_SIZES[kind])


def _is_piled(train: Dataset) -> bool:
    """Return whether categories and piles of equal values hold enough of a table.

    Of columns that vary continuously together the MLP knows the covariance from the start.
    """
    laws = train.scored_units.mixtures
    return sum(law.piled for law in laws) >= PILED * len(laws)


def is_open(shape: tuple[int, ...], network: str, width: int | None) -> bool:
    """Return whether time may decide what is trained on examples of `shape`."""
    return width is None and (network == "conv" or (network == "auto" and len(shape) > 1))


def networks_to_try(shape: tuple[int, ...], network: str) -> Iterator[Choice]:
    """Yield what may be trained on examples of `shape`, cheapest first; network: as asked for."""
    for width in WIDTHS:
        yield Choice("conv", width, BATCH_SIZES["conv"])
    if network == "auto" and _takes_unet(shape):
        yield Choice("unet", None, BATCH_SIZES["unet"])


def _takes_unet(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and find_spec("diffusers") is not None


def timed_choice(
    parts: tuple[Dataset, Dataset], moments: Moments, asked: Json, request: FitOptions
) -> Choice:
    """Return the largest candidate that makes `ENOUGH` steps in asked["minutes"], or the first."""
    options, best, minutes = request.options or TrainOptions(), None, asked["minutes"]
    for choice in networks_to_try(parts[0].shape, request.network):
        choice = replace(choice, batch_size=request.batch_size or choice.batch_size)
        steps = 0
        # a step of a few examples costs little, and settles it where even that is too slow
        for size in (min(TRIED_EXAMPLES, choice.batch_size), choice.batch_size):
            made = asked | {"network": choice.network, "batch_size": size}
            trainer = build_trainer(parts, moments, made, replace(options, width=choice.width))
            steps = steps_in(trainer, minutes, TRIED_STEPS)
            if best is not None and steps < ENOUGH:
                return best
        best = choice
        if steps < 2 * ENOUGH:  # the next one costs more than twice as much
            break
    assert best is not None
    return best


def steps_in(trainer: Trainer, minutes: float, at_most: int = TIMED_STEPS) -> int:
    """Return how many steps fit in `minutes`, from a few steps on a copy thrown away."""
    trial = trainer.like(copy.deepcopy(trainer.model), copy.deepcopy(trainer.objective))
    if isinstance(trial.model.network, ResidualMLP):
        trial.model.network.dropout = MOST_DROPOUT  # what it may cost
    trial.step()  # the first one pays for allocations
    took: list[float] = []
    while len(took) < min(3, at_most) or (len(took) < at_most and sum(took) < TIMED_SECONDS):
        start = time.perf_counter()
        trial.step()
        took.append(time.perf_counter() - start)
    # the median, not the mean: a busy moment of the machine is no reason to train little
    return max(FEWEST_STEPS, int(minutes * 60 / (float(np.median(took)) * SPARE)))


def too_little(steps: int, minutes: float) -> str | None:
    """Return the line that says that `minutes` are too few, None where they are enough."""
    if steps >= FEW:
        return None
    advised = figure(minutes * ENOUGH / steps, 2)
    return (
        f"{figure(minutes)} minutes give {plural(steps, 'step')} here; {advised} minutes are "
        "advised"
    )
