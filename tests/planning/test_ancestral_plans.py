"""Plans of ancestral samplers: what they certify is true, and what they cost is what they say."""

import itertools
import json
import math

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov.paper.output_law import kl_divergence, law_density, line_output
from girsanov.planning.ancestral_plans import flow_grids_of
from girsanov.planning.options import PlanOptions

LAW = gv.GaussianMixture([0.3, 0.7], [[4.5], [7.0]], [[[0.04]], [[0.15]]])
NAMES = ("euler-ancestral", "dpm2-ancestral", "mixed")
over_samplers = pytest.mark.parametrize("sampler", NAMES)
END = 0.0708


@pytest.fixture(scope="module")
def exact():
    return gv.audit(gv.ExactDenoiser(LAW), LAW)


@pytest.fixture(scope="module")
def measured():
    return gv.audit(gv.ExactDenoiser(LAW), LAW, examples=3000, seed=2)


@pytest.fixture(scope="module")
def plane():
    law = gv.GaussianMixture(
        [0.2, 0.5, 0.3], [[-3.0, 1.0], [0.0, 0.0], [4.0, -2.0]], [[0.1, 0.2], [0.3, 0.3], [1, 0.5]]
    )
    return gv.audit(gv.ExactDenoiser(law), law, examples=600, seed=1)


def true_kl(plan, law=LAW):
    out = line_output(law, plan.recipe())
    return kl_divergence(law_density(law, plan.levels[-1], out.x), out)


@over_samplers
@pytest.mark.parametrize("steps", [3, 6, 12])
def test_the_kl_of_the_output_is_below_what_is_certified(exact, measured, sampler, steps):
    for audit in (exact, measured):
        options = {"sampler": sampler, "resolution": END, "last": "sample", "weight": 0.0}
        plan = audit.plan(steps=2 * steps, **options)
        truth, kl = true_kl(plan), plan.certificate().kl
        assert truth <= kl.high
        assert kl.high < 25 * truth + 0.05  # and not far below
        assert plan.steps == 2 * steps


@over_samplers
def test_measured_and_exact_prices_agree(exact, measured, sampler):
    plan = exact.plan(steps=8, sampler=sampler, resolution=END, last="sample")
    one = gv.evaluate_grid(exact, plan.levels, sampler=sampler, last="sample")
    two = gv.evaluate_grid(measured, plan.levels, sampler=sampler, last="sample")
    value, entry = one.ledger[1].high, two.ledger[1]
    assert entry.kind == "estimate"
    assert one.ledger[1].kind == "upper bound"
    half = (entry.high - entry.low) / 2
    assert abs(entry.value - value) < 2 * half + 0.2 * value


def test_two_calls_a_step_pay_and_planned_noise_beats_ddpms(exact):
    options = {"steps": 16, "resolution": END, "last": "sample", "weight": 0.0}
    cost = {
        name: sum(e.high for e in exact.plan(sampler=name, **options).ledger)
        for name in ("ddpm", "analytic-dpm", *NAMES)
    }
    assert cost["euler-ancestral"] < 0.6 * cost["ddpm"]
    assert cost["mixed"] <= cost["dpm2-ancestral"] < 0.3 * cost["euler-ancestral"]
    assert cost["mixed"] < 0.5 * cost["analytic-dpm"]


@over_samplers
def test_more_calls_never_cost_more(exact, sampler):
    rows = exact.plan(steps=9, sampler=sampler, last="denoise", weight=0.0).frontier
    cost = [row["above_best"] for row in rows if row["steps"] <= 24]
    assert len(cost) > 8
    assert all(b <= a * 1.0001 + 1e-9 for a, b in itertools.pairwise(cost))


