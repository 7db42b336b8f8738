"""What a plan that samples choose is asked for: every option of `girsanov.tournament`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from ..._checks import require, require_count
from ...sampling.registry import SAMPLERS, ode_names, refuse_renamed
from ..options import PlanKeywords

if TYPE_CHECKING:  # torch is slow to import, and planning needs none
    from ..._typing import Progress
    from ...comparison.measures.measure import SquaredDistance
    from ...measuring.record import AuditRecord
    from ..plan import Plan

ENTRANTS = ("analytic-dpm", "ddpm")
FLOW_ENTRANTS = ("mixed",)  # where the audit followed the flow
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
        """Refuse what cannot be; one name of a sampler is a list of one."""
        named = (self.candidates,) if isinstance(self.candidates, str) else self.candidates
        rule = "must be names of samplers, or plans by name, at least one"
        require(named is None or _some(named), "candidates", rule, named)
        object.__setattr__(self, "candidates", named)
        distance = isinstance(self.by, str) or hasattr(self.by, "squared")
        require(distance, "by", "must be the name of a measure, or a distance", self.by)
        require_count("calls", self.calls)
        require_count("seed", self.seed, at_least=0)


def _some(candidates: object) -> bool:
    """Whether these are names, or plans by name, and not none."""
    if isinstance(candidates, Mapping):
        return len(candidates) > 0 and all(hasattr(p, "recipe") for p in candidates.values())
    if not isinstance(candidates, Sequence) or not candidates:
        return False
    return all(isinstance(name, str) for name in candidates)


def wanted(audit: AuditRecord, only: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the samplers that enter, checked."""
    solvers = () if audit.trajectories is None else ode_names()
    flows = FLOW_ENTRANTS if audit.followed else ()
    names = (*ENTRANTS, *flows, *solvers) if only is None else tuple(only)
    for name in names:
        refuse_renamed(name)
        choices = ", ".join(SAMPLERS)
        rule = f"must be among {choices}, or plans by name"
        require(name in SAMPLERS, "candidates", rule, name)
        rule = "takes trajectories to be planned on, which this audit has none of"
        met = SAMPLERS[name].stochastic or audit.trajectories is not None
        require(met, "candidates", rule, name, "Audit with --trajectories 256")
        rule = "takes an audit that followed the flow"
        followed = not SAMPLERS[name].flow_priced or audit.followed
        require(followed, "candidates", rule, name, "Audit without --flow 0")
    return names
