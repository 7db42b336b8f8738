"""Grids of equal entropy: closed forms of Gaussians, and equal parts of a law's own integral."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import girsanov as gv
from girsanov.path_kl.entropy_slabs import entropy_grid

SKEWED = gv.GaussianMixture([0.3, 0.7], [[-1.5], [4.0]], [0.04, 0.5])


def test_of_a_round_gaussian_it_is_geometric_in_one_plus_s_v():
    law = gv.Gaussian([3.0, -1.0], 2.5 * np.eye(2))
    audit = gv.audit(gv.ExactDenoiser(law), law, levels=np.geomspace(0.01, 1000, 17))
    grid = entropy_grid(audit.dense.curve, 0.05, 400.0, 9)
    np.testing.assert_allclose(1 + 2.5 * grid, np.geomspace(1.125, 1001.0, 9), rtol=1e-5)


def test_of_a_skewed_law_the_parts_are_equal_by_quadrature():
    audit = gv.audit(gv.ExactDenoiser(SKEWED), SKEWED, levels=np.geomspace(0.01, 300, 65))
    grid = entropy_grid(audit.dense.curve, 0.01, 300.0, 7)
    parts = []
    for low, high in itertools.pairwise(grid):
        s = np.geomspace(low, high, 201)
        parts.append(np.trapezoid(s * SKEWED.curve(s).value, np.log(s)) / 2)
    np.testing.assert_allclose(parts, np.mean(parts), rtol=2e-3)
    assert np.ptp(np.diff(np.log(grid))) > 0.5  # far from uniform in log-SNR


def test_of_measured_curves_it_tends_to_the_exact_one():
    """Within 5 standard errors, measured by the spread of audits with other seeds."""
    exact = gv.audit(gv.ExactDenoiser(SKEWED), SKEWED, levels=np.geomspace(0.01, 300, 33))
    truth = np.log(entropy_grid(exact.dense.curve, 0.01, 300.0, 6))[1:-1]
    found = []
    for seed in range(6):
        audit = gv.audit(gv.ExactDenoiser(SKEWED), SKEWED, levels=np.geomspace(0.01, 300, 33),
                         examples=800, draws=1, seed=seed, flow=0)  # fmt: skip
        found.append(np.log(entropy_grid(audit.curve, 0.01, 300.0, 6))[1:-1])
    se = np.std(found, axis=0, ddof=1) / len(found) ** 0.5
    assert (abs(np.mean(found, axis=0) - truth) < 5 * se).all()


def test_a_part_of_the_measured_range_may_be_asked_for_only_within_it():
    law = gv.Gaussian([1.0], [[2.0]])
    audit = gv.audit(gv.ExactDenoiser(law), law, levels=np.geomspace(0.1, 100, 9))
    assert entropy_grid(audit.curve, 0.1, 100.0, 4)[[0, -1]].tolist() == [0.1, 100.0]
    with pytest.raises(gv.InputError, match="last: must be a finite number > 3"):
        entropy_grid(audit.curve, 3.0, 2.0, 4)
