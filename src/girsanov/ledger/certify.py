r"""What a plan promises of its samples: the certificate of its grid, from the prices of it.

Of an exact curve the integral in the path KL is known between two ends, coordinate by coordinate:
-M_j' = E (Cov^2)_jj >= M_j^2 (single crossing) gives over a stretch of length delta

    -log(1 - delta M_j(s'))  <=  int_s^{s'} M_j  <=  log(1 + delta M_j(s)),                (1)

so that what is certified is certain, however few levels the curve has. Where the law knows its
integral, both ends are that. Of a model with classes the KL is E_y KL(p(x|y) | q(x|y)), whatever
its start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..error_curve.integrals import half_integral
from ..error_curve.unseen_events import most_error
from ..montecarlo import Estimate, group_estimate
from ..path_kl.ideal_grid import prefixes
from .certificate import EXACT_LAW, Certificate, certify, kl_entry, w2_entry
from .chain_entry import chain_ends

if TYPE_CHECKING:
    from .._typing import Array, Indices
    from ..error_curve.curve import Curve
    from ..path_kl.cheaper_chain import StepChain
    from ..path_kl.grid_cost import Prices
    from .entry import Entry

AS_IF_EXACT = "; the steps are priced as if the model were exact"
OF_EACH_Y = "they are E_y KL and TV of x given y, means over y as it occurs in the data"
OF_CLASSES = "both are means over the classes"


def promise(
    price: Prices,
    curve: Curve,
    nodes: Indices,
    entries: tuple[Entry, ...],
    *,
    last: str,
    drawn: float = 0.0,
    chain: StepChain | None = None,
) -> Certificate:
    """Return the certificate of a grid of nodes 1..K of `curve`: (1) of ledger/certificate.py.

    entries: the grid's ledger, of which the finest level promises the sum; what it adds to the
    price of the grid as given (for having chosen it, for levels not measured) is added at every
    level; drawn: the variance that a last draw adds; chain: that prices its steps, None for the
    path KL alone.
    """
    # (1) needs the truth at every node; between measured levels the entries have it bracketed
    certain = curve.exact and bool(np.isin(curve.levels[nodes], price.audit.levels).all())
    certain &= chain is None
    parts = (_certain if certain else _estimated)(price, curve, nodes)
    if chain is not None:
        parts = chain_ends(price, nodes, chain)
    sure = curve.exact if chain is None else chain.sure
    more = np.zeros(3)
    if not certain:
        shares = [[e.low, e.value, e.high] for e in entries if e.name != "score"]
        more = np.array(shares, dtype=np.float64).sum(axis=0) - parts[-1]
        more = np.array([min(0.0, more[0]), max(0.0, more[1]), max(0.0, more[2])])
    note = _note(price, curve)
    rows = [
        (float(curve.levels[node]), kl_entry(*part, certain=sure, note=note))
        for node, part in zip(nodes, _rising(np.asarray(parts) + more), strict=True)
    ]
    return certify(
        rows,
        _w2(price, curve, int(nodes[-1]), last, drawn),
        scale=price.audit.facts.scale,
        scored=price.audit.facts.scored,
        holds=_holds(price, entries) + ("" if chain is None or price.exact else AS_IF_EXACT),
    )


def _rising(ends: Array) -> Array:
    """Return low, value and high [N, 3] as what is known of finer levels has them.

    What a path costs up to a level is no more than what it costs up to a finer one.
    """
    out = np.minimum.accumulate(ends[::-1], axis=0)[::-1]
    out[:, 0] = np.minimum(np.maximum.accumulate(ends[:, 0]), out[:, 1])
    return out


def _certain(price: Prices, curve: Curve, nodes: Indices) -> Array:
    """Return low, value and high of the path KL up to each of `nodes` by equation (1), [N, 3]."""
    curve_before, sizes = price.audit.curve, curve.sizes[curve.main]
    levels, errors = curve_before.levels, curve_before.mean_errors(curve.main)
    delta = np.diff(levels)[:, None]
    if curve_before.half is not None:
        ends = [np.diff(curve_before.half)] * 3
    else:
        ends = [
            np.log1p(delta * errors[:-1]) @ sizes / 2,
            half_integral(levels, errors, sizes),
            -np.log1p(-delta * errors[1:]) @ sizes / 2,
        ]
    most, between, least = (np.concatenate([[0.0], np.cumsum(part)]) for part in ends)
    at = np.searchsorted(levels, curve.levels[nodes])
    start = price.starts(curve.levels[nodes[0]]) @ curve.shares
    cells = price.each(nodes[:-1], nodes[1:]) @ curve.shares
    cost = start + np.concatenate([[0.0], np.cumsum(cells)])
    return np.asarray(cost[:, None] - np.stack([most[at], between[at], least[at]], axis=1))


def _estimated(price: Prices, curve: Curve, nodes: Indices) -> Array:
    """Return low, value and high of the path KL up to each of `nodes`, [N, 3].

    The ends of both shares' intervals are added, which keeps 95 % by the union bound or better.
    """
    init, cells = prefixes(price, nodes)
    shares = price.estimate(init), price.estimate(cells.T)
    ends = [(e.interval()[0], e.value, e.interval()[1]) for e in shares]
    return np.asarray(np.array(ends[0]) + np.stack(ends[1], axis=1))


def _w2(price: Prices, curve: Curve, node: int, last: str, drawn: float = 0.0) -> Entry:
    """Return W2 at the last level; drawn: tr C of a last draw from N(m, C), 0 for none.

    Given x_s a draw has E|x0 - m - C^1/2 xi|^2 = M(s) + tr C, whatever the denoiser.
    """
    snr, facts = float(curve.levels[node]), price.audit.facts
    if last == "sample":
        return w2_entry(None, snr, curve.dimension)
    by_group = curve.errors[curve.main][node] @ curve.sizes[curve.main]
    if curve.exact:
        error = Estimate(float(by_group @ curve.shares), 0.0)
        return w2_entry(error, snr, curve.dimension, drawn=drawn)
    error = group_estimate(by_group, curve.shares)
    high, widest = float(most_error(error, snr, facts)), facts.diameter
    return w2_entry(error, snr, curve.dimension, high=high, widest=widest, drawn=drawn)


def _note(price: Prices, curve: Curve) -> str:
    sure = "the error curve is exact" if curve.exact else "95 % interval"
    exact = price.audit.facts.exact
    return f"of the state at this level; {sure}" + ("" if exact else ", without the model's error")


def _holds(price: Prices, entries: tuple[Entry, ...]) -> str:
    if price.audit.facts.exact:
        return EXACT_LAW
    low = next((e.low for e in entries if e.name == "score"), None)
    omission = certificate_leaves_out(low, price.audit.calibration is not None)
    if price.audit.facts.given:
        return f"{omission}; {OF_EACH_Y}"
    return omission if price.audit.curve.about_class is None else f"{omission}; {OF_CLASSES}"


def certificate_leaves_out(low: float | None, calibrated: bool) -> str:
    """Return what a certificate leaves out: the score error, which costs the path `low` nats."""
    least = f": at least {low:.3g} nats of the path" if low else ""
    whose = "calibrated model" if calibrated else "model"
    return f"KL and TV leave out the {whose}'s error, which comes on top{least}"
