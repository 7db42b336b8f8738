"""What a GPU computes is what the CPU computes, to rounding; run where there is one."""

import copy

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov.train import TrainOptions

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
ROWS = np.random.default_rng(6).gamma(2.0, size=(700, 3)) + 1.0
DATA = gv.load_data(ROWS)


@pytest.fixture(scope="module")
def parts():
    return DATA.split(0.5, seed=0)


@pytest.fixture(scope="module")
def model(parts):
    return gv.fit(parts[0], steps=200, network="mlp", seed=1, options=TrainOptions(device="cpu"))


@pytest.fixture(scope="module")
def there(model):
    return copy.deepcopy(model).to("cuda")


def test_audits_agree(model, there, parts):
    here, far = (gv.audit(m, parts[1], levels=9, draws=2).curve for m in (model, there))
    for name in ("traces", "products", "full"):
        one, two = getattr(here, name), getattr(far, name)
        np.testing.assert_allclose(two, one, rtol=1e-3, atol=1e-4 * np.abs(one).max())
    np.testing.assert_array_equal(far.shares, here.shares)


def test_audits_of_a_gpu_do_not_depend_on_the_batch(there, parts):
    one, two = (
        gv.audit(there, parts[1], levels=9, draws=2, batch_size=b).curve for b in (350, 33)
    )
    np.testing.assert_allclose(two.traces, one.traces, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("sampler", ["analytic-dpm", "dpmpp-2m"])
def test_samples_agree(model, there, parts, sampler, compiled):
    plan = gv.audit(model, parts[1], levels=17, trajectories=64).plan(steps=8, sampler=sampler)
    made = gv.in_precision(there, compiled=True) if compiled else there
    expected = gv.sample(model, plan, 300)
    for batch in (300, 128, 1):  # graphs of several sizes
        got = gv.sample(made, plan, 300 if batch > 1 else 3, batch_size=batch, any_model=True)
        gap = np.abs(got - expected[: len(got)]) / expected.std(axis=0)
        assert gap.max() < 1e-3
