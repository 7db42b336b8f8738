"""Plans of exact audits: ledgers without an interval, against the truth found in other ways."""

import math

import numpy as np
import pytest
from catalogue import LAWS, over_stochastic
from certificate_truth import half_information, path_kl, random_law

import girsanov as gv
from girsanov.paper.path_kl import half_information as area
from girsanov.planning.make_plan import make_plan
from girsanov.reporting.page import render

LINE, GAUSSIAN = LAWS["mixture 1-D"], LAWS["gaussian"]
SPHERE = gv.Sphere([1.0, 2.0, 3.0], 2.0)


def exact(law, levels=33):
    return gv.audit(gv.ExactDenoiser(law), law, levels=levels, flow=0)  # of the path KL alone


def sampler_share(plan):
    return sum(e.value for e in plan.ledger if e.name != "score")


def all_exact(plan):
    return all(e.kind == "exact" and e.low == e.value == e.high for e in plan.ledger)


@pytest.mark.parametrize("scale", [25.0, 1.0, 1e-6, 1e6])
def test_a_gaussian_costs_nothing_from_its_own_gaussian(scale):
    audit = exact(gv.Gaussian(np.array([3.0, -1.0]) * scale**0.5, scale))
    for steps in (1, 2, 7):
        plan = audit.plan(steps=steps)
        assert sampler_share(plan) == 0.0
        assert all_exact(plan)
        assert plan.certificate().kl.high < 1e-12


def test_directions_of_any_size_cost_nothing_in_their_own_axes():
    rng = np.random.default_rng(8)
    for d in (2, 5, 12):
        turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
        law = gv.Gaussian(rng.normal(size=d), (turn * np.geomspace(1e-4, 100, d)) @ turn.T)
        audit = exact(law)
        for covariance in ("pca", "full"):
            assert sampler_share(audit.plan(steps=6, covariance=covariance)) < 1e-12
        scalar = audit.plan(steps=6, covariance="scalar")
        assert all_exact(scalar)
        assert sampler_share(scalar) == pytest.approx(path_kl(law, scalar, 5), rel=1e-9)


@over_stochastic
def test_ledgers_are_the_true_path_kl(sampler):
    rng = np.random.default_rng(21)
    for start in ("gaussian", "mean", "standard"):
        law = random_law(rng, most=5)
        options = {"covariance": "scalar"} if sampler == "analytic-dpm" else {}
        plan = exact(law).plan(steps=5, sampler=sampler, start=start, last="sample", **options)
        assert all_exact(plan)
        true = path_kl(law, plan, len(plan.levels) - 1)
        assert sampler_share(plan) == pytest.approx(true, rel=1e-7, abs=1e-8)
        kl = plan.certificate().kl
        assert kl.kind == "upper bound"
        assert kl.low == kl.high == pytest.approx(true, rel=1e-7, abs=1e-8)


def test_init_and_discretisation_are_split_at_the_first_level():
    plan = exact(LINE).plan(steps=5, sampler="ddpm")
    init, cells = (e.value for e in plan.ledger[:2])
    first, last = plan.levels[0], plan.levels[-1]
    assert init == pytest.approx(
        first * LINE.variance / 2 - half_information(LINE, first), abs=1e-8
    )
    errors = LINE.curve(plan.levels).value[:-1]
    held = float(errors @ np.diff(plan.levels)) / 2
    assert cells == pytest.approx(held - area(LINE, first, last), rel=1e-9)


@pytest.fixture(scope="module")
def measured():
    levels = np.geomspace(0.05, 30, 13)
    return gv.audit(
        gv.ExactDenoiser(SPHERE), SPHERE, levels=levels, examples=1500, draws=1, flow=0
    )


@pytest.mark.parametrize("process", ["vp", "cld"])
@over_stochastic
def test_exact_and_measured_ledgers_agree(sampler, process, measured):
    if (sampler, process) == ("analytic-dpm", "cld"):
        pytest.skip("there is no such sampler")
    grid = measured.levels[[2, 5, 7, 9, 12]]
    one, two = (
        gv.evaluate_grid(audit, grid, sampler=sampler, process=process)
        for audit in (exact(SPHERE, measured.levels), measured)
    )
    assert all_exact(one)
    for mine, theirs in zip(one.ledger[:2], two.ledger[:2], strict=True):
        half = (theirs.high - theirs.low) / 2
        assert abs(mine.value - theirs.value) <= 2.5 * half  # 5 standard errors


def test_a_level_between_the_known_ones_is_bracketed():
    audit = exact(LINE)
    plan = audit.plan(steps=4, resolution=0.2345, sampler="ddpm", last="sample")
    init, cells = plan.ledger[:2]
    assert init.kind == "exact"
    assert cells.kind == "estimate"
    true = path_kl(LINE, plan, len(plan.levels) - 1)
    assert init.low + cells.low - 1e-9 <= true <= init.high + cells.high + 1e-9
    assert cells.high - cells.low < 0.02


def test_levels_between_those_asked_for_may_be_visited():
    few = exact(LINE, 9)
    plan = few.plan(steps=12)
    assert plan.steps == 12
    assert all_exact(plan)
    assert not np.isin(plan.levels, few.levels).all()


@pytest.mark.parametrize("law", [LINE, GAUSSIAN, SPHERE], ids=["line", "gaussian", "sphere"])
@over_stochastic
def test_targets_and_the_best_number_of_steps(law, sampler):
    audit = exact(law, 65)
    best = audit.plan(sampler=sampler)
    assert all_exact(best)
    assert "±" not in best.why
    share = sampler_share(audit.plan(sampler=sampler, steps=24))
    target = max(1.5 * share, 0.01)
    found = audit.plan(sampler=sampler, kl=target)
    assert sampler_share(found) <= target
    if found.steps > 1:
        fewer = audit.plan(sampler=sampler, steps=found.steps - 1)
        assert sampler_share(fewer) > target
    tv = audit.plan(sampler=sampler, tv=0.3)
    assert tv.certificate().tv.high <= 0.3 * (1 + 1e-9)


def test_a_report_of_an_exact_audit_has_no_examples_and_no_band():
    audit = exact(LINE)
    page = render(audit, audit.plan(steps=4), audit.plan(sampler="ei-score"))
    assert "none: the law knows its curve" in page
    assert "with its 95&nbsp;% band" not in page
    assert "± 95" not in page
    assert "0 examples" not in page
    assert "NaN" not in page
    assert "inf" not in page.split("<main")[-1].split("<footer")[0].replace("information", "")


def test_samples_of_an_exact_plan_have_the_laws_moments():
    law = gv.Gaussian([3.0, -1.0], [[4.0, 1.0], [1.0, 0.5]])
    plan = make_plan(exact(law), steps=6, last="sample")
    count = 20_000
    x = gv.sample(gv.ExactDenoiser(law), plan, count, seed=3)
    target = law.covariance() + np.eye(2) * plan.resolution**2
    gap = np.cov(x.T) - target
    se = np.sqrt((np.outer(np.diag(target), np.diag(target)) + target**2) / count)
    assert (np.abs(gap) <= 5 * se).all()
    away = np.abs(x.mean(axis=0) - law.mean)
    assert (away <= 5 * np.sqrt(np.diag(target) / count)).all()


def test_more_steps_are_offered_without_an_interval():
    said = exact(SPHERE).verdict
    assert "steps" in said
    assert "95 %" not in said
    assert math.isfinite(float(exact(SPHERE).plan(steps=3).ledger[1].high))
