r"""What is left open of a grid's price beside its standard error.

Of an exact curve nothing is open at levels where it and its integral are known. Elsewhere exact
curves are bracketed by single crossing: with the ends M- <= M <= M+ of (3) in
error_curve/interpolate.py, band by band,

    1/2 log(1 + delta M+(s)) >= 1/2 int_s^{s'} M >= -1/2 log(1 - delta M-(s')),          (1)

delta = s' - s, and a step at s costs something between its prices at M- and M+. The interval then
holds the truth for certain. A measured curve was measured between its levels too
(error_curve/between_levels.py), and what that misses is in its standard error. What is left is
the reference R of path_kl/grid_search.py, which had to be searched for and may lie below its
estimate by as much as `Prices.optimism`: an entry may be higher by that. And a plan looks for
levels with a small error,
so that mistakes that few examples make are missed by chance: with u_k from (4) of
error_curve/interpolate.py an entry's upper half width h becomes

    sqrt( h^2 + RARE^2 sum_k (1/2 delta_k u_k / (1 + delta_k v_k))^2 ),                    (2)

in which h counts the mistakes that were seen, and RARE those that were not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..error_curve.interpolate import refined_curve
from ..path_kl.cells import cell_costs
from ..path_kl.ideal_grid import optimism_between

if TYPE_CHECKING:
    from .._typing import Array, Indices
    from ..error_curve.curve import Curve
    from ..path_kl.grid_cost import Prices

RARE = -math.log(0.025)  # what was seen 0 times has this rate at most, at 97.5 % (Poisson)


@dataclass(frozen=True)
class Open:
    """How far below and above its estimate an entry may lie, in nats."""

    below: float
    above: float


def left_open(price: Prices, nodes: Indices, half: float) -> tuple[Open, Open]:
    """Return what is left open of a grid's init and discretisation.

    half: half of the width of the discretisation's interval.
    """
    if price.curve.exact:
        return _bracketed(price, nodes)
    first, last = int(nodes[0]), int(nodes[-1])
    return (
        Open(0.0, optimism_between(price, 0, first, nodes)),
        Open(
            0.0,
            optimism_between(price, first, last, nodes)
            + math.hypot(half, _rare(price, nodes))
            - half,
        ),
    )


def _rare(price: Prices, nodes: Indices) -> float:
    """Return the second term of (2) without the square; 1/2 delta u is the most of any sampler."""
    here, delta = nodes[:-1], np.diff(price.curve.levels[nodes])[:, None]
    u, sizes, gain = price.unseen(here), np.ones(1), np.ones(1)
    if price.covariance == "scalar":
        sizes = np.array([float(price.curve.dimension)])
    elif price.covariance in price.curve.sizes:
        sizes = price.curve.sizes[price.covariance]
    if price.sampler.covariance:
        gain = 1 + delta * (price.variances(here) + u)
    return RARE * float(((delta * u / gain * sizes / 2) ** 2).sum() ** 0.5)


def _bracketed(price: Prices, nodes: Indices) -> tuple[Open, Open]:
    measured = np.isin(price.curve.levels, price.audit.curve.levels)
    measured &= price.audit.curve.half is not None
    if bool(measured[nodes].all()):  # what follows would find as much, more slowly
        return Open(0.0, 0.0), Open(0.0, 0.0)
    first, last = int(nodes[0]), int(nodes[-1])
    bases = tuple({price.covariance} & {*price.curve.errors}) if price.covariance else ()
    low, high = (
        refined_curve(price.audit.curve, price.levels, bases=bases, pick=p)
        for p in ("low", "high")
    )
    below, above = _integral_ends(low, high)
    mid, whole = price._integrals[:, 0], measured[:-1] & measured[1:]
    below, above = np.where(whole, mid, below), np.where(whole, mid, above)
    ends = [
        cell_costs(
            c, nodes[:-1], nodes[1:], price.sampler, price.covariance, process=price.process
        )
        for c in (price.curve, low, high)
    ]
    least, most = np.minimum(*ends[1:]).sum(), np.maximum(*ends[1:]).sum()
    cost = ends[0].sum()

    def gap(a: int, b: int) -> tuple[float, float]:
        return float((above - mid)[a:b].sum()), float((mid - below)[a:b].sum())

    init, cell = gap(0, first), gap(first, last)
    return Open(*init), Open(float(cost - least) + cell[0], float(most - cost) + cell[1])


def _integral_ends(low: Curve, high: Curve) -> tuple[Array, Array]:
    """Return the ends of (1) for each stretch between neighbouring levels, [K] each."""
    main, delta = low.main, np.diff(low.levels)[:, None]
    sizes = low.sizes[main]
    above = np.log1p(delta * high.errors[main][:-1, 0]) @ sizes / 2
    below = -np.log1p(-delta * low.errors[main][1:, 0]) @ sizes / 2
    return np.maximum(below, 0.0), above
