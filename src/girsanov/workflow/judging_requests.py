"""What the commands are asked for that judge samples: `compare` and `coverage`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass

from .._checks import require
from .._typing import PathLike
from .requests import Request


@dataclass(frozen=True)
class CompareRequest(Request):
    """Samples to be compared with data.

    samples: a file of samples; data: what `load_data` takes, or a law's .json; by: names of
    measures, all by default; features: ``builtin``, or a .npz with features of both; model: of the
    data it was fitted on, use the part kept back; train_data: training data, to look for
    memorisation; labels, class_order, drop, decimal, dates: as in `AuditRequest`; rows: at most so
    many of each; seed: of all randomness.
    """

    samples: PathLike
    data: PathLike
    _: KW_ONLY
    by: Sequence[str] = ()
    features: str = "builtin"
    model: PathLike | None = None
    train_data: PathLike | None = None
    labels: str | None = None
    class_order: str | None = None
    drop: Sequence[str] = ()
    decimal: str | None = None
    dates: str | None = None
    rows: int = 10_000
    seed: int = 0


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


NO_FID = "frechet is the same formula in features other than Inception's: its numbers are no FID"


def require_measures(names: Iterable[str], measures: Iterable[str]) -> None:
    """Refuse a --by that is none of `measures`, before anything is read."""
    for name in names:
        remedy = NO_FID if name.lower() in ("fid", "fréchet") else ""
        require(name in measures, "--by", f"must be one of {', '.join(measures)}", name, remedy)
