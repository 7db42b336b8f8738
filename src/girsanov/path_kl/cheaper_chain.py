r"""Every step of a grid priced by the cheaper of its two ideal chains.

Besides the true reverse process, whose price is the path KL (`grid_cost.py`), the chain that
follows the flow and puts noise back keeps the law of every level (`flow_cells.py`). So does any
sequence of steps of both (theory 13.1), so that the smaller of the two prices, step by step,
bounds the KL of the output. Examples price what others chose: half of the groups decide for the
other half.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..montecarlo import Estimate, group_estimate
from .added_variances import added_variances
from .flow_cells import Priced, step_prices
from .ideal_grid import prefixes

if TYPE_CHECKING:
    from .._typing import Array, Indices
    from .grid_cost import Prices


@dataclass(frozen=True)
class StepChain:
    """What N steps cost, each beside the ideal chain that it is cheaper beside.

    nats: [N, B]; along: which groups price a step along the flow [N, B]; shares: of the groups
    [B]; unseen: what steps along the flow may cost by what no example showed [N]; between: the
    share of their price that interpolation may miss [N]; more: nats by which the steps look
    cheaper than they are for having been chosen by these examples; sure: whether all of it is
    known without sampling.
    """

    nats: Array
    along: NDArray[np.bool_]
    shares: Array
    unseen: Array
    between: Array
    sure: bool
    more: float = 0.0

    @property
    def beside_path(self) -> NDArray[np.bool_]:
        """Which steps are priced by the path KL, by some group at least, [N]."""
        return np.asarray(~self.along.all(axis=1))

    def first(self, steps: int) -> StepChain:
        """Return the chain of the first steps."""
        return replace(
            self, nats=self.nats[:steps], along=self.along[:steps], unseen=self.unseen[:steps],
            between=self.between[:steps],
        )  # fmt: skip

    def total(self) -> Estimate:
        """Return the price of all steps, with what they look cheaper by."""
        by_group = self.nats.sum(axis=0) + self.more
        estimate = group_estimate(by_group, self.shares)
        return estimate if not self.sure else Estimate(float(estimate.value), 0.0)

    def open(self) -> tuple[float, float]:
        """Return how far below and above its interval the price may lie, in nats.

        By what interpolation misses, and above by what no example showed, each step by its own.
        """
        along = (self.nats * self.along) @ self.shares
        missed = float(self.between @ along)
        return missed + self.more, missed + math.sqrt(float((self.unseen**2).sum()))


def cheaper(price: Prices, nodes: Indices) -> StepChain | None:
    """Return the chain of a grid of nodes 1..K for the sampler of `price`.

    None where no step is cheaper along the flow, or nothing was measured along it.
    """
    return price.kept(("chain", nodes.tobytes()), lambda: _cheaper(price, nodes))


def _cheaper(price: Prices, nodes: Indices) -> StepChain | None:
    flow = price.audit.flow
    if flow is None or len(nodes) < 2 or price.process != "vp":
        return None
    levels = price.curve.levels[nodes]
    variances, axes = added_variances(price, nodes[:-1])
    bases = axes * (len(nodes) - 1) if len(axes) == 1 else axes
    start = (0.0, 1.0, None)  # of no account to the steps
    plan = price.sampler.recipe(
        levels, start=start, variances=variances, bases=bases or None, last="sample"
    )
    along = step_prices(flow, list(plan.steps), levels[1:])
    both = _beside_each_other(price, nodes, along)
    chosen = np.zeros(both.path.shape, dtype=bool)
    for half in group_halves(len(both.shares)):
        judges = both.shares * (~half if len(both.shares) > 1 else half)
        known = np.where(along.known[:, None], both.flow, 0.0)
        better = along.known & (known @ judges < both.path @ judges)
        chosen[:, half] = better[:, None]
    return _chain(price, both, chosen, along) if chosen.any() else None


def planned_chain(
    price: Prices, nodes: Indices, along: Priced, by_flow: NDArray[np.bool_]
) -> StepChain:
    """Return the chain of a grid whose steps are priced along the flow, or not, [N].

    along: their prices there; the others are priced as those of the sampler of `price`.
    """
    path = np.zeros((len(by_flow), len(price.folds)))  # which takes time, and is not asked for
    both = _beside_each_other(price, nodes, along, path if by_flow.all() else None)
    chosen = np.broadcast_to(by_flow[:, None], both.path.shape)
    return _chain(price, both, chosen, along)


def group_halves(groups: int) -> list[NDArray[np.bool_]]:
    """Return two halves of the groups as masks [B], or the only one."""
    even = np.arange(groups) % 2 == 0
    return [even] if groups == 1 else [even, ~even]


class _Both(NamedTuple):
    """Prices of steps by the path KL and along the flow, in the same groups, [N, B] each."""

    path: Array
    flow: Array
    shares: Array


def _beside_each_other(
    price: Prices, nodes: Indices, along: Priced, path: Array | None = None
) -> _Both:
    flow = price.audit.flow
    assert flow is not None
    path = np.diff(prefixes(price, nodes)[1], axis=0) if path is None else path
    by_flow = along.nats
    counts = path.shape[1], by_flow.shape[1]
    groups = min(counts) if min(counts) > 1 else max(counts)
    shares = price.folds if counts[0] == groups else flow.shares
    own = _grouped(path, groups, price.folds), _grouped(by_flow, groups, flow.shares)
    return _Both(*own, shares)


def _grouped(values: Array, groups: int, shares: Array) -> Array:
    """Return means by group [N, B] as means by fold of groups f, f + F, ..., or repeated."""
    if values.shape[1] == groups:
        return values
    if values.shape[1] == 1:
        return np.repeat(values, groups, axis=1)
    parts = [
        np.average(values[:, f::groups], axis=1, weights=shares[f::groups]) for f in range(groups)
    ]
    return np.stack(parts, axis=1)


def _chain(price: Prices, both: _Both, chosen: NDArray[np.bool_], along: Priced) -> StepChain:
    flow = price.audit.flow
    assert flow is not None
    nats, some = np.where(chosen, both.flow, both.path), chosen.any(axis=1)
    sure = (flow.exact or not some.any()) and price.curve.exact
    unseen, between = (np.where(some, x, 0.0) for x in (along.unseen, along.between))
    return StepChain(nats, chosen, both.shares, unseen, between, sure)
