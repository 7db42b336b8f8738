r"""Sampling is as easy as learning the score, end to end: from n examples to the sampler's law.

The score of the skewed mixture is learned by denoising score matching from n examples (splines by
least squares, learner.py; and the network of `girsanov fit`). Its L2 error eps_k at every level is
known by quadrature, so that Assumption 3 is a measurement, and

    KL(q | p) <= KL_T + D + sum_k h eps_k^2 + 2 b_h eps_k sqrt(I(t_k))                     (1)

and the other bounds of paper/bounds are evaluated with that very error. The law of what comes out
is exact (output_law.py): nothing is sampled but the n examples and their noise.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from ...ledger.numbers import number
from ...montecarlo import mean_estimate
from ...noise import NoiseSource
from ...sampling.exponential_integrators import ou_time
from ...sampling.loop import sample_batches
from ...sampling.registry import cld_recipe, recipe
from ..bounds import Bound, Facts, any_law, ei_relative, theorem2, theorem2_on_grid, theorem6
from ..chart import Series, chart
from ..fit import exponent, worded
from ..learner import SplineDenoiser, network_denoiser, score_errors
from ..output_law import (
    Guess,
    exact_denoise,
    kl_divergence,
    law_density,
    line_output,
    total_variation,
)
from ..path_kl import SKEWED, ou_levels
from ..phase import cld_levels
from ..statement import K, Result, Row, Statement
from .promises import LIPSCHITZ

if TYPE_CHECKING:
    from ..._typing import Array
    from ...sampling.sampler import Recipe

TIME, STEPS = 3.5, 160
FIRST, LAST, RATIO_STEPS = 1e-2, 100.0, 64  # SNRs and steps of ddpm and analytic-dpm
CLD_TIME, CLD_STEPS = 6.0, 80
CELLS, PARTICLES = 40, 20_000  # of the line, and samples that are counted in them, for CLD
X = np.linspace(-5, 5, 6001)
TRUTH = law_density(SKEWED, math.inf, X)
ABOUT = Facts(1, SKEWED.second_moment, variance=SKEWED.variance, lipschitz=LIPSCHITZ,
              information=TRUTH.mean(np.gradient(np.log(TRUTH.p), X) ** 2))  # fmt: skip
SEEN = 2.0  # SNR at which a loss is measured on fresh examples
SLOPE, BAND = -1.0, 0.25  # of the square error in n, and what it may be off
NETWORK_STEPS = 800
SLACK = 1e-6  # of the quadratures


class Learnt(NamedTuple):
    """What n examples led to: the error, every bound with it, and KL and TV of each output."""

    square: float
    largest: float
    bounds: dict[str, Bound]
    outputs: dict[str, tuple[float, float]]


def exact_output(plan: Recipe, guess: Guess) -> tuple[float, float]:
    """Return KL and TV of what a sampler with this denoiser puts out, where it stops."""
    truth = law_density(SKEWED, plan.end, X)
    out = line_output(SKEWED, plan, X, guess)
    return kl_divergence(truth, out), total_variation(out, truth)


def uniform_plan(sampler: str) -> Recipe:
    """Return `sampler` over equal steps of time from N(0, 1)."""
    levels = ou_levels(TIME, STEPS)
    start = (0.0, math.sqrt(1 + 1 / levels[0]), None)
    return recipe(sampler, levels, start=start, last="sample")


def uniform(guess: Guess) -> tuple[Array, dict[str, Bound]]:
    """Return eps_k along equal steps of time, and Theorem 2 with them."""
    levels = ou_levels(TIME, STEPS)
    _, eps = score_errors(SKEWED, guess, levels[:-1])
    worst = float(eps.max())
    bounds = {
        f"({form})": theorem2(ABOUT, STEPS, time=TIME, score_error=worst, form=form)
        for form in ("2a", "2b", "2c")
    }
    bounds["(2.3), each ε"] = theorem2_on_grid(ABOUT, ou_time(levels)[::-1], eps[::-1])
    bounds["ei-relative"] = ei_relative(ABOUT, STEPS, time=TIME, score_error=worst)
    return eps, bounds


def geometric(guess: Guess) -> dict[str, tuple[Bound, Recipe]]:
    """Return ddpm and analytic-dpm on a geometric grid, each with its bound for any law."""
    levels = np.geomspace(FIRST, LAST, RATIO_STEPS + 1)
    e, _ = score_errors(SKEWED, guess, levels[:-1])
    error = np.asarray(SKEWED.curve(levels[:-1]).value) + e**2  # what an audit measures
    start = (SKEWED.mean, math.sqrt(1 / levels[0]), None)
    pairs = {}
    for name in ("ddpm", "analytic-dpm"):
        v = error if name == "analytic-dpm" else None
        bound = any_law(ABOUT, name, RATIO_STEPS, first=FIRST, last=LAST, score_errors=e)
        pairs[name] = (bound, recipe(name, levels, start=start, variances=v, last="sample"))
    return pairs


def study_of(guess: Guess) -> Learnt:
    """Measure a denoiser's error, evaluate every bound with it, and push laws through."""
    eps, bounds = uniform(guess)
    outputs = dict.fromkeys(bounds, exact_output(uniform_plan("ei-score"), guess))
    outputs["ei-relative"] = exact_output(uniform_plan("ei-relative"), guess)
    for name, (bound, plan) in geometric(guess).items():
        bounds[name], outputs[name] = bound, exact_output(plan, guess)
    return Learnt(TIME * float((eps**2).mean()), float(eps.max()), bounds, outputs)


