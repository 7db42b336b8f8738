"""`likelihood`: what held-out data cost under the sampler of a plan, from an audit alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..audited import load_audit
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
    of = load_audit(audit).likelihood(None if plan is None else load_plan(plan))
    return LikelihoodResult(audit, plan, of)
