"""`likelihood`: what held-out data cost under the sampler of a plan, from an audit alone."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .._checks import require
from ..audited import load_audit
from ..likelihood.likelihood import INSTEAD, unpriced
from ..planning.plan_file import load_plan
from .more_requests import LikelihoodRequest

if TYPE_CHECKING:
    from .._typing import Json
    from ..likelihood.result import Likelihood


@dataclass(frozen=True)
class LikelihoodResult:
    """A likelihood, with the files of the audit and the plan that it is of."""

    audit: Path
    plan: Path | None
    likelihood: Likelihood

    def to_json(self) -> Json:
        """Return the likelihood and what it is of."""
        plan = None if self.plan is None else str(self.plan)
        return {"audit": str(self.audit), "plan": plan, **self.likelihood.to_json()}


def likelihood(request: LikelihoodRequest) -> LikelihoodResult:
    """Bound the negative log-likelihood of the audited examples; raises InputError as
    `Audit.likelihood`.
    """
    audit, plan = Path(request.audit), None if request.plan is None else Path(request.plan)
    measured, planned = load_audit(audit), None if plan is None else load_plan(plan)
    if plan is not None and planned is not None:
        why = unpriced(planned)
        remedy = f"A plan of as many calls has one: {_instead(audit, plan, planned.steps)}"
        require(not why, str(plan), why, None, remedy)
    return LikelihoodResult(audit, plan, measured.likelihood(planned))


def _instead(audit: Path, plan: Path, steps: int) -> str:
    """Return the line that makes a plan which has a likelihood, beside one that has none."""
    out = plan.with_name(f"{plan.stem}-{INSTEAD}.json")
    words = ["girsanov", "plan", str(audit), "--steps", str(steps), "--sampler", INSTEAD]
    return shlex.join([*words, "--out", str(out)])
