"""Plans along the flow inside diffusers: each step is the plan's own, for all numbers of calls."""

import copy
import json
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

diffusers = pytest.importorskip("diffusers")
sys.path.append(str(Path(__file__).parent))

import made  # noqa: E402

import girsanov as gv  # noqa: E402
from girsanov.denoise.calibrate import CalibratedDenoiser  # noqa: E402
from girsanov.diffusers_export.export import export  # noqa: E402
from girsanov.diffusers_export.json_arrays import pack_array  # noqa: E402
from girsanov.diffusers_export.plan_table import Carried, carry  # noqa: E402
from girsanov.diffusers_export.step_grid import StepGrid  # noqa: E402
from girsanov.planning.all_step_counts import family  # noqa: E402
from girsanov.sampling.ancestral import Inner  # noqa: E402

SAMPLERS = ("euler-ancestral", "dpm2-ancestral", "mixed")
RESOLUTION = 0.1


@pytest.fixture(scope="module")
def pipe():
    return made.pipelines.ddpm(prediction_type="sample", clip_sample=True)


@pytest.fixture(scope="module")
def audited(pipe):
    return made.audited(pipe)


def planned(audit, sampler, steps=7, **options):
    return audit.plan(steps=steps, sampler=sampler, resolution=RESOLUTION, **options)


def every_kind(audit, **options):
    """A plan of mixed with a step of each kind: analytic-dpm's, of one call and of two."""
    plan = planned(audit, "mixed", **options)
    levels = plan.levels[:4]
    flow_to = levels[1:] * np.sqrt(levels[1:] / levels[:-1])
    trained = np.array(audit.facts.trained_levels)
    middle = trained[np.abs(np.log(trained / np.sqrt(levels[2] * flow_to[2]))).argmin()]
    inner = Inner(np.array([np.nan, *flow_to[1:]]), np.array([np.nan, np.nan, middle]))
    rows = plan.variances[: 3 + (plan.last == "draw")]
    return replace(plan, levels=levels, inner=inner, variances=rows)


def require_same_walk(pipe, model, plan, scheduler):
    """The states of a scheduler's loop are those of the plan's recipe, one by one."""
    scheduler.set_timesteps(plan.steps)
    z = torch.randn(3, *made.SHAPE, generator=made.seeded(1))
    states, same = [], made.seeded(2)
    made.loop(scheduler, pipe.unet, z, made.seeded(2), states=states)
    noises = (torch.randn(z.shape, generator=same) for _ in range(99))
    recipe = plan.recipe()
    if plan.calibration is not None:
        model = CalibratedDenoiser(model, plan.calibration)
    want = made.walked(model, recipe, z, noises)
    assert len(states) == len(want) == plan.steps == len(recipe.steps)
    after = [step.snr for step in recipe.steps[1:]]
    scales = [*model.clock.alpha(np.array(after)), 1.0]  # what is returned is x itself
    for got, x, scale in zip(states, want, scales, strict=True):
        torch.testing.assert_close(got, (scale * x).to(got), rtol=0, atol=3e-4)


@pytest.mark.parametrize("last", ["denoise", "sample"])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_each_step_is_the_plans(pipe, audited, sampler, last):
    model, audit = audited
    plan = planned(audit, sampler, steps=6 if last == "sample" else 7, last=last)
    assert plan.steps == (6 if last == "sample" else 7)
    scheduler = gv.GirsanovScheduler.from_plan(plan)
    again = type(scheduler).from_config(json.loads(scheduler.to_json_string()))
    for one in (scheduler, again):
        require_same_walk(pipe, model, plan, one)


