"""The entry of a grid's steps where some are priced along the flow, and its promise by level."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .._checks import plural
from ..path_kl.ideal_grid import prefixes
from .entry import Entry, estimate_entry
from .widening import left_open

if TYPE_CHECKING:
    from .._typing import Array, Indices
    from ..path_kl.cheaper_chain import StepChain
    from ..path_kl.grid_cost import Prices

ALONG = "priced along the probability flow"
IF_EXACT = (
    "the price assumes an exact network; data cannot show what this one gets wrong along its flow"
)


def chain_entry(price: Prices, nodes: Indices, chain: StepChain) -> Entry:
    """Return the entry discretisation of a grid of nodes 1..K, of the cheaper chain of each
    step."""
    entry = estimate_entry("discretisation", chain.total(), _note(price, chain))
    assert entry.low is not None
    assert entry.high is not None
    below, above = chain.open()
    above += _open_path(price, nodes, chain, entry.high - entry.low)
    low, high = max(0.0, entry.low - below), entry.high + above
    if chain.sure:  # no sampling error is in it: all that is open is what interpolation misses
        return replace(entry, value=high, low=low, high=high, kind="upper bound")
    return replace(entry, low=low, high=high)


def _open_path(price: Prices, nodes: Indices, chain: StepChain, width: float) -> float:
    """Return how far above its interval the path KL of the other steps may lie."""
    if not chain.beside_path.any():
        return 0.0
    return left_open(price, nodes, width / 2)[1].above


def _note(price: Prices, chain: StepChain) -> str:
    count = len(chain.along)
    along = int(chain.along.any(axis=1).sum())
    which = "all of them" if along == count else f"{along} of them"
    rest = "" if along == count else ", the others by their path KL"
    note = (
        f"the most that {plural(count, 'step')} add to the KL of the output, {which} {ALONG}{rest}"
    )
    return note if price.exact else f"{note}; {IF_EXACT}"


def chain_ends(price: Prices, nodes: Indices, chain: StepChain) -> Array:
    """Return low, value and high of the KL up to each of `nodes`, [N, 3]."""
    init, _ = prefixes(price, nodes)
    start = price.estimate(init)
    first = np.array([start.interval()[0], start.value, start.interval()[1]])
    rows = [first]
    for k in range(1, len(nodes)):
        part = chain.first(k)
        total = part.total()
        low, high = total.interval()
        below, above = part.open()
        above += _open_path(price, nodes[: k + 1], part, float(high - low))
        rows.append(first + np.array([low - below, total.value, high + above]))
    return np.array(rows, dtype=np.float64)