@over_samplers
def test_targets_are_met_with_the_fewest_calls(measured, sampler):
    plan = measured.plan(kl=0.1, sampler=sampler)
    assert sum(e.high for e in plan.ledger[:2]) <= 0.1
    fewer = plan.steps - (2 if sampler == "dpm2-ancestral" else 1)
    less = measured.plan(steps=fewer, sampler=sampler, weight=0.0)
    assert sum(e.high for e in less.ledger[:2]) > 0.1
    with pytest.raises(gv.InputError, match="cannot be reached"):
        measured.plan(kl=1e-12, sampler=sampler)
    assert measured.plan(sampler=sampler).steps < 40


@over_samplers
def test_what_is_chosen_is_kept_by_the_file(plane, sampler, tmp_path):
    plan = plane.plan(steps=7, sampler=sampler)
    plan.save(tmp_path / "plan.json")
    again = gv.load_plan(tmp_path / "plan.json")
    np.testing.assert_array_equal(again.inner.flow_to, plan.inner.flow_to)
    np.testing.assert_array_equal(again.inner.middle, plan.inner.middle)
    model = gv.ExactDenoiser(plane_law(plane))
    np.testing.assert_array_equal(gv.sample(model, plan, 5), gv.sample(model, again, 5))
    content = json.loads((tmp_path / "plan.json").read_text())
    content["kernels"][0]["eta"] = 0.123
    (tmp_path / "plan.json").write_text(json.dumps(content))
    with pytest.raises(gv.InputError):
        gv.load_plan(tmp_path / "plan.json")


def plane_law(audit):
    """The law that the plane was audited on."""
    return gv.GaussianMixture(
        [0.2, 0.5, 0.3], [[-3.0, 1.0], [0.0, 0.0], [4.0, -2.0]], [[0.1, 0.2], [0.3, 0.3], [1, 0.5]]
    )


def test_samples_of_mixed_keep_mean_and_covariance(plane):
    law = plane_law(plane)
    plan = plane.plan(steps=24, sampler="mixed")
    x = gv.sample(gv.ExactDenoiser(law), plan, 20_000, seed=3)
    cov = law.covariance()
    assert np.all(np.abs(x.mean(axis=0) - law.mean) < 5 * np.sqrt(np.diag(cov) / len(x)))
    assert np.abs(np.cov(x.T) / np.sqrt(np.outer(np.diag(cov), np.diag(cov)))
                  - cov / np.sqrt(np.outer(np.diag(cov), np.diag(cov)))).max() < 0.05  # fmt: skip


@over_samplers
def test_limits_are_kept(measured, sampler):
    some = np.geomspace(0.2, 150, 20)
    plan = measured.plan(steps=5, sampler=sampler, among=some)
    assert all(np.abs(some / s - 1).min() < 1e-9 for s in plan.levels)
    middle = float(np.sqrt(some[5] * some[6]))
    kept = measured.plan(steps=9, sampler=sampler, keep=[middle])
    assert np.abs(kept.levels / middle - 1).min() < 1e-9
    narrow = measured.plan(steps=17, sampler=sampler, widest=1.5)
    assert np.diff(np.log(narrow.levels)).max() < 1.5 + 1e-9


def test_numbers_of_calls_that_two_a_step_cannot_make_are_refused(measured):
    with pytest.raises(gv.InputError, match="must be odd, 1 to 255"):
        measured.plan(steps=8, sampler="dpm2-ancestral", last="denoise")


@pytest.mark.parametrize(
    ("options", "words"),
    [({"calibrate": True}, "calibrate"), ({"distance": 0.1}, "distance"),
     ({"covariance": "pca"}, "covariance"), ({"last": "draw"}, "last"), ({"process": "cld"},
     "flow")],
)  # fmt: skip
def test_options_that_would_not_be_heeded_are_refused(measured, options, words):
    with pytest.raises(gv.InputError, match=words):
        measured.plan(steps=4, sampler="euler-ancestral", **options)


