"""What a plan is asked for: every option of `girsanov.make_plan`, with its default and check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict, cast

from .._checks import require, require_count, require_number
from .._typing import Levels, Progress
from ..sampling.registry import USUAL

if TYPE_CHECKING:  # torch is slow to import, and planning needs none
    from ..comparison.jackknife import Measure
    from ..denoise.base import Denoiser
    from .plan import Plan

CALLS = 200_000  # network calls that a tournament spends
GIVEN = "the number of steps was given"  # why a plan has so many


class Limits(TypedDict, total=False):
    """What a plan's levels may be restricted to, by name.

    among: SNRs it must choose from; keep: SNRs it must visit; widest: the most log-SNR between
    two levels; w2: distance in W2 (standardised units) that stopping there may leave; weight: a
    of the objective s^-a, x0 hold only.
    """

    among: Levels | None
    keep: Levels | None
    widest: float | None
    w2: float | None
    weight: float | None


class PlanKeywords(Limits, total=False):
    """The fields of `PlanOptions` by name, each of which may be left out."""

    steps: int | None
    kl: float | None
    tv: float | None
    distance: float | None
    sampler: str
    process: str | None
    covariance: str | None
    start: str | None
    last: str | None
    resolution: float | None
    calibrate: bool | None
    denoiser: Denoiser | None
    force: bool


class _BySamples(TypedDict, total=False):
    candidates: Sequence[str] | Mapping[str, Plan] | None
    calls: int
    seed: int
    progress: Progress | None


class TournamentKeywords(_BySamples, total=False):
    """The fields of `TournamentOptions` by name, each of which may be left out."""

    by: str | Measure
    steps: int | None
    force: bool


class AnyPlanKeywords(PlanKeywords, _BySamples, total=False):
    """The options of `Audit.plan`: of `make_plan`, or with `by` of `tournament`."""


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """The options of a plan; `girsanov.make_plan` says what each is."""

    steps: int | None = None
    kl: float | None = None
    tv: float | None = None
    distance: float | None = None
    sampler: str = USUAL
    process: str | None = None
    covariance: str | None = None
    start: str | None = None
    last: str | None = None
    resolution: float | None = None
    calibrate: bool | None = None
    denoiser: Denoiser | None = None
    force: bool = False
    among: Levels | None = None
    keep: Levels | None = None
    widest: float | None = None
    w2: float | None = None
    weight: float | None = None

    def __post_init__(self) -> None:
        """Refuse targets that cannot be, and more than one."""
        for name in ("kl", "tv", "distance"):
            if getattr(self, name) is not None:
                require_number(name, getattr(self, name), above=0.0)
        target = {"steps": self.steps, "kl": self.kl, "tv": self.tv}
        one = sum(value is not None for value in target.values()) <= 1
        require(one, "steps, kl, tv", "only one of them can be given", target)

    @classmethod
    def like(cls, plan: Plan, steps: int | None = None) -> PlanOptions:
        """Return the request for a plan of the same sampler, limits and end, of so many steps."""
        return cls(
            steps=steps, sampler=plan.sampler, covariance=plan.covariance, start=plan.start,
            last=plan.last, resolution=plan.resolution, **plan.limits,
        )  # fmt: skip

    @property
    def limits(self) -> Limits:
        """What the levels are restricted to: the limits that were given."""
        limits = {name: getattr(self, name) for name in Limits.__annotations__}
        return cast(Limits, {k: v for k, v in limits.items() if v is not None})


@dataclass(frozen=True, kw_only=True)
class TournamentOptions:
    """The options of a plan that samples choose; `girsanov.tournament` says what each is."""

    by: str | Measure = "sliced-w2"
    steps: int | None = None
    candidates: Sequence[str] | Mapping[str, Plan] | None = None
    calls: int = CALLS
    seed: int = 0
    force: bool = False
    progress: Progress | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be."""
        require_count("calls", self.calls)
        require_count("seed", self.seed, at_least=0)
