"""A ledger with its steps priced along the flow, where that is less than their path KL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..path_kl.cheaper_chain import StepChain, cheaper
from .chain_entry import chain_entry

if TYPE_CHECKING:
    from .._typing import Indices
    from ..path_kl.grid_cost import Prices
    from .entry import Entry


def with_chain(
    price: Prices, nodes: Indices, entries: tuple[Entry, ...], wanted: bool = True
) -> tuple[tuple[Entry, ...], StepChain | None]:
    """Return a ledger with its steps priced along the flow where that is less, and the chain."""
    chain = cheaper(price, nodes) if wanted else None
    if chain is None:
        return entries, None
    entry = chain_entry(price, nodes, chain)
    if (entry.high or 0.0) >= (entries[1].high or 0.0):
        return entries, None
    return (entries[0], entry, *entries[2:]), chain
