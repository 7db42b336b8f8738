"""What steps along the flow miss, as measured and as known, beside an independent computation."""

import numpy as np
import pytest
import torch
from flow_truth import LineMixture

import girsanov as gv
from girsanov.denoise.calibrate import CalibratedDenoiser
from girsanov.error_curve.curve import GROUPS
from girsanov.measuring.along_flow import (
    START_CALLS,
    measure_flow,
    start_levels,
    turns_for,
    turns_of,
)
from girsanov.measuring.examples import held_out_examples
from girsanov.measuring.options import Pass
from girsanov.montecarlo import group_estimate
from girsanov.path_kl.flow_cells import ancestral_prices

PARTS = ([0.3, 0.7], [4.5, 7.0], [0.04, 0.15])  # skewed, and far from zero
TRUTH = LineMixture(*PARTS)
LAW = gv.GaussianMixture(PARTS[0], [[m] for m in PARTS[1]], [[[v]] for v in PARTS[2]])
GRID = np.geomspace(0.02, 2000, 47)


@pytest.fixture(scope="module")
def known():
    return gv.audit(gv.ExactDenoiser(LAW), LAW, levels=GRID).flow


@pytest.fixture(scope="module")
def measured():
    return gv.audit(gv.ExactDenoiser(LAW), LAW, levels=GRID, examples=4000, seed=3).flow


@pytest.mark.parametrize("snr", [0.05, 0.6, 2.5, 9.0, 60.0])
@pytest.mark.parametrize("length", [0.1, 0.3, 0.9])
def test_a_known_curve_is_that_of_many_small_steps(known, snr, length):
    found, there = known.at(np.array([snr]), np.array([length]))
    assert there.all()
    for calls, value in ((1, found.one), (2, found.two)):
        near = 0.03 if calls == 1 else 0.1
        assert value[0, 0] == pytest.approx(TRUTH.missed(snr, length, calls), rel=near)


@pytest.mark.parametrize("snr", [0.05, 0.6, 2.5, 60.0])
@pytest.mark.parametrize("length", [0.25, 1.0])
@pytest.mark.parametrize("calls", [1, 2])
def test_a_measured_price_agrees_within_its_standard_errors(measured, snr, length, calls):
    snr_next, flow_to = snr * np.exp(length), snr * np.exp(2 * length)
    args = (np.array([x]) for x in (snr, snr_next, flow_to))
    price = ancestral_prices(measured, *args, calls)
    value, se, _ = group_estimate(price.nats[0], measured.shares)
    truth = TRUTH.missed(snr, length, calls) / (2 * (1 / snr_next - 1 / flow_to))
    # between start levels a quarter of log(1/sigma) apart a tenth is lost, and where modes part
    # few examples make most of it
    assert abs(value - truth) < 5 * se + 0.1 * truth + price.unseen[0]


def test_products_are_those_of_the_flow(known):
    snr, length = 3.0, 0.8
    x, share = TRUTH.points(snr)
    m = TRUTH.denoise(x, snr)
    a = TRUTH.flow(x, snr, length) - TRUTH.step(x, snr, length, 1)
    found, _ = known.at(np.array([snr]), np.array([length]))
    truth = {"ab": a * (x - m), "am": a * m, "bb": (x - m) ** 2, "bm": (x - m) * m, "mm": m**2}
    for name, values in truth.items():
        assert getattr(found, name)[0, 0] == pytest.approx(share @ values, rel=0.03), name


def test_what_the_audit_did_not_follow_is_not_known(measured):
    finest = GRID[-1]
    snr = np.array([finest / 2, finest * 1.1, GRID[0] / 2, 1.0])
    _, there = measured.at(snr, np.array([0.5, 0.1, 0.2, 2.5]))
    assert not there.any()


def test_shorter_steps_than_measured_miss_less_but_not_less_than_a_smooth_network(measured):
    lengths = np.array([0.125, 0.06, 0.01])
    for name, power in (("one", 4), ("two", 6)):
        mean = getattr(measured.at(np.full(3, 2.0), lengths)[0], name) @ measured.shares
        fall = mean / mean[0]
        assert (np.diff(mean) < 0).all()
        assert (fall[1:] >= (lengths[1:] / lengths[0]) ** power * 0.999).all()


def test_numbers_do_not_depend_on_the_batch_and_calls_are_counted():
    calls = []
    kinds = [
        gv.audit(gv.ExactDenoiser(LAW), LAW, levels=17, examples=200, batch_size=b, seed=1,
                 progress=lambda done, total: calls.append((done, total)))
        for b in (64, 37)
    ]  # fmt: skip
    one, two = (kind.flow for kind in kinds)
    for name, value in one.moments.items():
        np.testing.assert_allclose(value, two.moments[name], rtol=1e-9, err_msg=name)
    facts = kinds[0].facts
    assert calls[-1][0] == calls[-1][1] == facts.calls + facts.flow_calls
    assert facts.flow_calls == one.rows.sum() * START_CALLS


