r"""An audit that knows the discretisation of a plan to a wanted precision, in few network calls.

With n noisy examples the 95 % interval of what N planned steps cost has a half-width, beside the
cost, of h ~ 1/sqrt(n). A pilot of n_0 says h_0, so that

    n = (1 + margin) n_0 (h_0 / h)^2                                                       (1)

will do: examples before noise paths, since a path takes off the noise's share of h alone. What an
interval says of itself is uncertain (15 degrees of freedom), so the audit is looked at, and made
again with more where it falls short and more can be had. An h_0 above 1/2 is of a cost that could
be nothing, and says little of n: then n grows 16 times at most, and where the cost is nothing
still, no further audit is made, since none can know it to a share of itself. Few levels suffice,
since what lies between them is measured (`error_curve/between_levels.py`); where the examples end
before (1), more of them tell more than more paths.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .._checks import plural, require, require_count, require_number
from ..error_curve.curve import GROUPS
from ..law.base import Law
from ..measuring.audit import measure_audit
from ..measuring.examples import MOMENT_SHARE
from ..measuring.facts import Precision
from ..measuring.resume import of_round
from .make_plan import make_plan

if TYPE_CHECKING:
    from .._typing import Levels
    from ..data import Dataset
    from ..denoise.base import Denoiser
    from ..measuring.options import AuditOptions
    from ..measuring.record import AuditRecord

PILOT_LEVELS, FINER_LEVELS = 17, 33  # while there are examples, and when there are no more
PILOT = 8 * GROUPS  # examples
MARGIN = 0.2
ROUNDS = 3  # after the pilot
MOST_DRAWS = 8  # beyond, what examples differ by is most of what is left
MOST_DRAWN = 10**6  # examples of a law
UNSURE, GROWTH = 0.5, 16  # a half-width that says little of (1), and how many times n grows then
NEAR_ENOUGH = 1.02  # of the wanted half-width: near enough


def measure_to_precision(
    denoiser: Denoiser,
    data: Dataset | Law,
    last: AuditOptions,
    *,
    half_width: float,
    steps: int | None = None,
) -> AuditRecord:
    """Return the record of an audit to a precision; see `girsanov.audit_to`.

    last: what the last, largest audit is asked for, without its examples and draws.
    """
    wanted = require_number("half_width", half_width)
    require(0 < wanted < 1, "half_width", "must be above 0 and below 1 (0.03: 3 %)", half_width)
    for name in ("examples", "draws"):
        require(getattr(last, name) is None, name, "is found by half_width: leave it out")
    if steps is not None:
        require_count("steps", steps)
    most, spent = available(denoiser, data, last.train), 0
    coarse, fine = (
        (PILOT_LEVELS, FINER_LEVELS) if last.levels is None else (last.levels, last.levels)
    )

    def measured(
        count: int, draws: int, levels: int | Levels, request: AuditOptions
    ) -> AuditRecord:
        asked = _asked(denoiser, data, request.train, count)
        asked_for = replace(request, examples=asked, draws=draws, levels=levels)
        return measure_audit(denoiser, data, asked_for)

    pilot = replace(last, keep=None, trajectories=0, flow=0.0)
    audit = measured(min(PILOT, most), 1, coarse, pilot)
    for round_ in range(ROUNDS):
        noisy = audit.facts.examples * audit.facts.draws
        reached = relative_half_width(audit, steps)
        enough = round_ > 0 and (reached <= wanted * NEAR_ENOUGH or math.isinf(reached))
        full = audit.facts.examples >= most and audit.facts.draws >= MOST_DRAWS
        if enough or full:
            break
        spent += audit.facts.calls + audit.facts.flow_calls
        ratio = min(max((reached / wanted) ** 2, 1.0), 1e6 if reached < UNSURE else GROWTH)
        need = math.ceil((1 + MARGIN) * noisy * ratio)
        count = min(most, max(need, 2 * GROUPS))
        draws = min(MOST_DRAWS, max(1, -(-need // count)))
        keep = None if last.keep is None else of_round(last.keep, round_ + 1)
        levels = coarse if need <= most else fine
        audit = measured(count, draws, levels, replace(last, keep=keep))
    reached = relative_half_width(audit, steps)
    precision = Precision(wanted, reached if math.isfinite(reached) else None, steps, spent)
    note = precision_words(precision, audit.facts.examples)
    return audit.with_facts(precision=precision, notes=(*audit.facts.notes, note))


def precision_words(precision: Precision, count: int) -> str:
    """Return what an audit of `count` examples to a precision came to, as a sentence."""
    reached, wanted, steps = precision.reached, precision.wanted, precision.steps
    of = "the best plan" if steps is None else plural(steps, "planned step")
    if reached is None:
        return f"what {of} cost is too little to be known to a share of itself"
    reach = f"the discretisation of {of} is known to {100 * reached:.3g} %"
    if reached <= wanted * NEAR_ENOUGH:
        return reach
    more = math.ceil((1 + MARGIN) * count * (reached / wanted) ** 2)
    enough = f"that would take about {more:,} held-out examples, not {count:,}"
    return f"{reach}, not {100 * wanted:g} %: {enough}"


def relative_half_width(audit: AuditRecord, steps: int | None) -> float:
    """Return half the width of the interval of the discretisation of a plan, over its value.

    As its path KL has it, whose interval more examples narrow.
    """
    plan = make_plan(replace(audit, flow=None, corrected_flow=None), steps=steps, force=True)
    entry = next(e for e in plan.ledger if e.name == "discretisation")
    low, value, high = np.array([entry.low, entry.value, entry.high], dtype=np.float64)
    return math.inf if value <= 0 else float((high - low) / 2 / value)


def available(denoiser: Denoiser, data: Dataset | Law, train: Dataset | None) -> int:
    """Return how many examples an audit of this data can measure."""
    if isinstance(data, Law):
        return MOST_DRAWN
    return len(data) - (len(data) // MOMENT_SHARE if _sets_aside(denoiser, train) else 0)


def _sets_aside(denoiser: Denoiser, train: Dataset | None) -> bool:
    """Whether some examples are set aside for the moments (`measuring/examples.py`)."""
    return train is None and getattr(denoiser, "moments", None) is None


def _asked(
    denoiser: Denoiser, data: Dataset | Law, train: Dataset | None, count: int
) -> int | None:
    """Return the examples to ask for, so that `count` are measured."""
    if isinstance(data, Law):
        return count
    share = 1 / MOMENT_SHARE if _sets_aside(denoiser, train) else 0.0
    return min(len(data), math.ceil(count / (1 - share)))
