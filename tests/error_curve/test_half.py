"""A denoiser that computes in 16 bits is audited in more, at SNRs that float16 cannot hold."""

import numpy as np
import pytest
import torch

import girsanov as gv

LAW = gv.GaussianMixture([0.3, 0.7], [[0.0, 1.0], [3.0, -1.0]], [0.5, 0.2])
GRID = np.geomspace(1e-2, 1e7, 19)  # float16 ends at 65504


class Short:
    """The exact denoiser, whose input and answer are rounded to 16 bits."""

    exact, classes, fingerprint = False, 0, "a" * 64

    def __init__(self, dtype):
        self.inside, self.dtype = gv.ExactDenoiser(LAW), dtype
        self.shape, self.device = self.inside.shape, self.inside.device
        self.snr_range = self.inside.snr_range

    def __call__(self, x, snr, label=None):
        assert x.dtype == self.dtype  # it is shown what it asks for
        return self.inside(x.double(), snr, label).to(self.dtype)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_its_curve_is_the_exact_one_but_for_the_rounding(dtype):
    model, data = Short(dtype), LAW.sample(400, seed=1)
    found = gv.audit(model, gv.load_data(data.numpy()), levels=GRID).total().value
    assert np.isfinite(found).all()
    fine = GRID > 1e3  # where the denoiser does little but return what it is shown
    size = float((data**2).sum(1).mean()) ** 0.5
    unit = torch.finfo(dtype).eps / 2
    # |x - m| by the triangle inequality: the noise, and each of two roundings
    most = np.sqrt(2 / GRID[fine]) * (1 + 5 / np.sqrt(400)) + 2 * unit * (size + 1e-3)
    assert (np.sqrt(found[fine]) <= most).all()
    least = unit * size / 50  # rounding is seen: the last levels cannot be exact
    assert np.sqrt(found[-1]) > least
