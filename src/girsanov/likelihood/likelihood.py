r"""An upper bound of the negative log-likelihood of held-out data under the sampler of a plan.

With (2) of `chain.py` up to the last level, sigma = 1/sqrt(s_N), three laws are bounded where they
exist; `steps` includes the start:

    noised data   x0 + sigma z:      d/2 log(2 pi e sigma^2) + steps + log_scale,         (1)
    data          x0 itself:         steps + (1) of last_step.py + log_scale,             (2)
    values        x0 on a lattice:   steps + (2) or (5) of last_step.py,                  (3)

log_scale takes densities to the user's units (`volume.py`). All hold whatever the network knows;
an ODE sampler has no kernels, and so no bound. With infinitely many steps between the same ends
the steps cost 1/2 int M ds of the measured error, the bound of continuous time (Huang, Lim,
Courville 2021; Song, Durkan, Murray, Ermon 2021), which fewer steps with a measured covariance may
undercut.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .._checks import require
from ..error_curve.interpolate import SAME_LEVEL
from ..path_kl.grid_cost import Prices, prices
from ..planning.plan import OWN, Plan, as_planned
from ..sampling.exponential_integrators import ANALYTIC_DPM
from ..sampling.registry import sampler_named
from ..volume import no_volume
from .chain import PricedChain
from .last_step import draw_cost, drawn_values_cost, values_by_noise_cost
from .result import Likelihood, LikelihoodBound, figure_of, in_bits, sampler_words

if TYPE_CHECKING:
    from .._typing import Array
    from ..measuring.record import AuditRecord
    from ..volume import Volume

OLDER = "an earlier version of girsanov made this audit. Run girsanov audit again"
NO_KERNELS = (
    "must be of a sampler that adds noise in every step: {} follows the ODE, whose likelihood "
    "takes derivatives of the network, which no audit measures"
)
TWO_CALLS = (
    "must be of one network call a step: no audit measures how far the second call of a step of "
    "{} lies from the data"
)


INSTEAD = ANALYTIC_DPM.name  # the sampler of a plan that has a likelihood

DENSITY = "density of the data under the last draw"
ROUNDED = "probability of the data's whole values, to which the last draw is rounded"
BY_NOISE = (
    "probability of the data's whole values, each drawn in proportion to the noise that leads "
    "from it to the last state, in place of the plan's last step"
)


class LastDraw(NamedTuple):
    """A last draw by group: its variances and errors [G, J], and the sizes of the bands [J]."""

    variance: Array
    error: Array
    sizes: Array


class Cost(NamedTuple):
    """What a way to the last level costs by group: the start, the steps, the steps' limit, [G]."""

    price: Prices
    start: Array
    steps: Array
    dense: Array


class Ending(NamedTuple):
    """A law to evaluate: its name, in words, in whose units, and what comes on top, [G] each."""

    of: str
    law: str
    units: str
    last: Array
    scale: float


def bounded_likelihood(audit: AuditRecord, plan: Plan | None = None) -> Likelihood:
    """Return upper bounds of the mean negative log-likelihood of the audited examples.

    plan: of the audited model, whose sampler is meant; None for the continuous limit over all
    measured levels. No network call is made. Raises InputError for ODE samplers, samplers with
    two calls a step, and plans of another model.
    """
    rule = "must be of held-out data, and this one is of the model's own samples (--no-data)"
    require(not audit.facts.no_data, "audit", rule)
    if plan is None:
        return _without_plan(audit)
    chain = chain_of(audit, plan)
    cost = Cost(chain.price, chain.start(), chain.steps(), chain.dense())
    endings = [*_last_steps(chain), _noised(chain.price, plan.resolution)]
    bounds = tuple(_bound(cost, ending) for ending in endings)
    words = sampler_words(plan.sampler_words, plan.steps)
    notes = (*_notes(chain.price), *_of_plan(chain))
    return Likelihood(
        bounds, words, plan.steps, chain.price.curve.dimension, plan.resolution, notes
    )


def chain_of(audit: AuditRecord, plan: Plan) -> PricedChain:
    """Return a plan on the curve of an audit, or refuse it."""
    require(isinstance(plan, Plan), "plan", "must be a plan", type(plan).__name__)
    same = plan.model == audit.facts.model
    require(same, "plan", "must be of the audited model", f"one of model {plan.model[:8]}")
    why = unpriced(plan)
    remedy = (
        f'A plan of as many calls has one: audit.plan(steps={plan.steps}, sampler="{INSTEAD}")'
    )
    require(not why, "plan", why, None, remedy)
    own = plan.audit.identity == audit.facts.identity
    rule = "must be of the denoiser as audited: its correction was learnt in another audit"
    require(plan.calibration is None or own, "plan", rule, None, "Plan from this audit")
    record = as_planned(audit, plan).dense
    given, here = plan.moments.tensors(), record.frame.moments.tensors()
    alike = given.keys() == here.keys() and all(np.array_equal(given[k], here[k]) for k in given)
    rule = "must start from the moments that this audit knows"
    require(alike, "plan", rule, None, "Plan from this audit, or give both --train-data")
    finest = float(record.levels[-1])
    rule = f"must not end finer than this audit measured, SNR {finest:.6g}"
    require(bool(plan.levels[-1] <= finest * (1 + SAME_LEVEL)), "plan", rule, plan.levels[-1])
    along = sampler_named(plan.sampler).flow_priced
    sampler = ANALYTIC_DPM if along else sampler_named(plan.sampler)
    covariance = (plan.covariance or "scalar") if along else plan.covariance
    price = prices(record, sampler, covariance, plan.start, levels=plan.levels)
    distance = np.abs(np.log(price.levels)[None] - np.log(plan.levels)[:, None])
    nodes = distance.argmin(axis=1) + 1
    return PricedChain(price, nodes, plan, own and plan.pilot is None)


