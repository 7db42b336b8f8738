"""The precision of an audit's sums: what vectors turned in a model's float32 change."""

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov.ledger import sums
from girsanov.ledger.gram import matrices
from girsanov.train import TrainOptions

ROUNDED = 32 * 2.0**-23  # of a vector, by a product with an orthonormal matrix in float32


@pytest.fixture(scope="module")
def audits():
    """Of one small network, in float32, with vectors turned in float64 and in float32."""
    x = np.random.default_rng(5).gamma(2.0, size=(900, 8))
    x = x @ np.vander(np.linspace(0.1, 1, 8))  # most columns nearly alike
    train, held_out = gv.load_data(x).split(600 / 900, seed=0)
    options = TrainOptions(evaluations=1)
    model = gv.fit(train, steps=60, network="mlp", options=options)
    found = []
    for least in (torch.float64, torch.float32):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sums, "LEAST", least)
            found.append(gv.audit(model, held_out, train=train, levels=17, draws=1))
    return found


SAID = {
    "total": lambda a: a.total(),
    "nats": lambda a: a.nats(),
    "calibrated": lambda a: a.calibrated().nats(),
    "gain": lambda a: a.probe.gain(),
    "martingale": lambda a: a.probe.martingale(),
    "memorised": lambda a: a.memorised(),
}


@pytest.mark.parametrize("name", SAID)
def test_it_is_far_below_the_standard_errors(audits, name):
    exact, near = (SAID[name](one) for one in audits)
    assert not np.array_equal(exact.value, near.value)
    # a correction has features that all but cancel where noise is strongest
    most = 0.05 if name == "gain" else 1e-3
    assert (np.abs(near.value - exact.value) <= most * exact.se).all()
    np.testing.assert_allclose(near.se, exact.se, rtol=most)


def test_it_is_a_float32_of_every_moment(audits):
    exact, near = (one.curve for one in audits)
    for name, errors in exact.errors.items():
        scale = errors.sum(axis=-1, keepdims=True)  # of the vectors that were turned
        assert (np.abs(near.errors[name] - errors) <= ROUNDED * scale).all()
    size = np.sqrt(np.einsum("...ii->...", exact.full))[..., None, None]
    assert (np.abs(near.full - exact.full) <= ROUNDED * size**2).all()


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
