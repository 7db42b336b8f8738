"""The network with convolutions: its patches, its shapes, and what surrounds it."""

import math

import numpy as np
import pytest
import torch

from girsanov._checks import InputError
from girsanov.data import load_data
from girsanov.denoise.base import Denoiser
from girsanov.denoise.convolutional import FINEST, ConvUNet, conv_size
from girsanov.denoise.load import load_model
from girsanov.denoise.network import NetworkDenoiser
from girsanov.law.gaussian import Gaussian
from girsanov.moments import moments_from_covariance
from girsanov.train.build import initialise

RANGE = (math.exp(-7), math.exp(9))
SHAPES = [(12,), (2, 11), (1, 8, 8), (3, 9, 13), (2, 4, 5, 6)]


def network(shape, classes=0, inputs=2, zero=True, **sizes):
    net = ConvUNet(shape, 8, **{"levels": 2, **sizes}, classes=classes, inputs=inputs).eval()
    initialise(net, 1)
    if not zero:
        torch.nn.init.normal_(net.outward.weight, std=0.1)
        for block in (*net.down, net.middle, *net.up):
            torch.nn.init.normal_(block.modulation.weight, std=0.1)
    return net


def law_of(d):
    a = np.random.default_rng(5).normal(size=(d, d))
    return np.linspace(-1, 2, d), a @ a.T / d + 0.1 * np.eye(d)


def model(shape, zero=True, classes=0, phases=1):
    d = math.prod(shape)
    net = network(shape, classes, 1 + phases, zero)
    units = load_data(np.random.default_rng(0).normal(size=(20, *shape))).standardisation
    moments, names = moments_from_covariance(*law_of(d)), tuple("abc"[:classes])
    return NetworkDenoiser(net, shape, "residual", moments, units, RANGE, names)


@pytest.mark.parametrize("patch", [1, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_takes_arrays_of_any_size(shape, patch):
    net = network(shape, zero=False, patch=patch)
    x, s = torch.randn(3, 2 * shape[0], *shape[1:]), torch.tensor([-3.0, 0.0, 5.0])
    with torch.no_grad():
        y = net(x, s)
        assert y.shape == (3, *shape)
        for k in range(3):  # each row by itself, and a level for all rows
            torch.testing.assert_close(net(x[k : k + 1], s[k : k + 1])[0], y[k])
        torch.testing.assert_close(net(x, s[:1])[0], y[0])
    assert (y[0] - net(x, s[1:2])[0]).abs().max() > 1e-3


@pytest.mark.parametrize("shape", [(3, 8, 12), (2, 6), (1, 4, 2, 6)])
def test_patches_are_pixel_unshuffle_and_come_back(shape):
    net, x = network(shape, patch=2), torch.randn(5, *shape)
    patches = net._patches(x)
    assert torch.equal(net._values(patches), x)
    if len(shape) == 3:
        assert torch.equal(patches, torch.nn.functional.pixel_unshuffle(x, 2))


@pytest.mark.parametrize(
    ("shape", "patch"), [((1, 28, 28), 2), ((3, 32, 32), 2), ((3, 64, 64), 4), ((64,), 1)]
)
def test_the_usual_size_leaves_few_places(shape, patch):
    _, got, levels = conv_size(shape)
    assert got == patch
    sides = shape[1:] or shape
    assert math.prod(n / patch for n in sides) <= FINEST
    assert 2 <= max(sides) / patch / 2 ** (levels - 1) <= 16


@pytest.mark.parametrize("shape", [(6,), (1, 2, 4), (1, 3, 3)])
def test_untrained_it_is_the_exact_denoiser_of_a_gaussian(shape):  # equation (4), F = 0
    law = Gaussian(*law_of(math.prod(shape)))
    x, s = 3 * torch.randn(4, *shape).double(), torch.tensor([1e-3, 0.4, 7.0, 900.0]).double()
    got, start = model(shape)(x, s), model(shape)
    assert isinstance(start, Denoiser)
    want = law.denoise(x.flatten(1), s).reshape(x.shape)
    torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-9)


def test_the_network_corrects_in_units_of_the_filters_error():  # equation (4)
    shape, s = (1, 3, 3), torch.tensor([0.01, 2.0, 50.0]).double()
    net = model(shape)
    mean, covariance = law_of(9)
    x, seen, f = 2 * torch.randn(3, *shape).double(), [], torch.randn(3, *shape)

    def call(inputs, level, label):
        seen.append((inputs, level))
        return f

    got = net.denoise(x, s, network=call)
    for k, level in enumerate(s.tolist()):
        # the filter and its error by matrices, for one level at a time
        error = np.linalg.inv(np.linalg.inv(covariance) + level * np.eye(9))
        w = error @ (np.linalg.solve(covariance, mean) + level * x[k].flatten().numpy())
        r = math.sqrt(np.trace(error) / 9)
        want = w + r * f[k].flatten().double().numpy()
        np.testing.assert_allclose(got[k].flatten(), want, rtol=1e-6)
        shown = seen[0][0][k].double().numpy()
        np.testing.assert_allclose(shown[1].ravel(), w, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(shown[0], math.sqrt(level / (1 + level)) * x[k, 0], rtol=1e-5)


@pytest.mark.parametrize(("classes", "phases"), [(0, 1), (3, 1), (0, 2)])
@pytest.mark.parametrize("shape", [(12,), (1, 4, 6)])
def test_a_folder_gives_the_same_model(tmp_path, shape, classes, phases):
    before = model(shape, zero=False, classes=classes, phases=phases)
    before.save(tmp_path / "m")
    after = load_model(tmp_path / "m")
    assert (after.fingerprint, after.process) == (before.fingerprint, before.process)
    x = torch.randn(4, *((2,) if phases == 2 else ()), *shape)
    label = torch.tensor([0, 1, 2, 3 - 1]) if classes else None
    torch.testing.assert_close(after(x, 0.7, label), before(x, 0.7, label), rtol=0, atol=0)
    if classes:
        assert (before(x, 0.7, label) - before(x, 0.7)).abs().max() > 1e-6


@pytest.mark.parametrize(
    ("shape", "sizes", "words"),
    [
        ((1, 2, 2, 2, 2), {}, r"must be \[L\], \[C, L\]"),
        ((1, 8, 8), {"levels": 99}, "levels: must be at most 8"),
        ((1, 8, 8), {"patch": 0}, "patch: must be a whole number >= 1"),
        ((1, 8, 10**9), {}, "65536 - shape"),
    ],
)
def test_refuses_sizes_that_are_none(shape, sizes, words):
    with pytest.raises(InputError, match=words):
        ConvUNet(shape, 8, **sizes)
    with pytest.raises(InputError, match="width: must be a multiple of 8"):
        ConvUNet((1, 8, 8), 12)