def bound_rows(name: str, one: Learnt) -> list[Row]:
    """Hold every output against its bound."""
    rows = []
    for what, bound in one.bounds.items():
        kl, tv = one.outputs[what]
        rows.append(Row(f"{name}: KL of the output, bound {what}", bound.kl, kl, "<=", SLACK))
        rows.append(Row(f"{name}: TV of the output, bound {what}", bound.tv, tv, "<=", SLACK))
    return rows


def cld_row(name: str, denoiser: SplineDenoiser, seed: int) -> Row:
    """Hold CLD with the same denoiser against Theorem 6: TV over cells of equal mass."""
    levels = cld_levels(CLD_TIME, CLD_STEPS)
    times = np.linspace(CLD_TIME, 0, CLD_STEPS + 1)[:-1]
    e, _ = score_errors(SKEWED, denoiser.guess, levels[:-1])
    eps = float((times * np.exp(-times) * (1 + levels[:-1]) * e).max())  # of S_v, cld.py (1)
    bound = theorem6(ABOUT, CLD_STEPS, time=CLD_TIME, score_error=eps)
    start = (0.0, math.sqrt(1 + 1 / float(levels[0])), None)
    plan = cld_recipe("ei-score", levels, start=start, last="sample")
    batches = sample_batches(denoiser, plan, PARTICLES, seed=seed)
    x = torch.cat([b[:, :1] for b in batches]).flatten().double().numpy()
    edges = law_density(SKEWED, math.inf, X).quantiles(np.arange(1, CELLS) / CELLS)
    share = np.bincount(np.searchsorted(edges, x), minlength=CELLS) / len(x)
    tv = float(np.abs(share - 1 / CELLS).sum() / 2)
    return Row(f"{name}: CLD, TV over {CELLS} cells, Theorem 6 with ε_v = {eps:.2g}", bound.tv,
               tv, "<=")  # fmt: skip


