r"""What is certain of a plan's score error, the entry R - 1/2 int M ds, and the whole ledger.

M is the error of the unknown exact denoiser, so whatever lies above 1/2 int M gives a lower bound:

    score >= R - C,   C the probe's ceiling of 1/2 int M,                                    (1)
    score >= R - R',  R' the same least cost as R, of the calibrated denoiser.              (2)

(2) holds because no sampler's path KL is negative, whatever its denoiser, so that every cost is at
least 1/2 int M. It is the larger where the sampler makes use of what is left; (1) knows features
that a sampler cannot use. R is taken as low, and R' as high, as their search may have
left them. The larger of the two is taken, each at half the risk. What no example showed is allowed
for: of n paths the likelihood ratios of an exact denoiser have mean 1, so that by Markov's
inequality their mean logarithm is

    above log(1/p)/n  with a chance of at most p,                                          (3)

and as much is taken off. All of this is of the path KL. It bounds no divergence of the output
from below: no function of the score error does (Khelifa, Turner, Venkataramanan, 2606.06179).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..montecarlo import Estimate, quantile
from ..path_kl.grid_cost import Prices, prices
from ..path_kl.ideal_grid import excess, optimism_between, reference_between
from .chain_entry import chain_entry
from .entry import Entry
from .sampler_entries import sampler_entries

if TYPE_CHECKING:
    from .._typing import Array, Indices
    from ..measuring.record import AuditRecord
    from ..path_kl.cheaper_chain import StepChain

OF_PATH = (
    "this bounds the path KL, not the KL of the output; the true error may be larger, and data "
    "cannot show by how much"
)
# that the entry's lower end is above the truth, as of a two-sided 95 % interval
ENTRY_RISK = 0.025


def score_floor(price: Prices, nodes: Indices) -> float:
    """Return the lower end of the score error of a grid in nats, at least 0."""
    if price.audit.probe is None:
        return 0.0
    nodes = measured_to(price, nodes)
    if not len(nodes):
        return 0.0
    bounds = [b for b in (score_bound(price, nodes), corrected_bound(price, nodes)) if b]
    risk = ENTRY_RISK / len(bounds)
    ends = [b.value - quantile(1 - risk, b.degrees) * b.se for b in bounds]
    unseen = math.log(1 / risk) / price.audit.facts.examples  # (3)
    return max(0.0, float(max(ends)) - unseen)


def measured_to(price: Prices, nodes: Indices) -> Indices:
    """Return a grid cut at the last level that was measured, empty where it has none.

    Between levels R and C are told by bumps, which smear what begins beyond the end. Up to a
    coarser end the entry is no larger: the path up to there is part of the path.
    """
    measured = np.flatnonzero(np.isin(price.curve.levels, price.audit.levels))
    measured = measured[measured <= nodes[-1]]
    return np.append(nodes[nodes < measured[-1]], measured[-1]) if len(measured) else nodes[:0]


def score_note(audit: AuditRecord) -> str:
    """Return how the score error was found, in words."""
    mixed = ""
    if audit.facts.neighbours:
        mixed = " (which may use an average of other examples)"
    whose = "denoiser" if audit.calibration is None else "calibrated denoiser"
    gains = f"what a correction of the {whose}{mixed} gains on held-out data"
    return f"{gains}; {OF_PATH}"


def score_bound(price: Prices, nodes: Indices) -> Estimate:
    """Return (1), with R as low as its search may have left it too high."""
    probe = price.audit.probe
    assert probe is not None
    ceiling = price.refold(probe.ceiling(float(price.curve.levels[nodes[-1]])))
    return price.estimate(reference(price, nodes) - ceiling - optimism(price, nodes))


def corrected_bound(price: Prices, nodes: Indices) -> Estimate | None:
    """Return (2), R as low as its search may have left it too high; None where there is no R'."""
    better = corrected(price)
    if better is None:
        return None
    gap = reference(price, nodes) - reference(better, nodes)
    return price.estimate(gap - optimism(price, nodes))


def reference(price: Prices, nodes: Indices) -> Array:
    first, last = int(nodes[0]), int(nodes[-1])
    return reference_between(price, 0, first, nodes) + reference_between(price, first, last, nodes)


def optimism(price: Prices, nodes: Indices) -> float:
    first, last = int(nodes[0]), int(nodes[-1])
    return optimism_between(price, 0, first, nodes) + optimism_between(price, first, last, nodes)


def corrected(price: Prices) -> Prices | None:
    """Return the prices of the calibrated denoiser on the same levels, once for all plans."""
    return price.kept("corrected", lambda: _priced_again(price))


def _priced_again(price: Prices) -> Prices | None:
    audit = price.audit
    if price.process != "vp" or audit.calibration is not None or audit.curve.products is None:
        return None
    better = audit.calibrated()
    available = price.covariance in (None, "scalar", *better.curve.errors)
    blind = price.sampler.products and np.isnan(better.curve.traces).any()
    if not available or blind:
        return None
    sampler = (price.sampler, price.covariance, price.start)
    return prices(better, *sampler, levels=price.levels, menu=price.menu)


def grid_ledger(
    price: Prices, nodes: Indices, shares: tuple[Estimate, Estimate] | None = None
) -> tuple[Entry, ...]:
    """Return the entries init, discretisation and score of a grid, in nats."""
    rows = sampler_entries(price, nodes, shares or excess(price, nodes))
    if price.exact:
        return (*rows, Entry("score", 0.0, 0.0, 0.0, "exact", "the denoiser is exact"))
    low = score_floor(price, nodes)
    return (*rows, Entry("score", None, low, None, "lower bound", score_note(price.audit)))


def chain_ledger(price: Prices, nodes: Indices, chain: StepChain | None) -> tuple[Entry, ...]:
    """Return the ledger of a grid whose steps a chain prices, None where there are no steps."""
    entries = grid_ledger(price, nodes)
    if chain is None:
        return entries
    return entries[0], chain_entry(price, nodes, chain), *entries[2:]
