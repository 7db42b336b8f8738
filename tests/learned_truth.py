"""Outputs with learned scores on random laws, beside what bounds with their error promise.

Laws are skewed mixtures on a line; scores are splines fitted to 20 to 1,000 examples; errors, and
the law of what comes out, are by quadrature.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from girsanov.paper.bounds import Facts, any_law, ei_relative, theorem2, theorem2_on_grid
from girsanov.paper.learner import SplineDenoiser
from girsanov.paper.output_law import (
    exact_denoise,
    kl_divergence,
    law_density,
    line_output,
    total_variation,
)
from girsanov.paper.statements.flow import RandomDraws, random_law
from girsanov.sampling.exponential_integrators import ou_time
from girsanov.sampling.registry import recipe


class Held(NamedTuple):
    """An output's KL and TV beside what a bound promises of them."""

    bound: str
    kl: float
    kl_bound: float
    tv: float
    tv_bound: float

    @property
    def violated(self):
        return self.kl > self.kl_bound + 1e-4 or self.tv > self.tv_bound + 1e-4


def facts_of(law):
    """What the bounds are told, the Fisher information by quadrature and 1 % more."""
    wide = 12 * math.sqrt(law.variance)
    density = law_density(law, math.inf, float(law.mean[0]) + np.linspace(-wide, wide, 40_001))
    score = np.gradient(np.log(np.maximum(density.p, 1e-300)), density.x)
    information = 1.01 * density.mean(np.where(density.p > 1e-200, score**2, 0.0))
    return Facts(1, law.second_moment, variance=law.variance,
                 information=max(information, 1 / law.variance))  # fmt: skip


def errors(law, guess, levels):
    """Root mean square errors of the denoiser and of the score at each level."""
    e = []
    for s in levels.tolist():
        wide = 10 * math.sqrt(law.variance + 1 / s)
        density = law_density(law, s, float(law.mean[0]) + np.linspace(-wide, wide, 6001))
        gap = guess(density.x, s) - exact_denoise(law, density.x, s)
        e.append(math.sqrt(density.mean(gap**2)))
    return np.array(e), np.sqrt((1 + levels) * levels) * np.array(e)


def output(law, guess, plan):
    """KL and TV of the output, on points that hold both laws."""
    x = line_output(law, plan, None, guess).x
    wide = 9 * math.sqrt(law.variance + 1 / plan.end)
    ends = min(x[0], float(law.mean[0]) - wide), max(x[-1], float(law.mean[0]) + wide)
    out = line_output(law, plan, np.linspace(*ends, 12_001), guess)
    assert abs(np.trapezoid(out.p, out.x) - 1) < 1e-3
    truth = law_density(law, plan.end, out.x)
    return kl_divergence(truth, out), total_variation(truth, out)


def random_study(draws, seed):
    """Every bound that applies to a random law, learner and grid, beside its output."""
    law = random_law(draws)
    guess = SplineDenoiser(law, int(math.exp(draws.uniform(3, 7))), seed=seed).guess
    time, stop = draws.uniform(0.7, 4), math.exp(draws.uniform(-6, -1))
    steps, equal = int(math.exp(draws.uniform(1.2, 4))), draws.uniform(0, 1) < 0.5
    levels = 1 / np.expm1(2 * np.linspace(time, stop, steps + 1))
    if not equal:
        levels = np.geomspace(levels[0], levels[-1], steps + 1)
    e, eps = errors(law, guess, levels[:-1])
    about, worst = facts_of(law), float(eps.max())
    start = (0.0, math.sqrt(1 + 1 / levels[0]), None)

    def held(bound, plan):
        kl, tv = output(law, guess, plan)
        return Held(bound.theorem, kl, bound.kl, tv, bound.tv)

    plan = recipe("ei-score", levels, start=start, last="sample")
    found = [held(theorem2_on_grid(about, ou_time(levels)[::-1], eps[::-1]), plan)]
    kinds = {"time": time, "stop": stop, "score_error": worst}
    if equal:
        bounds = [theorem2(about, steps, form=form, **kinds) for form in ("2b", "2c")
                  if form == "2b" or (time - stop) / steps < 1.59]  # fmt: skip
        found += [held(bound, plan) for bound in bounds]
        relative = recipe("ei-relative", levels, start=start, last="sample")
        return [*found, held(ei_relative(about, steps, **kinds), relative)]
    start = (law.mean, math.sqrt(1 / levels[0]), None)
    ends = {"first": float(levels[0]), "last": float(levels[-1])}
    for name, v in (("ddpm", None), ("analytic-dpm", law.curve(levels[:-1]).value + e**2)):
        plan = recipe(name, levels, start=start, variances=v, last="sample")
        found.append(held(any_law(about, name, steps, score_errors=e, **ends), plan))
    return found


def study(laws, seed):
    """`random_study` of so many laws."""
    draws = RandomDraws(seed)
    return [one for k in range(laws) for one in random_study(draws, 1000 * seed + k)]
