"""What drawing samples is asked for besides the model, the plan and their number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

from .._checks import require, require_count
from .._processes import ALONE, Processes

if TYPE_CHECKING:
    from .._typing import Progress, Tensor
    from ..data.standardise import Standardisation
    from ..denoise.base import Denoiser
    from .observation import Measured

SAMPLE_BATCH = 1000  # samples a call of a network, unless the user says otherwise


class Observed(Protocol):
    """What samples may be drawn given: an `Observation`, or rows of a table with `Gaps`."""

    @property
    def many(self) -> bool:
        """Whether there are rows of it, with samples of each."""
        ...

    def seen_by(
        self, denoiser: Denoiser, units: Standardisation | None, each: int, label: Any
    ) -> Measured:
        """Return what was measured as a model sees it, for `each` samples of a row."""
        ...


class BatchKeywords(TypedDict, total=False):
    """The fields of `BatchOptions` by name, each of which may be left out."""

    seed: int
    first: int
    batch_size: int | None
    label: int | Tensor | None
    measured: Measured | None
    progress: Progress | None


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """Samples first, first + 1, ... under `seed`; `girsanov.sample` says what the rest is."""

    seed: int = 0
    first: int = 0
    batch_size: int | None = None
    label: int | Tensor | None = None
    measured: Measured | None = None
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
    observed: Observed | None
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
    observed: Observed | None = None
    batch_size: int | None = None
    any_model: bool = False
    as_drawn: bool = False
    progress: Progress | None = None

    def __post_init__(self) -> None:
        """Refuse two ways to say what samples are drawn given."""
        kind = self.observed is None or hasattr(self.observed, "seen_by")
        rule = "must be a girsanov.Observation"
        require(kind, "observed", rule, type(self.observed).__name__)
        one = self.observed is None or self.given is None
        require(one, "given", "must be left out: what was observed says what is drawn")


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
