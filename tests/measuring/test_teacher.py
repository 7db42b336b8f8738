"""Teacher trajectories: the closed form on a Gaussian, the records, saving and refusing."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov._checks import InputError
from girsanov.error_curve.frame import make_frame
from girsanov.measuring.options import Pass
from girsanov.measuring.teacher import (
    REFINE,
    measure_trajectories,
    refined_levels,
    start_noise,
    start_points,
    teacher_calls,
)
from girsanov.moments import moments_from_covariance
from girsanov.sampling.loop import sample_standardised
from girsanov.sampling.registry import ode_recipe

COVARIANCE = np.array([[2.0, 0.6], [0.6, 0.3]])
LAW = gv.Gaussian([3.0, -1.0], COVARIANCE)
LEVELS = gv.log_uniform_grid(0.01, 100.0, 25)
FRAME = make_frame(moments_from_covariance(LAW.mean, COVARIANCE), (2,))


def test_a_gaussian_is_followed_in_closed_form():  # x - mean shrinks by sqrt((v + 1/s)/(v + 1/s0))
    denoiser = gv.ExactDenoiser(LAW)
    paths = measure_trajectories(
        denoiser, FRAME, LEVELS, 40, refine=8, options=Pass(batch_size=16)
    )
    basis, v = FRAME.moments.basis, FRAME.moments.variances
    z = start_noise(0, 0, 40, 2).double()
    spread = np.sqrt(v + 1 / LEVELS[:, None, None])  # [K, 1, d]
    states = LAW.mean + (z.numpy() * spread) @ basis.factors[0].T
    np.testing.assert_allclose(paths.states, states, rtol=2e-3, atol=2e-3)
    keep = v / (v + 1 / LEVELS[:, None, None])
    predictions = LAW.mean + (z.numpy() * spread * keep) @ basis.factors[0].T
    np.testing.assert_allclose(paths.predictions, predictions, rtol=2e-3, atol=2e-3)
    assert paths.states.dtype == paths.predictions.dtype == np.float32
    assert len(paths) == 40


def test_the_teacher_is_heun_on_the_refined_levels():
    mixture = gv.GaussianMixture([0.3, 0.7], [[2.0], [-1.0]], [0.2, 0.4])
    frame = make_frame(moments_from_covariance(mixture.mean, mixture.covariance()), (1,))
    grid, denoiser = LEVELS[:5], gv.ExactDenoiser(mixture)
    paths = measure_trajectories(denoiser, frame, grid, 6, refine=3, options=Pass(seed=5))
    z = start_noise(5, 0, 6, 1).double()
    x = start_points(frame, grid[0], z)
    np.testing.assert_allclose(paths.states[0], x, rtol=1e-6)
    fine = refined_levels(grid, 3)
    assert np.array_equal(fine[::3], grid)
    np.testing.assert_allclose(np.diff(np.log(fine)), np.log(grid[1] / grid[0]) / 3)
    sigma = fine**-0.5
    for k, (here, there) in enumerate(itertools.pairwise(sigma)):
        if k % 3 == 0:
            np.testing.assert_allclose(paths.states[k // 3], x, rtol=1e-6)
            np.testing.assert_allclose(
                paths.predictions[k // 3], mixture.denoise(x, here**-2), rtol=1e-5, atol=1e-6
            )
        d = (x - mixture.denoise(x, here**-2)) / here
        guess = x + (there - here) * d
        x = x + (there - here) * (d + (guess - mixture.denoise(guess, there**-2)) / there) / 2
    np.testing.assert_allclose(paths.states[-1], x, rtol=1e-6)


def test_trajectories_belong_to_their_number_and_calls_are_counted():
    denoiser, seen = gv.ExactDenoiser(LAW), []
    one = measure_trajectories(
        denoiser, FRAME, LEVELS, 9, options=Pass(batch_size=4, progress=lambda *a: seen.append(a))
    )
    two = measure_trajectories(denoiser, FRAME, LEVELS, 5)
    np.testing.assert_allclose(one.states[:, :5], two.states, rtol=1e-6)
    assert seen[-1] == (9 * teacher_calls(25),) * 2
    assert teacher_calls(25) == 2 * REFINE * 24 + 1


def test_the_start_is_that_of_a_sampler():
    """The same Gaussian, from the same kind of normals: what `sample` starts from, recoloured."""
    spread = np.sqrt(FRAME.moments.variances + 1 / LEVELS[0])
    start = (LAW.mean, spread, FRAME.moments.basis)
    plan = ode_recipe("ddim", LEVELS[:1], start=start)
    denoiser = gv.ExactDenoiser(LAW)
    x = sample_standardised(denoiser, plan, 20_000, seed=1).numpy()
    z = torch.from_numpy(np.random.default_rng(0).normal(size=(20_000, 2)))
    y = LAW.denoise(start_points(FRAME, LEVELS[0], z), LEVELS[0]).numpy()
    se = np.sqrt(np.diag(np.cov(y.T)) * 2 / 20_000)
    assert (np.abs(x.mean(0) - y.mean(0)) < 5 * se).all()
    np.testing.assert_allclose(np.cov(x.T), np.cov(y.T), rtol=0.06)


# in the audit


@pytest.fixture(scope="module")
def audited():
    return gv.audit(
        gv.ExactDenoiser(LAW), LAW, levels=9, examples=64, draws=1, trajectories=12, seed=3
    )


def test_an_audit_keeps_them_and_counts_their_calls(audited, tmp_path):
    assert audited.facts.trajectories == 12
    assert audited.facts.calls == 64 * (9 + 8) + 12 * teacher_calls(9)
    audited.save(tmp_path / "audit.json")
    again = gv.load_audit(tmp_path / "audit.json").trajectories
    assert np.array_equal(again.states, audited.trajectories.states)
    assert np.array_equal(again.predictions, audited.trajectories.predictions)
    assert again.states.shape == (9, 12, 2)


def test_an_audit_without_them_has_none(tmp_path):
    made = gv.audit(gv.ExactDenoiser(LAW), LAW, levels=4, examples=64, draws=1)
    assert made.trajectories is None
    assert made.facts.trajectories == 0
    made.save(tmp_path / "audit.json")
    assert gv.load_audit(tmp_path / "audit.json").trajectories is None


@pytest.mark.parametrize(
    "spoil", [lambda x: x[:-1], lambda x: x.astype(float), lambda x: x * np.inf]
)
def test_spoilt_trajectories_are_refused(audited, tmp_path, spoil):
    bad = dataclasses.replace(audited.trajectories, states=spoil(audited.trajectories.states))
    dataclasses.replace(audited, trajectories=bad).save(tmp_path / "audit.json")
    with pytest.raises(InputError, match="is not a whole audit"):
        gv.load_audit(tmp_path / "audit.json")


def test_refusals(audited):
    with pytest.raises(InputError, match="trajectories: must be a whole number >= 0; got -1"):
        gv.audit(gv.ExactDenoiser(LAW), LAW, levels=4, examples=64, trajectories=-1)

    class Phase(gv.ExactDenoiser):
        process = "cld"

    with pytest.raises(InputError, match="trajectories: are of the flow in x alone"):
        measure_trajectories(Phase(LAW), FRAME, LEVELS, 2)

    class Broken(gv.ExactDenoiser):
        def __call__(self, x, snr, label=None):
            return x * float("nan")

    with pytest.raises(InputError, match="gave NaN or infinite values along the teacher"):
        measure_trajectories(Broken(LAW), FRAME, LEVELS, 2)
