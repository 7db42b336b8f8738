"""What is said of a plan: who won its tournament, the verdict, and the spread that it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .grade import grade_words
from .kept_spread import kept_spread
from .model_faults import TRAIN_IT, better, ignorant, no_better
from .verdict import plan_verdict
from .winner import winner

if TYPE_CHECKING:
    from .stated import Stated


def plan_sentences(plan: Stated) -> list[str]:
    """Return who won the tournament of a plan, if any, and the verdict on it.

    What would help takes the audit.
    """
    if plan.cannot_tell:
        return [plan.cannot_tell]
    untrained = plan.audit.untrained
    if untrained:
        return sentences(plan, ignorant(untrained, plan.audit, plan), TRAIN_IT)
    gaussian = no_better(plan.audit, plan)
    return sentences(plan, gaussian, better(plan.audit) if gaussian else "")


def sentences(plan: Stated, fault: str, helps: str) -> list[str]:
    """Return who won, what is wrong with the model or else the verdict, and what would help."""
    named = not plan.ledger or plan.ledger[0].name == "init"
    first = fault or (plan_verdict(plan) if named else "")
    spread = "" if fault else kept_spread(plan)
    return [text for text in (winner(plan), first, grade_words(plan), spread, helps) if text]
