"""Networks as they are before training, and the run that a data set and its options make."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from .._checks import require
from .._processes import ALONE, Processes
from ..data.dataset import Dataset
from ..data.table.mixtures import Mixture, OneOf
from ..denoise.columns import components_of
from ..denoise.convolutional import ConvUNet, conv_size
from ..denoise.mlp import ResidualMLP, column_mlp_size, mlp_size
from ..denoise.network import NetworkDenoiser
from ..denoise.unet import build_unet
from ..moments import Moments, measure_moments, with_classes
from ..noise import NoiseSource
from .loop import Trainer
from .objective import build_objective

if TYPE_CHECKING:
    from .._typing import Json, Tensor
    from .options import TrainOptions

CHUNK = 1024  # examples read at once to measure moments
RATE = 1e-3  # of the MLP and of a UNet whose finest level is 32 wide
CONV_RATE = 2e-3
MOST_DROPOUT = 0.3
ZERO_AT_START = ("outward.weight", "modulation.weight", "conv_out.weight")
EMBEDDINGS = ("label.weight", "class_embedding.weight")


def training_moments(train: Dataset) -> Moments:
    """Return the moments of the training data, and of each class where it has labels."""
    moments = measure_moments(_chunks(train), train.shape)
    require(moments.variance > 0, "train", "must hold examples that differ; they are all equal")
    names = label_names(train)
    return with_classes(moments, _labelled(train), len(names)) if names else moments


def build_trainer(
    parts: tuple[Dataset, Dataset], moments: Moments, asked: Json, options: TrainOptions,
    processes: Processes = ALONE,
) -> Trainer:  # fmt: skip
    """Return a run at its start.

    parts: what is trained on, and what measures it; moments: of the former; asked: ``network``,
    ``process``, ``objective``, ``batch_size`` and ``seed`` of the run.
    """
    train, kind = parts[0], asked["network"]
    names = label_names(train)
    phases = 2 if asked["process"] == "cld" else 1
    network: nn.Module
    if kind == "columns":
        network = column_network(train.standardisation.mixtures, len(names), options)
    else:
        given = 0 if train.told is None else train.told.width
        network = build_network(
            kind, train.shape, len(names), options, phases=phases, given=given
        )  # fmt: skip
    initialise(network.eval(), asked["seed"])
    low, high = options.log_snr
    around = {"unet": "v", "conv": "residual", "columns": "columns"}.get(
        kind, options.preconditioning
    )
    model = NetworkDenoiser(
        network, train.shape, around, moments,
        train.standardisation, (math.exp(low), math.exp(high)), names, told=train.told,
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
    if isinstance(network, ConvUNet):
        return CONV_RATE
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
    kind: str, shape: tuple[int, ...], classes: int, options: TrainOptions, *, phases: int = 1,
    given: int = 0,
) -> nn.Module:  # fmt: skip
    """Return an untrained network of this kind without touching the global random state.

    given: numbers y that it is told.
    """
    with torch.random.fork_rng(devices=[]):
        if kind == "unet":
            return build_unet(shape, classes, options.width, phases)  # type: ignore[no-any-return]
        if kind == "conv":
            width, patch, levels = conv_size(shape)
            return ConvUNet(
                shape, options.width or width, patch=patch, levels=levels, classes=classes,
                inputs=1 + phases, given=given,
            )  # fmt: skip
        d = math.prod(shape)
        width, depth = mlp_size(d)
        return ResidualMLP(
            d, options.width or width, options.depth or depth, classes=classes, phases=phases,
            given=given,
        )  # fmt: skip


def column_network(
    laws: Sequence[Mixture | OneOf], classes: int, options: TrainOptions
) -> ResidualMLP:
    """Return the untrained network of a table whose columns have these laws."""
    components = components_of(laws)
    width, depth = column_mlp_size(len(laws))
    with torch.random.fork_rng(devices=[]):
        return ResidualMLP(
            components.answered, options.width or width, options.depth or depth, classes=classes,
            inputs=components.shown,
        )  # fmt: skip


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
