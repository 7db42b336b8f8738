r"""Deterministic solvers as steps of the one loop.

In the coordinates x = x0 + sigma z, sigma = 1/sqrt(s), the probability-flow ODE of any scalar
forward process is

    dx/dsigma = (x - m(x, s))/sigma,    or    dx/dlambda = m - x,   lambda = log(s)/2,     (1)

so that one step from s to s' > s, with h = lambda' - lambda, q = 1 - e^-h = 1 - sigma'/sigma, is

    ddim (Song et al. 2021), m frozen:        x' = (1 - q) x + q m,                       (2)
    heun (Karras et al. 2022, algorithm 1):   x' = x_p + q/(2 (1 - q)) (m_p - m),         (3)
        x_p and m from (2), m_p = m(x_p, s'); the step before it having been (2), (3) is a step
        out of s' with the prediction of (2) as its history;
    dpmpp-2m (Lu et al. 2022, DPM-Solver++ 2M, midpoint), m extrapolated in lambda:
                                              x' = (1 - q) x + q m + q h/(2 h_b) (m - m_b), (4)
        m_b the prediction of the step before, taken h_b earlier; the first step is (2).

A last prediction m is (2) down to sigma' = 0.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, get_args

import numpy as np

from .._checks import require_choice, require_levels
from .._typing import Array
from ..basis import Basis
from .holds import Recipe, Step

Solver = Literal["ddim", "heun", "dpmpp-2m"]
SOLVERS: tuple[str, ...] = get_args(Solver)
ORDERS = {"ddim": 1, "heun": 2, "dpmpp-2m": 2}  # error of the end point ~ h^order


def _length(snr: float, snr_next: float) -> float:
    """Return h, where a difference of logarithms cancels."""
    return float(np.log1p((snr_next - snr) / snr) / 2)


def ddim_step(snr: float, snr_next: float) -> Step:
    """Return the step (2)."""
    h = _length(snr, snr_next)
    return Step(snr, float(np.exp(-h)), float(-np.expm1(-h)), 0.0)


def heun_correction(snr: float, snr_next: float) -> Step:
    """Return the step (3), out of `snr_next` and after (2) from `snr` to it."""
    b = float(np.expm1(_length(snr, snr_next)) / 2)  # q/(1 - q) = e^h - 1
    return Step(snr_next, 1.0, b, 0.0, history=-b)


def multistep(before: float, snr: float, snr_next: float) -> Step:
    """Return the step (4), whose step before came from the SNR `before`."""
    h = _length(snr, snr_next)
    q, ratio = float(-np.expm1(-h)), h / (2 * _length(before, snr))
    return Step(snr, float(np.exp(-h)), q * (1 + ratio), 0.0, history=-q * ratio)


def solver_steps(solver: str, levels: Array) -> list[Step]:
    """Return the steps of a `solver` through `levels` [N+1]: N network calls, 2N with heun."""
    grid = levels.tolist()
    if require_choice("solver", solver, SOLVERS) == "heun":
        return [f(s, t) for s, t in pairwise(grid) for f in (ddim_step, heun_correction)]
    steps = [ddim_step(s, t) for s, t in pairwise(grid)]
    if solver == "dpmpp-2m":
        steps[1:] = [multistep(*three) for three in zip(grid, grid[1:], grid[2:], strict=False)]
    return steps


def solver_recipe(
    solver: str,
    levels: Array,
    *,
    start: tuple[float | Array, float | Array, Basis | None],
    last: str = "denoise",
) -> Recipe:
    """Return the sampler that follows (1) through `levels` [N+1] with this `solver`.

    start: centre, standard deviation and basis of the starting Gaussian, the only randomness;
    last: ``denoise`` calls the network once more at the last level and returns its prediction,
    ``sample`` returns the state there.
    """
    require_choice("last", last, ("denoise", "sample"))
    grid = require_levels("levels", levels, at_least=1 if last == "denoise" else 2)
    steps = solver_steps(solver, grid)
    if last == "denoise":
        steps.append(Step(float(grid[-1]), 0.0, 1.0, 0.0))
    return Recipe(*start, tuple(steps), float(grid[-1]))
