"""What a plan is asked for: every option of `girsanov.make_plan`, with its default and check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from .._checks import require, require_number
from ..ledger.plan_records import Limits
from ..sampling.registry import USUAL_SAMPLER

if TYPE_CHECKING:  # torch is slow to import, and planning needs none
    from .._typing import Json, Levels
    from ..denoise.base import Denoiser
    from ..measuring.record import AuditRecord
    from ..path_kl.grid_cost import Prices

GIVEN = "the number of steps was given"  # why a plan has so many


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


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """The options of a plan; `girsanov.make_plan` says what each is."""

    steps: int | None = None
    kl: float | None = None
    tv: float | None = None
    distance: float | None = None
    sampler: str = USUAL_SAMPLER
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
        if self.weight is not None:
            weight = require_number("weight", self.weight)
            require(0 <= weight <= 4, "weight", "must lie in 0..4 (0: nats)", weight)
        target = {"steps": self.steps, "kl": self.kl, "tv": self.tv}
        one = sum(value is not None for value in target.values()) <= 1
        require(one, "steps, kl, tv", "only one of them can be given", target)

    def weight_for(self, audit: AuditRecord) -> float:
        """Return a of path_kl/grid_search.py (1): as asked, 0 for a target in nats, or as
        usual."""
        if self.weight is not None:
            return self.weight
        return usual_weight(audit) if self.kl is None and self.tv is None else 0.0

    @property
    def limits(self) -> Limits:
        """What the levels are restricted to: the limits that were given."""
        limits = {name: getattr(self, name) for name in Limits.__annotations__}
        return cast(Limits, {k: v for k, v in limits.items() if v is not None})


def usual_weight(audit: AuditRecord) -> float:
    """Return a of path_kl/grid_search.py (1) where no nats are asked for.

    1 for pictures, of more than one axis. Of vectors and tables small directions count as large
    ones do, as they do in nats: 0.
    """
    return 1.0 if len(audit.facts.shape) > 1 else 0.0


def remembered(request: PlanOptions, price: Prices) -> Limits:
    """Return what the levels were restricted to, as JSON; the end is the plan's own."""
    out: Json = {}
    for name in ("among", "keep", "widest"):
        value = getattr(request, name)
        if value is not None:
            out[name] = np.asarray(value, dtype=np.float64).tolist()
    if price.menu.weight != usual_weight(price.audit):
        out["weight"] = price.menu.weight
    return cast(Limits, out)
