"""What single statements measure with, against closed forms."""

import math

import numpy as np
import pytest
import torch

from girsanov.paper.statements import manifolds, order


def test_w2_to_a_sphere_is_radial():
    case = manifolds.CASES[1]
    x = case.law.sample(500, seed=1)
    square = manifolds.distance(case, 1.25 * x, 0)
    assert math.sqrt(square.value) == pytest.approx(0.25 * case.radius, rel=1e-12)


def test_w2_to_the_roll_is_that_of_a_shift():
    case = manifolds.CASES[2]
    x = case.law.sample(800, seed=0) + torch.tensor([3.0, -4.0])
    square = manifolds.distance(case, x, 0)  # the best coupling of a shift is the shift
    assert math.sqrt(square.value) == pytest.approx(5.0, rel=0.02)


@pytest.mark.parametrize("case", manifolds.CASES, ids=lambda c: c.name)
def test_cases_lie_in_their_balls(case):
    x = case.law.sample(2000, seed=3)
    assert float(x.norm(dim=1).max()) <= case.radius * (1 + 1e-12)


@pytest.mark.parametrize("share", [0.4, 0.1])
def test_chains_have_the_stationary_laws_known(share):
    wide = 0.5 + 1 / order.SNR
    h = share * wide
    found = order.chain_error("lmc", share)  # variance v/(1 - h/2v)
    assert found == pytest.approx(wide / (1 - h / (2 * wide)) - wide, rel=1e-9)
    found = order.chain_error("underdamped", share)  # velocities 1 - h^2/4v, positions exact
    assert found == pytest.approx(share**2 / 4, rel=1e-9)


def test_an_order_that_is_not_the_declared_one_fails():
    counts = np.array([100, 200, 400])
    assert all(r.holds for r in order.order_rows("", 1, counts, list(1 / counts)))
    assert not all(r.holds for r in order.order_rows("", 2, counts, list(1 / counts)))
    assert not all(r.holds for r in order.order_rows("", 1, counts, list(1 / counts + 0.01)))
