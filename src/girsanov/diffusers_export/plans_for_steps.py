"""All the plans behind one: the audit it was made from, asked again for every number of calls."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from .._checks import InputError, require
from .._files import read_json
from ..measuring.facts import IDENTITY
from ..measuring.record import AuditRecord
from ..measuring.record_file import load_record
from ..planning.all_step_counts import family
from ..planning.plan import Plan
from ..planning.plan_file import load_plan

if TYPE_CHECKING:
    from .._typing import PathLike

ALIKE = (
    "the plan starts each class from its own moments, and a scheduler knows no labels: planned "
    "again with one start for all classes (--start gaussian)"
)
COUNTS = range(1, 101)  # numbers of network calls with a grid: in a file, few bytes each


def plans_like(plan: Plan, audit: AuditRecord | None, most: int = COUNTS[-1]) -> list[Plan]:
    """Return the plans of this `audit` made like `plan`, for every number of calls in `COUNTS`.

    Stochastic ones end at the same level. Without an audit, or where there are no more levels,
    `plan` alone stands for all. Raises InputError when the plan is of another audit.
    """
    if audit is None:
        return [plan]
    require_same(plan, audit)
    if plan.pilot is not None:  # its noise is of its own steps
        return [plan]
    wanted = [n for n in COUNTS if n <= most and n != plan.steps]
    others = family(audit, plan, wanted, ledgers=False)
    by_steps = {p.steps: p for p in [*others, plan]}
    return [by_steps[n] for n in sorted(by_steps)]


def require_same(plan: Plan, audit: AuditRecord) -> None:
    """Refuse an audit that the plan was not made from."""
    same = plan.audit.identity == audit.facts.identity
    require(same, "audit", "must be the one the plan was made from", None, "Plan again from it")


@dataclass(frozen=True)
class PlanSource:
    """A plan and where it was read, and the audit it was made from, if that is to be had.

    Each file is read once.
    """

    plan: Plan
    path: Path | None
    given: AuditRecord | PathLike | None

    @classmethod
    def of(cls, plan: Plan | PathLike, audit: AuditRecord | PathLike | None) -> PlanSource:
        """Return the source of a plan and an audit that may be files."""
        if isinstance(plan, Plan):
            return cls(plan, None, audit)
        return cls(load_plan(plan), Path(plan), audit)

    @cached_property
    def audit(self) -> AuditRecord | None:
        """The audit given, or the one beside the plan's file that it was made from."""
        if self.given is None:
            return None if self.path is None else _beside(self.path, self.plan)
        return self.given if isinstance(self.given, AuditRecord) else load_record(self.given)

    def family(self) -> list[Plan]:
        """Return `plans_like` of the plan."""
        audit = self.audit
        plan = self.plan if audit is None else starting_alike(self.plan, audit)
        return plans_like(plan, audit)


def starting_alike(plan: Plan, audit: AuditRecord) -> Plan:
    """Return a plan that starts all classes alike, planned again with a warning where it did not.

    Matched noise is of its own start: such a plan comes back as it is.
    """
    if plan.start != "class" or plan.pilot is not None:
        return plan
    require_same(plan, audit)
    warnings.warn(ALIKE, stacklevel=2)
    return family(audit, replace(plan, start="gaussian"), [plan.steps])[0]


def _beside(path: Path, plan: Plan) -> AuditRecord | None:
    wanted = plan.audit.identity
    for file in sorted(path.absolute().parent.glob("*.json")):
        try:
            content = read_json(file, strict=True)
        except InputError:
            continue
        ours = content.get("format") == "girsanov/audit/1"
        if ours and tuple(content.get(name) for name in IDENTITY) == wanted:
            return load_record(file, content)
    return None
