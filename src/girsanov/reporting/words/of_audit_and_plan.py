"""`verdict`: what the commands say of an audit and a plan, for whoever has both in Python."""

from __future__ import annotations

from ..._checks import require
from ...measuring.record import Audit
from ...planning.plan import Plan
from .advice import spoken


def verdict(audit: Audit, plan: Plan | None = None) -> str:
    """Return whether the model or the sampler limits samples, and what would help most.

    In the sentences that the commands print. plan: of this audit's model; without one, the best
    number of steps is judged, which `audit.verdict` is too; `plan.verdict` is the same but for
    what would help.
    """
    require(isinstance(audit, Audit), "audit", "must be an audit", type(audit).__name__)
    if plan is None:
        return audit.verdict
    require(isinstance(plan, Plan), "plan", "must be a plan", type(plan).__name__)
    own = audit.facts.model
    made = plan.model
    require(made == own, "plan", f"must be of the audited model, {own[:12]}…", f"{made[:12]}…")
    return " ".join(spoken(audit, plan))
