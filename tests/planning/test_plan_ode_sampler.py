"""Plans for ODE samplers: what they promise, keep, refuse, and how they are stored."""

import dataclasses
import json

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov._checks import InputError
from girsanov.planning.ode_samplers.plan_ode_sampler import NO_KL, plan_ode_sampler
from girsanov.planning.options import PlanOptions
from girsanov.sampling.loop import sample_standardised
from girsanov.sampling.registry import ode_names

LAW = gv.GaussianMixture(
    [0.7, 0.3], [[2.0, 0.5], [-1.0, 1.5]], [[[0.5, 0.2], [0.2, 0.3]], [[0.1, 0], [0, 0.4]]]
)
DENOISER = gv.ExactDenoiser(LAW)
over_ode_samplers = pytest.mark.parametrize("sampler", ode_names())


@pytest.fixture(scope="module")
def audit():
    return gv.audit(DENOISER, LAW, levels=33, examples=64, draws=1, trajectories=128)


def distance_of(plan, audit):
    return gv.measure_distance(DENOISER, plan, audit).distance


@over_ode_samplers
@pytest.mark.parametrize("steps", [5, 9])
def test_planned_grids_beat_hand_grids(audit, sampler, steps):
    """On the half that chose nothing; twice over, since a hand grid can be lucky once."""
    plan = audit.plan(sampler=sampler, steps=steps)
    own = distance_of(plan, audit).value
    for grid in (gv.log_uniform_grid, gv.karras_grid):
        levels = grid(audit.levels[0], audit.levels[-1], len(plan.levels))
        hand = dataclasses.replace(plan, levels=levels, start_noise=spread(plan, levels[0]))
        assert own < 0.7 * distance_of(hand, audit).value


def spread(plan, level):
    v = plan.start_noise**2 - 1 / plan.levels[0]
    return np.sqrt(v + 1 / level)


@over_ode_samplers
def test_predictions_are_of_the_size_of_what_is_measured(audit, sampler):
    for steps in (9, 15):
        plan = audit.plan(sampler=sampler, steps=steps)
        assert plan.distance.kind == "predicted"
        measured = distance_of(plan, audit)
        assert measured.kind == "measured"
        assert measured.low < measured.value < measured.high
        assert plan.distance.low < measured.value < plan.distance.high
        assert plan.steps == len(plan.recipe().steps) == steps


def test_the_measured_distance_is_that_of_samples(audit):
    """Against an independent teacher: the sampler and 2,000 fine ddim steps from one seed."""
    plan = audit.plan(sampler="dpmpp-2m", steps=8)
    fine = gv.log_uniform_grid(plan.levels[0], audit.levels[-1], 2000)
    start = (plan.moments.mean, plan.start_noise, plan.moments.basis)
    teacher = gv.ode_recipe("ddim", fine, start=start)
    x, y = (sample_standardised(DENOISER, p, 400, seed=9) for p in (plan, teacher))
    square = ((x - y) ** 2).mean(1).numpy()
    se = square.std() / 20
    whole = audit.plan(sampler="dpmpp-2m", steps=8, resolution=float(audit.levels[-1] ** -0.5))
    found = distance_of(plan, audit)
    assert abs(square.mean() - found.value**2) < 5 * (se + (found.high**2 - found.low**2) / 4)
    assert whole.levels[-1] == audit.levels[-1]


def test_more_steps_come_nearer(audit):
    for sampler in ode_names():
        values = [audit.plan(sampler=sampler, steps=n).distance.value for n in (3, 7, 15, 31)]
        assert (np.diff(values) < 0).all()


def test_heun_takes_what_it_can_of_an_even_number(audit):
    assert audit.plan(sampler="heun", steps=8).steps == 7
    assert len(audit.plan(sampler="heun", steps=8, last="sample").levels) == 5


def test_the_ledger_says_that_there_is_no_path_kl(audit):
    plan = audit.plan(sampler="ddim", steps=6)
    entries = {e.name: e for e in plan.ledger}
    for name in ("init", "discretisation"):
        assert (entries[name].kind, entries[name].value, entries[name].note) == (
            "unknown",
            None,
            NO_KL,
        )
    assert entries["score"].kind == "exact"
    assert "linear flow" in plan.distance.note


def test_a_distance_is_reached_with_the_fewest_steps(audit):
    plan = audit.plan(sampler="dpmpp-2m", distance=0.03)
    assert plan.distance.high <= 0.03
    fewer = audit.plan(sampler="dpmpp-2m", steps=plan.steps - 1)
    assert fewer.distance.high > 0.03
    measured = plan_ode_sampler(
        audit, PlanOptions(sampler="dpmpp-2m", distance=0.06, denoiser=DENOISER)
    )
    assert measured.distance.kind == "measured"
    assert measured.distance.high <= 0.06
    fewer = audit.plan(sampler="dpmpp-2m", steps=measured.steps - 1)
    assert distance_of(fewer, audit).high > 0.06


def test_without_a_target_five_percent_is_enough(audit):
    plan = audit.plan(sampler="dpmpp-2m")
    deviation = (LAW.variance / 2) ** 0.5
    assert plan.distance.high <= 0.05 * deviation
    assert "5% of the data's standard deviation" in plan.why
    fewer = audit.plan(sampler="dpmpp-2m", steps=plan.steps - 1)
    assert fewer.distance.high > 0.05 * deviation


