"""An audit's sums: what repeats others repeats them to the bit."""

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov.error_curve.second_moments import matrices


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products_are_second_moments_where_data_do_not_vary(dtype, tmp_path):
    """As of a category: the shares of its values add up to one, which rounding alone disturbs."""
    rng = np.random.default_rng(8)
    x = np.concatenate([np.eye(3)[rng.integers(3, size=300)], rng.normal(size=(300, 4))], axis=1)
    audit = gv.audit(Shrink(7, dtype), gv.load_data(x), levels=5, draws=2, batch_size=70)
    gram = matrices(audit.curve.products)
    size = np.sqrt(np.maximum(np.einsum("...ii->...i", gram), np.finfo(float).tiny))
    unit = gram / size[..., :, None] / size[..., None, :]
    assert size[1:, ..., 2:].min() < 1e-6  # there is such a direction
    assert np.linalg.eigvalsh(unit).min() > -1e-9
    audit.save(tmp_path / "audit.json")
    assert gv.load_audit(tmp_path / "audit.json").plan(steps=2).steps == 2


class Shrink:
    """Half of what it is shown, whatever the level."""

    exact, classes, fingerprint, snr_range = False, 0, "b" * 64, (1e-2, 1e3)

    def __init__(self, d, dtype):
        self.shape, self.dtype, self.device = (d,), dtype, torch.device("cpu")

    def __call__(self, x, snr, label=None):
        return x / 2
