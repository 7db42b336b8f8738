"""Requests of networks of one's own, of audits and plans, and of the demo: as `requests.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from .._typing import PathLike
from .requests import Request


@dataclass(frozen=True)
class CheckRequest(Request):
    """A network of one's own, to be called in every way that can be told.

    model: FILE.py:function, code that is run and wraps the network; data: held-out, what
    `load_data` takes, or a law's .json; other: FILE.py:function of the same network with other
    weights, such as the averaged ones; labels, class_order, drop, decimal, dates, device: as in
    `AuditRequest`; examples: how many are tried; seed: of all randomness.
    """

    model: PathLike
    _: KW_ONLY
    data: PathLike
    other: PathLike | None = None
    labels: str | None = None
    class_order: str | None = None
    drop: Sequence[str] = ()
    decimal: str | None = None
    dates: str | None = None
    examples: int = 64
    device: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class LikelihoodRequest(Request):
    """The likelihood of the examples of an audit under a sampler.

    audit: its .json; plan: whose sampler is meant, None for the limit of infinitely many steps.
    """

    audit: PathLike
    _: KW_ONLY
    plan: PathLike | None = None


@dataclass(frozen=True)
class AdviseRequest(Request):
    """Data to be trained on, whose noise levels are asked for.

    data: what `load_data` takes; audit: of a model that was fitted to this file, to be put beside
    what can be attained; minutes: of a short training that measures where the gradient varies;
    labels, drop, decimal, dates: as in `AuditRequest`; nats: what a start from noise may cost;
    seed: of all randomness.
    """

    data: PathLike
    _: KW_ONLY
    audit: PathLike | None = None
    minutes: float | None = None
    labels: str | None = None
    drop: Sequence[str] = ()
    decimal: str | None = None
    dates: str | None = None
    nats: float = 0.01
    seed: int = 0


@dataclass(frozen=True)
class CheckpointsRequest(Request):
    """Checkpoints of one training run to be measured on the same examples and noise.

    model: model folders, in the order of the training; data: held-out data, as in `AuditRequest`;
    train_data: training data, to see overfitting; labels, drop: as in `AuditRequest`; examples,
    levels: how many examples and noise levels; out: the series, .jsonl; page: the page, .html;
    device: cpu, cuda, ...; seed: of all randomness; force: replace out and page.
    """

    model: Sequence[PathLike]
    _: KW_ONLY
    data: PathLike
    train_data: PathLike | None = None
    labels: str | None = None
    drop: Sequence[str] = ()
    examples: int = 500
    levels: int = 33
    out: PathLike = Path("checkpoints.jsonl")
    page: PathLike = Path("checkpoints.html")
    device: str | None = None
    seed: int = 0
    force: bool = False


@dataclass(frozen=True)
class CoverageRequest(Request):
    """Draws of x given y to be checked on pairs that the model has not seen.

    model, data, given, drop, decimal, dates: as in `AuditRequest`; plan: its .json; rows: at most
    so many pairs; draws: of each; confidence: that draws which can be trusted are called so;
    cause: draw again with many more steps where they cannot be; batch_size: draws a network call;
    device: cpu, cuda, cuda:1, ...; seed: of all randomness.
    """

    model: PathLike
    _: KW_ONLY
    plan: PathLike
    data: PathLike
    given: Sequence[str] = ()
    drop: Sequence[str] = ()
    decimal: str | None = None
    dates: str | None = None
    rows: int = 1000
    draws: int = 32
    confidence: float = 0.99
    cause: bool = True
    batch_size: int | None = None
    device: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class DemoRequest(Request):
    """All of it on scikit-learn's digits.

    out: a folder for all it makes; steps: of training, the same on every machine, so that the
    numbers are the same too; network: as of fit; seed: of everything.
    """

    _: KW_ONLY
    out: PathLike = Path("demo")
    steps: int = 5000
    network: str = "conv"
    seed: int = 0
