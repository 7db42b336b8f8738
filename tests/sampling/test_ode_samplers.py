"""ODE samplers: exact where they must be, of the order they declare, the same as diffusers'."""

import math

import mpmath
import numpy as np
import pytest
import torch
from catalogue import LAWS
from scipy import integrate

from girsanov._checks import InputError
from girsanov.denoise.exact import ExactDenoiser
from girsanov.law import Gaussian, Points
from girsanov.sampling.grids import karras_grid, log_uniform_grid
from girsanov.sampling.loop import sample_standardised, walk
from girsanov.sampling.registry import SAMPLERS, ode_names, ode_recipe
from girsanov.sampling.sampler import Recipe, Step

FIRST, LAST = 0.02, 200.0
GRIDS = {"log": log_uniform_grid, "karras": karras_grid}
over_ode_samplers = pytest.mark.parametrize("sampler", ode_names())
over_grids = pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS.keys())


def follow(denoiser, sampler, levels, x, last="sample"):
    """The end points of an ODE sampler from the states x [n, d] at levels[0]."""
    plan = ode_recipe(sampler, levels, start=(0.0, 1.0, None), last=last)
    for visit in walk(denoiser, plan, torch.as_tensor(x)):
        x = visit.after
    return x.numpy()


# coefficients

CELLS = [(0.02, 0.05), (0.3, 0.31), (0.5, 40.0), (1e3, 1e4), (2.0, 2.0 + 1e-9)]


@pytest.mark.parametrize(("s", "t"), CELLS)
def test_coefficients_in_many_digits(s, t):  # equations (2), (3), (4), from sigma alone
    with mpmath.workdps(40):
        before, here, there = (1 / mpmath.sqrt(mpmath.mpf(v)) for v in (s / 3, s, t))
        r = there / here
        ratio = mpmath.log(here / there) / mpmath.log(before / here)
        (one,), (two,) = SAMPLERS["ddim"].step(None, s, t), SAMPLERS["dpmpp-2m"].step(s / 3, s, t)
        first, heun = SAMPLERS["heun"].step(s / 3, s, t)
        assert (first, SAMPLERS["dpmpp-2m"].step(None, s, t)) == (one, [one])
        b = (1 / r - 1) / 2
        expected = {
            one: (s, r, 1 - r, 0),
            heun: (t, 1, b, -b),
            two: (s, r, (1 - r) * (1 + ratio / 2), -(1 - r) * ratio / 2),
        }
        for step, values in expected.items():
            found = (step.snr, step.state, step.prediction, step.history)
            np.testing.assert_allclose(found, [float(v) for v in values], rtol=2e-12)
            assert step.noise == 0.0


def test_heun_is_algorithm_1_of_karras():  # x' = x + (sigma' - sigma)(d + d')/2
    rng = np.random.default_rng(0)
    x, m, m_next, sigma, nearer = *rng.normal(size=3), 1.7, 0.4
    d = (x - m) / sigma
    guess = x + (nearer - sigma) * d
    d_next = (guess - m_next) / nearer
    expected = x + (nearer - sigma) * (d + d_next) / 2
    s, t = sigma**-2, nearer**-2
    one, two = SAMPLERS["heun"].step(None, s, t)
    state = one.state * x + one.prediction * m
    assert state == pytest.approx(guess, rel=1e-13)
    found = two.state * state + two.prediction * m_next + two.history * m
    assert found == pytest.approx(expected, rel=1e-13)


@over_ode_samplers
def test_weights_are_the_steps_put_together(sampler):
    x, m, m_before, m_after = np.random.default_rng(1).normal(size=4)
    s, t = np.array([0.3, 2.0]), np.array([0.5, 90.0])
    w = SAMPLERS[sampler].weights(s / 7, s, t)
    whole = w.state * x + w.prediction * m + w.history * m_before + w.corrector * m_after
    for k in range(2):
        y, predictions = x, [m_before, m, m_after]
        for i, step in enumerate(SAMPLERS[sampler].step(s[k] / 7, s[k], t[k])):
            now, before = predictions[i + 1], predictions[i]
            y = step.state * y + step.prediction * now + step.history * before
        assert y == pytest.approx(whole[k], rel=1e-12)


# what must be exact