@pytest.mark.parametrize("levels", [[1.0], [1.0, 1.0 + 1e-12]])
def test_a_grid_without_a_step_is_refused(measured, levels):
    with pytest.raises(gv.InputError, match="apart"):
        gv.evaluate_grid(measured, levels, sampler="dpm2-ancestral", last="sample")


def test_steps_longer_than_the_flow_was_followed_are_refused(measured):
    with pytest.raises(gv.InputError, match="followed the flow"):
        gv.evaluate_grid(measured, [0.01, 100.0], sampler="euler-ancestral", last="sample")


def test_what_was_chosen_by_chance_is_paid_for():
    """Few examples choose what looks cheap by chance; on average the price is the truth's."""
    beyond = []
    exact = gv.audit(gv.ExactDenoiser(LAW), LAW)
    for seed in range(12):
        audit = gv.audit(gv.ExactDenoiser(LAW), LAW, examples=64, draws=1, levels=33, seed=seed)
        plan = audit.plan(steps=6, sampler="euler-ancestral", resolution=END, last="sample",
                          force=True)  # fmt: skip
        truth = gv.evaluate_grid(exact, plan.levels, sampler="euler-ancestral", last="sample")
        entry = plan.ledger[1]
        beyond.append(truth.ledger[1].low > entry.high)
        assert math.isfinite(entry.high)
    assert sum(beyond) <= 2  # of 12 one-sided 97.5 % ends


class Blind(gv.ExactDenoiser):
    """An exact denoiser of points that does not look at noise below 0.05, which no audit knows."""

    exact = False

    def __call__(self, x, snr, label=None):
        s = torch.as_tensor(snr, dtype=torch.float64).clamp(max=400.0)
        return super().__call__(x, s)


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_a_model_that_is_bad_at_fine_noise_does_not_make_a_late_start_free(weight):
    """A start or a leap costs what it does beyond the cheapest way, not beyond what is wasted."""
    law = gv.GaussianMixture([0.3, 0.7], [[-1.5, 0.2], [1.0, 0.6]], [0.02, 0.05])
    audit = gv.audit(Blind(law), law, examples=1500, levels=np.geomspace(0.02, 1e4, 49), seed=2)
    assert audit.broken() is None
    options = {"resolution": 0.012, "weight": weight, "last": "denoise", "force": True}
    costs = []
    for steps in (3, 6, 12):
        plan = audit.plan(steps=steps, **options)
        plain = audit.plan(steps=steps, sampler="analytic-dpm", **options)
        cost, other = (sum(e.value for e in p.ledger[:2]) for p in (plan, plain))
        assert plan.sampler == "mixed"
        assert plan.levels[0] < 10  # before the modes part
        assert cost <= other + 0.05
        costs.append(cost)
    assert costs[0] > costs[1] > costs[2] - 0.02


class Bent(gv.ExactDenoiser):
    """Keeps some of the noise where it hides the data."""

    exact = False

    def __call__(self, x, snr, label=None):
        m = super().__call__(x, snr, label)
        return m + 0.15 * (x - m) / (1 + torch.as_tensor(snr).reshape(-1, 1))


def test_a_frontier_knows_the_grids_that_plans_take():
    rng = np.random.default_rng(3)
    means = rng.normal(0, 0.7, (2, 24)).tolist()
    spreads = [np.geomspace(0.001, 0.5, 24), np.geomspace(0.02, 0.3, 24)]
    law = gv.GaussianMixture([0.3, 0.7], means, spreads)
    audit = gv.audit(Bent(law), law, examples=200, seed=1, draws=2, levels=33)
    grids = flow_grids_of(audit.calibrated(), PlanOptions(sampler="mixed", weight=0.0))
    above = {row["steps"]: row["above_best"] for row in grids.frontier()}
    least = grids.cost(grids.best(min(above, key=lambda n: above[n]))).value
    for steps in (4, 6, 8, 12):
        assert above[steps] + least <= grids.cost(grids.best(steps)).value + 0.01
