r"""What a step costs beside the chain that keeps every law: along the flow, then noise back.

Phi follows the probability flow from sigma to rho < sigma'. The kernel N(Phi(x), (sigma'^2 -
rho^2) I) takes the law of level sigma to that of sigma', for every law (theory 13.1), so that by
the chain rule a step with mean phi and noise c costs

    E KL( N(Phi, (sigma'^2 - rho^2) I) | N(phi, c^2 I) )  =  E|Phi - phi|^2 / (2 c^2),
    rho^2 = sigma'^2 - c^2,                                                               (1)

of the KL of the output, for any rho; this one leaves nothing for the difference of the noises. A
step with phi = m + A (x - m) + e m has, with a = Phi - phi_1 of `error_curve/flow_curve.py` and
k = e^-u - A,

    E|Phi - phi|^2 = E|a|^2 + 2 k E a.b + k^2 E|b|^2 - 2 e (E a.m + k E b.m) + e^2 E|m|^2.    (2)

Sums of (1) over steps fall as 1/N^2 with the number of steps where the path KL falls as 1/N.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..error_curve.flow_curve import place

if TYPE_CHECKING:
    from .._typing import Array, Levels
    from ..error_curve.flow_curve import FlowCurve
    from ..sampling.sampler import Step

# By lengths u and examples at a level: the most by which the upper end of an interval misses what
# two modes cost, however far apart, with one call and two; in units of w(u)^2 sigma^2/(2 c^2),
# w(u) = u - 1 + e^-u. Measured by benchmarks/flow_coverage.py.
UNSEEN_LENGTHS = (0.2, 0.5, 1.0, 2.0)
UNSEEN_EXAMPLES = (48, 96, 192, 512, 2000)
UNSEEN = {
    1: ((0.76, 0.58, 0.43, 0.29, 0.12), (0.41, 0.32, 0.24, 0.13, 0.046),
        (0.16, 0.11, 0.073, 0.039, 0.013), (0.042, 0.028, 0.017, 0.009, 0.003)),
    2: ((0.024, 0.023, 0.023, 0.02, 0.014), (0.043, 0.042, 0.038, 0.027, 0.015),
        (0.028, 0.024, 0.02, 0.013, 0.008), (0.014, 0.014, 0.014, 0.013, 0.007)),
}  # fmt: skip
# share of a price with one call and two that may be missed between start levels and lengths
INTERPOLATED = {1: 0.05, 2: 0.15}


class Priced(NamedTuple):
    """Prices (1) by group [N, B], which are known [N], what no example may have shown [N], and the
    share of each that interpolation may miss [N].
    """

    nats: Array
    known: NDArray[np.bool_]
    unseen: Array
    between: Array


def ancestral_prices(
    flow: FlowCurve, snr: Levels, snr_next: Levels, flow_to: Array, calls: int
) -> Priced:
    """Return (1) for steps of `sampling/ancestral.py`, with one call or two, [N]."""
    length = np.log(flow_to / snr) / 2
    missed, known = flow.at(snr, length)
    noise = 1 / snr_next - 1 / flow_to
    square = missed.one if calls == 1 else missed.two
    return _priced(square, known, noise, _unseen(flow, snr, length, noise, calls), calls)


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
    noise = np.where(even, noise, 1.0)
    return _priced(square, known & even, noise, _unseen(flow, snr, length, noise, 1), 1)


def _priced(
    square: Array, known: NDArray[np.bool_], noise: Array, unseen: Array, calls: int
) -> Priced:
    nats = np.where(known[:, None], square / (2 * noise[:, None]), np.inf)
    return Priced(nats, known, unseen, np.full(len(known), INTERPOLATED[calls]))


def _unseen(flow: FlowCurve, snr: Levels, length: Array, noise: Array, calls: int) -> Array:
    """Return what steps may cost by what no example showed, in nats [N]."""
    if flow.exact:
        return np.zeros(len(snr))
    table = np.log(UNSEEN[calls])  # [lengths, examples]
    rows = np.log(np.maximum(flow.examples_at(snr), 1))
    i, w = place(np.log(UNSEEN_EXAMPLES), rows)
    j, v = place(np.log(UNSEEN_LENGTHS), np.log(np.maximum(length, UNSEEN_LENGTHS[0])))
    w, v = np.maximum(w, 0.0), np.minimum(v, 1.0)  # many examples are extrapolated to, alone
    share = (1 - v) * ((1 - w) * table[j, i] + w * table[j, i + 1])
    share = share + v * ((1 - w) * table[j + 1, i] + w * table[j + 1, i + 1])
    bend = (length + np.expm1(-length)) ** 2
    return np.asarray(np.exp(share) * bend / (2 * snr * noise))
