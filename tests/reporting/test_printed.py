"""What `print` shows of an audit and a plan: a few lines with their numbers, and no arrays."""

import dataclasses
import json

import pytest
import torch

import girsanov as gv
from girsanov.auditing import audit
from girsanov.denoise.exact import ExactDenoiser
from girsanov.error_curve.interpolate import half_between
from girsanov.reporting.words.advice import audit_spoken, spoken


def plain(text):
    return " ".join(text.split())


def test_an_audit_is_told_in_a_line_and_in_a_few(wrong_audit, exact_audit):
    line = repr(wrong_audit)
    assert "\n" not in line
    assert "on 600 examples [2] of GaussianMixture: 17 noise levels" in line
    assert f"{wrong_audit.facts.calls} network calls" in line
    assert "ffffffff" in line
    assert "exact denoiser" in repr(exact_audit)
    for measured in (wrong_audit, exact_audit):
        told = str(measured)
        assert len(told.splitlines()) <= 5 + len(measured.verdict) // 60
        assert "array(" not in told + line
        curve, ends = measured.curve, (measured.levels[0], measured.levels[-1])
        assert f"{curve.shares @ half_between(curve, *ends):.4g} nats" in told


def test_a_plan_is_told_in_a_line_and_in_a_few(wrong_plans, exact_plan):
    for plan in (*wrong_plans, exact_plan):
        line, told = repr(plan), str(plan)
        assert line.startswith(f"Plan(6 steps, {plan.sampler}")
        assert "\n" not in line
        assert len(line) < 200
        assert len(told.splitlines()) <= 10 + len(plan.verdict) // 60
        assert "array(" not in told + line
        for entry in plan.ledger:
            value = entry.low if entry.kind == "lower bound" else entry.value
            assert f"{value:.3g} nats" in told
            assert (
                f"{entry.name} {'>= ' if entry.kind == 'lower bound' else ''}{value:.3g}" in line
            )
        assert plain(plan.promised.words()) in plain(told)
        assert max(map(len, told.splitlines())) <= 88


def test_an_ode_sampler_is_told_by_its_distance(law):
    measured = audit(ExactDenoiser(law), law, levels=33, examples=64, trajectories=32)
    plan = measured.plan(steps=4, sampler="ddim")
    assert repr(plan).startswith("Plan(4 steps, ddim, noise levels ")
    for told in (repr(plan), str(plan)):
        assert f"{plan.distance.value:.3g}" in told
        assert "unknown" not in told
        assert "certificate" not in told


@pytest.mark.parametrize("sampler", ["analytic-dpm", "ddpm"])
def test_what_is_not_a_plan_of_ours_is_told_too(wrong_plans, sampler):
    plan = dataclasses.replace(wrong_plans[0], ledger=(), promised=None, sampler=sampler)
    assert repr(plan).endswith(": )")


class Clueless:
    """A model that answers the same whatever it is shown: it knows nothing of any data."""

    exact, classes, fingerprint = False, 0, "c" * 64
    shape, dtype, device = (2,), torch.float64, torch.device("cpu")
    snr_range = (1e-3, 1e3)

    def __call__(self, x, snr, label=None):
        return torch.full_like(x, 7.0)


@pytest.fixture(scope="module")
def clueless(law):
    return audit(Clueless(), law, levels=17, examples=600)


def test_the_verdict_comes_first_and_is_that_of_the_commands(wrong_audit, wrong_plans, clueless):
    for measured, plan in ((wrong_audit, wrong_plans[0]), (clueless, clueless.plan(steps=6))):
        assert str(measured).startswith(measured.verdict.split(". ")[0][:60])
        assert plain(measured.verdict) in plain(str(measured))
        assert measured.verdict == " ".join(audit_spoken(measured)) == gv.verdict(measured)
        assert str(plan).startswith(plan.verdict[:60])
        assert plain(plan.verdict) in plain(str(plan))
        assert gv.verdict(measured, plan) == " ".join(spoken(measured, plan))
        assert gv.verdict(measured, plan).startswith(plan.verdict)
    assert "knows nothing about this data" not in str(wrong_audit) + str(wrong_plans[0])


@pytest.mark.parametrize(
    "options", [{}, {"steps": 6, "calibrate": False}, {"calibrate": True}, {"sampler": "ddpm"}]
)
def test_of_a_model_that_knows_nothing_nothing_is_certified(clueless, options, tmp_path):
    plan = clueless.plan(**options)
    plan.save(tmp_path / "plan.json")
    for made in (plan, gv.load_plan(tmp_path / "plan.json")):
        assert made.verdict.startswith("It is the model: it knows nothing about this data")
        assert "TV at most" not in str(made)
        assert "certificate There is none" in plain(str(made))
        assert made.verdict == gv.verdict(clueless, made)
        assert ("describe the corrected model" in made.verdict) == (made.calibration is not None)
    assert clueless.calibrated().plan(steps=6).verdict.startswith("It is the model: it knows noth")


def test_an_ode_sampler_of_a_model_that_knows_nothing_says_so(law):
    measured = audit(Clueless(), law, levels=33, examples=64, trajectories=32)
    said = measured.plan(steps=4, sampler="ddim").verdict
    assert said.startswith("It is the model: it knows nothing about this data")


def test_a_verdict_is_of_a_plan_of_the_same_model(wrong_audit, clueless, exact_plan):
    with pytest.raises(gv.InputError, match=r"^plan: must be of the audited model, ffffffffffff…"):
        gv.verdict(wrong_audit, clueless.plan(steps=6))
    with pytest.raises(gv.InputError, match=r"^audit: must be an audit; got Plan"):
        gv.verdict(exact_plan)


def test_what_an_audit_found_out_is_an_object_of_numbers(clueless, tmp_path):
    plan = clueless.plan(steps=6)
    plan.save(tmp_path / "plan.json")
    content = json.loads((tmp_path / "plan.json").read_text())
    content["audit"]["untrained"]["times"] = "many"
    (tmp_path / "plan.json").write_text(json.dumps(content))
    with pytest.raises(gv.InputError, match="audit: untrained: must have a number as times"):
        gv.load_plan(tmp_path / "plan.json")
