"""Early stopping, Hessians and projection, against closed forms and quadrature."""

import math

import numpy as np
import pytest
import torch

from girsanov._checks import InputError
from girsanov.law import Points
from girsanov.paper.bounds import (
    Facts,
    delta_for_w2,
    early_stopping_w2,
    hessian_bounds,
    project_ball,
    projected_w2,
    projection_targets,
)
from girsanov.paper.bounds.chen2023_support import denoised_w2, snr_at


@pytest.mark.parametrize("w2", [1e-6, 1e-3, 0.1, 0.5, 1.3, 2.9])
@pytest.mark.parametrize(("d", "second"), [(1, 8.0), (3, 3.0), (10, 0.0), (2, 100.0)])
def test_stopping_time_is_the_inverse(d, second, w2):
    facts = Facts(d, second)
    delta = delta_for_w2(facts, w2)
    if math.isinf(delta):
        assert w2**2 >= second + d
    else:
        assert early_stopping_w2(facts, delta) == pytest.approx(w2, rel=1e-9)
        assert -math.expm1(-delta) >= w2**2 / (2 * d + math.sqrt(second) * w2) * (1 - 1e-12)


def test_w2_is_exact_for_a_point():  # coupling X_0 = c to N(alpha c, sigma^2)
    t, c = 0.3, np.array([1.0, -2.0, 0.5])
    exact = (math.exp(-t) - 1) ** 2 * c @ c + 3 * (1 - math.exp(-2 * t))
    assert early_stopping_w2(Facts(3, float(c @ c)), t) ** 2 == pytest.approx(exact)


@pytest.mark.parametrize(
    ("r", "delta", "ratio"), [(1, 0.01, 1.0), (1, 0.1, 1.028), (1, 0.5, 1.441)]
)
def test_table_of_early_stopping(r, delta, ratio):  # theory 9.7: points at +-r; bound over exact
    from scipy import stats

    alpha, sigma = math.exp(-delta), math.sqrt(-math.expm1(-2 * delta))
    u = (np.arange(400_000) + 0.5) / 400_000 / 2 + 0.5  # by symmetry, the upper half

    def cdf(x):
        return (
            stats.norm.cdf((x - alpha * r) / sigma) + stats.norm.cdf((x + alpha * r) / sigma)
        ) / 2

    grid = np.linspace(-1, r + 9 * sigma, 400_001)
    x = np.interp(u, cdf(grid), grid)
    exact = math.sqrt(np.mean((x - r) ** 2))
    assert early_stopping_w2(Facts(1, float(r * r)), delta) / exact == pytest.approx(
        ratio, abs=3e-3
    )


def test_hessian_bounds_are_reached_by_two_points():
    law, r, t = Points([[-2.0], [2.0]], [0.5, 0.5]), 2.0, 0.2
    low, high = hessian_bounds(r, t)
    s, alpha = snr_at(t), math.exp(-t)
    x = torch.linspace(-6, 6, 1001, dtype=torch.float64)[:, None]
    spread = law.posterior_variance(x, s).numpy()
    hessian = (s * spread - 1) * (1 + s)  # -1/sigma^2 + alpha^2/sigma^4 Cov, at X = alpha x
    assert (hessian >= low * (1 + 1e-12)).all()
    assert hessian.max() == pytest.approx(high, rel=1e-9)
    assert hessian.min() == pytest.approx(low, rel=1e-3)
    worst = max(-low, high)
    assert Facts(1, 4.0, radius=2.0).lipschitz_at(t) == pytest.approx(worst)
    assert alpha < 1


def test_hessian_of_blurred_data():
    low, high = hessian_bounds(1.0, 0.3, blur=0.5)
    nu2 = math.exp(-0.6) * 0.25 + 1 - math.exp(-0.6)
    assert (low, high) == pytest.approx((-1 / nu2, math.exp(-0.6) / nu2**2 - 1 / nu2))
    # U = +-1: the largest is at the middle
    mean, x = math.exp(-0.3), 1e-4

    def log_density(z):
        return np.logaddexp(-((z - mean) ** 2) / 2 / nu2, -((z + mean) ** 2) / 2 / nu2)

    second = (log_density(x) - 2 * log_density(0.0) + log_density(-x)) / x**2
    assert second == pytest.approx(high, rel=1e-5)


def test_projection_is_the_nearest_point_and_keeps_the_inside():
    x = torch.randn(500, 2, 3, generator=torch.Generator().manual_seed(0)) * 0.7
    centre = np.array([[0.5, 0.0, 0.0], [0.0, -1.0, 0.0]])
    y = project_ball(x, 1.5, centre)
    away = (y - torch.tensor(centre)).flatten(1).norm(dim=1)
    inside = (x - torch.tensor(centre)).flatten(1).norm(dim=1) <= 1.5
    assert inside.any()
    assert not inside.all()
    assert torch.equal(x[inside], y[inside])
    assert torch.allclose(away[~inside], torch.tensor(1.5, dtype=away.dtype), rtol=1e-5)
    assert y.dtype == x.dtype
    # nearest: the line from the centre through x passes through y
    lines = torch.cosine_similarity(
        (x - torch.tensor(centre)).flatten(1), (y - torch.tensor(centre)).flatten(1)
    )
    assert (lines > 1 - 1e-5).all()


def test_projected_distance_of_theory():  # theory 9.7: +-1, delta = .02, TV bound .446 -> .744
    facts = Facts(1, 1.0, radius=1.0)
    # there the last bound uses TV itself: .129, .066, .033 measured
    assert projected_w2(facts, 0.02, 0.129) == pytest.approx(0.744, abs=2e-3)
    assert projected_w2(facts, 0.02, 0.066) == pytest.approx(0.550, abs=2e-3)
    assert projected_w2(facts, 0.02, 0.033) == pytest.approx(0.413, abs=2e-3)
    delta, tv = projection_targets(facts, 0.3)
    assert projected_w2(facts, delta, tv) == pytest.approx(0.3)
    with pytest.raises(InputError, match="radius: must be known"):
        projected_w2(Facts(1, 1.0), 0.02, 0.1)


def test_denoised_output_is_never_further():
    for d, v in ((1, 0.1), (10, 3.0), (5, 500.0)):
        for t in (0.01, 0.3, 2.0):
            s = snr_at(t)
            assert denoised_w2(Facts(d, v), s) <= math.sqrt(d / s)
            assert denoised_w2(Facts(d, v), s) <= math.sqrt(v) * (1 + 1e-12)


def test_arrays_are_projected_as_tensors_are():
    x = np.random.default_rng(0).normal(size=(40, 2, 3)) * 3
    centre = np.full((2, 3), 0.5)
    found = project_ball(x, 2.0, centre)
    assert isinstance(found, np.ndarray)
    np.testing.assert_array_equal(found, project_ball(torch.from_numpy(x), 2.0, centre).numpy())
    assert np.linalg.norm((found - centre).reshape(40, -1), axis=1).max() <= 2 + 1e-12
    whole = project_ball([[3, 4], [0, 1]], 2.0)
    np.testing.assert_allclose(whole, [[1.2, 1.6], [0, 1]])
    with pytest.raises(InputError, match=r"x: must have shape \[n, \.\.\.\]"):
        project_ball(np.array([3.0, 4.0]), 1.0)
