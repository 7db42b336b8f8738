"""Places between the levels, with what chance made of the noise there taken off.

What the control variates of the levels take off ((2) of `control_variate.py`) and what the bridge
between two levels adds to it ((2) of `bridge_variate.py`) are known, and leave the mean as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .bridge_variate import Bridge, alpha, chance
from .control_variate import Rows, fitted, means_without_each, over, slope, turned
from .harmless import harmless
from .interpolate import between_ends

if TYPE_CHECKING:
    from .._typing import Array
    from .curve import Curve


def bridge_of(curve: Curve, rows: Rows, products: dict[str, Array]) -> Bridge:
    """Return the products of `bridge_variate.py` with gamma', of places in the gaps of a curve.

    Both without what (2) takes off.
    """
    main, sizes = curve.main, curve.sizes[curve.main]
    weights = means_without_each(curve.shares)
    a, b = fitted(rows, main, curve)
    own = products[main]
    _, n, c, e, ends = (turned(x) for x in np.moveaxis(own, -1, 0))  # [K, J, B]
    share = 2 * sizes * alpha(over(weights, own))
    z = share @ ends - (share * a) @ (n - e) - (share * b) @ c  # [K, L, B]
    totals = curve.traces[:, :, :1]
    left, right, _ = between_ends(curve, rows.snr, totals)
    ends = (left * totals[:-1] + right * totals[1:])[:, :, 0]
    looked = np.asarray(own.any(axis=(1, 2, 3)))[:, None]
    missed = np.where(looked, rows.errors[main] @ sizes - ends, 0.0)
    return Bridge(products, slope(missed, z, weights, np.diff(curve.levels)))


def bridged(rows: Rows, curve: Curve, bridge: Bridge) -> Rows:
    """Return rows of places in the gaps with (2) of `bridge_variate.py` taken off as well."""
    errors, traces = dict(rows.errors), rows.traces.copy()
    weights = means_without_each(curve.shares)
    for name, error in rows.errors.items():
        products = bridge.products[name]
        by_chance = chance(products, *fitted(rows, name, curve), alpha(over(weights, products)))
        by_chance = (bridge.gamma[:, None] * by_chance)[..., None]
        taken = harmless(error, by_chance, curve.sizes[name], rows.snr, curve.shares)[..., 0]
        errors[name] = error - taken
        if name == curve.main:
            traces[:, :, 0] -= taken @ curve.sizes[name]
    return rows._replace(errors=errors, traces=traces)