@over_ode_samplers
def test_a_point_is_reached_exactly_along_straight_lines(sampler):
    law = Points([[3.0, -7.0]])
    levels = log_uniform_grid(0.5, 1e3, 7)
    x = np.array([[100.0, 3.0], [-8.0, 0.5]])
    got = follow(ExactDenoiser(law), sampler, levels, x)
    point = np.array([3.0, -7.0])
    np.testing.assert_allclose(got - point, (x - point) * (0.5 / 1e3) ** 0.5, rtol=1e-12)
    denoised = follow(ExactDenoiser(law), sampler, levels, x, "denoise")
    np.testing.assert_allclose(denoised, [point, point], rtol=1e-13)


@over_ode_samplers
@over_grids
def test_gaussians_follow_the_closed_form(sampler, grid):
    """x' = mean + (x - mean) sqrt((v + 1/s')/(v + 1/s)) per principal axis, within C h^order."""
    law = Gaussian([3.0, -1.0], [[2.0, 0.0], [0.0, 0.09]])
    x = np.array([[12.0, -9.0], [-4.0, 5.0], [3.0, 11.0]])
    v = np.array([2.0, 0.09])
    exact = law.mean + (x - law.mean) * np.sqrt((v + 1 / LAST) / (v + 1 / FIRST))
    errors = []
    for n in (200, 400):
        got = follow(ExactDenoiser(law), sampler, grid(FIRST, LAST, n + 1), x)
        errors.append(np.abs(got - exact).max())
    assert errors[1] < {1: 0.03, 2: 3e-4}[SAMPLERS[sampler].order]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(SAMPLERS[sampler].order, abs=0.15)


@over_ode_samplers
def test_measured_order_on_a_skewed_mixture(sampler):
    """Against the ODE solved by scipy; points on both sides of where trajectories part."""
    law = LAWS["mixture 1-D"]
    x = law.mean[0] + np.linspace(-12.0, 13.0, 9)[:, None]

    def rates(u, y):  # equation (1) in lambda = log(s)/2
        return law.denoise(torch.from_numpy(y)[:, None], math.exp(2 * u))[:, 0].numpy() - y

    span = (math.log(FIRST) / 2, math.log(LAST) / 2)
    out = integrate.solve_ivp(rates, span, x[:, 0], "DOP853", rtol=1e-12, atol=1e-13)
    errors = [
        np.sqrt(np.mean((follow(ExactDenoiser(law), sampler, grid, x)[:, 0] - out.y[:, -1]) ** 2))
        for grid in (log_uniform_grid(FIRST, LAST, n + 1) for n in (160, 320, 640))
    ]
    slopes = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(slopes, SAMPLERS[sampler].order, atol=0.15)


# against diffusers


def diffusers_samples(scheduler, rule, x, calls):
    """Drive a diffusers scheduler with the denoiser `rule`(x, s); x = X/alpha at its start."""
    alphas = scheduler.alphas_cumprod.double()
    for t in scheduler.timesteps[:calls]:
        a = alphas[int(t)]
        s = float(a / (1 - a))
        m = rule(x / a.sqrt(), s)
        epsilon = (x - a.sqrt() * m) / (1 - a).sqrt()
        x = scheduler.step(epsilon, t, x).prev_sample
    return x


def toy(x, s):
    """A denoiser that is smooth in both arguments and linear in neither."""
    return torch.tanh(x) * s / (0.3 + s) + 0.2 * torch.cos(x)


class Toy:
    exact, fingerprint, device, snr_range = False, "toy", torch.device("cpu"), (1e-3, 1e3)
    shape, classes, dtype = (3,), 0, torch.float64

    def __call__(self, x, snr, label=None):
        return toy(x, snr)


START = torch.tensor([[1.3, -0.4, 2.2], [-2.0, 0.7, 0.1]], dtype=torch.float64)


def of(scheduler):
    """Levels at a VP scheduler's timesteps, and START in its units."""
    a = scheduler.alphas_cumprod.double()[scheduler.timesteps]
    return (a / (1 - a)).numpy(), START * a[0].sqrt()


def test_ddim_is_diffusers_ddim():
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler(clip_sample=False, set_alpha_to_one=True)
    scheduler.alphas_cumprod = scheduler.alphas_cumprod.double()
    scheduler.set_timesteps(10)
    # its last step goes to alpha = 1, which is our denoised last step
    scheduler.final_alpha_cumprod = torch.tensor(1.0, dtype=torch.float64)
    levels, x = of(scheduler)
    expected = diffusers_samples(scheduler, toy, x, 10)
    got = follow(Toy(), "ddim", levels, START, "denoise")
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10)


