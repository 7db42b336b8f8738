"""A plan is made only from an audit that holds where the plan stands, unless it is forced.

Down to the noise level where the plan stops, nothing of `error_curve/doubts.py` may be in doubt.
An end that the curve itself chose, at noise that still hides most of the data, is no reason to
look
at less than all levels: a wrong curve chooses such ends.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from .._checks import InputError, require

if TYPE_CHECKING:
    from ..error_curve.doubts import Doubt
    from ..measuring.record import AuditRecord
    from .plan import Plan

COARSE = 0.3  # of the data's standard deviation: an end above it is looked into
REMEDY = "To plan all the same: --force (force=True)"


P = ParamSpec("P")
R = TypeVar("R")


def heeding_doubts(planner: Callable[P, R]) -> Callable[P, R]:
    """Return a planner for audits that may be nonsense: they overflow, and leave no levels.

    The doubt is then said, and not what follows from it.
    """

    @functools.wraps(planner)
    def heedful(*args: P.args, **options: P.kwargs) -> R:
        audit: Any = args[0] if args else None
        # what is no audit has no doubts: the planner refuses it
        doubts: list[Doubt] = getattr(audit, "doubts", list)()
        if not doubts:
            return planner(*args, **options)
        try:
            with np.errstate(all="ignore"):
                return planner(*args, **options)
        except InputError:
            _require_trust(audit.cannot_tell(), force=bool(options.get("force")))
            raise

    return heedful


def trusted(plan: Plan, audit: AuditRecord, *, asked: bool, force: bool) -> Plan:
    """Return the plan, with what its audit cannot tell if it is forced.

    Without a certificate where the audit's numbers are not of its model.
    asked: whether the end was asked for. Raises `InputError` for an audit that does not hold,
    unless `force`.
    """
    spread = math.sqrt(audit.frame.moments.variance / audit.curve.dimension)
    credible = asked or plan.resolution <= COARSE * spread
    down_to = plan.resolution if credible else 0.0
    why = audit.cannot_tell(down_to)
    if not why:
        return plan
    _require_trust(why, force=force)
    # what few examples decide is allowed for in a certificate; numbers of no model are not
    few = all(doubt.few for doubt in audit.doubts(down_to))
    promised = plan.promised if few else None
    return replace(plan, cannot_tell=why, promised=promised)


def _require_trust(why: str, *, force: bool) -> None:
    require(force, "audit", f"cannot be planned on. {why.rstrip('.')}", None, REMEDY)