def test_examples_take_turns_and_all_of_them_are_seen():
    turns = turns_for(320, 1, GRID, 1.0)
    starts = start_levels(GRID)
    seen = np.array([turns.seen(np.arange(320), 0, k) for k in range(len(starts))])
    assert turns.stride > 1
    assert seen.any(axis=0).all()
    groups = np.arange(320) % GROUPS
    assert all(np.bincount(groups[row], minlength=GROUPS).min() > 0 for row in seen)


def test_without_calls_nothing_is_measured_and_ancestral_samplers_are_refused():
    audit = gv.audit(gv.ExactDenoiser(LAW), LAW, examples=64, levels=9, flow=0)
    assert audit.flow is None
    assert audit.facts.flow_calls == 0
    with pytest.raises(gv.InputError, match="followed this network's flow"):
        audit.plan(steps=4, sampler="mixed", force=True)
    with pytest.raises(gv.InputError, match="flow"):
        gv.audit(gv.ExactDenoiser(LAW), LAW, flow=-1)


def test_the_curve_is_kept_in_the_file(measured, tmp_path):
    audit = gv.audit(gv.ExactDenoiser(LAW), LAW, examples=64, levels=9)
    audit.save(tmp_path / "audit.json")
    again = gv.load_audit(tmp_path / "audit.json").flow
    assert audit.flow is not None
    for name, value in audit.flow.tensors().items():
        np.testing.assert_array_equal(value, again.tensors()[name])


def test_a_network_that_answers_nan_along_its_flow_is_refused():
    class Bad(gv.ExactDenoiser):
        exact = False
        calls = 0

        def __call__(self, x, snr, label=None):
            m = super().__call__(x, snr, label)
            return m * float("nan") if isinstance(snr, torch.Tensor) and len(snr) == len(x) else m

    with pytest.raises(gv.InputError, match="NaN"):
        gv.audit(Bad(LAW), LAW, examples=64, levels=9)


class NoisyEnd(gv.ExactDenoiser):
    """An exact denoiser that is far off where noise hides the data; nothing knows what it is."""

    exact = False

    def __call__(self, x, snr, label=None):
        m, s = self.law.denoise(x, snr), torch.as_tensor(snr, dtype=torch.float64).reshape(-1, 1)
        return m + 0.3 * (x - m) * (s < 0.3)


def test_of_a_broken_model_the_flow_is_followed_as_it_is_corrected(tmp_path):
    grid = np.geomspace(0.005, 300, 25)
    asked = {"levels": grid, "examples": 640, "seed": 4}
    audit = gv.audit(NoisyEnd(LAW), LAW, **asked)
    assert audit.broken() is not None
    assert audit.flow is None
    mended = CalibratedDenoiser(NoisyEnd(LAW), audit.calibrated().calibration)
    source = held_out_examples(mended, LAW, 640, 4)
    turns = turns_of(mended, 640, audit.facts.draws, grid, None)
    own = measure_flow(mended, source, grid, turns, Pass(seed=4, batch_size=128))
    for name, value in own.tensors().items():
        np.testing.assert_allclose(audit.calibrated().flow.tensors()[name], value, rtol=1e-9,
                                   atol=1e-14)  # fmt: skip
    audit.save(tmp_path / "audit.json")
    again = gv.load_audit(tmp_path / "audit.json")
    assert again.flow is None
    plans = [made.plan(steps=7) for made in (audit, again)]
    for plan in plans:
        assert (plan.sampler, plan.calibration is not None) == ("mixed", True)
        np.testing.assert_array_equal(plan.levels, plans[0].levels)
    assert audit.plan(steps=7, calibrate=False).sampler == "analytic-dpm"
    with pytest.raises(gv.InputError, match="followed this network's flow"):
        audit.plan(steps=7, calibrate=False, sampler="mixed")


def test_a_plan_that_names_no_sampler_is_priced_along_the_flow_where_that_was_followed():
    audit = gv.audit(gv.ExactDenoiser(LAW), LAW, levels=GRID)
    assert audit.plan(steps=5).sampler == "mixed"
    for options in ({"covariance": "scalar"}, {"process": "cld"},
                    {"denoiser": gv.ExactDenoiser(LAW)}):  # fmt: skip
        assert audit.plan(steps=5, **options).sampler == "analytic-dpm"
    assert gv.audit(gv.ExactDenoiser(LAW), LAW, flow=0).plan(steps=5).sampler == "analytic-dpm"
