"""Ancestral samplers beside their formulas, diffusers' own, and the exact law of their output."""

import itertools
import math

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov.paper.output_law import gaussian_output
from girsanov.sampling.ancestral import DPM2_ANCESTRAL, EULER_ANCESTRAL, Inner, eta_of, flow_step
from girsanov.sampling.exponential_integrators import analytic_dpm_step

START = (0.0, 1.0, None)
LEVELS = np.array([0.1, 0.5, 3.0, 20.0])


def test_with_its_usual_noise_euler_ancestral_is_ddpm():
    own = EULER_ANCESTRAL.recipe(LEVELS, start=START).steps
    for step, (s, t) in zip(own, itertools.pairwise(LEVELS), strict=False):
        ddpm = analytic_dpm_step(s, t)
        assert step.state == pytest.approx(ddpm.state, rel=1e-12)
        assert step.prediction == pytest.approx(ddpm.prediction, rel=1e-12)
        assert step.noise == pytest.approx(ddpm.noise, rel=1e-12)


def test_two_calls_are_a_midpoint_along_the_flow():
    s, t, to = 0.7, 2.0, 3.1
    middle = math.sqrt(s * to)
    first, second = flow_step(s, t, to, middle)
    x, m, m_half = 1.3, -0.4, 0.9  # any state, and what the network says at both calls
    u = math.log(to / s) / 2
    half = math.exp(-u / 2) * x + (1 - math.exp(-u / 2)) * m
    assert first.state * x + first.prediction * m == pytest.approx(half, rel=1e-12)
    after = second.state * half + second.prediction * m_half + second.history * m
    assert after == pytest.approx(math.exp(-u) * x + (1 - math.exp(-u)) * m_half, rel=1e-12)
    assert second.noise**2 == pytest.approx(1 / t - 1 / to, rel=1e-12)
    assert second.snr == middle


@pytest.mark.parametrize("eta", [0.3, 0.7, 1.0])
def test_eta_is_that_of_diffusers_ddim(eta):
    diffusers = pytest.importorskip("diffusers")
    own = diffusers.DDIMScheduler(clip_sample=False, timestep_spacing="trailing")
    own.set_timesteps(10)
    kept = own.alphas_cumprod.double().numpy()
    now, after = (int(own.timesteps[k]) for k in (4, 5))
    s, t = (kept[k] / (1 - kept[k]) for k in (now, after))
    flow_to = 1 / ((1 / t) * (1 - eta**2 * (1 - s / t)))
    assert eta_of(np.array([s, t]), np.array([flow_to]))[0] == pytest.approx(eta, rel=1e-9)
    (step,) = flow_step(s, t, flow_to, math.nan)
    rng = np.random.default_rng(0)
    x0, epsilon, noise = rng.normal(size=(3, 1, 4))
    alpha, sigma = np.sqrt(kept[now]), np.sqrt(1 - kept[now])
    state = torch.from_numpy(alpha * x0 + sigma * epsilon)
    theirs = own.step(
        torch.from_numpy(epsilon), now, state, eta=eta, variance_noise=torch.from_numpy(noise)
    ).prev_sample.numpy()
    x = state.numpy() / alpha
    ours = np.sqrt(kept[after]) * (step.state * x + step.prediction * x0 + step.noise * noise)
    np.testing.assert_allclose(ours, theirs, rtol=2e-6, atol=2e-6)


def test_eta_and_noise_are_those_of_diffusers_euler_ancestral():
    diffusers = pytest.importorskip("diffusers")
    own = diffusers.EulerAncestralDiscreteScheduler(timestep_spacing="trailing")
    own.set_timesteps(8)
    sigma, after = (float(own.sigmas[k]) for k in (3, 4))
    s, t = sigma**-2, after**-2
    (step,) = flow_step(s, t, t**2 / s, math.nan)
    up = math.sqrt(after**2 * (sigma**2 - after**2) / sigma**2)
    down = math.sqrt(after**2 - up**2)
    assert step.noise == pytest.approx(up, rel=1e-9)
    assert step.state == pytest.approx(down / sigma, rel=1e-9)


@pytest.mark.parametrize("sampler", ["euler-ancestral", "dpm2-ancestral"])
def test_samples_of_a_gaussian_have_the_covariance_that_its_steps_give(sampler):
    law = gv.Gaussian([3.0, -1.0, 0.5], np.diag([4.0, 0.25, 0.01]))
    plan = gv.recipe(sampler, np.geomspace(0.05, 300, 7), start=START, last="sample")
    mean, cov = gaussian_output(law, plan)
    x = gv.sample(gv.ExactDenoiser(law), plan, 40_000, seed=5)
    se = np.sqrt(np.diag(cov) / len(x))
    assert np.all(np.abs(x.mean(axis=0) - mean) < 5 * se)
    ratio = x.var(axis=0) / np.diag(cov)
    assert np.all(np.abs(ratio - 1) < 5 * math.sqrt(2 / len(x)))


def test_samples_do_not_depend_on_the_batch():
    law = gv.GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [[[0.04]], [[0.15]]])
    plan = gv.recipe("dpm2-ancestral", LEVELS, start=START)
    one, two = (gv.sample(gv.ExactDenoiser(law), plan, 30, seed=2, batch_size=b) for b in (30, 7))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("flow_to", "middle"),
    [([1.0, 4.0], [np.nan, np.nan]), ([3.0, np.inf], [np.nan, np.nan]), ([3.0, 30.0], [4.0,
    np.nan]),
     ([np.nan, 30.0], [0.3, np.nan]), ([3.0], [np.nan])],
)  # fmt: skip
def test_steps_that_cannot_be_are_refused(flow_to, middle):
    levels = np.array([0.1, 2.0, 10.0])
    with pytest.raises(gv.InputError):
        Inner(np.array(flow_to), np.array(middle)).require_fits(levels)


def test_calls_are_counted():
    assert DPM2_ANCESTRAL.network_calls(4, "denoise") == 7
    assert Inner(np.array([3.0, 30.0]), np.array([np.nan, 20.0])).calls == 3
