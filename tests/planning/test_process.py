"""Plans for phase space: what they cost, what they run, and what is refused."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import integrate

from girsanov._checks import InputError
from girsanov.auditing import audit
from girsanov.data import load_data
from girsanov.denoise.exact import ExactDenoiser
from girsanov.diffusers_export.plan_table import carry
from girsanov.law import Gaussian, GaussianMixture
from girsanov.planning.given_grid import evaluate_grid
from girsanov.planning.make_plan import make_plan
from girsanov.planning.plan_file import load_plan
from girsanov.process import CriticallyDampedLangevin
from girsanov.sampling.loop import sample_standardised
from girsanov.sampling.sample import sample
from girsanov.train import TrainOptions, fit

LAW = GaussianMixture([0.3, 0.7], [[-1.5], [1.0]], [0.04, 0.15])
CLD = CriticallyDampedLangevin()
OURS = ("analytic-dpm", "ddpm", "ei-relative", "ei-score")


@pytest.fixture(scope="module")
def measured():
    return audit(ExactDenoiser(LAW), LAW, levels=17, examples=2000, flow=0)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    data = load_data(np.random.default_rng(0).gamma(2.0, size=(400, 2)).astype(np.float32))
    train, held_out = data.split(0.8, seed=0)
    options = TrainOptions(width=32, depth=1, evaluations=1, early_stopping=False, dropout=0.0)
    model = fit(train, steps=60, network="mlp", process="cld", options=options)
    return model, audit(model, held_out, levels=9)


def share(plan, name):
    return next(e.value for e in plan.ledger if e.name == name)


@pytest.mark.parametrize("sampler", OURS)
def test_a_plan_runs_in_phase_space_and_comes_back_from_its_file(measured, sampler, tmp_path):
    plan = make_plan(measured, steps=5, sampler=sampler, process="cld")
    assert plan.process == "cld"
    assert plan.recipe().process == "cld"
    plan.save(tmp_path / "plan.json")
    again = load_plan(tmp_path / "plan.json")
    assert json.loads((tmp_path / "plan.json").read_text())["process"] == again.process == "cld"
    model = ExactDenoiser(LAW)
    one, two = (sample(model, p, 7, seed=3) for p in (plan, again))
    np.testing.assert_array_equal(one, two)
    assert make_plan(measured, steps=5, sampler=sampler).process == "vp"


@pytest.mark.parametrize("sampler", ["analytic-dpm", "ddpm"])
def test_ddpm_and_analytic_dpm_cost_as_much_on_the_same_levels(measured, sampler):  # theory 6.1
    one, two = (make_plan(measured, steps=6, sampler=sampler, process=p) for p in ("cld", "vp"))
    np.testing.assert_array_equal(one.levels, two.levels)
    assert [e.value for e in one.ledger] == [e.value for e in two.ledger]


def test_the_ledger_of_a_score_plan_is_its_path_kl():
    """Against integrals of the Fisher information (theory 4.3), on a Gaussian law."""
    law, v = Gaussian([0.5], 0.3), 0.3
    report = audit(
        ExactDenoiser(law), law, levels=np.geomspace(0.02, 200.0, 129), examples=4000, flow=0
    )
    levels = report.levels[[0, 16, 40, 56, 80, 128]]
    times = CLD.time(levels)

    def entry(t):
        r = float(CLD.signal(t))
        g = (1 / (1 + r * (v - 1)) - 1) / r
        ax, av = CLD.mean(t)
        return 1 + g * av**2, g * ax * av

    total = 0.0
    for t, u in pairwise(times):
        h, (vv, xv) = t - u, entry(t)
        corner = (h - 2 * h * np.exp(-h)) * vv + 2 * (1 - (1 + h) * np.exp(-h)) * xv
        total += 2 * (integrate.quad(lambda x: entry(x)[0], u, t)[0] + corner)
    plan = evaluate_grid(report, levels, sampler="ei-score", process="cld")
    found = next(e for e in plan.ledger if e.name == "discretisation")
    se = (found.high - found.low) / 4
    assert se < 0.05 * total
    assert abs(found.value - total) < 5 * se + 0.02 * total  # and the audit's interpolation


def test_phase_space_costs_more_with_the_score_held(measured):
    """On one SNR grid freezing the raw score is dearer in phase space (theory 4.5, 5)."""
    levels = measured.levels[2:15:2]
    cost = {
        p: share(evaluate_grid(measured, levels, sampler="ei-score", process=p), "discretisation")
        for p in ("vp", "cld")
    }
    assert cost["cld"] > 1.5 * cost["vp"]


def test_a_model_of_phase_space_is_planned_and_sampled_there(learned):
    model, report = learned
    for sampler in OURS:
        plan = make_plan(report, steps=4, sampler=sampler)
        assert plan.process == "cld"
        assert bool(torch.isfinite(sample_standardised(model, plan, 6)).all())
    with pytest.raises(InputError, match="process: must be cld, in which this model was trained"):
        make_plan(report, steps=4, process="vp")
    with pytest.raises(InputError, match="calibrate: is not for a model trained in phase space"):
        make_plan(report, steps=4, calibrate=True)


def test_a_scheduler_of_diffusers_has_no_velocities(measured):
    plan = make_plan(measured, steps=4, sampler="ddpm", process="cld")
    with pytest.raises(InputError, match="plan: must be of process vp"):
        carry([plan])


def test_other_processes_are_refused(measured):
    with pytest.raises(InputError, match="process: must be one of vp, cld"):
        make_plan(measured, steps=4, process="ve")


def test_an_edited_process_is_refused(measured, tmp_path):
    make_plan(measured, steps=4, sampler="ddpm").save(tmp_path / "plan.json")
    content = json.loads((tmp_path / "plan.json").read_text())
    for edit in ({"process": "cld"}, {"audit": {**content["audit"], "process": "cld"}}):
        (tmp_path / "plan.json").write_text(json.dumps({**content, **edit}))
        with pytest.raises(InputError, match="process"):
            load_plan(tmp_path / "plan.json")
