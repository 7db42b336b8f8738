"""What a learner with a known minimiser learns, against the truth and against brute force."""

import math

import numpy as np
import pytest
import torch
from learned_truth import study

from girsanov._checks import InputError
from girsanov.law import Gaussian
from girsanov.paper.learner import (
    SPLINES,
    SplineDenoiser,
    _splines,
    network_denoiser,
    score_errors,
)
from girsanov.paper.output_law import exact_denoise
from girsanov.paper.path_kl import SKEWED, monte_carlo, ou_levels
from girsanov.paper.statements import learned


def test_the_coefficients_minimise_the_denoising_loss():
    denoiser, s = SplineDenoiser(SKEWED, 50, seed=3, draws=2), 1.5
    best = denoiser.coefficients(s)
    alpha = math.sqrt(s / (1 + s))
    z = denoiser.noise.normal(0, 0, 50, 2).double().numpy()
    noisy = denoiser.examples + z / math.sqrt(s)

    def loss(c):
        guess = alpha**2 * noisy + (_splines(alpha * noisy.ravel()) @ c).reshape(noisy.shape)
        return ((denoiser.examples - guess) ** 2).sum() / 2 + c @ c / (1 + s)

    least = loss(best)
    for j in range(SPLINES):
        for step in (-1e-3, 1e-3):
            assert loss(best + step * np.eye(SPLINES)[j]) > least


def test_errors_are_those_of_samples():
    s = np.array([0.3, 4.0])
    e, eps = score_errors(SKEWED, lambda x, _: 0.9 * x + 0.1, s)
    for level, one, score in zip(s.tolist(), e, eps, strict=True):
        x0 = SKEWED.sample(400_000, seed=5)
        noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(1)).double()
        x = x0 + noise / math.sqrt(level)
        square = (0.9 * x + 0.1 - SKEWED.denoise(x, level)).square()
        se = float(square.std()) / math.sqrt(len(x))
        assert one**2 == pytest.approx(float(square.mean()), abs=5 * se)
        alpha = math.sqrt(level / (1 + level))
        assert score == pytest.approx((1 + level) * alpha * one)


def test_an_exact_denoiser_has_no_error():
    _, eps = score_errors(SKEWED, lambda x, s: exact_denoise(SKEWED, x, s), ou_levels(3.0, 8)[:-1])
    assert eps.max() == 0.0


def test_the_path_kl_with_a_learned_score_is_within_the_bound_of_its_error():
    denoiser = SplineDenoiser(SKEWED, 300, seed=2)
    levels = ou_levels(learned.TIME, learned.STEPS)
    _, bounds = learned.uniform(denoiser.guess)
    path = monte_carlo(SKEWED, levels, "ei-score", denoise=denoiser, count=2000, seed=4)
    bound = bounds["(2.3), each ε"]
    assert path.value <= bound.discretisation + bound.score + 4 * path.se


def test_bounds_hold_with_the_errors_of_random_learners():
    held = study(15, 3)  # benchmarks/learned_bounds.py: 1,500
    assert len(held) > 45
    assert not [one for one in held if one.violated]


def test_more_examples_teach_more():
    errors = []
    for n in (100, 3000):
        runs = (SplineDenoiser(SKEWED, n, seed=k) for k in range(4))
        errors.append(np.mean([score_errors(SKEWED, r.guess, np.array([1.0]))[0] for r in runs]))
    assert errors[1] < 0.4 * errors[0]


def test_a_score_error_that_is_understated_is_found(monkeypatch):
    """With the error left out, the learned score of few examples breaks a bound: rows can fail."""
    guess = SplineDenoiser(SKEWED, 10, seed=0).guess
    assert all(r.holds for r in learned.bound_rows("n = 10", learned.study_of(guess)))
    true = learned.score_errors
    monkeypatch.setattr(learned, "score_errors", lambda *a: tuple(1e-3 * x for x in true(*a)))
    assert not all(r.holds for r in learned.bound_rows("n = 10", learned.study_of(guess)))


def test_a_network_speaks_in_the_units_of_its_examples():
    examples = 50 + 3 * SKEWED.sample(300, seed=1).numpy()
    guess = network_denoiser(examples, steps=20, seed=0)
    x = np.linspace(44, 54, 21)[:, None]
    assert guess(x, 1e4) == pytest.approx(x, abs=0.3)  # hardly any noise
    far = guess(x, 1e-5)  # next to nothing known: the mean, whatever x
    assert far == pytest.approx(np.full_like(x, examples.mean()), abs=0.6 * examples.std())


def test_learners_on_a_plane_are_refused():
    with pytest.raises(InputError, match="law: must be on a line"):
        SplineDenoiser(Gaussian([0.0, 0.0], 1.0), 10)
