"""The ledger of a grid: init, discretisation and score, each step by the cheaper of its chains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..path_kl.cheaper_chain import StepChain
from ..path_kl.ideal_grid import excess
from .chain_entry import chain_entry
from .entry import Entry
from .sampler_entries import sampler_entries
from .score_entry import score_floor, score_note

if TYPE_CHECKING:
    from .._typing import Indices
    from ..montecarlo import Estimate
    from ..path_kl.grid_cost import Prices


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
