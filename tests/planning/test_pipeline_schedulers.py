"""What a pipeline has already: drawn by diffusers' own code, a candidate, honest when it wins."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

diffusers = pytest.importorskip("diffusers")
sys.path.append(str(Path(__file__).parent.parent / "diffusers_export"))

import made  # noqa: E402
from made import pipelines  # noqa: E402

import girsanov as gv  # noqa: E402
from girsanov.cli.main import run  # noqa: E402
from girsanov.denoise.pipelines.own_schedulers import levels_of, own_schedulers, started  # noqa: E402
from girsanov.noise import NoiseSource  # noqa: E402
from girsanov.planning.tournament.pipeline_schedulers import own_plans  # noqa: E402
from girsanov.planning.tournament.tournament import tournament  # noqa: E402
from girsanov.sampling.shards import plan_fingerprint  # noqa: E402


@pytest.fixture(scope="module")
def pipe():
    made_one = pipelines.ddpm(prediction_type="sample", clip_sample=True)
    made_one.set_progress_bar_config(disable=True)
    return made_one


@pytest.fixture(scope="module")
def audited(pipe):
    return made.audited(pipe)


@pytest.fixture(scope="module")
def plans(audited):
    model, audit = audited
    return own_plans(audit, model, 6)


def drawn(model, plan, count=3, **options):
    from girsanov.sampling.loop import sample_standardised

    return sample_standardised(model, plan, count, **options)


def test_all_that_users_try_is_there_with_as_many_calls(plans):
    names = " ".join(plans)
    for word in ("its own DDPMScheduler", "DDIM", "DPM-Solver++", "Karras", "UniPC", "Euler"):
        assert word in names
    assert all(plan.steps <= 6 for plan in plans.values())
    assert sum(plan.steps == 6 for plan in plans.values()) >= len(plans) - 1


def test_they_are_the_pipelines_own_samples(pipe, audited, plans):
    """The configured scheduler, in its pipeline, from the same noise and generators."""
    model, own = audited[0], plans["its own DDPMScheduler"]
    d = int(np.prod(made.SHAPE))
    z = NoiseSource(5, "sample").normal(0, 0, 3, d).view(3, *made.SHAPE)
    pipe.scheduler.set_timesteps(6)
    state, generators = z, NoiseSource(5, "diffusers").generators(0, 3)
    with torch.inference_mode():
        for t in pipe.scheduler.timesteps:
            out = pipe.unet(state, t).sample
            state = pipe.scheduler.step(out, t, state, generator=generators).prev_sample
    torch.testing.assert_close(drawn(model, own, seed=5), state, rtol=0, atol=1e-5)


def test_a_sample_does_not_depend_on_its_batch(audited, plans):
    for plan in plans.values():
        whole = drawn(audited[0], plan, 5, seed=1)
        parts = drawn(audited[0], plan, 5, seed=1, batch_size=2)
        torch.testing.assert_close(whole, parts, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(whole[3:], drawn(audited[0], plan, 2, seed=1, first=3),
                                   rtol=1e-4, atol=1e-4)  # fmt: skip


@pytest.mark.parametrize("name", ["DDIM, trailing", "DPM-Solver++", "Euler, trailing"])
def test_their_levels_are_those_the_network_is_called_at(pipe, name):
    model = gv.from_pipeline(pipe)
    scheduler = started(own_schedulers(model)[f"diffusers' {name}"], 5)
    times = model.clock.time(levels_of(scheduler, model.clock), any_level=True)
    np.testing.assert_allclose(times, scheduler.timesteps.double(), atol=0.51)


def test_second_order_schedulers_keep_to_the_calls():
    own = diffusers.HeunDiscreteScheduler(timestep_spacing="trailing")
    assert len(started(json.loads(own.to_json_string()), 6).timesteps) == 5


@pytest.mark.parametrize("kind", ["FlowMatchEulerDiscreteScheduler", "EDMEulerScheduler"])
def test_pipelines_of_other_clocks_have_their_own(kind):
    own = diffusers.DDPMPipeline(pipelines.unet(), getattr(diffusers, kind)())
    model, audit = made.audited(own)
    (plan,) = own_plans(audit, model, 4).values()
    assert plan.steps == 4
    assert torch.isfinite(drawn(model, plan)).all()
    assert plan.levels[0] >= model.snr_range[0] / 10
    assert (np.diff(plan.levels) > 0).all()


def test_the_tournament_has_them_and_never_ends_worse(audited, tmp_path):
    """Judged by data that one of them drew, that one wins, and the plan is it."""
    model, audit = audited
    best = own_plans(audit, model, 4)["diffusers' DDIM, trailing"]
    data = gv.load_data(gv.sample(model, best, 200, seed=99))
    plan = tournament(audit, model, data, steps=4, candidates=["ddpm"], calls=6_000)
    name = plan.scheduler.name
    assert "trailing" in name  # with this network DDIM and DPM-Solver++ hardly differ
    assert plan.why.startswith(f"{name}, run by diffusers itself")
    rows = plan.tournament.table
    assert sum("diffusers'" in row.candidate for row in rows) >= 6
    assert any(row.candidate.startswith("ddpm") for row in rows)
    with pytest.raises(gv.InputError, match="has none"):
        plan.certificate()
    plan.save(tmp_path / "plan.json")
    again = gv.load_plan(tmp_path / "plan.json")
    assert again.scheduler == plan.scheduler
    assert again.steps == 4
    assert plan_fingerprint(again) == plan_fingerprint(plan)
    np.testing.assert_array_equal(gv.sample(model, again, 4), gv.sample(model, plan, 4))
    back = gv.GirsanovScheduler.from_plan(tmp_path / "plan.json")
    assert type(back).__name__ == plan.scheduler.config["_class_name"]
    assert back.config.timestep_spacing == "trailing"
    gv.report(audit, again, out=tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "No plan came closer than diffusers" in text
    assert "sampler=" not in text.split("In Python")[1][:400]


def test_another_model_is_refused(audited, plans):
    law = gv.Gaussian(np.zeros(192), np.eye(192))
    with pytest.raises(gv.InputError, match="must be a diffusers pipeline"):
        gv.sample(gv.ExactDenoiser(law), plans["diffusers' UniPC"], 2, any_model=True)


def test_an_edited_record_is_refused(plans, tmp_path):
    path = tmp_path / "plan.json"
    plans["diffusers' UniPC"].save(path)
    whole = json.loads(path.read_text())
    assert gv.load_plan(path).steps == 6
    config = whole["scheduler"]["config"]
    for bad in ({"name": "x", "config": config, "calls": "6"}, {"name": "x"}, 3, None,
                {"name": "x", "config": config, "calls": 0}):  # fmt: skip
        path.write_text(json.dumps({**whole, "scheduler": bad}))
        with pytest.raises(gv.InputError):
            gv.load_plan(path)
    path.write_text(json.dumps({**whole, "sampler": "ddpm"}))
    with pytest.raises(gv.InputError):
        gv.load_plan(path)


@pytest.mark.parametrize("name", ["diffusers' DDIM, trailing", "diffusers' UniPC",
                                  "diffusers' Euler, trailing"])  # fmt: skip
def test_it_goes_back_into_the_folder(pipe, plans, tmp_path, capsys, name):
    pipe.save_pretrained(tmp_path / "pipe")
    plans[name].save(tmp_path / "plan.json")
    command = ["export", str(tmp_path / "plan.json"), "--pipeline", str(tmp_path / "pipe")]
    assert run([*command, "--out", str(tmp_path / "fast"), "--any-model", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["calls"] == [6]
    names = {}
    exec("\n".join(said["python"][:2]), names)
    names["pipe"].set_progress_bar_config(disable=True)
    names["pipe"].unet = spy = made.Spy(names["pipe"].unet)
    exec("\n".join(said["python"][2:]), names)
    assert len(spy.times) == 6
    own = started(plans[name].scheduler.config, 6)
    np.testing.assert_allclose(spy.times, own.timesteps.double())
    for to in ("timesteps", "sigmas"):
        out = ["--out", str(tmp_path / "list.json"), "--to", to, "--any-model"]
        assert run([*command, *out]) == 2
        assert "spaces its own levels" in capsys.readouterr().err
