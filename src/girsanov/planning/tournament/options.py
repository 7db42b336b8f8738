"""What a plan that samples choose is asked for: every option of `girsanov.tournament`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from ..._checks import require_count
from ..._typing import Progress
from ..options import PlanKeywords
from ..plan import Plan

if TYPE_CHECKING:  # torch is slow to import, and planning needs none
    from ...comparison.measures.measure import SquaredDistance

TOURNAMENT_CALLS = 200_000  # network calls that a tournament spends


class _BySamples(TypedDict, total=False):
    candidates: Sequence[str] | Mapping[str, Plan] | None
    calls: int
    seed: int
    progress: Progress | None


class TournamentKeywords(_BySamples, total=False):
    """The fields of `TournamentOptions` by name, each of which may be left out."""

    by: str | SquaredDistance
    steps: int | None
    force: bool


class AnyPlanKeywords(PlanKeywords, _BySamples, total=False):
    """The options of `Audit.plan`: of `make_plan`, or with `by` of `tournament`."""


@dataclass(frozen=True, kw_only=True)
class TournamentOptions:
    """The options of a plan that samples choose; `girsanov.tournament` says what each is."""

    by: str | SquaredDistance = "sliced-w2"
    steps: int | None = None
    candidates: Sequence[str] | Mapping[str, Plan] | None = None
    calls: int = TOURNAMENT_CALLS
    seed: int = 0
    force: bool = False
    progress: Progress | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be."""
        require_count("calls", self.calls)
        require_count("seed", self.seed, at_least=0)
