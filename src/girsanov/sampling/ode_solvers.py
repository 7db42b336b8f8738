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

from typing import Literal, NamedTuple, get_args

import numpy as np

from .._checks import require_choice, require_levels
from .._typing import Array
from ..basis import Basis
from .exponential_integrators import Recipe, Step, require_last

Solver = Literal["ddim", "heun", "dpmpp-2m"]
SOLVERS: tuple[str, ...] = get_args(Solver)
ORDERS = {"ddim": 1, "heun": 2, "dpmpp-2m": 2}  # error of the end point ~ h^order


class Weights(NamedTuple):
    """A whole step as x' = state x + prediction m + history m_b + corrector m_p; arrays alike."""

    state: Array
    prediction: Array
    history: Array
    corrector: Array


def weights(
    solver: str, before: Array | float | None, snr: Array | float, snr_next: Array | float
) -> Weights:
    """Return the factors of (2), (3) or (4) for steps from `snr` to `snr_next`, in float64.

    before: the level that the step before came from, which (4) needs; None for a first step.
    """
    # where a difference of logarithms would cancel
    h = np.asarray(np.log1p((np.asarray(snr_next) - snr) / snr) / 2)
    q, none = -np.expm1(-h), np.zeros_like(h)
    if solver == "heun":
        b = np.expm1(h) / 2  # q/(1 - q) = e^h - 1
        return Weights(np.exp(-h), q - b, none, b)
    if solver == "ddim" or before is None:
        return Weights(np.exp(-h), q, none, none)
    ratio = h / np.log1p((np.asarray(snr) - before) / before)
    return Weights(np.exp(-h), q * (1 + ratio), -q * ratio, none)


def solver_step(solver: str, before: float | None, snr: float, snr_next: float) -> list[Step]:
    """Return the network calls of one step: one, or two with heun."""
    w = weights(solver, before, snr, snr_next)
    if solver != "heun":
        return [Step(snr, float(w.state), float(w.prediction), 0.0, history=float(w.history))]
    b = float(w.corrector)
    predictor = solver_step("ddim", None, snr, snr_next)
    return [*predictor, Step(snr_next, 1.0, b, 0.0, history=-b)]


def network_calls(solver: str, levels: int, last: str) -> int:
    """Return what a sample costs on a grid of so many levels."""
    return (levels - 1) * (2 if solver == "heun" else 1) + (last != "sample")


def solver_steps(solver: str, levels: Array) -> list[Step]:
    """Return the steps of a `solver` through `levels` [N+1]: N network calls, 2N with heun."""
    require_choice("solver", solver, SOLVERS)
    grid = levels.tolist()
    before = [None, *grid]
    return [
        step
        for three in zip(before, grid, grid[1:], strict=False)
        for step in solver_step(solver, *three)
    ]


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
    ends = require_last(last, solver)
    grid = require_levels("levels", levels, at_least=1 if ends == "denoise" else 2)
    steps = solver_steps(solver, grid)
    if last == "denoise":
        steps.append(Step(float(grid[-1]), 0.0, 1.0, 0.0))
    return Recipe(*start, tuple(steps), float(grid[-1]))