@pytest.mark.parametrize("last", ["denoise", "draw"])
@pytest.mark.parametrize("covariance", ["pca", "scalar"])
def test_steps_of_every_kind(pipe, audited, covariance, last):
    model, audit = audited
    plan = every_kind(audit, covariance=covariance, last=last)
    kinds = [kernel["sampler"] for kernel in plan.inner.kernels(plan.levels)]
    assert kinds == ["analytic-dpm", "euler-ancestral", "dpm2-ancestral"]
    require_same_walk(pipe, model, plan, gv.GirsanovScheduler.from_plan(plan))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_what_is_carried_comes_back_to_the_bit(audited, sampler):
    audit = audited[1]
    plan = planned(audit, sampler)
    plans = family(audit, plan, range(1, 13), ledgers=False)
    counts = [p.steps for p in plans]
    assert counts == [*range(1, 13, 2 if sampler == "dpm2-ancestral" else 1)]
    whole = carry(plans)
    for carried in (whole, Carried.from_json(json.loads(json.dumps(whole.to_json())))):
        for one in plans:
            grid = carried.grids[one.steps]
            mine, theirs = one.recipe(), carried.recipe(grid)
            assert carried.calls(grid) == len(theirs.steps) == len(mine.steps) == one.steps
            for a, b in zip(mine.steps, theirs.steps, strict=True):
                same = (a.snr, a.state, a.prediction, a.history)
                assert same == (b.snr, b.state, b.prediction, b.history)
                np.testing.assert_allclose(a.noise, b.noise, rtol=1e-6)


def test_numbers_that_cannot_be_had_run_the_nearest_below(audited):
    audit = audited[1]
    scheduler = gv.GirsanovScheduler.from_plan(planned(audit, "dpm2-ancestral"), audit=audit)
    with pytest.warns(UserWarning, match="num_inference_steps=10: 9 network calls are made"):
        scheduler.set_timesteps(10)
    assert len(scheduler.timesteps) == 9
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.set_timesteps(11)
    assert scheduler._plans.recipe(scheduler._grid).steps[-1].snr == audit.plan(
        steps=11, sampler="dpm2-ancestral", resolution=RESOLUTION).levels[-1]  # fmt: skip


def test_a_plan_alone_runs_fewer_of_its_levels(audited):
    """Merged steps go past their ends by as much as the last of those they stand for."""
    plan = planned(audited[1], "euler-ancestral")
    carried = carry([plan])
    grid = carried.grid(3)
    assert grid.places == (0, 3, 6)
    levels, inner = plan.levels[[0, 3, 6]], grid.inner
    for k, j in ((0, 2), (1, 5)):
        own = np.log(plan.inner.flow_to[j] / plan.levels[j + 1])
        own /= np.log(plan.levels[j + 1] / plan.levels[j])
        merged = np.log(inner.flow_to[k] / levels[k + 1]) / np.log(levels[k + 1] / levels[k])
        assert merged == pytest.approx(own)
    assert carried.grid(1).places == (6,)
    assert len(carried.recipe(carried.grid(1)).steps) == 1


