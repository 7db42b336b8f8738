"""`plan`: the grid for an audit, by its path KL or by what samples show.

Nothing here waits for torch, which most plans do without.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ..audited import Audit, load_audit
from ..planning.given_grid import GridKeywords, evaluate_grid
from ..planning.make_plan import make_plan
from ..planning.options import PlanKeywords
from ..reporting.words.advice import spoken
from .shared.destinations import require_result

if TYPE_CHECKING:
    from .._typing import Json, Progress
    from ..denoise.base import Denoiser
    from ..planning.plan import Plan
    from .requests import PlanRequest


@dataclass(frozen=True)
class PlanResult:
    """A plan, its audit and the file that it was written to; replaced: whether one was there."""

    audit: Audit
    plan: Plan
    out: Path
    replaced: bool

    @cached_property
    def verdict(self) -> list[str]:
        """Whether model or sampler limits samples, and what would help."""
        return spoken(self.audit, self.plan)

    @cached_property
    def theory(self) -> str:
        """How many steps theory promises for the audit's data, "" where it promises none."""
        from ..paper.beside_audit import promised_beside

        return promised_beside(self.audit, self.plan)

    def to_json(self) -> Json:
        """Return where the plan is, its numbers, why it is this one, and its verdict."""
        recorded = self.plan.recorded()
        reasons: Json = {k: v for k, v in recorded.items() if k in ("why", "tournament")}
        return {
            "plan": str(self.out), **self.plan.summary(), **reasons,
            "untrained": self.audit.summary()["untrained"], "verdict": self.verdict,
            "grade": self.plan.grade or None,
            "theory": self.theory or None, "replaced": self.replaced,
        }  # fmt: skip


def plan(request: PlanRequest, *, progress: Progress | None = None) -> PlanResult:
    """Find the best grid for an audit and write the plan, with the commands that lead to it.

    progress(done, total) counts the network calls of a tournament. Raises InputError, before any
    work, for a place that cannot be written to or holds something else, and as `make_plan` and
    `tournament`.
    """
    out = Path(request.out)
    replaced = require_result(out, "plan", request.force, Path(request.audit))
    if request.by is None:
        audit = load_audit(request.audit)
        best = _planned(request, audit)
    else:
        from .plan_by_samples import by_samples

        audit, best = by_samples(request, progress)
    commands = (*best.audit.commands, request.command())
    best = replace(best, audit=replace(best.audit, commands=commands))
    best.save(out, force=True)
    return PlanResult(audit, best, out, replaced)


def _planned(request: PlanRequest, audit: Audit) -> Plan:
    options = PlanKeywords if request.grid is None else GridKeywords
    asked = {name: getattr(request, name, None) for name in options.__annotations__}
    asked["denoiser"] = _audited_model(request, audit)
    given = {name: value for name, value in asked.items() if value not in (None, ())}
    if request.grid is not None:
        return evaluate_grid(audit, request.grid, **cast(GridKeywords, given))
    return make_plan(audit, **cast(PlanKeywords, given))


def _audited_model(request: PlanRequest, audit: Audit) -> Denoiser | None:
    """Return the audited model, which measures an ODE sampler's distance, if given."""
    if request.model is None:
        return None
    from ..denoise.load import load_model
    from .shared.pipelines import guided

    return guided(load_model(request.model), audit.facts.guidance)
