"""Requests of what is read off audits: as `requests.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from .._typing import PathLike
from .requests import Request


@dataclass(frozen=True)
class LikelihoodRequest(Request):
    """The likelihood of the examples of an audit under a sampler.

    audit: its .json; plan: whose sampler is meant, None for the limit of infinitely many steps.
    """

    audit: PathLike
    _: KW_ONLY
    plan: PathLike | None = None


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
