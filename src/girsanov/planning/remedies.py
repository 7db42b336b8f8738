r"""What would help a plan most, in nats: another grid, more steps, a longer range, a correction.

With cost(.) the cross-fitted path cost by group of examples, G the plan's grid, B the best one of
as many steps, S the best one of any number, C the best of as many for the calibrated denoiser,
all up to the same resolution,

    grid          cost(G) - cost(B),                                                       (1)
    steps         cost(B) - cost(S),                                                       (2)
    calibration   cost(B) - cost(C),                                                       (3)

with standard errors of the differences, group by group, since all share their examples. A longer
range of noise levels saves at most the entry init of the ledger, when the plan starts at the
noisiest level measured; more training saves the path at least the lower bound of the entry score.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..ledger.score_entry import chain_ledger
from ..montecarlo import Estimate, quantile
from ..sampling.registry import sampler_named
from ..score_error.straight_line import WORST_OF_MANY
from .ancestral_plans import flow_grids_of
from .on_grid import grid_prices
from .plan import as_planned
from .search import Found, request_like, search

if TYPE_CHECKING:
    from ..ledger.entry import Entry
    from ..measuring.record import AuditRecord
    from .plan import Plan

BEATEN = 0.02  # of the error: what a model must do worse by before it is said to be beaten
MOST_OF = 2 / 3  # of what the probe finds of the score error lies between the levels named


class Training(NamedTuple):
    """What is known of a model that more training would help.

    where: noise levels with most of the score error that was found; beaten: those at which other
    examples by themselves do better, which it was trained on or not; calibrated: whether the
    score error is what a calibration leaves; stopped: whether its training stopped by itself.
    """

    where: tuple[float, float] | None = None
    beaten: tuple[float, float] | None = None
    trained_on: bool = False
    calibrated: bool = False
    stopped: bool = False


class Remedy(NamedTuple):
    """One thing that would lower the KL: by how many nats, with the ends of a 95 % interval.

    name: ``grid``, ``steps``, ``calibration``, ``range`` or ``training``; value: None where only
    ends are known; high: infinite where nothing is known from above; start: the
    noise level to start at, where another would do better; steps: as many as save most.
    """

    name: str
    value: float | None
    low: float
    high: float
    start: float | None = None
    steps: int = 0
    training: Training = Training()


def remedies(audit: AuditRecord, plan: Plan) -> list[Remedy]:
    """Return what would help a plan made from this audit, the surest first.

    They are in the order of the low ends of their intervals and may overlap: together they need
    not save the sum. Plans of ODE samplers are not priced in nats and get training only.
    """
    own = as_planned(audit, plan)
    options = []
    if plan.distance is None:
        along = sampler_named(plan.sampler).flow_priced
        options = _along_flow(own, plan) if along else _of_sampler(audit, own, plan)
    score = next((e for e in plan.ledger if e.name == "score"), None)
    if score is not None and score.kind == "lower bound":
        end = float(plan.levels[-1])
        training = Training(
            _where(own, end), _beaten(own, end), audit.facts.training_examples > 0,
            plan.calibration is not None, audit.facts.training_stopped,
        )  # fmt: skip
        low = score.low or 0.0
        options.append(Remedy("training", None, low, math.inf, training=training))
    return sorted(options, key=lambda r: -r.low)


def _of_sampler(audit: AuditRecord, own: AuditRecord, plan: Plan) -> list[Remedy]:
    def best_in(of: AuditRecord, steps: int) -> Found:
        return search(of, request_like(plan, steps))

    price, nodes = grid_prices(own, plan.levels, request_like(plan))
    best = best_in(own, plan.steps)
    most = min(best.frontier(), key=lambda row: float(row["above_best"]))["steps"]
    given = price.cost(nodes)
    at_best, at_more = best.cost(), best_in(own, most).cost()
    first = float(best.grids.price.curve.levels[best.nodes[0]])
    noisier = first**-0.5 if first < 0.5 * plan.levels[0] else None
    options = [
        _saved("grid", price.estimate(given - at_best))._replace(start=noisier),
        _saved("steps", price.estimate(at_best - at_more))._replace(steps=most),
    ]
    options += _longer_range(own, plan)
    products = sampler_named(plan.sampler).products
    fits = plan.covariance in (None, "scalar", own.curve.main) and not products
    fits &= plan.guidance == 1 and audit.facts.process == "vp"
    correctable = not (own.facts.exact or own.facts.no_data)
    if plan.calibration is None and correctable and fits:
        better = audit.calibrated()
        at_corrected = best_in(better.in_process(plan.process), plan.steps).cost()
        options.append(_saved("calibration", price.estimate(at_best - at_corrected)))
    return options


def _longer_range(own: AuditRecord, plan: Plan) -> list[Remedy]:
    """Return what a start at more noise than was measured saves at most, [] of others."""
    init = next((e for e in plan.ledger if e.name == "init" and e.value is not None), None)
    if plan.levels[0] > own.levels[0] * 1.001 or init is None:
        return []
    low, high, start = init.low or 0.0, init.high or math.inf, float(own.levels[0] ** -0.5)
    return [Remedy("range", init.value, low, high, start=start)]


def _along_flow(own: AuditRecord, plan: Plan) -> list[Remedy]:
    """Return what a better grid, more steps and a longer range save a plan priced along the
    flow."""
    grids = flow_grids_of(own, request_like(plan))
    rows = grids.frontier(plan.steps)
    most = min(rows, key=lambda row: float(row["above_best"]))["steps"]

    def priced(steps: int) -> Estimate:
        grid = grids.best(steps)
        return _of_entries(chain_ledger(grids.price, grid.nodes, grid.chain))

    best = priced(plan.steps)
    options = [
        _saved("grid", _difference(_of_entries(plan.ledger), best)),
        _saved("steps", _difference(best, priced(most)))._replace(steps=most),
    ]
    return options + _longer_range(own, plan)


def _of_entries(ledger: Sequence[Entry]) -> Estimate:
    """Return init and discretisation together, with the standard error that their ends tell."""
    sampler = [e for e in ledger if e.name in ("init", "discretisation") and e.value is not None]
    value = sum(e.value or 0.0 for e in sampler)
    wide = math.hypot(*((e.high or 0.0) - (e.low or 0.0) for e in sampler))
    return Estimate(np.asarray(value), np.asarray(wide / (2 * quantile(0.975, math.inf))))


def _difference(one: Estimate, other: Estimate) -> Estimate:
    """Return one less the other, wide enough whatever they share."""
    return Estimate(one.value - other.value, np.hypot(one.se, other.se))


def _saved(name: str, saving: Estimate) -> Remedy:
    low, high = saving.interval()
    return Remedy(name, float(saving.value), float(low), float(high))


def _beaten(audit: AuditRecord, end: float) -> tuple[float, float] | None:
    """Return the ends of the noise levels at which examples by themselves do better, or None.

    The reference (`denoise/neighbours.py`) calls no network, so that there the model has yet to
    learn what its data say. By `WORST_OF_MANY` standard errors: the worst of many levels is
    looked at.
    """
    over = None if audit.probe is None else audit.probe.gain_over_reference()
    if over is None or not audit.facts.neighbours or audit.calibration is not None:
        return None
    sure = (over.value > WORST_OF_MANY * np.asarray(over.se)) & (audit.levels <= end * 1.001)
    levels = audit.levels[sure & (over.value > BEATEN * audit.total().value)]
    return (float(levels[-1] ** -0.5), float(levels[0] ** -0.5)) if len(levels) else None


def _where(audit: AuditRecord, end: float) -> tuple[float, float] | None:
    """Return the shortest range of noise levels with most of what the probe finds, or None.

    end: the last SNR that the plan visits; what lies beyond it never reaches the samples.
    """
    if audit.probe is None:  # of an exact denoiser; a record may say so of any
        return None
    gain, s = audit.probe.gain(), audit.levels
    sure = (
        np.where((gain.value > 2 * gain.se) & (s <= end * 1.001), gain.value, 0.0)
        * np.gradient(np.log(s))
        * s
    )
    total = np.concatenate([[0.0], np.cumsum(sure)])
    if total[-1] <= 0:
        return None
    ends = [
        (j - i, i, j)
        for i in range(len(s))
        for j in range(i, len(s))
        if total[j + 1] - total[i] >= MOST_OF * total[-1]
    ]
    _, first, last = min(ends)
    return float(s[last] ** -0.5), float(s[first] ** -0.5)
