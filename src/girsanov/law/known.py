r"""What is known of a law without sampling: its errors along fixed axes, and its information.

Where the posterior covariance has on average the same axes u_j at every SNR s,

    E Cov(X_0 | x) = sum_j M_j(s) u_j u_j^T,                                              (1)
    I(s) = I(X_0; x) = 1/2 int_0^s sum_j M_j,     (Guo, Shamai, Verdu 2005)               (2)

I in nats: both are known of Gaussians, of spheres, and of what is independent along the axes, with
a mixture on one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .._typing import Array


class KnownErrors(NamedTuple):
    """Equations (1) and (2) at K SNRs; axes: u_j in columns [d, d], None for the coordinates.

    variances: M_j(0) [d]; errors: M_j [K, d]; information: I in nats [K].
    """

    axes: Array | None
    variances: Array
    errors: Array
    information: Array
