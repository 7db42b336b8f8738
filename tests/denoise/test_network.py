"""Preconditioning and the denoiser around a network, against closed forms."""

import math

import numpy as np
import pytest
import torch

from girsanov._checks import InputError
from girsanov.data import load_data
from girsanov.denoise.base import Denoiser
from girsanov.denoise.mlp import ResidualMLP
from girsanov.denoise.network import NetworkDenoiser
from girsanov.denoise.parametrise import PARAMETRISATIONS, from_x0, to_x0
from girsanov.denoise.precondition import LinearPreconditioning, working_variances
from girsanov.denoise.unet import build_unet
from girsanov.law.gaussian import Gaussian
from girsanov.moments import Moments, moments_from_covariance
from girsanov.train.build import initialise

RANGE = (math.exp(-7), math.exp(9))
LEVELS = torch.tensor([1e-6, 0.03, 1.0, 7.5, 900.0, 1e9])


def skewed(d=4):
    a = np.random.default_rng(5).normal(size=(d, d))
    return np.array([2.0, -1.0, 0.5, 3.0]), a @ a.T + 0.1 * np.eye(d)


def model(kind="wiener", classes=0, zero=True):
    mean, covariance = skewed()
    net = ResidualMLP(4, 16, 1, classes=classes, embedding=8)
    initialise(net, 1)
    if not zero:
        torch.nn.init.normal_(net.outward.weight)
    units = load_data(np.random.default_rng(0).normal(size=(20, 4))).standardisation
    names = tuple("abcdef"[:classes])
    moments = moments_from_covariance(mean, covariance)
    return NetworkDenoiser(net, (4,), kind, moments, units, RANGE, names)


def test_is_a_denoiser():
    assert isinstance(model(), Denoiser)
    assert not model().exact


def test_untrained_wiener_is_the_exact_denoiser_of_a_gaussian():  # equations (1), (2)
    law, x = Gaussian(*skewed()), 5 * torch.randn(6, 4, dtype=torch.float64)
    got = model()(x, LEVELS.double())
    torch.testing.assert_close(got, law.denoise(x, LEVELS.double()), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ["wiener", "edm"])
def test_ends_of_the_axis(kind):  # s -> 0 gives the mean, s -> infinity gives x
    net, x = model(kind, zero=False), 5 * torch.randn(3, 4, dtype=torch.float64)
    _, out, _ = net._surroundings.factors(torch.tensor([1e-14, 1e14], dtype=torch.float64))
    typical = torch.from_numpy(working_variances(net.moments, kind)).sqrt()
    torch.testing.assert_close(out[0], typical)
    torch.testing.assert_close(out[1], torch.full((4,), 1e-7).double())
    torch.testing.assert_close(net(x, 1e14), x, rtol=0, atol=1e-5)
    mean = torch.from_numpy(net.moments.mean).expand(3, 4)
    torch.testing.assert_close(model(kind)(x, 1e-14), mean, rtol=0, atol=1e-9)


def test_edm_factors_are_those_of_the_paper():  # Karras et al. (2022), table 1
    net, s = model("edm"), LEVELS.double()
    skip, out, inward = net._surroundings.factors(s)
    data, sigma = net.moments.variance / 4, s.rsqrt()[:, None]
    torch.testing.assert_close(skip[:, :1], data / (sigma**2 + data))
    torch.testing.assert_close(out[:, :1], sigma * data**0.5 / (sigma**2 + data).sqrt())
    torch.testing.assert_close(inward[:, :1], 1 / (sigma**2 + data).sqrt())


