r"""One conversion table between the five ways to write a denoiser.

At x_t = alpha x0 + sigma z with estimates m of x0 and e of z tied by x_t = alpha m + sigma e:

    epsilon  e = (x_t - alpha m) / sigma                                                  (1)
    score    = -e / sigma                                                                 (2)
    v        = alpha e - sigma m          (Salimans & Ho, 2022)                           (3)
    velocity = alpha' m + sigma' e;  rectified flow, alpha' = -1 and sigma' = 1: e - m    (4)

Each row solved for m gives `to_x0`; `from_x0` is the table itself.
"""

from __future__ import annotations

from typing import Literal, get_args

from .._checks import require_choice
from .._typing import Tensor

Parametrisation = Literal["x0", "epsilon", "score", "v", "velocity"]
PARAMETRISATIONS: tuple[str, ...] = get_args(Parametrisation)
Scalar = float | Tensor


def to_x0(kind: str, output: Tensor, x_t: Tensor, alpha: Scalar, sigma: Scalar) -> Tensor:
    """Return the x0 prediction m behind a network's `output` of this `kind`.

    output, x_t: [B, *]; alpha, sigma: floats or broadcastable tensors. The velocity is
    rectified flow's (4).
    """
    match require_choice("parametrisation", kind, PARAMETRISATIONS):
        case "x0":
            return output
        case "epsilon":
            return (x_t - sigma * output) / alpha
        case "score":
            return (x_t + sigma**2 * output) / alpha
        case (
            "v"
        ):  # x_t and v are the rotation of (m, e); for alpha^2 + sigma^2 = 1 it is orthonormal
            return (alpha * x_t - sigma * output) / (alpha**2 + sigma**2)
        case _:
            return (x_t - sigma * output) / (alpha + sigma)


def from_x0(kind: str, m: Tensor, x_t: Tensor, alpha: Scalar, sigma: Scalar) -> Tensor:
    """Return the prediction of this `kind` that the x0 prediction m [B, *] stands for."""
    epsilon = (x_t - alpha * m) / sigma
    match require_choice("parametrisation", kind, PARAMETRISATIONS):
        case "x0":
            return m
        case "epsilon":
            return epsilon
        case "score":
            return -epsilon / sigma
        case "v":
            return alpha * epsilon - sigma * m
        case _:
            return epsilon - m
