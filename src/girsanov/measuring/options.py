"""What an audit is asked for: every option of `girsanov.audit`, with its default and its check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from .._checks import require, require_count, require_number
from .._processes import ALONE, Processes

if TYPE_CHECKING:
    from .._typing import Levels, PathLike, Progress
    from ..data import Dataset
    from ..denoise.base import Denoiser
    from ..error_curve.between_levels import Places
    from .resume import Stage


class AuditKeywords(TypedDict, total=False):
    """The fields of `AuditOptions` by name, each of which may be left out."""

    train: Dataset | None
    levels: int | Levels | None
    examples: int | None
    draws: int | None
    trajectories: int
    flow: float | None
    reference: Denoiser | None
    no_data: bool
    seed: int
    batch_size: int | None
    keep: PathLike | None
    processes: Processes
    progress: Progress | None


@dataclass(frozen=True, kw_only=True)
class AuditOptions:
    """The options of an audit; `girsanov.audit` says what each is."""

    train: Dataset | None = None
    levels: int | Levels | None = None
    examples: int | None = None
    draws: int | None = None
    trajectories: int = 0
    flow: float | None = None
    reference: Denoiser | None = None
    no_data: bool = False
    seed: int = 0
    batch_size: int | None = None
    keep: PathLike | None = None
    processes: Processes = ALONE
    progress: Progress | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be."""
        require_count("seed", self.seed, at_least=0)
        require_count("trajectories", self.trajectories, at_least=0)
        if self.flow is not None:
            require(require_number("flow", self.flow) >= 0, "flow", "must be >= 0", self.flow)
        for name in ("examples", "draws", "batch_size"):
            value = getattr(self, name)
            if value is not None:
                require_count(name, value)
        for name in ("train", "reference") if self.no_data else ():
            rule = "says what held-out data show of the model, and with no_data there are none"
            require(getattr(self, name) is None, name, rule)

    @property
    def plain(self) -> bool:
        """Whether nothing was asked for that only a measured curve has."""
        return all(x is None for x in (self.train, self.examples, self.draws, self.reference))


@dataclass(frozen=True, kw_only=True)
class Pass:
    """How one pass of network calls is made; progress(done, total) counts the calls.

    draws: noise paths per example, which count as one unit for the standard errors; batch_size:
    examples a call; full: also measure E[r r^T]; reference: a second denoiser to call on the same
    paths; between: where to look between the levels, one call more for each gap; control: take
    off what chance made of the noise (`control_variate.py`); processes: each measures its share
    of the batches, and all return the whole; keep: where a stopped run leaves its sums.
    """

    draws: int = 1
    seed: int = 0
    batch_size: int = 512
    full: bool = False
    reference: Denoiser | None = None
    between: Places | None = None
    control: bool = True
    processes: Processes = ALONE
    keep: Stage | None = None
    progress: Progress | None = None

    def batches(self, count: int) -> range:
        """Return where the batches of this process begin among `count` examples."""
        return range(
            self.processes.rank * self.batch_size, count, self.processes.count * self.batch_size
        )
