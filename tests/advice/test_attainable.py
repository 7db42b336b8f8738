"""What can be attained, against laws whose least error is known, and beside an audit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov.advice.beside_audit import BesideAudit
from girsanov.advice.training_law import Attainable, attainable
from girsanov.montecarlo import Estimate

LAW = gv.GaussianMixture([0.7, 0.3], [[4.0, 0.0], [1.0, 3.0]], [0.3, 0.05])
LEVELS = np.geomspace(0.01, 1e4, 15)


def test_the_least_error_of_a_law_lies_between_both():  # equation (1) of training_law.py
    x = LAW.sample(1500, seed=5)
    found = attainable(x, LEVELS, seed=1)
    truth = LAW.curve(LEVELS, examples=20_000, seed=2)
    above = found.new.value - truth.value
    assert (above > -4 * np.hypot(found.new.se, truth.se)).all()
    below = truth.value - found.training.value
    # the draw of 1,500 examples itself varies as the mean of as many does
    drawn = truth.se * np.sqrt(20_000 / 1500)
    assert (below > -4 * np.hypot(found.training.se, drawn)).all()
    assert (above < 0.25 * truth.value + 4 * found.new.se)[:10].all()
    assert found.training.value[-1] < 0.5 * truth.value[-1]  # known by heart


def test_the_training_loss_is_that_of_the_posterior_mean_of_the_examples():
    x = LAW.sample(60, seed=6)
    found = attainable(x, LEVELS[5:9], seed=1)
    rng = np.random.default_rng(0)
    for k, s in enumerate(LEVELS[5:9]):
        row = rng.integers(0, 60, 20_000)
        noisy = x.numpy()[row] + rng.normal(size=(20_000, 2)) / np.sqrt(s)
        far = ((noisy[:, None] - x.numpy()[None]) ** 2).sum(-1)
        weight = np.exp(-s * (far - far.min(1, keepdims=True)) / 2)
        guess = weight @ x.numpy() / weight.sum(1, keepdims=True)
        errors = ((guess - x.numpy()[row]) ** 2).sum(1)
        se = np.hypot(found.training.se[k], errors.std() / np.sqrt(20_000))
        assert abs(found.training.value[k] - errors.mean()) < 4 * se


def test_the_gain_over_the_plain_line_is_that_of_the_straight_line_of_a_gaussian():
    v = np.array([4.0, 0.04])
    x = gv.Gaussian([1.0, 2.0], np.diag(v)).sample(4000, seed=0)
    found = attainable(x, LEVELS[:10], seed=0)
    s, mean = LEVELS[:10], v.mean()
    plain = (v[:, None] + s * mean**2) / (1 + s * mean) ** 2
    exact = (plain - v[:, None] / (1 + s * v[:, None])).sum(axis=0)
    close = np.abs(found.gain.value - exact) < 4 * found.gain.se + 0.03 * exact
    assert close.all()


def constant(value):
    return Estimate(np.full(len(LEVELS), value) / LEVELS, np.zeros(len(LEVELS)), 100)


@pytest.mark.parametrize("gap", [None, 0.2])
def test_nats_are_integrals_over_the_logarithm_of_snr(gap):
    errors = Attainable(LEVELS, constant(0.4), constant(0.5), constant(0.0), 10)
    found = BesideAudit(errors, constant(0.8), None if gap is None else constant(gap))
    width = np.log(LEVELS[-1] / LEVELS[0])
    assert found.underfit().sum() == pytest.approx(0.3 * width / 2)
    assert found.at_most() == pytest.approx(0.4 * width / 2)
    first, second = found.lines()
    assert first.startswith("Underfit by at least")
    if gap is None:
        assert "no training data" in second
    else:
        assert found.overfit().sum() == pytest.approx(gap * width / 2)
        assert second.startswith("Overfit by")


def test_a_model_within_the_noise_is_not_called_underfit():
    unsure = Estimate(constant(0.5).value, constant(0.2).value, 100)
    errors = Attainable(LEVELS, constant(0.4), unsure, constant(0.0), 10)
    found = BesideAudit(errors, constant(0.6), constant(0.0))
    assert found.underfit().sum() == 0.0
    assert found.lines()[0].startswith("Nothing that needs no training")
    assert found.lines()[1] == "No noise level is overfit for certain."


def test_pictures_keep_their_shape():
    x = torch.rand(40, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    found = attainable(x, LEVELS[:3])
    assert found.new.value.shape == found.training.value.shape == (3,)
