"""Path KL in phase space: cells against the paper's integrals, and against paths."""

import numpy as np
import pytest
from catalogue import LAWS, agree

from girsanov.law import Gaussian
from girsanov.paper.bounds.chen2023_cld import exact_discretisation
from girsanov.paper.path_kl import discretisation
from girsanov.paper.phase import (
    cld_chain_monte_carlo,
    cld_discretisation,
    cld_forward,
    cld_levels,
    cld_monte_carlo,
)
from girsanov.sampling.step_kl_cld import CLD

LINE = LAWS["mixture 1-D"]


@pytest.mark.parametrize("v", [0.05, 1.0, 4.0])
def test_cells_are_the_integrals_of_theory(v):  # theory 4.3
    exact = exact_discretisation(1, lambda t: 1 / (1 + np.exp(-2 * t) * (v - 1)), 20, time=3.0)
    found = cld_discretisation(Gaussian([0.0], v), cld_levels(3.0, 20), "ei-score")
    assert found == pytest.approx(exact, rel=1e-4)


def test_forward_paths_have_their_law():
    times, n = np.array([0.2, 0.9]), 20_000
    for t, z in zip(times, cld_forward(LINE, times, n, 3), strict=True):
        z = z.numpy()
        a = CLD.mean(t)
        expected = np.outer(a, a) * (LINE.variance - 1) + np.eye(2)
        centred = z - a * LINE.mean
        agree(centred.mean(0), 0, centred.std(0) / n**0.5)
        product = centred[:, :, None] * centred[:, None, :]
        agree(product.mean(0), expected, product.std(0) / n**0.5)


@pytest.mark.parametrize("sampler", ["ei-score", "ei-relative"])
def test_monte_carlo_agrees_off_the_origin(sampler):
    found = cld_monte_carlo(LINE, 2.0, 8, sampler, count=4000, seed=5)
    agree(found.value, cld_discretisation(LINE, cld_levels(2.0, 8), sampler), found.se)


def test_ddpm_costs_what_ddpm_costs():
    levels = np.geomspace(0.05, 30, 7)
    found = cld_chain_monte_carlo(LINE, levels, count=20_000, seed=6)
    agree(found.value, discretisation(LINE, levels, "ddpm"), found.se)