def test_dpmpp_2m_is_diffusers_multistep():
    """To float32's precision, which is that of its sigmas."""
    from diffusers import DPMSolverMultistepScheduler

    scheduler = DPMSolverMultistepScheduler(timestep_spacing="trailing", solver_order=2)
    scheduler.set_timesteps(12)
    levels, x = of(scheduler)
    expected = diffusers_samples(scheduler, toy, x, 12)
    got = follow(Toy(), "dpmpp-2m", levels, START, "denoise")
    np.testing.assert_allclose(got, expected, atol=3e-6)
    assert np.abs(follow(Toy(), "ddim", levels, START, "denoise") - got).max() > 1e-3


def test_heun_is_diffusers_heun():
    from diffusers import HeunDiscreteScheduler

    scheduler = HeunDiscreteScheduler(prediction_type="sample", timestep_spacing="trailing")
    scheduler.set_timesteps(9)
    levels = (scheduler.sigmas[:-1].double().numpy() ** -2.0)[[0, *range(1, 17, 2)]]
    x = START.clone()
    for t in scheduler.timesteps:
        scaled = scheduler.scale_model_input(x, t)
        sigma = float(scheduler.sigmas[scheduler.step_index])
        m = toy(scaled * (sigma**2 + 1) ** 0.5, sigma**-2)
        x = scheduler.step(m, t, x).prev_sample
    got = follow(Toy(), "heun", levels, START, "denoise")
    np.testing.assert_allclose(got, x, atol=3e-6)


# recipes and the loop


@over_ode_samplers
@pytest.mark.parametrize("last", ["denoise", "sample"])
def test_network_calls_are_counted(sampler, last):
    levels = log_uniform_grid(0.1, 9.0, 5)
    plan = ode_recipe(sampler, levels, start=(0.0, 1.0, None), last=last)
    assert len(plan.steps) == 4 * (2 if sampler == "heun" else 1) + (last == "denoise")
    assert SAMPLERS[sampler].network_calls(5, last) == len(plan.steps)
    assert plan.end == levels[-1]
    assert all(step.noise == 0.0 for step in plan.steps)


def test_history_by_hand_with_a_denoiser_that_reuses_its_memory():
    class Reuses(Toy):
        buffer = torch.empty(2, 3, dtype=torch.float64)

        def __call__(self, x, snr, label=None):
            return self.buffer.copy_(toy(x, snr))

    steps = (Step(0.5, 0.4, 0.7, 0.0), Step(2.0, 0.1, 0.8, 0.0, history=-0.3))
    plan = Recipe(0.0, 1.0, None, (*steps, Step(5.0, 0.3, 0.6, 0.0, history=0.25)), 5.0)
    x, seen = START, []
    for step in plan.steps:
        m = toy(x, step.snr)
        x = step.state * x + step.prediction * m
        x = x + step.history * seen[-1] if seen else x
        seen.append(m)
    for denoiser in (Toy(), Reuses()):
        trace = [(a.clone(), m.clone(), b.clone()) for a, m, b in walk(denoiser, plan, START)]
        torch.testing.assert_close(trace[-1][2], x, rtol=1e-14, atol=0)
        assert [torch.equal(m, n) for (_, m, _), n in zip(trace, seen, strict=True)] == [True] * 3
        assert torch.equal(trace[1][0], trace[0][2])


@over_ode_samplers
def test_samples_are_the_same_in_every_batch(sampler):
    levels = log_uniform_grid(0.02, 50.0, 6)
    plan = ode_recipe(sampler, levels, start=(1.0, levels[0] ** -0.5, None))
    whole = sample_standardised(Toy(), plan, 40, seed=3)
    assert torch.equal(sample_standardised(Toy(), plan, 40, seed=3, batch_size=7), whole)
    assert len(torch.unique(whole, dim=0)) == 40


def test_refusals():
    start = (0.0, 1.0, None)
    with pytest.raises(InputError, match="sampler: must be one of ddim, heun, dpmpp-2m"):
        ode_recipe("ddpm", [1.0, 2.0], start=start)
    with pytest.raises(InputError, match="last: must be one of"):
        ode_recipe("ddim", [1.0, 2.0], start=start, last="stop")
    with pytest.raises(InputError, match="at least 2 SNRs"):
        ode_recipe("ddim", [1.0], start=start, last="sample")
    with pytest.raises(InputError, match="steps: must begin with one that needs no prediction"):
        Recipe(0.0, 1.0, None, (Step(1.0, 0.5, 0.5, 0.0, history=0.1),), 1.0)
