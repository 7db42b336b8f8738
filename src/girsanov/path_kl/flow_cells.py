r"""What a step costs beside the chain that keeps every law: along the flow, then noise back.

Phi follows the probability flow from sigma to rho < sigma'. The kernel N(Phi(x), (sigma'^2 - rho^2) I)
takes the law of level sigma to that of sigma', for every law (theory 13.1), so that by the chain rule
a step with mean phi and noise c costs

    E KL( N(Phi, (sigma'^2 - rho^2) I) | N(phi, c^2 I) )  =  E|Phi - phi|^2 / (2 c^2),
    rho^2 = sigma'^2 - c^2,                                                               (1)

of the KL of the output, for any rho; this one leaves nothing for the difference of the noises. A step
with phi = m + A (x - m) + e m has, with a = Phi - phi_1 of `error_curve/flow_curve.py` and
k = e^-u - A,

    E|Phi - phi|^2 = E|a|^2 + 2 k E a.b + k^2 E|b|^2 - 2 e (E a.m + k E b.m) + e^2 E|m|^2.    (2)

Sums of (1) over steps fall as 1/N^2 with the number of steps where the path KL falls as 1/N.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .._typing import Array, Levels
    from ..error_curve.flow_curve import FlowCurve
    from ..sampling.sampler import Step

# the most that g = E|dm/dlambda|^2/sigma^2 was in any one direction (theory 13.3), and of how many
# examples 1 in so many sees what two far modes miss (`benchmarks/flow_coverage.py`)
MOST_SLOPE, SEEN_BY = 1.36, 100.0
INTERPOLATED = 0.05  # share of a price that may be missed between start levels and lengths


class Priced(NamedTuple):
    """Prices (1) by group [N, B], which are known [N], and what no example may have shown [N]."""

    nats: Array
    known: NDArray[np.bool_]
    unseen: Array


def ancestral_prices(
    flow: FlowCurve, snr: Levels, snr_next: Levels, flow_to: Array, calls: int
) -> Priced:
    """Return (1) for steps of `sampling/ancestral.py`, with one call or two, [N]."""
    length = np.log(flow_to / snr) / 2
    missed, known = flow.at(snr, length)
    noise = 1 / snr_next - 1 / flow_to
    square = missed.one if calls == 1 else missed.two
    return _priced(flow, square, known, snr, length, noise)


def step_prices(flow: FlowCurve, steps: list[Step], snr_next: Levels) -> Priced:
    """Return (1) for steps that call the network once and add isotropic noise, by (2).

    Unknown where their noise is more than there is at the next level.
    """
    snr = np.array([step.snr for step in steps])
    state = np.array([step.state for step in steps])
    excess = state + np.array([step.prediction for step in steps]) - 1
    noise = np.array([np.max(step.noise) for step in steps]) ** 2
    even = np.array([np.ptp(step.noise) == 0 for step in steps]) & (noise > 0)
    even &= noise < (1 - 1e-9) / snr_next
    rest = np.where(even, 1 / snr_next - noise, 1 / snr_next)
    length = np.log(1 / (snr * rest)) / 2
    missed, known = flow.at(snr, length)
    k, e = (np.exp(-length) - state)[:, None], np.where(np.abs(excess) < 1e-12, 0, excess)[:, None]
    square = (
        missed.one + 2 * k * missed.ab + k**2 * missed.bb
        - 2 * e * (missed.am + k * missed.bm) + e**2 * missed.mm
    )  # fmt: skip
    return _priced(flow, square, known & even, snr, length, np.where(even, noise, 1.0))


def _priced(
    flow: FlowCurve, square: Array, known: NDArray[np.bool_], snr: Array, length: Array,
    noise: Array,
) -> Priced:  # fmt: skip
    nats = np.where(known[:, None], square / (2 * noise[:, None]), np.inf)
    if flow.exact:
        return Priced(nats, known, np.zeros(len(known)))
    bend = (length + np.expm1(-length)) ** 2  # w(u)^2 of theory 13.3
    most = MOST_SLOPE * np.minimum(1.0, SEEN_BY / np.maximum(flow.examples_at(snr), 1))
    return Priced(nats, known, most * bend / (2 * snr * noise))
