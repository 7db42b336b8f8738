"""Novikov's mean and the path KL of a Gaussian, against sampled paths."""

import math

import numpy as np
import pytest
import torch

from girsanov.law import Gaussian
from girsanov.paper import path_kl
from girsanov.paper.statements import novikov


@pytest.fixture
def modest(monkeypatch):
    monkeypatch.setattr(novikov, "VARIANCE", 0.25)
    monkeypatch.setattr(novikov, "TIME", 2.0)
    return Gaussian([0.0], 0.25)


def test_novikovs_mean_is_that_of_sampled_paths(modest):
    steps = 20
    grid, weights = path_kl._inner(path_kl.ou_levels(2.0, steps))
    x = path_kl.forward(modest, grid, 20_000, seed=1)
    square = torch.zeros(20_000, dtype=torch.float64)
    for k, weight in enumerate(weights):
        at = k * (path_kl.CELL_NODES + 1)
        held = path_kl._drift("ei-score", x[at], grid[at], modest.denoise(x[at], grid[at]))
        for j, dt in enumerate(weight, start=at + 1):
            here = path_kl._drift("ei-score", x[j], grid[j], modest.denoise(x[j], grid[j]))
            square += 2 * dt * (held - here).square().sum(1)
    sampled = (square / 2).exp().numpy()
    mu = novikov.eigenvalues(steps)
    assert mu[0] < 0.5  # so that the samples have a variance
    expected = math.exp(-np.log1p(-mu).sum() / 2)
    assert sampled.mean() == pytest.approx(expected, abs=4 * sampled.std() / math.sqrt(20_000))


def test_what_is_seen_of_paths_rises_to_the_path_kl(modest):
    exact = path_kl.discretisation(modest, path_kl.ou_levels(2.0, 10), "ei-score")
    seen = [novikov.seen_kl(10, m) for m in (1, 2, 4, 8, 16)]
    assert (np.diff(seen) > 0).all()
    assert seen[-1] < exact
    assert 2 * seen[-1] - seen[-2] == pytest.approx(exact, rel=1e-3)


def test_paths_seen_once_a_step_are_the_chain(modest):
    """The grid chain's KL in closed form: a_h with 1/2 (1 - e^-2h) - 8 sinh(h/2)^4/(e^2h - 1)."""
    steps, h = 10, 0.2
    times = h * np.arange(1, steps + 1)
    information = 1 / (1 - 0.75 * np.exp(-2 * times))
    integral = (np.log(1 - 0.75 * math.exp(-4.0)) - math.log(0.25)) / 2 + 2.0
    a = -math.expm1(-2 * h) / 2 - 8 * math.sinh(h / 2) ** 4 / math.expm1(2 * h)
    expected = integral - a * information.sum()
    assert novikov.seen_kl(steps, 1) == pytest.approx(expected, rel=1e-6)


def test_novikovs_mean_is_infinite_for_long_steps_only():
    assert novikov.eigenvalues(400)[0] < 0.5
    assert novikov.eigenvalues(40)[0] > 1.2


def test_the_statement_fails_when_the_formula_is_wrong(monkeypatch):
    right = novikov.discretisation
    monkeypatch.setattr(novikov, "discretisation", lambda *a: 1.01 * right(*a))
    failing = [r.what for r in novikov.run(True, 0).rows if not r.holds]
    assert any("limit" in what for what in failing)