@pytest.mark.parametrize("last", ["denoise", "sample"])
def test_a_resolution_is_where_the_plan_stops(audit, last):
    plan = audit.plan(sampler="dpmpp-2m", steps=7, resolution=0.1, last=last)
    assert (
        abs(np.log(plan.resolution / 0.1)) < np.log(audit.levels[1] / audit.levels[0]) / 4 + 1e-9
    )
    measured = distance_of(plan, audit)
    assert 1 / 5 < measured.value / plan.distance.value < 5


@over_ode_samplers
def test_a_plan_is_kept_whole(audit, sampler, tmp_path):
    plan = audit.plan(sampler=sampler, steps=7)
    plan.save(tmp_path / "plan.json")
    again = gv.load_plan(tmp_path / "plan.json")
    assert again.distance == plan.distance
    assert again.summary() == plan.summary()
    assert again.recipe().steps == plan.recipe().steps
    x, y = (gv.sample(DENOISER, p, 20, seed=3) for p in (plan, again))
    assert np.array_equal(x, y)


def test_plans_that_were_tampered_with_are_refused(audit, tmp_path):
    audit.plan(sampler="ddim", steps=4).save(tmp_path / "plan.json")
    content = json.loads((tmp_path / "plan.json").read_text())
    for change in (
        {"distance": {**content["distance"], "kind": "certain"}},
        {"distance": {**content["distance"], "low": 9.0}},
        {"distance": {**content["distance"], "more": 1}},
        {"sampler": "ddpm"},
    ):
        (tmp_path / "plan.json").write_text(json.dumps({**content, **change}))
        with pytest.raises(InputError):
            gv.load_plan(tmp_path / "plan.json")
    del content["distance"]
    (tmp_path / "plan.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="distance: must come with an ODE sampler"):
        gv.load_plan(tmp_path / "plan.json")


# a model that is to be corrected


class Scaled(gv.ExactDenoiser):
    """The exact denoiser, too short where it is noisy."""

    exact, fingerprint = False, "c" * 64

    def __call__(self, x, snr, label=None):
        early = torch.as_tensor(snr).reshape(-1, 1) < 0.1
        return super().__call__(x, snr) * torch.where(early, 0.6, 1.0)


def test_a_calibrated_plan_follows_the_corrected_model(tmp_path):
    wrong = Scaled(LAW)
    raw = gv.audit(wrong, LAW, levels=17, examples=2000, draws=1, trajectories=64)
    with pytest.raises(InputError, match="calibrate: needs the model"):
        raw.plan(sampler="dpmpp-2m", steps=9, calibrate=True)
    plan = raw.plan(sampler="dpmpp-2m", steps=9, calibrate=True, denoiser=wrong)
    assert plan.calibration is not None
    assert plan.distance.kind == "measured"
    plan.save(tmp_path / "plan.json")
    again = gv.load_plan(tmp_path / "plan.json")
    assert again.distance == plan.distance
    # the corrected samples are nearer to those of the exact denoiser than the raw ones
    fine = gv.log_uniform_grid(raw.levels[0], raw.levels[-1], 400)
    start = (plan.moments.mean, np.sqrt(spread(plan, raw.levels[0]) ** 2), plan.moments.basis)
    truth = gv.ode_recipe("dpmpp-2m", fine, start=start)
    x = sample_standardised(DENOISER, truth, 300, seed=2)
    far = [
        float(((sample_standardised(wrong, p, 300, seed=2) - x) ** 2).mean())
        for p in (raw.plan(sampler="dpmpp-2m", steps=17, resolution=raw.levels[-1] ** -0.5), again)
    ]
    assert far[1] < 0.5 * far[0]
    with pytest.raises(InputError, match="audit: must be calibrated"):
        gv.measure_distance(wrong, plan, raw)


def test_refusals(audit):
    none = dataclasses.replace(audit, trajectories=None)
    with pytest.raises(InputError, match=r"none of\. Audit with --trajectories 256"):
        none.plan(sampler="ddim", steps=4)
    for name, value in (("kl", 1.0), ("tv", 0.1), ("covariance", "pca"), ("start", "mean")):
        with pytest.raises(InputError, match=f"{name}: belongs to stochastic samplers"):
            audit.plan(sampler="ddim", **{name: value})
    with pytest.raises(InputError, match="distance: is for ddim, heun and dpmpp-2m"):
        audit.plan(distance=0.1)
    with pytest.raises(InputError, match="model: is for analytic-dpm and for ddim, heun"):
        audit.plan(sampler="ddpm", denoiser=DENOISER)
    with pytest.raises(InputError, match="steps, distance: only one"):
        audit.plan(sampler="ddim", steps=4, distance=0.1)
    with pytest.raises(InputError, match=r"steps: must lie in 1\.\.33 for ddim"):
        audit.plan(sampler="ddim", steps=34)
    with pytest.raises(InputError, match="distance: cannot be reached"):
        audit.plan(sampler="ddim", distance=1e-9)
    with pytest.raises(InputError, match="resolution: must lie in the measured"):
        audit.plan(sampler="ddim", steps=4, resolution=1e9)
    plan = audit.plan(sampler="ddim", steps=4)
    with pytest.raises(InputError, match="must be the model that was audited"):
        gv.measure_distance(gv.ExactDenoiser(gv.Gaussian([0.0, 0], np.eye(2))), plan, audit)
    with pytest.raises(InputError, match="plan: must be of an ODE sampler"):
        gv.measure_distance(DENOISER, audit.plan(steps=3), audit)
