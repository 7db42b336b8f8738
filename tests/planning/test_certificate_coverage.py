"""Certificates against the truth: a small share of what benchmarks/coverage.py runs."""

import numpy as np
import pytest
from certificate_truth import (
    exact_audit,
    half_information,
    output_kl,
    path_kl,
    random_grid,
    random_law,
)

import girsanov as gv
from girsanov.path_kl.start import STARTS

SAMPLERS = ("ei-score", "ei-relative", "ddpm", "analytic-dpm")


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_exact_curves_are_never_exceeded(sampler):
    rng = np.random.default_rng(11)
    for start in [s for s in STARTS if s != "class"] * 2:
        law = random_law(rng, most=6)
        levels = np.geomspace(0.03, 10 ** rng.uniform(0.5, 3), int(rng.integers(4, 25)))
        covariance = "scalar" if sampler == "analytic-dpm" else None
        plan = gv.evaluate_grid(
            exact_audit(law, levels),
            random_grid(levels, rng),
            sampler=sampler,
            covariance=covariance,
            start=start,
            last="sample",
        )
        made = plan.certificate()
        assert made.kl.kind == "upper bound"
        true = path_kl(law, plan, len(plan.levels) - 1)
        assert made.kl.low - 1e-9 <= true <= made.kl.high * (1 + 1e-9) + 1e-9
        assert output_kl(law, plan.recipe()) <= made.kl.high + 1e-9
        for k, at in enumerate(made.levels):
            assert path_kl(law, plan, k) <= at.kl.high * (1 + 1e-9) + 1e-9


def test_the_truth_knows_the_information_of_a_law():  # I-MMSE, on a law with a curve of its own
    law = gv.GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15])
    levels = np.concatenate([[0.0], np.geomspace(1e-4, 20.0, 300)])
    error = np.concatenate([[law.variance], law.curve(levels[1:]).value])
    area = np.trapezoid(error, levels) / 2
    assert half_information(law, 20.0) == pytest.approx(area, rel=1e-3)


def test_measured_curves_keep_their_confidence():
    rng, beyond = np.random.default_rng(12), 0
    for k in range(8):
        law = random_law(rng, most=2)
        levels = np.geomspace(0.02, 10 ** rng.uniform(1, 2.5), 16)
        audit = gv.audit(gv.ExactDenoiser(law), law, levels=levels, examples=300, seed=k)
        plan = gv.evaluate_grid(
            audit, random_grid(levels, rng), sampler=SAMPLERS[k % 4], last="sample", force=True
        )
        high = plan.certificate().kl.high
        beyond += path_kl(law, plan, len(plan.levels) - 1) > high + 1e-3
        assert output_kl(law, plan.recipe()) <= high + 1e-3
    assert beyond <= 3  # 5 % of 8 cases: four or more have a probability of 4e-4
