"""`audit --quick`: few levels and examples, for a first verdict, and how sure that is."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import numpy as np

from ..._checks import InputError, plural, require, three_digits
from ...data import Dataset
from ...ledger.verdict import sampler_share
from .call_budget import Share

if TYPE_CHECKING:
    from ...audited import Audit
    from ...law.base import Law
    from ..requests import AuditRequest

QUICK = Share(levels=9, examples=100, draws=1)
ITS_OWN = ("examples", "levels", "draws", "flow", "calls", "half_width", "steps", "trajectories")


def quick_share(request: AuditRequest, data: Dataset | Law) -> Share:
    """Return what a quick audit measures, of fewer examples where there are fewer."""
    for name in ITS_OWN:
        value, option = getattr(request, name), f"--{name.replace('_', '-')}"
        require(not value, option, "cannot be given with --quick", value, "Leave --quick out")
    available = len(data) if isinstance(data, Dataset) else QUICK.examples
    return QUICK._replace(examples=min(QUICK.examples, available))


def quick_words(audit: Audit) -> str:
    """Return how sure a quick audit is, and what more calls would buy."""
    total, calls = audit.total(), audit.facts.calls
    known = float(np.median(total.se / total.value))
    words = f"a quick audit, of {calls} network calls: the curve is known to {100 * known:.0f} %"
    with contextlib.suppress(InputError):  # of an audit that cannot tell there is no plan
        plan = audit.plan()
        share = sampler_share(plan)
        low, high = (three_digits(end) for end in (share.low, share.high))
        steps = plural(plan.steps, "step")
        words += f", and the cost of {steps} lies between {low} and {high} nats (95 %)"
    return (
        f"{words}. Four times the calls would halve the first; without --quick, finer levels and "
        "steps along the flow narrow the second"
    )
