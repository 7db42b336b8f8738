"""The denoiser of tables: exact for independent columns, by brute force and by sampling."""

import itertools

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from girsanov._checks import InputError
from girsanov.data.load import load_data
from girsanov.data.table.mixtures import FAR, Mixture, OneOf, atoms, slices
from girsanov.denoise.columns import ColumnPreconditioning, components_of

RANGE = (-7.0, 9.0)
PILED = slices(np.array([-0.7, 0.4]), np.array([-0.1, 0.55])).with_atoms(
    np.array([-0.3, 0.5]), stats.norm.cdf([-0.1, 0.55]) - stats.norm.cdf([-0.7, 0.4])
)
NAMES = OneOf(np.array([0.7, 0.25, 0.05]), np.array([0.68, 0.27, 0.05]), 0.66)


def untrained(x, level, label):
    return torch.zeros(len(x), components_of(LAWS).answered)


LAWS = (PILED.with_line(0.02), NAMES, atoms(np.array([-1.0, 2.0]), np.array([0.9, 0.1])))


def denoised(laws, x, s, network=None):
    count = components_of(laws).answered
    none = network or (lambda shown, level, label: torch.zeros(len(shown), count))
    around = ColumnPreconditioning(laws, RANGE, torch.float64)
    return around.denoise(
        none, torch.tensor(x).double(), torch.tensor([s], dtype=torch.float64), None
    )


def line_mean(law, x, s):
    """E[x0 | x] of a law on a line by quadrature."""
    above = below = 0.0
    for weight, low, high in zip(law.weight, law.low, law.high, strict=True):
        if low == high:
            density = weight * stats.norm.pdf(x, low, s**-0.5)
            above, below = above + density * low, below + density
            continue
        mass = stats.norm.cdf(high) - stats.norm.cdf(low)
        peak = np.clip(s * x / (1 + s), low, high)
        inner = sorted({max(low, peak - 12 / (1 + s) ** 0.5), peak,
                        min(high, peak + 12 / (1 + s) ** 0.5)})  # fmt: skip

        def both(z, weight=weight, mass=mass):
            return weight / mass * stats.norm.pdf(z) * stats.norm.pdf(x, z, s**-0.5)

        for a, b in itertools.pairwise(inner):
            above += integrate.quad(lambda z: z * both(z), a, b, epsabs=0)[0]
            below += integrate.quad(both, a, b, epsabs=0)[0]
    return above / below


@pytest.mark.parametrize("s", [1e-3, 0.3, 4.0, 60.0, 900.0])
def test_a_column_of_numbers_alone_is_denoised_exactly(s):
    law = LAWS[0]
    x = np.concatenate([np.linspace(-2.5, 2.5, 11), [-0.3, 0.5, 0.46]])
    exact = [line_mean(law, v, s) for v in x]
    got = denoised((law,), x[:, None], s)[:, 0].numpy()
    assert np.abs(got - exact).max() < 2e-6


@pytest.mark.parametrize("s", [0.1, 2.0, 50.0])
def test_a_column_of_categories_alone_is_denoised_exactly(s):
    corners = (np.eye(3) - NAMES.frequencies) / NAMES.scale
    x = np.random.default_rng(3).normal(size=(20, 3)) * 2
    square = ((x[:, None] - corners[None]) ** 2).sum(axis=2)
    share = NAMES.weight * np.exp(-s / 2 * (square - square.min(axis=1, keepdims=True)))
    exact = (share / share.sum(axis=1, keepdims=True)) @ corners
    assert np.abs(denoised((NAMES,), x, s).numpy() - exact).max() < 1e-12


def test_columns_side_by_side_are_denoised_as_alone():
    x = np.random.default_rng(1).normal(size=(50, 5))
    whole = denoised(LAWS, x, 7.0)
    parts = [denoised((law,), x[:, cut], 7.0)
             for law, cut in zip(LAWS, np.split(np.arange(5), [1, 4]), strict=True)]  # fmt: skip
    assert torch.allclose(whole, torch.cat(parts, dim=1), atol=1e-13)


def test_a_network_that_knows_the_dependence_makes_the_joint_law_exact():
    """Two columns of two values each: the tilt is the log of what one tells about the other."""
    joint = np.array([[0.5, 0.1], [0.05, 0.35]])
    at = np.array([-1.0, 1.5])
    laws = (atoms(at, joint.sum(axis=1)), atoms(at, joint.sum(axis=0)))
    x = np.random.default_rng(2).normal(size=(40, 2)) * 1.5
    s = 1.3
    noise = np.exp(-s / 2 * (x[:, :, None] - at) ** 2)  # [n, column, value]
    posterior = joint * noise[:, 0, :, None] * noise[:, 1, None, :]
    posterior /= posterior.sum(axis=(1, 2), keepdims=True)
    exact = np.stack([posterior.sum(axis=2) @ at, posterior.sum(axis=1) @ at], axis=1)

    def knows(shown, level, label):
        first = np.log((joint / joint.sum(1)[:, None] * noise[:, 1, None, :]).sum(axis=2))
        second = np.log((joint / joint.sum(0) * noise[:, 0, :, None]).sum(axis=1))
        return torch.from_numpy(np.concatenate([first, second], axis=1))

    assert np.abs(denoised(laws, x, s, knows).numpy() - exact).max() < 1e-12


@pytest.mark.parametrize("s", [1e-6, 1.0, 1e4, 1e9])
def test_answers_are_finite_in_float32_however_far_x_is(s):
    around = ColumnPreconditioning(LAWS, RANGE, torch.float32)
    x = torch.tensor([[0.0] * 5, [1e3] * 5, [-1e4] * 5, [40.0, -40.0, 0.0, 3.0, 9.0]])
    m = around.denoise(untrained, x, torch.tensor([s], dtype=torch.float64), None)
    assert torch.isfinite(m).all()
    assert (m[:, 0].abs() <= FAR).all()


def test_needs_a_table_in_units_of_its_scores():
    with pytest.raises(InputError, match="must be of a table in units of its scores"):
        ColumnPreconditioning((), RANGE, torch.float32)


def test_components_are_counted():
    c = components_of(LAWS)
    piled = len(LAWS[0].weight)
    assert (c.answered, c.shown) == (piled + 3 + 2, piled + 5 + 10)
    assert c.column.bincount().tolist() == [piled, 3, 2]
    assert c.coordinate.max() == 4
    assert isinstance(LAWS[0], Mixture)


def test_the_denoiser_of_skewed_independent_columns_has_their_least_error():
    """On data the untrained denoiser has the error of the best one, of columns told apart."""
    rng = np.random.default_rng(0)
    n = 20_000
    rows = np.zeros(n, dtype=[("a", "f8"), ("b", "i8"), ("c", "U5")])
    rows["a"] = np.where(rng.random(n) < 0.3, 0.0, rng.lognormal(3, 2, n))
    rows["b"] = rng.poisson(2.0, n)
    rows["c"] = rng.choice(["red", "green"], n, p=[0.9, 0.1])
    units = load_data(rows).scored_units
    x = torch.from_numpy(units.encode(rows)).double()
    s = 3.0
    noisy = x + torch.from_numpy(rng.normal(size=x.shape)) * s**-0.5
    m = denoised(units.mixtures, noisy.numpy(), s)
    for k in (0, 1):  # against the mean of the data near each noisy value: a plain regression
        order = noisy[:, k].argsort()
        near = x[order, k].reshape(100, -1)
        gap = (m[order, k].reshape(100, -1) - near).mean(dim=1)
        se = near.std(dim=1) / near.shape[1] ** 0.5
        assert ((gap / se).square().mean()) < 1.6
