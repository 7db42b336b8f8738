"""What drawing samples is asked for besides the model, the plan and their number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from .._checks import require_count
from .._processes import ALONE, Processes

if TYPE_CHECKING:
    from .._typing import Progress, Tensor

SAMPLE_BATCH = 1000  # samples a call of a network, unless the user says otherwise


class BatchKeywords(TypedDict, total=False):
    """The fields of `BatchOptions` by name, each of which may be left out."""

    seed: int
    first: int
    batch_size: int | None
    label: int | Tensor | None
    progress: Progress | None


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """Samples first, first + 1, ... under `seed`; `girsanov.sample` says what the rest is."""

    seed: int = 0
    first: int = 0
    batch_size: int | None = None
    label: int | Tensor | None = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be."""
        require_count("first", self.first, at_least=0)
        if self.batch_size is not None:
            require_count("batch_size", self.batch_size)


class SampleKeywords(TypedDict, total=False):
    """The fields of `SampleOptions` by name, each of which may be left out."""

    seed: int
    label: int | Tensor | None
    given: Any
    batch_size: int | None
    any_model: bool
    as_drawn: bool
    progress: Progress | None


@dataclass(frozen=True, kw_only=True)
class SampleOptions:
    """The options of `girsanov.sample`, which says what each is."""

    seed: int = 0
    label: int | Tensor | None = None
    given: Any = None
    batch_size: int | None = None
    any_model: bool = False
    as_drawn: bool = False
    progress: Progress | None = None


class ShardKeywords(SampleKeywords, total=False):
    """The fields of `ShardOptions` by name, each of which may be left out."""

    force: bool
    processes: Processes
    resumed: Callable[[int], None] | None


@dataclass(frozen=True, kw_only=True)
class ShardOptions(SampleOptions):
    """The options of `girsanov.sample_shards`, which says what each is."""

    force: bool = False
    processes: Processes = ALONE
    resumed: Callable[[int], None] | None = None
