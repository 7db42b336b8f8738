"""The conversion table against its definitions, on a law whose answers are known."""

import math

import pytest
import torch
from catalogue import PROCESSES, over_laws

from girsanov._checks import InputError
from girsanov.denoise.parametrise import PARAMETRISATIONS, from_x0, to_x0

over_kinds = pytest.mark.parametrize("kind", PARAMETRISATIONS)
PAIRS = [(0.8, 0.6), (0.3, 0.7), (1.0, 5.0), (1e-3, 1.0), (0.9999, 1e-2)]


@over_kinds
@pytest.mark.parametrize(("alpha", "sigma"), PAIRS)
def test_there_and_back(kind, alpha, sigma):
    g = torch.Generator().manual_seed(0)
    x_t, m = (torch.randn(6, 3, generator=g).double() + 2 for _ in range(2))
    output = from_x0(kind, m, x_t, alpha, sigma)
    scale = sigma / alpha + 1
    torch.testing.assert_close(
        to_x0(kind, output, x_t, alpha, sigma), m, rtol=0, atol=1e-14 * scale
    )
    there = from_x0(kind, to_x0(kind, m, x_t, alpha, sigma), x_t, alpha, sigma)
    torch.testing.assert_close(there, m, rtol=1e-12, atol=1e-9)


@over_kinds
def test_levels_may_differ_from_row_to_row(kind):
    x_t, m = torch.arange(6.0).reshape(3, 2) + 1, torch.ones(3, 2)
    alpha, sigma = torch.tensor([[0.9], [0.5], [0.1]]), torch.tensor([[0.1], [0.5], [2.0]])
    together = from_x0(kind, m, x_t, alpha, sigma)
    for i in range(3):
        a, s = float(alpha[i]), float(sigma[i])
        one = from_x0(kind, m[i : i + 1], x_t[i : i + 1], a, s)
        torch.testing.assert_close(together[i : i + 1], one)
    torch.testing.assert_close(to_x0(kind, together, x_t, alpha, sigma), m, rtol=1e-5, atol=1e-5)


@over_laws
@pytest.mark.parametrize("name", ["ou", "linear", "ve", "cosine", "flow"])
def test_every_kind_is_what_it_says_of_a_law(law, name):  # equations (1) to (4)
    t = 0.4
    alpha, sigma = float(PROCESSES[name].alpha(t)), float(PROCESSES[name].sigma(t))
    snr = (alpha / sigma) ** 2
    x0 = law.sample(7, seed=1)
    z = torch.randn(x0.shape, generator=torch.Generator().manual_seed(2)).double()
    x_t = (alpha * x0 + sigma * z).requires_grad_()
    # the density of x_t is that of x_t/alpha = x0 + z/sqrt(snr) over alpha^d
    (score,) = torch.autograd.grad(law.log_prob(x_t / alpha, snr).sum(), x_t)
    x_t = x_t.detach()
    m = x_t / alpha + sigma**2 / alpha * score  # Tweedie: the posterior mean of x0
    e = (x_t - alpha * m) / sigma  # the posterior mean of z
    truth = {
        "x0": m,
        "epsilon": e,
        "score": score,
        "v": alpha * e - sigma * m,
        "velocity": e - m,
    }
    assert set(truth) == set(PARAMETRISATIONS)
    for kind, output in truth.items():
        got = from_x0(kind, law.denoise(x_t / alpha, snr), x_t, alpha, sigma)
        torch.testing.assert_close(got, output, rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(to_x0(kind, output, x_t, alpha, sigma), m, rtol=1e-8, atol=1e-8)


def test_velocity_is_the_speed_of_the_flow():  # equation (4): d/dt of (1 - t) x0 + t z
    x0, z, t = torch.tensor([[2.0]]).double(), torch.tensor([[-1.0]]).double(), 0.3
    flow = PROCESSES["flow"]

    def at(u):
        return float(flow.alpha(u)) * x0 + float(flow.sigma(u)) * z

    speed = (at(t + 1e-6) - at(t - 1e-6)) / 2e-6
    got = from_x0("velocity", x0, at(t), float(flow.alpha(t)), float(flow.sigma(t)))
    torch.testing.assert_close(got, speed, rtol=1e-8, atol=1e-8)


def test_v_is_the_speed_on_the_circle():  # equation (3): d/dphi of cos(phi) x0 + sin(phi) z
    x0, z, phi = torch.tensor([[2.0]]).double(), torch.tensor([[-1.0]]).double(), 0.7
    x_t = math.cos(phi) * x0 + math.sin(phi) * z
    speed = -math.sin(phi) * x0 + math.cos(phi) * z
    got = from_x0("v", x0, x_t, math.cos(phi), math.sin(phi))
    torch.testing.assert_close(got, speed)


def test_the_score_of_the_standard_normal_is_minus_x():
    x_t = torch.tensor([[1.5, -2.0]]).double()
    m = 0.6 * x_t  # E[x0 | x_t] when x0 is standard normal and alpha = 0.6
    torch.testing.assert_close(from_x0("score", m, x_t, 0.6, 0.8), -x_t)


def test_unknown_kinds_are_refused():
    x = torch.zeros(1, 1)
    for convert in (to_x0, from_x0):
        with pytest.raises(
            InputError, match="parametrisation: must be one of x0, epsilon, score, v"
        ):
            convert("eps", x, x, 0.8, 0.6)
