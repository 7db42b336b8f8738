import numpy as np
import pytest

from girsanov import InputError
from girsanov.auditing import audit
from girsanov.denoise.exact import ExactDenoiser
from girsanov.law import GaussianMixture
from girsanov.planning.all_step_counts import family
from girsanov.planning.make_plan import make_plan
from girsanov.planning.ode_samplers.plan_ode_sampler import calibrated_teacher
from girsanov.planning.plan_file import load_plan
from girsanov.planning.remedies import remedies

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


@pytest.mark.parametrize("options", [{}, {"sampler": "ddpm"}, {"last": "sample"}])
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


def test_an_ode_sampler_on_the_calibrated_network_stands_alone_on_an_audit_of_the_raw_one():
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


@pytest.mark.parametrize("limits", ["among", "keep", "widest"])
def test_relatives_keep_to_the_limits_of_a_plan_also_of_its_file(wrong, limits, tmp_path):
    asked = {"among": wrong.levels[::3], "keep": wrong.levels[[4, 9]], "widest": 2.0}[limits]
    given = make_plan(wrong, steps=6, sampler="analytic-dpm", **{limits: asked})
    given.save(tmp_path / "plan.json")
    again = load_plan(tmp_path / "plan.json")
    assert again.limits == given.limits == {limits: np.asarray(asked).tolist()}
    same = {"resolution": given.resolution, "sampler": "analytic-dpm"}
    free = family(wrong, make_plan(wrong, steps=6, **same), [5])[0]
    found = family(wrong, again, [1, 5])
    alone = make_plan(wrong, steps=5, **same, **{limits: asked})
    np.testing.assert_allclose(found[-1].levels, alone.levels, rtol=1e-12)
    assert len(free.levels) == 5
    assert not np.allclose(free.levels, found[-1].levels)
    assert found[-1].limits == given.limits


def test_a_plan_for_another_objective_has_relatives_for_that(wrong):
    given = make_plan(wrong, steps=7, sampler="ddpm", weight=1.0)
    assert given.limits == {"weight": 1.0}
    same = next(p for p in family(wrong, given, [given.steps]))
    np.testing.assert_allclose(same.levels, given.levels, rtol=1e-12)
    other = make_plan(wrong, steps=given.steps, sampler="ddpm", resolution=given.resolution)
    assert not np.allclose(other.levels, given.levels)


@pytest.mark.parametrize("sampler", ["ei-score", "ei-relative"])
def test_remedies_are_of_the_process_of_the_plan(wrong, sampler):
    own = make_plan(wrong, steps=5, sampler=sampler, process="cld")
    grid = next(r for r in remedies(wrong, own) if r.name == "grid")
    assert grid.value == pytest.approx(0.0, abs=1e-9)  # no grid is better than its own


@pytest.mark.parametrize("sampler", ["euler-ancestral", "dpm2-ancestral", "mixed"])
@pytest.mark.parametrize("last", ["denoise", "sample"])
def test_samplers_priced_along_the_flow_have_relatives(wrong, sampler, last):
    options = {"sampler": sampler, "last": last, "resolution": 0.1}
    two = sampler == "dpm2-ancestral"
    odd = (3, 5, 9) if last == "denoise" else (2, 4, 8)
    counts = odd if two else (2, 3, 8)
    given = make_plan(wrong, steps=counts[1], **options)
    found = {p.steps: p for p in family(wrong, given, range(1, 10))}
    bare = {p.steps: p for p in family(wrong, given, range(1, 10), ledgers=False)}
    first = 1 if last == "denoise" else 2 if two else 1
    assert set(found) == set(bare) == {*range(first, 10, 2 if two else 1)}
    for steps in counts:
        alone = make_plan(wrong, steps=steps, **options)
        for one in (found[steps], bare[steps]):
            np.testing.assert_allclose(one.levels, alone.levels, rtol=1e-12)
            np.testing.assert_allclose(one.inner.flow_to, alone.inner.flow_to, rtol=1e-12)
            np.testing.assert_allclose(one.inner.middle, alone.inner.middle, rtol=1e-12)
        assert [e.high for e in found[steps].ledger] == [e.high for e in alone.ledger]
        assert bare[steps].ledger == ()
    assert len(family(wrong, given)) > 10


@pytest.mark.parametrize("sampler", ["euler-ancestral", "mixed"])
def test_relatives_along_the_flow_keep_to_limits(wrong, sampler, tmp_path):
    """A level that must be visited is, also where it would be cheaper to begin beyond it."""
    kept = wrong.levels[[0, 5]]
    limits = {"keep": kept, "widest": 3.0}
    options = {"sampler": sampler, "resolution": 0.1}
    given = make_plan(wrong, steps=9, **options, **limits)
    free = make_plan(wrong, steps=9, **options)
    assert free.levels[0] > kept[0]
    given.save(tmp_path / "plan.json")
    again = load_plan(tmp_path / "plan.json")
    assert again.limits == {"keep": kept.tolist(), "widest": 3.0}
    for plan in family(wrong, again, [8, 10]):
        assert plan.limits == again.limits
        assert plan.levels[0] == pytest.approx(kept[0])
        assert np.isclose(plan.levels, kept[1]).any()
        assert np.diff(np.log(plan.levels)).max() <= 3.0 + 1e-6


def test_no_step_along_the_flow_ends_at_the_finest_level(wrong):
    finest = float(wrong.levels[-1] ** -0.5)
    with pytest.raises(InputError, match="coarser than the finest noise level measured"):
        make_plan(wrong, steps=5, sampler="euler-ancestral", resolution=finest)
