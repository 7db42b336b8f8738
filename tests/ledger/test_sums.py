"""The precision of an audit's sums: what vectors turned in a model's float32 change."""

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov.ledger import sums
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
