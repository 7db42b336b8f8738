"""Likelihoods of x given y: E_y of -log p(x | y), by closed forms of linear-Gaussian pairs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from given_truth import Pairs

import girsanov as gv

LEVELS = np.geomspace(1e-3, 1e4, 29)
SCALES = np.array([30.0, 0.02])  # of the user's units: far from those of the model


def scaled(law: Pairs, scales: np.ndarray) -> Pairs:
    """The law of x in other units."""
    return replace(law, lines=scales[:, None] * law.lines, means=law.means * scales,
                   covariances=law.covariances * np.outer(scales, scales))  # fmt: skip


def truth(law: Pairs, noise: float = 0.0) -> float:
    """E_y of the entropy of x | y, with noise of this variance added: of one kind alone."""
    covariance = law.covariances[0] + noise * np.eye(law.dimension)
    return float(np.linalg.slogdet(2 * np.pi * np.e * covariance)[1] / 2)


def of(likelihood, name):
    return next(b for b in likelihood.bounds if b.of == name)


def within(figure, value, slack=0.0):
    """Whether a value lies within 5 standard errors of a figure, and what is known to be left."""
    se = (figure.high - figure.low) / (2 * 2.13)  # of 15 degrees of freedom
    return abs(figure.value - value) <= 5 * se + slack


@pytest.mark.parametrize("seed", range(3))
def test_of_linear_gaussian_pairs_it_is_the_entropy_given_y(seed):
    law = Pairs.drawn(2, 3, 1, seed)
    model = law.model(law.data(4000, seed=seed))
    audit = gv.audit(model, law.data(1500, seed=100 + seed), levels=LEVELS, flow=0, seed=seed)
    limit = of(audit.likelihood(), "noised data").nats
    # the start is the regression of 4,000 rows: its error costs p d/n nats in all
    assert within(limit, truth(law, float(1 / LEVELS[-1])), slack=0.005)
    plan = gv.evaluate_grid(audit, audit.levels[:21], covariance="pca", calibrate=False)
    found = audit.likelihood(plan)
    noise = float(1 / plan.levels[-1])
    assert within(of(found, "noised data").nats, truth(law, noise), slack=0.02)
    assert within(of(found, "data").nats, truth(law), slack=0.02)
    marginal = law.lines @ law.lines.T + law.covariances[0]
    unconditional = np.linalg.slogdet(2 * np.pi * np.e * marginal)[1] / 2
    assert not within(limit, unconditional, slack=0.02)  # of x alone it would be this


def test_of_skewed_pairs_it_is_never_below_the_truth():
    law = Pairs.drawn(2, 2, 3, 5)
    model, held_out = law.model(law.data(3000, seed=0)), law.data(2000, seed=9)
    audit = gv.audit(model, held_out, levels=LEVELS, flow=0)
    x, y = law.sample(200_000, seed=3)
    for sampler in ("ddpm", "analytic-dpm"):
        plan = audit.plan(steps=24, sampler=sampler, last="denoise", calibrate=False)
        bound = of(audit.likelihood(plan), "noised data").nats
        noise = np.random.default_rng(4).normal(size=x.shape) * plan.resolution
        exact = -law.log_density(x + noise, y, plan.resolution**-2)
        assert bound.high >= exact.mean() - 5 * exact.std() / len(x) ** 0.5
        assert bound.value <= exact.mean() + 1.0


def test_of_a_fitted_model_it_is_in_the_users_units():
    """What y does not say of x is brought to deviation 1, and the Jacobian of that is counted."""
    plain, found = Pairs.drawn(2, 2, 1, 7), []
    for scales in (np.ones(2), SCALES):
        law = scaled(plain, scales)
        model = gv.fit(law.data(2000, seed=1), steps=400, network="mlp", seed=0)
        audit = gv.audit(model, law.data(800, seed=2), levels=LEVELS, flow=0)
        plan = gv.evaluate_grid(audit, audit.levels[4:25:2], covariance="pca", calibrate=False)
        bound = of(audit.likelihood(plan), "data").nats
        assert truth(law) <= bound.high
        assert bound.value <= truth(law) + 0.5
        found.append(bound.value)
    moved = float(np.log(SCALES).sum())
    assert found[1] - found[0] == pytest.approx(moved, abs=0.05)