def loss_row(count: int, denoiser: SplineDenoiser, seed: int) -> Row:
    """Compare the fresh denoising loss beyond the least one with the square error."""
    x0 = SKEWED.sample(count, seed=seed + 10_000)
    noisy = x0 + NoiseSource(seed, "fresh loss").normal(0, 0, count, 1).double() / math.sqrt(SEEN)
    loss = (denoiser(noisy, SEEN) - x0).square() - (SKEWED.denoise(noisy, SEEN) - x0).square()
    e, _ = score_errors(SKEWED, denoiser.guess, np.array([SEEN]))
    more = mean_estimate(loss.flatten().numpy())
    return Row("denoising loss on fresh examples beyond the least one, against the square error",
               float(e[0]) ** 2, float(more.value), "=", K * float(more.se))  # fmt: skip


def network(count: int, seed: int) -> Guess:
    """Return the denoiser that `girsanov fit` learns from `count` examples in a few seconds."""
    model = network_denoiser(
        SKEWED.sample(count, seed=seed).numpy(), steps=NETWORK_STEPS, seed=seed
    )
    return lambda x, snr: model(x[:, None], snr)[:, 0]


def run(quick: bool, seed: int) -> Result:
    """Learn from more and more examples; all but the examples, and CLD, is by quadrature."""
    counts = np.array([100, 1000, 10_000] if quick else [100, 300, 1000, 3000, 10_000])
    rows, studies = [], []
    for n in counts.tolist():
        for repeat in range(1 if quick or n > 3000 else 3):
            denoiser = SplineDenoiser(SKEWED, n, seed=1000 * seed + repeat)
            one = study_of(denoiser.guess)
            rows += bound_rows(f"n = {n}, run {repeat + 1}", one)
            studies.append((n, one))
        if n in (100, 10_000):
            rows.append(cld_row(f"n = {n}", denoiser, seed))
    if not quick:
        rows += bound_rows("network of girsanov fit, n = 10000", study_of(network(10_000, seed)))
    rows.append(loss_row(200_000, denoiser, seed))
    squares = np.array([np.mean([o.square for m, o in studies if m == n]) for n in counts])
    slope = exponent(counts, squares)
    rows.append(Row("exponent of the score's square error in n", SLOPE, slope.value, "=", BAND))
    exact = exact_output(uniform_plan("ei-score"), partial(exact_denoise, SKEWED))
    tv = np.array([np.mean([o.outputs["(2c)"][1] for m, o in studies if m == n]) for n in counts])
    each = "(2.3), each ε"
    promised = [np.mean([o.bounds[each].tv for m, o in studies if m == n]) for n in counts]
    most = studies[-1][1]
    head = Row(f"TV of the output, score learned from {counts[-1]} examples, against its bound",
               most.bounds[each].tv, most.outputs[each][1], "<=")  # fmt: skip
    figure = chart(
        "learned", f"From n examples to the sampler's law, {STEPS} steps",
        [
            Series("bound on TV", counts, promised, 2, "dashed"),
            Series("TV of the output", counts, tv, 2, "both"),
            Series("with the exact score", counts[[0, -1]], [exact[1]] * 2, 5, "dashed"),
            Series("square error Σ h ε²", counts, squares, 1, "both"),
        ],
        ("examples n", "TV, and nats"), log="xy",
    )  # fmt: skip
    words = (
        f"The square error of the score falls as n to the {worded(slope)}: from "
        f"{number(float(squares[0]), 2)} to {number(float(squares[-1]), 2)} nats. With it the "
        f"output comes as near as with the exact score: {number(float(tv[0]), 2)} and "
        f"{number(float(tv[-1]), 2)} in TV where the exact score has {number(exact[1], 2)}. "
        "Assumption 3 is met by learning, and every bound holds with the error that was learned."
    )
    return Result(rows, head, words, figure)


STATEMENT = Statement(
    "learned",
    "Sampling is as easy as learning the score, end to end",
    "Title, Assumptions 3 and 5, Theorems 2 and 6",
    "A score that is learned from examples to L2 error ε at every step samples as well as the "
    "theorem says with that ε, and ε falls as examples are added.",
    "no output of any sampler exceeds a bound that is evaluated with the measured error of its "
    f"score, and the square error falls as n to the {SLOPE:g}, within {BAND:g}.",
    run,
)