def test_network_sees_the_wiener_estimate_and_makes_numbers_of_size_one():  # what (2) is for
    law, (mean, covariance) = Gaussian(*skewed()), skewed()
    parts = LinearPreconditioning(
        "wiener", moments_from_covariance(mean, covariance), (-7.0, 9.0), torch.float64
    )
    x0, seen = law.sample(20_000, seed=1), []
    z = torch.randn(x0.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def spy(x, level, label):
        seen.append(x)
        return torch.zeros_like(x)

    for s in (0.01, 1.0, 300.0):
        m = parts.denoise(spy, x0 + z / s**0.5, torch.tensor([s], dtype=torch.float64), None)
        skip, out, _ = parts.factors(torch.tensor([s]))
        target = parts.basis.to_coordinates(x0 - m) / out
        for variable, size in ((seen[-1], skip), (target, torch.ones(()))):
            variance = variable.var(dim=0)
            assert (variance / size - 1).abs().max() < 5 * math.sqrt(2 / len(x0))


def test_direction_that_never_varied_may_vary_next_time():
    moments = Moments(np.zeros(2), moments_from_covariance(np.zeros(2), np.eye(2)).basis,
                      np.array([4.0, 0.0]), 10)  # fmt: skip
    np.testing.assert_allclose(working_variances(moments, "wiener"), [4.0, 2.0 / 10])


def test_one_level_for_all_equals_one_level_each():
    net, x = model(zero=False), torch.randn(5, 4)
    torch.testing.assert_close(net(x, 2.5), net(x, torch.full((5,), 2.5)))
    mixed = net(x, torch.tensor([0.1, 1.0, 2.5, 30.0, 4000.0]))
    torch.testing.assert_close(mixed[2], net(x, 2.5)[2])


def test_output_keeps_the_dtype_and_can_be_changed_in_place():
    net = model(zero=False)
    for dtype in (torch.float32, torch.float64):
        m = net(torch.randn(2, 4, dtype=dtype), 1.0)
        assert m.dtype == dtype
        assert not m.requires_grad
        m.mul_(2)  # an inference tensor would refuse


def test_levels_beyond_the_trained_range_use_its_ends():
    net, x = model(zero=False), torch.randn(3, 4)
    f = []
    for s in (RANGE[1], RANGE[1] * 1.001):
        _, out, _ = net._surroundings.factors(torch.tensor([s]))
        skip_only = model()(x, s)
        f.append(net.moments.basis.to_coordinates((net(x, s) - skip_only).double()) / out)
    torch.testing.assert_close(f[0], f[1], rtol=2e-2, atol=2e-2)


def test_labels():
    net, x = model(classes=3, zero=False), torch.randn(2, 4)
    assert net.classes == 3
    torch.testing.assert_close(net(x, 1.0), net(x, 1.0, None))
    with pytest.raises(InputError, match=r"label: must lie in 0..2; got \[0, 3\]"):
        net(x, 1.0, torch.tensor([0, 3]))
    with pytest.raises(InputError, match="label: must be None: this model has no classes"):
        model()(x, 1.0, torch.tensor([0, 1]))
    with pytest.raises(InputError, match=r"x: must be \[B, \(4,\)\]; got \(2, 5\)"):
        net(torch.randn(2, 5), 1.0)


def test_fingerprint_follows_weights_and_settings():
    a, b = model(zero=False), model(zero=False)
    b.network.load_state_dict(a.network.state_dict())
    b.seal()
    assert a.fingerprint == b.fingerprint
    other = NetworkDenoiser(a.network, (4,), "edm", a.moments, a.standardisation, RANGE)
    assert other.fingerprint != a.fingerprint
    with torch.no_grad():
        b.network.outward.weight[0, 0] += 1e-6
    b.seal()
    assert a.fingerprint != b.fingerprint


def image_model(classes=0):
    pytest.importorskip("diffusers")
    net = build_unet((1, 8, 8), classes, base=8)
    images = np.random.default_rng(0).uniform(size=(30, 8, 8))
    data = load_data(images)
    moments = moments_from_covariance(np.zeros(64), np.eye(64))
    return NetworkDenoiser(
        net, (1, 8, 8), "v", moments, data.standardisation, RANGE, tuple("ab")[:classes]
    )


def test_image_network_is_v_prediction_in_every_parametrisation():
    net, x, s = image_model(), torch.randn(2, 1, 8, 8), 3.7
    alpha, sigma = math.sqrt(s / (1 + s)), math.sqrt(1 / (1 + s))
    m = net(x, s)
    level = torch.from_numpy(net._surroundings.timestep(np.array([s]))).float().expand(2)
    with torch.no_grad():
        v = net.network(alpha * x, level).sample
    torch.testing.assert_close(from_x0("v", m, alpha * x, alpha, sigma), v, rtol=1e-4, atol=1e-5)
    for kind in PARAMETRISATIONS:
        there = from_x0(kind, m, alpha * x, alpha, sigma)
        back = to_x0(kind, there, alpha * x, alpha, sigma)
        torch.testing.assert_close(back, m, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("classes", [0, 2])
def test_plain_diffusers_loads_the_folder_and_agrees(tmp_path, classes):
    import diffusers

    net = image_model(classes)
    net.save(tmp_path / "model")
    pipe = diffusers.DDPMPipeline.from_pretrained(tmp_path / "model", local_files_only=True)
    label = torch.tensor([1, 0]) if classes else None
    for t in (0, 250, 999):
        kept = pipe.scheduler.alphas_cumprod[t].double()
        x_t = torch.randn(2, 1, 8, 8)
        with torch.no_grad():
            v = pipe.unet(x_t, t, class_labels=label).sample
        want = pipe.scheduler.step(v, t, x_t).pred_original_sample
        got = net((x_t.double() / kept.sqrt()), float(kept / (1 - kept)), label)
        torch.testing.assert_close(got.float(), want, rtol=0, atol=1e-5 * float(want.abs().max()))


def test_plain_diffusers_samples_without_our_code(tmp_path):
    import diffusers

    image_model().save(tmp_path / "model")
    pipe = diffusers.DDPMPipeline.from_pretrained(tmp_path / "model", local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    got = pipe(batch_size=2, num_inference_steps=3, output_type="np").images
    assert got.shape == (2, 8, 8, 1)
    assert np.isfinite(got).all()
