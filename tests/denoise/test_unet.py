"""The UNet and its scheduler: plain diffusers, at the levels that were trained."""

import math

import numpy as np
import pytest
import torch

from girsanov._checks import InputError
from girsanov.denoise.unet import build_unet, scheduler_log_snr, unet_config, unet_scheduler

pytest.importorskip("diffusers")


def test_scheduler_has_the_levels_of_equation_1():
    got = scheduler_log_snr(unet_scheduler((math.exp(-7), math.exp(9))))
    assert len(got) == 1000
    assert (np.diff(got) < 0).all()
    u = 2 / np.pi * np.arctan(np.exp(-np.array([9, -7]) / 2))
    want = -2 * np.log(np.tan(np.pi / 2 * np.linspace(*u, 1000)))
    # alphas_cumprod is a float32 product of 1000 factors: 1 - abar ~ 1e-4 keeps three digits
    np.testing.assert_allclose(got, want, atol=5e-3)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 16, 16), (1, 9, 9), (2, 12, 8)])
def test_unet_takes_images_of_any_size_and_fractional_timesteps(shape):
    net = build_unet(shape, 2, base=8)
    x, label = torch.randn(2, *shape), torch.tensor([0, 2])
    with torch.no_grad():
        y = [net(x, torch.tensor([a, 700.2]), class_labels=label).sample for a in (3, 3.5)]
    assert y[0].shape == x.shape
    assert (y[0][0] - y[1][0]).abs().max() > 0
    torch.testing.assert_close(y[0][1], y[1][1])


def test_sizes_grow_with_the_image():
    sizes = [unet_config((3, n, n))["block_out_channels"] for n in (8, 16, 32, 64, 128)]
    assert [max(s) for s in sizes] == sorted(max(s) for s in sizes)
    assert [len(s) for s in sizes] == sorted(len(s) for s in sizes)


def test_refuses_what_is_no_image():
    with pytest.raises(InputError, match=r"unet needs images \[C, H, W\]; got \(64,\)"):
        build_unet((64,))
