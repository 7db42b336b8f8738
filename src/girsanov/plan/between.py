r"""What the levels that were not measured leave open of a grid's price.

Exact curves are bracketed by single crossing: with the ends M- <= M <= M+ of (3) in
ledger/refine.py, band by band,

    1/2 log(1 + delta M+(s)) >= 1/2 int_s^{s'} M >= -1/2 log(1 - delta M-(s')),          (1)

delta = s' - s, and a cell at s costs something between its prices at M- and M+. The interval then
holds the truth for certain. A measured curve is priced once more without every second level: the
interpolation is of second order where the curve is smooth, so leaving out half the levels changes
it about three times as much as what the whole curve misses; where it falls steeply, about as much.
The larger change of both halves is taken: with half of it, more of the intervals of a mixture
with a far mode missed the truth (a quarter against a fifth, of 16 audits: a small study).
What the errors at the ends of steep falls may be higher (`cautious`) is added above.

The reference R of plan/choose.py is a minimum over paths. The path that some examples choose,
priced by others, is on average dearer than the best, and priced by the examples that chose it
cheaper (the mean of a minimum is at most the minimum of the means). The true R of the
levels offered lies between, and an entry, which is above its estimate when R is below,
may be higher by the distance of the two.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .._typing import Array, Indices
from ..ledger.curve import Curve
from ..ledger.discretise import cell_costs, half_integral, spectrum
from ..ledger.refine import SAME, cautious, position, refined, steep, thinned
from .choose import Choice, Menu
from .cost import Prices


@dataclass(frozen=True)
class Open:
    """How far below and above its estimate an entry may lie for want of levels, in nats."""

    below: float
    above: float


def left_open(price: Prices, nodes: Indices) -> tuple[Open, Open]:
    """Return what interpolation leaves open of a grid's init and discretisation."""
    if price.curve.exact:
        return _bracketed(price, nodes)
    first, last = int(nodes[0]), int(nodes[-1])
    init, cell = _thinned(price, nodes)
    return (
        Open(init.below, init.above + reference_chosen(price, 0, first)),
        Open(cell.below, cell.above + reference_chosen(price, first, last)),
    )


def reference_chosen(price: Prices, first: int, last: int) -> float:
    """Return how far the reference may lie below its estimate for having chosen its path."""
    if price.exact:
        return 0.0  # the integral, which no path can beat
    value = float(price.reference(first, last) @ price.folds)
    return max(0.0, value - _best(price).least(first, last))


def _best(price: Prices) -> Choice:
    """Return the search on the curve of all examples as it was measured, without repair.

    In a steep gap and the next the error may fall as early as it can: to that at their end.
    """
    if "best" not in price._cache:
        sampler = (price.hold, price.covariance, price.start, price.process)
        price._cache["best"] = Choice(_fallen(price), sampler, price.audit.frame.variances, Menu())
    out: Choice = price._cache["best"]
    return out


def _pooled(curve: Curve) -> Curve:
    """Return the curve with all groups as one."""
    return replace(
        curve,
        shares=np.ones(1),
        errors={name: curve.mean_errors(name)[:, None] for name in curve.errors},
        traces=curve.mean_traces()[:, None],
        second_moments=np.array([curve.second_moments @ curve.shares]),
        products=None,
    )


def _variants(price: Prices) -> list[Curve]:
    """Return the pooled curve, the two without half of its levels, and the cautious one."""
    if "variants" not in price._cache:
        whole = _pooled(price.audit.curve)
        if price.covariance == "full":
            assert whole.full is not None
            whole.errors["full"] = spectrum(whole.full)[:, None]
            whole = replace(
                whole, full=None, sizes={**whole.sizes, "full": np.ones(whole.dimension)}
            )
        bases = tuple({price.covariance} & {*whole.errors}) if price.covariance else ()
        price._cache["variants"] = [
            refined(c, price.levels, bases=bases)
            for c in (whole, thinned(whole, 1), thinned(whole, 2), cautious(whole))
        ]
    out: list[Curve] = price._cache["variants"]
    return out


def _fallen(price: Prices) -> Curve:
    curve, measured = _variants(price)[0], price.audit.curve
    closed = steep(measured)
    closed[1:] |= closed[:-1].copy()
    i, w = position(measured.levels, curve.levels)
    inside = np.flatnonzero((i > 0) & (w > 0) & (w < 1) & closed[np.maximum(i - 1, 0)])
    if not len(inside):
        return curve
    ends = np.searchsorted(curve.levels, measured.levels[i[inside] + 1] * (1 - SAME))
    ends = np.minimum(ends, len(curve.levels) - 1)  # where the plan ends inside the gap
    errors = {name: e.copy() for name, e in curve.errors.items()}
    for e in errors.values():
        e[inside] = np.minimum(e[inside], e[ends])
    traces = curve.traces.copy()
    traces[inside] = np.where(
        traces[inside, :, :1] > traces[ends, :, :1], traces[ends], traces[inside]
    )
    return replace(curve, errors=errors, traces=traces)


def _thinned(price: Prices, nodes: Indices) -> tuple[Open, Open]:
    first, last = int(nodes[0]), int(nodes[-1])
    prices = [
        (
            -_reference(price, variant, 0, first),
            _cells(price, variant, nodes[:-1], nodes[1:])
            - _reference(price, variant, first, last),
        )
        for variant in _variants(price)[:3]
    ]
    whole, *halves = np.array(prices)
    init, cell = np.abs(np.array(halves) - whole).max(axis=0)
    curve, _, _, careful = _variants(price)
    here, there = nodes[:-1], nodes[1:]
    fallen = max(0.0, _cells(price, careful, here, there) - _cells(price, curve, here, there))
    return Open(float(init), float(init)), Open(float(cell), float(cell + fallen))


def reference_open(price: Prices, first: int, last: int) -> float:
    """Return what interpolation leaves open of R from s = 0 to node `last` through `first`.

    Half of the change by every second level: the search for R follows what was measured, and has
    not been led to places where the interpolation is most wrong, as a plan's grid has.
    """
    found = [
        _reference(price, variant, 0, first) + _reference(price, variant, first, last)
        for variant in _variants(price)[:3]
    ]
    return float(np.abs(np.array(found[1:]) - found[0]).max() / 2)


def _cells(price: Prices, curve: Curve, here: Indices, there: Indices) -> float:
    costs = cell_costs(curve, here, there, price.hold, price.covariance, process=price.process)
    return float(costs.sum())


def _reference(price: Prices, curve: Curve, first: int, last: int) -> float:
    """Return R on this curve, along the path that all examples choose."""
    main = curve.main
    dense = half_integral(curve.levels, curve.errors[main][:, 0], curve.sizes[main])
    if price.exact:
        return float(dense[first:last].sum())
    began = price.choice().reference(first, last)
    there = np.flatnonzero(began > 0)  # starts from s = 0 need no interpolation
    return float(
        dense[np.flatnonzero(began == -1) - 1].sum() + _cells(price, curve, began[there], there)
    )


def _bracketed(price: Prices, nodes: Indices) -> tuple[Open, Open]:
    first, last = int(nodes[0]), int(nodes[-1])
    bases = tuple({price.covariance} & {*price.curve.errors}) if price.covariance else ()
    low, high = (
        refined(price.audit.curve, price.levels, bases=bases, pick=p) for p in ("low", "high")
    )
    below, above = _integral_ends(low, high)
    mid = price._integrals[:, 0]
    ends = [
        cell_costs(c, nodes[:-1], nodes[1:], price.hold, price.covariance, process=price.process)
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
