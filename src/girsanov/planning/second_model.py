r"""What a second model proves of a first on the same data, from the audits of both.

The least cost R' of any other model's paths down to a noise level is at least 1/2 int M ds of the
unknown exact denoiser as well, so that a plan that stops there has

    score >= R - R',                                                                       (1)

R as low and R' as high as their searches may have left them (score_entry.py says the same of a
model and its own correction, and `--reference` within one audit).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .._checks import InputError
from ..ledger.certify import certificate_leaves_out
from ..ledger.score_entry import ENTRY_RISK, OF_PATH, measured_to, optimism, reference
from ..montecarlo import Estimate, apart, group_estimate, quantile
from ..sampling.exponential_integrators import ANALYTIC_DPM
from ..sampling.registry import sampler_named
from .on_grid import grid_prices
from .plan import as_planned
from .search import request_like

if TYPE_CHECKING:
    from .._typing import Array
    from ..measuring.record import AuditRecord
    from ..path_kl.grid_cost import Prices
    from .plan import Plan

SAME = ("seed", "examples", "draws")  # with the same data and groups: errors on the same noise
NOTE = (
    "what another model of the same data, compared here, gains on it, whose error is no less than "
    f"that of the best there is; {OF_PATH}"
)


def proven(plan: Plan, audit: AuditRecord, others: Sequence[AuditRecord]) -> Plan:
    """Return a plan whose score error is bounded by (1) too, where that is more than it knew.

    audit: the one that it was made from; others: of further models on the same data. Each bound
    is taken at its share of half the risk.
    """
    entry = next((e for e in plan.ledger if e.name == "score"), None)
    rivals = [o for o in others if o.facts.rows == audit.facts.rows and o is not audit]
    if not rivals or plan.distance is not None or entry is None or entry.kind != "lower bound":
        return plan
    floor = max(rival_floor(plan, audit, o, ENTRY_RISK / 2 / len(rivals)) for o in rivals)
    if floor <= (entry.low or 0.0):
        return plan
    better, promised = replace(entry, low=floor, note=NOTE), plan.promised
    if promised is not None:
        promised = replace(
            promised, holds=certificate_leaves_out(floor, plan.calibration is not None)
        )
    ledger = tuple(better if e is entry else e for e in plan.ledger)
    return replace(plan, ledger=ledger, promised=promised)


def rival_floor(plan: Plan, audit: AuditRecord, rival: AuditRecord, risk: float) -> float:
    """Return the lower end of (1) in nats, at least 0, and 0 where the rival knows too little."""
    own = as_planned(audit, plan)
    same = request_like(plan)
    if sampler_named(plan.sampler).flow_priced:  # whose own price says nothing of the score
        same = replace(same, sampler=ANALYTIC_DPM.name, last=None)
    price, nodes = grid_prices(own, plan.levels, same)
    nodes = measured_to(price, nodes)
    if not len(nodes):
        return 0.0
    lows = []
    for calibrated in (False, True):
        try:
            one = (rival.calibrated() if calibrated else rival).in_process(plan.process)
            grid = _as_fine(price.curve.levels[nodes] * _units(audit, rival), one.levels)
            theirs, there = grid_prices(one, grid, same)
            least = reference(theirs, there)
        except InputError:  # not measured as fine, or not in this basis
            continue
        gap = _between(
            (price, reference(price, nodes) - optimism(price, nodes)),
            (theirs, least),
            all(getattr(audit.facts, k) == getattr(rival.facts, k) for k in SAME),
        )
        lows.append(float(gap.value - quantile(1 - risk / 2, gap.degrees) * gap.se))
    unseen = math.log(1 / risk) / audit.facts.examples
    return max([0.0, *(low - unseen for low in lows)])


def _between(own: tuple[Prices, Array], other: tuple[Prices, Array], paired: bool) -> Estimate:
    """Return the mean of one cost by fold less that of another, paired on the same noise."""
    (price, here), (theirs, there) = own, other
    if paired and np.array_equal(price.folds, theirs.folds):
        return group_estimate(here - there, price.folds)
    return apart(price.estimate(here), theirs.estimate(there))


def _as_fine(grid: Array, levels: Array) -> Array:
    """Return a grid whose last level is the first measured one that is at least as fine."""
    finer = levels[levels >= grid[-1] * (1 - 1e-9)]
    if not len(finer):
        raise InputError("rival: is not measured as fine as the plan stops")
    return np.append(grid[grid < finer[0] * (1 - 1e-9)], finer[0])


def _units(audit: AuditRecord, rival: AuditRecord) -> float:
    """Return what the SNRs of one model are multiplied by in the other's units."""
    one, two = audit.facts.scale, rival.facts.scale
    return float((two / one) ** 2) if one and two else 1.0
