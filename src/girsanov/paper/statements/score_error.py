r"""The score needs to be right where the data are: L2 error, not worst-case error.

The score is given a bump of fixed height A at x = c (in Ornstein-Uhlenbeck coordinates), at every
level. Its worst error is A wherever c is, while its mean square error

    eps_k^2 = E_{q_{t_k}} |s^ - s|^2                                                      (1)

falls like the density of the noised data at c. Theorem 2 allows (theory 2.1)

    KL(Q | P) <= KL_T + D + sum_k h eps_k^2 + 2 b_h eps_k sqrt(I(t_k)).                    (2)

The exact law of the output follows by quadrature (output_law.py).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ...ledger.entry import tv_from_kl
from ...sampling.exponential_integrators import ou_time
from ...sampling.registry import recipe
from ..chart import Series, chart
from ..output_law import (
    Guess,
    exact_denoise,
    law_density,
    line_output,
    total_variation,
)
from ..path_kl import SKEWED, discretisation, ou_levels
from ..statement import Result, Row, Statement, figure_in_words

if TYPE_CHECKING:
    from ..._typing import Array

HEIGHT, WIDTH = 3.0, 0.5  # of the bump
TIME, STEPS = 3.0, 60
POINTS = np.linspace(-9, 16, 6000)
FAR = 1e-6  # TV that an error where no data are may change
NEAR = 0.1  # TV that the same error changes where they are


def bump(x: Array, centre: float) -> Array:
    """Return the error of the score at x in OU coordinates."""
    return np.asarray(HEIGHT * np.exp(-(((x - centre) / WIDTH) ** 2) / 2))


def wrong(centre: float) -> Guess:
    """Return a denoiser whose score is off by the bump."""

    def guess(x: Array, s: float) -> Array:
        alpha = math.sqrt(s / (1 + s))
        return exact_denoise(SKEWED, x, s) + bump(alpha * x, centre) / ((1 + s) * alpha)

    return guess


def errors(levels: Array, centre: float) -> tuple[Array, Array]:
    """Return eps_k (1) and I(t_k) at the levels that the sampler calls, [N] each."""
    eps, information = [], []
    for s in levels[:-1].tolist():
        alpha = math.sqrt(s / (1 + s))
        density = law_density(SKEWED, s, POINTS / alpha)
        score = (1 + s) * alpha * (exact_denoise(SKEWED, density.x, s) - density.x)
        eps.append(density.mean(bump(POINTS, centre) ** 2))
        information.append(density.mean(score**2))
    return np.sqrt(eps), np.array(information)


def run(quick: bool, seed: int) -> Result:
    """Move the bump away from the data; deterministic."""
    levels = ou_levels(TIME, STEPS)
    h = -np.diff(ou_time(levels))
    b = h - 1 + np.exp(-h)
    start = (0.0, math.sqrt(1 + 1 / levels[0]), None)
    plan = recipe("ei-score", levels, start=start, last="sample")
    exact = line_output(SKEWED, plan, POINTS)
    truth = law_density(SKEWED, math.inf, POINTS)
    base = discretisation(SKEWED, levels, "ei-score")
    centres = np.array([0.0, 2.0, 5.0, 9.0] if quick else np.arange(-2, 10.5, 0.5))
    changes, outs, limits, l2 = [], [], [], []
    for c in centres.tolist():
        out = line_output(SKEWED, plan, POINTS, wrong(c))
        eps, information = errors(levels, c)
        cost = float(h @ eps**2 + 2 * b @ (eps * np.sqrt(information)))
        changes.append(total_variation(out, exact))
        outs.append(total_variation(out, truth))
        limits.append(tv_from_kl(base + cost + math.exp(-2 * TIME)))
        l2.append(math.sqrt(float(h @ eps**2)))
    rows = [
        Row(f"TV to the data with the bump at {c:g}", limit, out, "<=")
        for c, limit, out in zip(centres, limits, outs, strict=True)
    ]
    far = Row("TV changed by a score error of size 3 where no data are (x = 9)", FAR,
              changes[int(np.argmin(np.abs(centres - 9)))], "<=")  # fmt: skip
    near = Row("TV changed by the same error where the data are (x = 0)", NEAR,
               changes[int(np.argmin(np.abs(centres)))], ">=")  # fmt: skip
    flat = [HEIGHT, HEIGHT]
    figure = chart(
        "score_error", "What a score error of fixed size does, by where it is",
        [
            Series("TV changed by the error", centres, np.maximum(changes, 1e-15), 1, "both"),
            Series("its L2 norm, √(Σ h ε²)", centres, l2, 2),
            Series("its worst case, the same everywhere", centres[[0, -1]], flat, 5, "dashed"),
        ],
        ("where the error is", "TV, and norms of the error"), log="y", y_range=(1e-15, 10.0),
    )  # fmt: skip
    words = (
        f"An error of size {HEIGHT:g} changes the output by {near.measured:.2f} in total "
        f"variation at x = 0 and by {figure_in_words(far.measured, 2)} at x = 9, where the noised "
        f"data never are: the L2 norm tells the two apart, a worst-case norm does not."
    )
    return Result([far, near, *rows], far, words, figure)


STATEMENT = Statement(
    "score_error",
    "Only the L2 error of the score matters",
    "Assumption 3, Theorem 2, third term",
    "The score may be wrong by any bounded amount where the noised data are not; its mean square "
    "error under the noised data is what counts.",
    f"the same error changes the output by less than {FAR:g} in TV away from the data and by more "
    f"than {NEAR:g} where they are; the bound with its L2 norm holds at every place.",
    run,
)
