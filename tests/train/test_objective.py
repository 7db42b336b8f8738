"""The loss is the ledger: unbiased, with the densities and weights that the module states."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from girsanov._checks import InputError
from girsanov.law.gaussian import Gaussian
from girsanov.moments import moments_from_covariance
from girsanov.montecarlo import mean_estimate
from girsanov.noise import NoiseSource
from girsanov.train.objective import CELLS, OBJECTIVES, build_objective, stratified
from girsanov.train.validation import score_error_nats, squared_errors

ENDS = (-7.0, 9.0)
MEAN, COVARIANCE = np.array([2.0, -1.0, 0.5]), np.diag([3.0, 0.4, 0.02])
LAW = Gaussian(MEAN, COVARIANCE)
MOMENTS = moments_from_covariance(MEAN, COVARIANCE)
GAIN = 0.7  # the denoiser below is wrong on purpose: its error differs from the exact one


def crooked(x, snr):
    """Return a fixed wrong denoiser: a share of the way from the mean to the exact one."""
    mean, v = torch.from_numpy(MEAN), torch.from_numpy(np.diag(COVARIANCE).copy())
    s = torch.as_tensor(snr).reshape(-1, 1)
    return mean + GAIN * s * v / (1 + s * v) * (x - mean)


def crooked_errors(log_snr):
    """Return its M_j in closed form: x0 - m = (1 - g skip) (x0 - mean) - g skip z / sqrt(s)."""
    s, v = math.exp(log_snr), np.diag(COVARIANCE)
    skip = s * v / (1 + s * v)
    return (1 - GAIN * skip) ** 2 * v + (GAIN * skip) ** 2 / s


def batch_loss(objective, step, size=64):
    rng = np.random.default_rng([7, step])
    uniform = NoiseSource(1, "test").uniform(step, 0, size)
    log_snr, weights = objective.draw(stratified(uniform))
    x0 = torch.from_numpy(MEAN + rng.normal(size=(size, 3)) * np.sqrt(np.diag(COVARIANCE)))
    snr = torch.from_numpy(np.exp(log_snr))
    x = x0 + torch.from_numpy(rng.normal(size=(size, 3))) / snr.sqrt()[:, None]
    errors = (MOMENTS.basis.to_coordinates(crooked(x, snr) - x0) ** 2).numpy()
    errors = errors.sum(axis=1)
    loss = (weights * errors).sum() / size
    objective.observe(log_snr, errors)
    return loss


def test_loss_is_an_unbiased_estimate_of_the_ledger():  # equation (1)
    objective = build_objective("ledger", MOMENTS, ENDS)
    losses = np.array([batch_loss(objective, step) for step in range(1500)])
    # adaptive densities use the past only: the losses are martingale differences from the truth
    got = mean_estimate(losses)
    want = integrate.quad(lambda t: math.exp(t) * crooked_errors(t).sum() / 2, *ENDS)[0]
    assert got.se < 0.02 * want
    assert abs(got.value - want) < 4 * got.se


def test_adapted_density_has_less_variance_than_the_first():
    objective = build_objective("ledger", MOMENTS, ENDS)
    objective.squares = objective.examples = np.ones(CELLS)  # uniform levels
    objective.observe = lambda *_: None  # for ever
    plain = np.var([batch_loss(objective, step) for step in range(400)])
    adaptive = build_objective("ledger", MOMENTS, ENDS)
    for step in range(300):
        batch_loss(adaptive, step)
    assert np.var([batch_loss(adaptive, step) for step in range(300, 700)]) < 0.5 * plain


def test_cells_follow_the_standard_deviation_of_the_loss():  # equation (4)
    objective = build_objective("ledger", MOMENTS, ENDS)
    for step in range(300):
        batch_loss(objective, step)
    mass, edges = objective.mass(), objective.edges
    assert math.isclose(mass.sum(), 1.0)
    centres = (edges[1:] + edges[:-1]) / 2
    # |r|^2 is a weighted sum of squares of normals: E e^2 = (sum M)^2 + 2 sum M^2
    m = np.array([crooked_errors(c) for c in centres])
    spread = np.exp(centres) * np.sqrt(m.sum(1) ** 2 + 2 * (m**2).sum(1))
    want = 0.8 * spread / spread.sum() + 0.2 / CELLS
    np.testing.assert_allclose(mass, want, rtol=0.35)


def test_levels_follow_their_density():
    objective = build_objective("ledger", MOMENTS, ENDS)
    u = stratified(np.full(200_000, 0.5))
    log_snr, _ = objective.draw(u)
    counts = np.histogram(log_snr, objective.edges)[0] / len(u)
    np.testing.assert_allclose(counts, objective.mass(), atol=1e-4)
    assert log_snr.min() >= ENDS[0]
    assert log_snr.max() <= ENDS[1]


def test_edm_levels_and_weights():  # equation (2)
    objective = build_objective("edm", MOMENTS, ENDS)
    log_snr, weights = objective.draw(stratified(np.full(4000, 0.5)))
    law = stats.truncnorm((-7 - 2.4) / 2.4, (9 - 2.4) / 2.4, loc=2.4, scale=2.4)
    assert stats.kstest(log_snr, law.cdf).statistic < 1e-3
    sigma2, data = np.exp(-log_snr), np.trace(COVARIANCE) / 3
    np.testing.assert_allclose(weights, (sigma2 + data) / (sigma2 * data), rtol=1e-12)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_state_round_trip(name):
    one, two = (build_objective(name, MOMENTS, ENDS) for _ in range(2))
    for step in range(3):
        batch_loss(one, step)
    two.restore({key: value.copy() for key, value in one.state().items()})
    for a, b in zip(one.draw(np.array([0.1, 0.8])), two.draw(np.array([0.1, 0.8])), strict=True):
        np.testing.assert_array_equal(a, b)


def test_refuses_an_unknown_objective():
    with pytest.raises(InputError, match="must be one of edm, ledger; got x"):
        build_objective("x", MOMENTS, ENDS)


class Crooked:
    shape, dtype, device = (3,), torch.float64, torch.device("cpu")
    classes, exact, fingerprint = 0, False, "crooked"

    def __call__(self, x, snr, label=None):
        return crooked(x, snr)


def test_held_out_ledger_agrees_with_quadrature():
    x0 = LAW.sample(4000, seed=2)
    levels = np.linspace(*ENDS, 65)
    errors = squared_errors(Crooked(), x0, None, levels, seed=1)
    got = score_error_nats(errors, levels)
    want = integrate.quad(lambda t: math.exp(t) * crooked_errors(t).sum() / 2, *ENDS)[0]
    assert abs(got.value - want) < 4 * got.se
    by_coordinate = squared_errors(Crooked(), x0, None, levels, seed=1, basis=MOMENTS.basis)
    np.testing.assert_allclose(by_coordinate.sum(axis=2), errors)


def test_held_out_noise_does_not_depend_on_how_many_are_measured():
    x0, levels = LAW.sample(700, seed=2), np.array([0.0, 2.0])
    errors = squared_errors(Crooked(), x0, None, levels, seed=1)
    np.testing.assert_array_equal(
        squared_errors(Crooked(), x0[:50], None, levels, seed=1), errors[:50]
    )
