import numpy as np
import pytest

from girsanov.denoise.exact import ExactDenoiser
from girsanov.law import GaussianMixture
from girsanov.ledger.audit import audit
from girsanov.plan.family import family
from girsanov.plan.make import make_plan
from girsanov.plan.solve import calibrated_teacher

LAW = GaussianMixture(
    [0.25, 0.75],
    [[-1.0, 2.0], [1.5, 0.5]],
    [[[0.5, 0.3], [0.3, 0.4]], [[0.05, -0.02], [-0.02, 0.2]]],
)


class Wrong(ExactDenoiser):
    exact = False

    def __call__(self, x, snr, label=None):
        return 0.85 * self.law.denoise(x, snr) + 0.1


@pytest.fixture(scope="module")
def wrong():
    return audit(Wrong(LAW), LAW, levels=np.geomspace(0.02, 2000, 17), examples=1000, seed=1)


@pytest.mark.parametrize("options", [{}, {"sampler": "x0"}, {"last": "sample"}])
def test_each_is_the_plan_for_its_number_of_steps(wrong, options):
    given = make_plan(wrong, steps=4, **options)
    found = {p.steps: p for p in family(wrong, given)}
    assert {1, 2, 3, 4, 5, 9} <= set(found)
    for steps in (1, 2, 4, 9):
        alone = make_plan(wrong, steps=steps, resolution=given.resolution, **options)
        np.testing.assert_allclose(found[steps].levels, alone.levels, rtol=1e-12)
        for a, b in zip(found[steps].ledger, alone.ledger, strict=True):
            assert (a.name, a.kind) == (b.name, b.kind)
            np.testing.assert_allclose(*[[e.value or 0, e.low, e.high or 0] for e in (a, b)])
        assert found[steps].certificate().to_json() == alone.certificate().to_json()


def test_only_the_numbers_asked_for_that_have_a_grid(wrong):
    given = make_plan(wrong, steps=4)
    assert [p.steps for p in family(wrong, given, [3, 5, 10_000])] == [3, 5]


def test_a_calibrated_plan_has_calibrated_relatives(wrong):
    given = make_plan(wrong, steps=4, calibrate=True)
    found = family(wrong, given, [4])[0]
    assert found.calibration is not None
    np.testing.assert_allclose(found.levels, given.levels)


def test_a_solver_on_the_calibrated_network_stands_alone_on_an_audit_of_the_raw_one():
    """Its relatives would be planned on trajectories of another denoiser, and not be corrected."""
    model = Wrong(LAW)
    raw = audit(model, LAW, levels=9, examples=400, trajectories=32)
    given = make_plan(raw, sampler="dpmpp-2m", steps=4, calibrate=True, denoiser=model)
    (alone,) = family(raw, given)
    assert alone is given
    assert family(raw, given, [3, 5]) == []
    right = calibrated_teacher(raw, model)
    found = family(right, given, [3, 5])
    assert [p.steps for p in found] == [3, 5]
    assert all(p.calibration is not None for p in found)
