"""What a model says of itself that an audit or a plan records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from .._records import FieldRule
from .._typing import Json


@dataclass(frozen=True)
class PipelineFacts:
    """A pipeline of diffusers: its class, its clock, how it clips, its scheduler's class.

    clock: as `Clock.to_json` writes it; clip: {} for a pipeline that keeps its predictions.
    """

    class_: str
    clock: Json
    clip: Json
    scheduler: str


@dataclass(frozen=True)
class ModelFacts:
    """What a denoiser adds to the record of its audit (its method `facts`).

    trained_levels: the SNRs it was trained at, increasing, None where any will do; guidance: the
    weight of a guided pipeline.
    """

    pipeline: PipelineFacts | None = None
    trained_levels: tuple[float, ...] | None = None
    notes: tuple[str, ...] = ()
    guidance: float = 1.0


@dataclass(frozen=True)
class Arithmetic:
    """The precision of a network's matrix products, and whether it is compiled."""

    precision: str
    compiled: bool


@dataclass(frozen=True)
class AutoencoderLoss:
    """What decoding encoded pictures loses, with its 95 % interval, of so many pictures."""

    name: str
    value: float
    low: float
    high: float
    kind: str
    examples: int
    note: str


@dataclass(frozen=True)
class DiffusersScheduler:
    """A scheduler of diffusers that takes a plan's steps: configuration, network calls a
    sample."""

    name: str
    config: Json
    calls: Annotated[int, FieldRule("a whole number above 0", bool)]