@pytest.mark.parametrize("count", range(1, 8))
@pytest.mark.parametrize("scaled", [True, False])
def test_a_plan_alone_with_steps_of_every_kind_runs(pipe, audited, count, scaled):
    plan = every_kind(audited[1])
    scheduler = gv.GirsanovScheduler.from_plan(plan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler.set_timesteps(count)
    said, z = len(scheduler.timesteps), torch.randn(1, *made.SHAPE, generator=made.seeded(1))
    assert said <= min(count, plan.steps)
    spy = made.Spy(pipe.unet)
    x = made.loop(scheduler, spy, z, made.seeded(2), scaled=scaled)
    assert len(spy.times) == said
    assert torch.isfinite(x).all()


@pytest.mark.parametrize("sampler", ["euler-ancestral", "dpm2-ancestral"])
def test_folders_and_lists_of_such_plans(pipe, audited, tmp_path, sampler):
    pipe.save_pretrained(tmp_path / "pipe")
    plan = planned(audited[1], sampler)
    done = export(plan, tmp_path / "pipe", tmp_path / "fast", audit=audited[1])
    assert plan.steps in done["calls"]
    assert done["calls"][-1] == (99 if sampler == "dpm2-ancestral" else 100)
    file = tmp_path / "fast" / "scheduler" / "scheduler_config.json"
    assert file.stat().st_size < 1_000_000
    fast = diffusers.DiffusionPipeline.from_pretrained(tmp_path / "fast", local_files_only=True)
    fast.set_progress_bar_config(disable=True)
    fast.unet = spy = made.Spy(fast.unet)
    assert np.isfinite(fast(num_inference_steps=9, output_type="np").images).all()
    assert len(spy.times) == 9
    done = export(plan, tmp_path / "pipe", tmp_path / "t.json", to="timesteps", audit=audited[1])
    assert len(done["timesteps"]) == len(plan.levels)


def test_thinning_asks_the_network_at_levels_of_the_grid():
    levels = np.array([0.1, 0.4, 1.0, 3.0, 10.0])
    inner = Inner(levels[1:] * 2, np.sqrt(levels[:-1] * levels[1:] * 2))
    thin = StepGrid((0, 1, 2, 3, 4), inner).thinned(3, levels)
    assert thin.places == (0, 2, 4)
    thin.inner.require_fits(levels[[0, 2, 4]])
    assert set(thin.inner.middle) <= {*levels, *inner.middle}
    assert StepGrid((3,), Inner(np.zeros(0), np.zeros(0))).without_first() is None


def test_a_file_of_before_has_no_steps_along_the_flow(audited):
    plan = audited[1].plan(steps=3, calibrate=False)
    content = carry([plan]).to_json()
    assert content.pop("inner") is None
    assert Carried.from_json(content).grids[3].inner is None


@pytest.fixture(scope="module")
def config(audited):
    plan = every_kind(audited[1])
    found = dict(gv.GirsanovScheduler.from_plan(plan).config)
    kept = ("plans", "clock", "clip", "shape", "num_train_timesteps")
    return json.loads(json.dumps({k: found[k] for k in kept}))


def wrong_inners(inner):
    """Every way in which the arrays of the steps may be damaged."""
    (calls, own), flow, middle = *inner.items(), "inner.flow_to", "inner.middle"
    other = made_array([1e-9, 2.0, 3.0])
    return {
        "none": None, "no table": 3, "no grid": {}, "other calls": {"9": own},
        "one array": {calls: {flow: own[flow]}}, "no array": {calls: {**own, flow: 3}},
        "too short": {calls: {**own, flow: made_array([50.0])}},
        "not beyond": {calls: {**own, flow: other}},
        "not finite": {calls: {**own, flow: made_array([np.nan, np.inf, np.inf])}},
        "no place for a call": {calls: {**own, middle: made_array([1.0, 0.0, 0.0])}},
        "other number of calls": {calls: {**own, middle: made_array([0.0, 0.0, 0.0])}},
        "damaged": {calls: {**own, middle: {**own[middle], "base64": "AAAA"}}},
    }  # fmt: skip


def made_array(values):
    return pack_array(values, "float64")


KINDS = ("none", "no table", "no grid", "other calls", "one array", "no array", "too short",
         "not beyond", "not finite", "no place for a call", "other number of calls",
         "damaged")  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_steps_are_one_line(config, kind):
    gv.GirsanovScheduler(**copy.deepcopy(config))  # whole as it is
    content = copy.deepcopy(config)
    wrong = wrong_inners(content["plans"]["inner"])
    assert set(wrong) == set(KINDS)
    content["plans"]["inner"] = wrong[kind]
    with pytest.raises(gv.InputError) as error:
        gv.GirsanovScheduler(**content)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("other", ["euler-ancestral", "dpm2-ancestral", "analytic-dpm", "ddpm"])
def test_steps_of_another_sampler_are_refused(config, other):
    content = copy.deepcopy(config)
    content["plans"]["sampler"] = other
    with pytest.raises(gv.InputError):
        gv.GirsanovScheduler(**content)