def unpriced(plan: Plan) -> str:
    """Return why a plan has no likelihood that an audit knows, "" where it has one.

    With two calls the mean of a step is a x + b m(y, u) at a point y on the way, and (3) of
    `chain.py` takes E|x0 - m(y, u)|^2, which is neither the error curve, of noised data, nor what
    a step along the flow misses, which is relative to the flow and not to x0.
    """
    if plan.sampler == OWN or not sampler_named(plan.sampler).stochastic:
        return NO_KERNELS.format(plan.sampler)
    if plan.inner is not None and bool(np.isfinite(plan.inner.middle).any()):
        return TWO_CALLS.format(plan.sampler)
    return ""


def _without_plan(audit: AuditRecord) -> Likelihood:
    """Return the continuous limit over all measured levels, of the noised data."""
    record = audit.dense
    price = prices(record, ANALYTIC_DPM, "scalar")
    nodes = np.array([1, len(price.curve.levels) - 1])
    start = price.starts(price.curve.levels[1])
    dense = price.totals[nodes[1]] - price.totals[nodes[0]]
    sigma = float(price.levels[-1] ** -0.5)
    bound = _bound(Cost(price, start, dense, dense), _noised(price, sigma))
    words = "infinitely many steps over all measured levels"
    return Likelihood((bound,), words, None, price.curve.dimension, sigma, _notes(price))


def _volume(price: Prices) -> Volume:
    return price.audit.facts.volume or no_volume(OLDER)


def _noised(price: Prices, sigma: float) -> Ending:
    """Return the law (1)."""
    volume, d = _volume(price), price.curve.dimension
    entropy = d / 2 * math.log(2 * math.pi * math.e * sigma**2)
    law = f"density of the data with noise of standard deviation {sigma:.3g} (model's units) added"
    units = "model" if volume.log_scale is None else "data"
    last = np.full(len(price.folds), entropy)
    return Ending("noised data", law, units, last, volume.log_scale or 0.0)


def _last_steps(chain: PricedChain) -> list[Ending]:
    """Return the laws (2) and (3) of a plan that there are."""
    volume, drawn = _volume(chain.price), None
    if volume.log_scale is None:
        return []
    if chain.plan.last == "draw":
        variance, error, sizes = chain.covered(chain.nodes[-1:])
        if bool((variance > 0).all()):
            drawn = LastDraw(variance[0], error[0], sizes)
    if volume.steps:
        return _values(chain, volume.sides(chain.price.curve.dimension), drawn)
    if drawn is None:
        return []
    return [Ending("data", DENSITY, "data", draw_cost(*drawn), volume.log_scale)]


def _values(chain: PricedChain, sides: Array, drawn: LastDraw | None) -> list[Ending]:
    """Return (3): by the plan's own draw, and by the noise in place of its last step."""
    cost = values_by_noise_cost(sides, chain.plan.resolution)
    by_noise = Ending("by noise", BY_NOISE, "data", np.full(len(chain.price.folds), cost), 0.0)
    if drawn is None:
        return [by_noise]
    along = chain.each_coordinate(drawn.variance)
    own = Ending("values", ROUNDED, "data", drawn_values_cost(*drawn, along, sides), 0.0)
    return [own, by_noise]


def _bound(cost: Cost, ending: Ending) -> LikelihoodBound:
    """Return the bound of one law."""
    price, d = cost.price, cost.price.curve.dimension
    rest = cost.start + ending.last + ending.scale
    nats, limit = (figure_of(price.estimate(rest + steps)) for steps in (cost.steps, cost.dense))
    names = {"start": cost.start, "steps": cost.steps, "last": ending.last}
    parts = {name: float(price.estimate(value).value) for name, value in names.items()}
    parts["units"] = ending.scale
    return LikelihoodBound(
        ending.of,
        ending.law,
        ending.units,
        nats,
        in_bits(nats, d),
        limit,
        in_bits(limit, d),
        parts,
    )


def _notes(price: Prices) -> tuple[str, ...]:
    """Return what holds of every bound of an audit."""
    facts, volume, out = price.audit.facts, _volume(price), []
    if volume.log_scale is None:
        out.append(f"in the model's units: {volume.why}")
    if price.audit.curve.about_class is not None:
        out.append(
            "of each example given its class; to say the class as well takes at most the "
            "logarithm of the number of classes more"
        )
    if facts.guided:
        out.append("of the guided field, as it samples")
    doubt = price.audit.cannot_tell()
    if doubt:
        out.append(f"the interval may not hold: {doubt}")
    return tuple(out)


def _of_plan(chain: PricedChain) -> tuple[str, ...]:
    """Return what holds of the bound of this plan besides."""
    out = []
    visited = chain.price.curve.levels[chain.nodes]
    between = ~np.isin(visited, chain.price.audit.levels)
    if bool(between.any()):
        out.append(f"{int(between.sum())} of {len(visited)} levels lie between measured ones, "
                   "where the error is interpolated")  # fmt: skip
    if chain.own and chain.plan.variances is not None and not chain.price.curve.exact:
        out.append("each example is priced with variances that other examples gave")
    return tuple(out)
