r"""Critically damped Langevin samplers as steps of the one loop.

The state is (x, w), the coordinates (5) of `process/augmented.py`: x = x0 + z/sqrt(s) is all that
Z = (X, V) knows about x0, so that any denoiser gives the score of the velocity without training,

    S_v = a_v rho - V,    rho = (1 + s) m - s x,    Z = T_t (x, w).                        (1)

A step from time t to t' = t - h is one linear map of Z, read off by T_t'^-1. With S_v frozen
(Chen et al., arXiv 2209.11215 section 3.3; e_v the unit vector of the velocity):

    Z' = Phi_-h Z + 4 int_0^h Phi_-q e_v dq S_v + N(0, Phi_-h Phi_-h^T - I),               (2)

with R_v = S_v + V frozen, and Psi = Phi with the velocity's sign turned:

    Z' = Psi_h Z + 4 int_0^h Psi_q e_v dq R_v + N(0, I - Psi_h Psi_h^T).                   (3)

ddpm and analytic-dpm: x' as in every process, w' the bridge of (1) given x, w, x' and x0,

    w' = g s (x - x0) + k w - (g s s'/delta) (noise of x') + sqrt(1 - k^2 - g^2 s s'/delta) xi, (4)
    g = -2 h e^t' (t + t' + 2 t t') / (q' q^2),   q^2 = 1 + 2t + 2t^2,   k = b . Phi_h b'.

Theory: x alone is then the chain of DDPM on the same SNRs, whatever the process. Strang splitting
(Dockhorn et al. 2022, SSCS): half of Psi, the kick 4 h R_v e_v with the network called in the
middle of the step, half of Psi; neighbouring halves are one flight. The kick is an Euler step, so
that the whole has weak order 1, as the other samplers, with an error that vanishes with R_v.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from .._checks import require, require_choice, require_levels
from .sampler import Complement, Recipe, Step
from .step_kl_cld import CLD

if TYPE_CHECKING:
    from .._typing import Array, Tensor

STRANG_ORDER = 1  # weak, of x
TURN = np.array([[1.0, -1.0], [-1.0, 1.0]])  # of the velocity's sign, entry by entry


@dataclass(frozen=True)
class PhaseFlow:
    """(2) or (3) by the length h of a step; raw: whether S_v is frozen, not S_v + V."""

    of: Callable[[float], tuple[Array, Array, Array]]
    raw: bool = False


def in_phase_space(plain: Recipe, levels: Array, flow: PhaseFlow | None) -> Recipe:
    """Return a sampler of (x, w) that visits `levels` as `plain` does x; flow: None for (4)."""
    times = CLD.time(levels).tolist()
    steps = [
        _linear_step(step.snr, here, there, flow.of(here - there), raw=flow.raw)
        if flow is not None
        else replace(step, complement=_bridge(step.snr, snr, here, there))
        for step, snr, (here, there) in zip(plain.steps, levels[1:], pairwise(times), strict=False)
    ]
    return replace(plain, steps=(*steps, *plain.steps[len(steps) :]), process="cld")


def strang_recipe(levels: Array, last: str = "denoise") -> Recipe:
    """Return the Strang splitting sampler over `levels` [N+1] from N(0, I) in phase space.

    It calls the network in the middle of each step, and with last = ``denoise`` once more at
    the last level.
    """
    grid = require_levels("levels", levels, at_least=2)
    require_choice("last", last, ("denoise", "sample"))
    times = CLD.time(grid)
    middles = (times[:-1] + times[1:]) / 2
    places = [*middles.tolist(), float(times[-1])]
    steps = []
    for h, (here, there) in zip(-np.diff(times), pairwise(places), strict=True):
        flow, noise = CLD.transition(here - there) * TURN, CLD.noise(here - there) * TURN
        s = float(CLD.snr(here))
        steps.append(_linear_step(s, here, there, (flow, flow @ [0.0, 4 * h], noise), raw=False))
    if last == "denoise":
        steps.append(Step(float(grid[-1]), 0.0, 1.0, 0.0))
    begin = float(np.sqrt(1 + 1 / CLD.snr(places[0])))
    return Recipe(0.0, begin, None, tuple(steps), float(grid[-1]), "cld")


def ei_score_flow(h: float) -> tuple[Array, Array, Array]:
    """Return the matrix [2, 2], the factor of S_v [2] and the covariance [2, 2] of (2)."""
    grow = np.exp(2 * h)
    # int x e^x and 4 int x^2 e^2x, whose closed forms cancel for small steps
    kick = 4 * np.array([h**2 / 2 * special.hyp1f1(2, 3, h), h * np.exp(h)])
    xx, xv = 4 * h**3 / 3 * special.hyp1f1(3, 4, 2 * h), 2 * h**2 * grow
    vv = np.expm1(2 * h) + 2 * h * (1 + h) * grow
    return CLD.transition(-h), kick, np.array([[xx, xv], [xv, vv]])


def ei_relative_flow(h: float) -> tuple[Array, Array, Array]:
    """Return the matrix [2, 2], the factor of R_v [2] and the covariance [2, 2] of (3)."""
    kick = 4 * np.array([float(special.gammainc(2, h)), h * np.exp(-h)])
    return CLD.transition(h) * TURN, kick, CLD.noise(h) * TURN


def _linear_step(
    snr: float, here: float, there: float, flow: tuple[Array, Array, Array], *, raw: bool
) -> Step:
    """Return (2) or (3) in the coordinates (x, w); raw: whether S_v is frozen, not S_v + V."""
    matrix, kick, covariance = flow
    axes, read = CLD.axes(here), CLD.statistics(there)
    push = read @ kick
    b = push * axes[1, 0] * (1 + snr)
    if raw:  # data moved by c moves x and m by c, and leaves w: no difference of large numbers
        a = np.stack([[1 - b[0], -b[1]], read @ (matrix @ axes[:, 1]) - push * axes[1, 1]], axis=1)
    else:
        a = read @ matrix @ axes
        a[:, 0] -= b * snr / (1 + snr)
    c = np.linalg.cholesky(read @ covariance @ read.T)
    across = (a[0, 1], a[1, 0], a[1, 1], b[1], c[1, 0] / c[0, 0], c[1, 1])
    rest = Complement(*(float(n) for n in across))
    return Step(snr, float(a[0, 0]), float(b[0]), float(c[0, 0]), complement=rest)


def _bridge(snr: float, snr_next: float, here: float, there: float) -> Complement:
    """Return the second row of ddpm and analytic-dpm, equation (4)."""
    t, u, h, delta = here, there, here - there, snr_next - snr
    q, p = (float(np.sqrt(1 + 2 * x + 2 * x**2)) for x in (t, u))
    g = -2 * h * np.exp(u) * (t + u + 2 * t * u) / (p * q**2)
    k = float(CLD.axes(t)[:, 1] @ CLD.transition(h) @ CLD.axes(u)[:, 1])
    # the rest is positive, but in a tiny step smaller than the rounding of its terms
    rest = max(0.0, 1 - k**2 - g**2 * snr * snr_next / delta)
    shared = -g * snr * snr_next / delta
    numbers = (0.0, g * snr, k, -g * snr, shared, rest**0.5)
    return Complement(*(float(n) for n in numbers))


def follow(
    part: Complement, w: Tensor, x: Tensor, m: Tensor, noise: tuple[Tensor, Tensor]
) -> Tensor:
    """Return w' for states w, x and predictions m [b, d]; noise: that of x', and fresh normals."""
    shared, fresh = noise
    out = w.mul(part.own).add_(x, alpha=part.state).add_(m, alpha=part.prediction)
    return out.add_(shared, alpha=part.shared).add_(fresh, alpha=part.noise)


def require_alike(process: str, model: str) -> None:
    """Refuse a plan of a scalar process for a model that was trained in phase space."""
    require(
        process == "cld" or model == "vp",
        "plan",
        "must be made with process cld, which this model was trained in",
        process,
        "Run girsanov plan on an audit of this model",
    )
