r"""What a state tells of the data, at most, as an audit measured it.

I(X_0; X_s) = 1/2 int_0^s M du, and the best curve M is below that of every denoiser. Between the
levels 1/M - u/d does not fall, so that with the upper end m_k of each measured level,

    I_{s_j} <= sum_{k<j} d/2 log(1 + (s_{k+1} - s_k) m_k/d),        s_0 = 0,  m_0 = V.      (1)

m_k is at most d/s_k, which no law exceeds. Each m_k holds with 95 % confidence, and allows for
what no example showed. Sums of such ends are wider than the end of the sum, so that (1) holds so
often or more. An exact curve gives I itself.

V and E|x0|^2 are estimates too, and a rare mode that few examples showed is in neither. Theorems
take their upper ends: m_0 for V, and for E|x0|^2 the same with |x0| <= D + |mean|.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..error_curve.unseen_events import most_error, unshown
from ..montecarlo import group_estimate

if TYPE_CHECKING:
    from ..audited import Audit


def measured_information(audit: Audit) -> tuple[tuple[float, float], ...]:
    """Return pairs (s, nats) with I(X_0; X_s) <= nats by (1), at every level of an audit.

    audit: of the data, in its standardised units; 95 % upper ends where it is of examples.
    """
    curve, d = audit.curve, audit.curve.dimension
    if curve.exact and curve.half is not None:
        nats = np.asarray(curve.half)
    else:
        with np.errstate(divide="ignore"):  # at level 0, where V alone is a bound
            most = d / curve.levels
            total = curve.total()
            ends = total.value if curve.exact else most_error(total, curve.levels, audit.facts)
        # no law has s M > d, whatever was measured
        most = np.minimum(np.maximum(ends, total.value), most)
        cells = d / 2 * np.log1p(np.diff(curve.levels) * most[:-1] / d)
        nats = np.concatenate([[0.0], np.cumsum(cells)])
    return tuple((float(s), float(i)) for s, i in zip(curve.levels, nats, strict=True) if s > 0)


def least_second_moment(audit: Audit) -> float:
    """Return the lower end (95 %) of E|x0|^2 as an audit measured it, standardised."""
    measured = group_estimate(audit.curve.second_moments, audit.curve.shares)
    return float(measured.value if audit.curve.exact else measured.interval()[0])


def measured_sizes(audit: Audit, radius: float | None = None) -> tuple[float, float]:
    """Return E|x0|^2 and tr Cov(x0) of an audit's data, or more: 95 % upper ends of estimates.

    audit: of the data, in its standardised units; radius: R with |x0| <= R, where it is known.
    """
    curve, facts = audit.curve, audit.facts
    measured = group_estimate(curve.second_moments, curve.shares)
    value, total = float(measured.value), curve.total()
    if curve.exact:
        return value, min(value, float(total.value[0]))
    far = facts.diameter + value**0.5
    second = float(measured.interval()[1] + unshown(measured, facts.examples, far))
    if radius is not None:
        second = max(value, min(second, radius**2))
    with np.errstate(divide="ignore"):  # at level 0
        variance = float(most_error(total, curve.levels, facts)[0])
    return second, min(second, variance)
