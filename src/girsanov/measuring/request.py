"""What an audit is asked for: every option of `girsanov.audit`, with its default and its check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from .._checks import require_count
from .._processes import ALONE, Processes
from .._typing import Levels, PathLike, Progress
from ..data import Dataset
from ..denoise.base import Denoiser


class AuditOptions(TypedDict, total=False):
    """The fields of `AuditRequest` by name, each of which may be left out."""

    train: Dataset | None
    levels: int | Levels | None
    examples: int | None
    draws: int | None
    trajectories: int
    reference: Denoiser | None
    seed: int
    batch_size: int | None
    keep: PathLike | None
    processes: Processes
    progress: Progress | None


@dataclass(frozen=True, kw_only=True)
class AuditRequest:
    """The options of an audit; `girsanov.audit` says what each is."""

    train: Dataset | None = None
    levels: int | Levels | None = None
    examples: int | None = None
    draws: int | None = None
    trajectories: int = 0
    reference: Denoiser | None = None
    seed: int = 0
    batch_size: int | None = None
    keep: PathLike | None = None
    processes: Processes = ALONE
    progress: Progress | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be."""
        require_count("seed", self.seed, at_least=0)
        require_count("trajectories", self.trajectories, at_least=0)
        for name in ("examples", "draws", "batch_size"):
            value = getattr(self, name)
            if value is not None:
                require_count(name, value)

    @property
    def plain(self) -> bool:
        """Whether nothing was asked for that only a measured curve has."""
        return all(x is None for x in (self.train, self.examples, self.draws, self.reference))
