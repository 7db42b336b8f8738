"""Every export is run as a user runs it, and visits the planned levels."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

diffusers = pytest.importorskip("diffusers")
sys.path.append(str(Path(__file__).parent))

import made  # noqa: E402
from made import pipelines  # noqa: E402

import girsanov as gv  # noqa: E402
from girsanov._checks import InputError  # noqa: E402
from girsanov.cli.main import run  # noqa: E402
from girsanov.interop.export import export, flow_sigmas  # noqa: E402


def quiet(pipe):
    pipe.set_progress_bar_config(disable=True)
    return pipe


def plan_for(pipe, folder, steps=5):
    """Save a pipeline, its audit and a plan in `folder`; return model and plan."""
    pipe.save_pretrained(folder / "pipe")
    model, audit = made.audited(pipe)
    audit.save(folder / "audit.json")
    plan = audit.plan(steps=steps)
    plan.save(folder / "plan.json")
    return model, plan


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    pipe = pipelines.ddpm(prediction_type="sample", clip_sample=True)
    model, plan = plan_for(pipe, folder)
    return folder, model, plan


def visited(folder, lines, scheduler=None):
    """The times the network is called at when `lines` are run on the pipeline in `folder`."""
    pipe = quiet(diffusers.DDPMPipeline.from_pretrained(folder, local_files_only=True))
    if scheduler is not None:
        pipe.scheduler = scheduler
    exec("\n".join(lines), {"pipe": pipe})
    pipe.unet = spy = made.Spy(pipe.unet)
    # the loop of a pipeline that scales what the network sees, which Euler needs
    pipe.scheduler.set_timesteps(50, device="cpu")
    x = torch.randn(1, *made.SHAPE, generator=torch.Generator().manual_seed(0))
    for t in pipe.scheduler.timesteps:
        out = spy(pipe.scheduler.scale_model_input(x, t), t).sample
        x = pipe.scheduler.step(out, t, x).prev_sample
    return spy.times, pipe


@pytest.mark.parametrize("own", ["DDPM", "DDIM", "DPMSolverMultistep", "HeunDiscrete"])
def test_timesteps(place, tmp_path, own):
    folder, model, plan = place
    shutil.copytree(folder / "pipe", tmp_path / "pipe")
    kind = getattr(diffusers, f"{own}Scheduler")
    before = diffusers.DDPMScheduler.from_pretrained(folder / "pipe" / "scheduler")
    kind.from_config(before.config).save_pretrained(tmp_path / "pipe" / "scheduler")
    done = export(plan, tmp_path / "pipe", tmp_path / "t.json", to="timesteps", any_model=True)
    assert all(isinstance(t, int) for t in done["timesteps"])
    scheduler = kind.from_pretrained(tmp_path / "pipe" / "scheduler")
    times, _ = visited(tmp_path / "pipe", done["python"], scheduler)
    if own == "HeunDiscrete":  # second order: between two levels it calls twice
        times = sorted(set(times), reverse=True)
    np.testing.assert_array_equal(made.snrs(model, times), plan.levels)
    if own == "DDIM":
        assert "takes no timesteps" in done["python"][0]


def test_a_whole_pipeline_runs_the_list(place):
    folder, model, plan = place
    done = export(plan, folder / "pipe", folder / "run.json", to="timesteps")
    pipe = quiet(diffusers.DDPMPipeline.from_pretrained(folder / "pipe", local_files_only=True))
    exec("\n".join(done["python"]), {"pipe": pipe})
    pipe.unet = spy = made.Spy(pipe.unet)
    pipe(num_inference_steps=50, output_type="np")
    np.testing.assert_array_equal(made.snrs(model, spy.times), plan.levels)


@pytest.mark.parametrize("own", ["DDPM", "EulerDiscrete"])
def test_sigmas(place, tmp_path, own):
    folder, model, plan = place
    shutil.copytree(folder / "pipe", tmp_path / "pipe")
    kind = getattr(diffusers, f"{own}Scheduler")
    before = diffusers.DDPMScheduler.from_pretrained(folder / "pipe" / "scheduler")
    kind.from_config(before.config).save_pretrained(tmp_path / "pipe" / "scheduler")
    done = export(plan, tmp_path / "pipe", tmp_path / "s.json", to="sigmas", any_model=True)
    np.testing.assert_allclose(done["sigmas"], plan.levels**-0.5, rtol=1e-12)
    assert done["text"].endswith(", 0")
    scheduler = kind.from_pretrained(tmp_path / "pipe" / "scheduler")
    times, pipe = visited(tmp_path / "pipe", done["python"], scheduler)
    np.testing.assert_allclose(pipe.scheduler.sigmas[:-1], plan.levels**-0.5, rtol=1e-5)
    np.testing.assert_allclose(times, model.clock.time(plan.levels), atol=0.01)


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_flow_sigmas_survive_the_shift(tmp_path, shift):
    own = diffusers.FlowMatchEulerDiscreteScheduler(shift=shift)
    _, plan = plan_for(diffusers.DDPMPipeline(pipelines.unet(seed=3), own), tmp_path)
    done = export(plan, tmp_path / "pipe", tmp_path / "s.json", to="sigmas")
    u = plan.levels**-0.5 / (1 + plan.levels**-0.5)
    np.testing.assert_allclose(done["sigmas"], u, rtol=1e-12)
    pipe = diffusers.DDPMPipeline.from_pretrained(tmp_path / "pipe", local_files_only=True)
    exec("\n".join(done["python"]), {"pipe": pipe})
    pipe.scheduler.set_timesteps(50)
    np.testing.assert_allclose(pipe.scheduler.sigmas[:-1], u, rtol=1e-5)
    np.testing.assert_allclose(pipe.scheduler.timesteps, 1000 * u, rtol=1e-5)
    with pytest.raises(InputError, match="must be sigmas"):
        export(plan, tmp_path / "pipe", tmp_path / "t.json", to="timesteps")


def test_the_known_shift():
    np.testing.assert_allclose(3 * np.array(flow_sigmas([1, 0.5, 0.1], 3.0))
                               / (1 + 2 * np.array(flow_sigmas([1, 0.5, 0.1], 3.0))),
                               [1, 0.5, 0.1])  # fmt: skip


def test_sigmas_for_flows_through_unipc(tmp_path):
    options = {"prediction_type": "flow_prediction", "use_flow_sigmas": True, "flow_shift": 2.0}
    own = diffusers.UniPCMultistepScheduler(**options)
    pipe = diffusers.DDPMPipeline(pipelines.unet(seed=3), own)
    _, plan = plan_for(pipe, tmp_path)
    done = export(plan, tmp_path / "pipe", tmp_path / "s.json", to="sigmas")
    exec("\n".join(done["python"]), {"pipe": pipe})
    pipe.scheduler.set_timesteps(50)
    np.testing.assert_allclose(pipe.scheduler.sigmas[:-1], done["sigmas"], rtol=1e-5)


def test_edm_levels_are_listed_for_other_programs(tmp_path):
    pipe = diffusers.DDPMPipeline(pipelines.unet(seed=3), diffusers.EDMEulerScheduler())
    _, plan = plan_for(pipe, tmp_path)
    done = export(plan, tmp_path / "pipe", tmp_path / "s.json", to="sigmas")
    np.testing.assert_allclose(done["sigmas"], plan.levels**-0.5, rtol=1e-12)
    assert "--to diffusers" in done["python"][0]  # its `sigmas` argument is something else


def test_a_ready_folder(place, tmp_path, capsys):
    folder, model, plan = place
    out = tmp_path / "fast"
    code = run(["export", str(folder / "plan.json"), "--pipeline", str(folder / "pipe"),
                "--out", str(out), "--json"])  # fmt: skip
    assert code == 0
    said = json.loads(capsys.readouterr().out)
    assert said["calls"][:5] == [1, 2, 3, 4, 5]
    names = {}
    exec("\n".join(said["python"][:3]), names)
    pipe = quiet(names["pipe"])
    pipe.unet = spy = made.Spy(pipe.unet)
    images = pipe(num_inference_steps=6, output_type="np").images
    assert np.isfinite(images).all()
    assert len(spy.times) == 6
    np.testing.assert_array_equal(made.snrs(model, spy.times[1:]), plan.levels)
    # the network and everything else are the pipeline's own
    for name in ("unet/config.json", "unet/diffusion_pytorch_model.safetensors"):
        assert (out / name).read_bytes() == (folder / "pipe" / name).read_bytes()
    # and it can be audited again: its levels are those of the scheduler before
    with pytest.raises(InputError, match="not empty"):
        export(folder / "plan.json", folder / "pipe", out)
    assert (folder / "pipe" / "scheduler" / "scheduler_config.json").read_text().count("DDPM") == 1


def test_ddim_folders_become_ddpm_ones(place, tmp_path):
    """A DDIMPipeline turns every scheduler it is loaded with into a DDIMScheduler."""
    plan = place[2]
    own = diffusers.DDIMPipeline(pipelines.unet(), diffusers.DDIMScheduler())
    own.save_pretrained(tmp_path / "pipe")
    export(plan, tmp_path / "pipe", tmp_path / "fast", any_model=True)
    pipe = diffusers.DiffusionPipeline.from_pretrained(tmp_path / "fast", local_files_only=True)
    assert type(pipe) is diffusers.DDPMPipeline
    assert type(pipe.scheduler) is gv.GirsanovScheduler


def test_refusals(place, tmp_path, capsys):
    folder = place[0]
    other = tmp_path / "other"
    diffusers.DDPMPipeline(pipelines.unet(seed=9), diffusers.DDPMScheduler()).save_pretrained(
        other
    )
    for arguments, words in (
        (["--pipeline", str(other), "--out", str(tmp_path / "x")], "made for the model"),
        (["--pipeline", str(tmp_path), "--out", str(tmp_path / "x")], "model_index.json"),
        (["--pipeline", str(folder / "pipe"), "--out", str(tmp_path / "x"), "--to", "onnx"],
         "must be one of diffusers, timesteps, sigmas"),
        (["--pipeline", str(folder / "pipe"), "--out", str(tmp_path / "x.txt"), "--to",
          "timesteps"], "must end in .json"),
        (["--pipeline", str(folder / "pipe"), "--out", str(folder / "pipe" / "in")], "outside"),
    ):  # fmt: skip
        assert run(["export", str(folder / "plan.json"), *arguments]) == 2
        said = capsys.readouterr().err
        assert words in said, said
        assert not (tmp_path / "x").exists()


def test_what_fit_writes_needs_no_girsanov_in_diffusers(tmp_path):
    """A fitted folder is a plain pipeline, sampled here by diffusers alone."""
    gv.fit(gv.load_data(made.images(64)), out=tmp_path, steps=2, network="unet", batch_size=8)
    pipe = quiet(diffusers.DiffusionPipeline.from_pretrained(tmp_path, local_files_only=True))
    assert type(pipe).__module__.startswith("diffusers")
    assert all(type(part).__module__.startswith("diffusers") for part in pipe.components.values())
    assert pipe(num_inference_steps=3, output_type="np").images.shape == (1, 8, 8, 3)
    read = gv.load_pipeline(tmp_path)  # and as a foreign pipeline it is the same denoiser
    ours = gv.load_model(tmp_path, device="cpu")
    x = torch.randn(2, *made.SHAPE, generator=torch.Generator().manual_seed(0))
    s = float(read.levels[400])
    torch.testing.assert_close(read(x, s), ours(x, s), rtol=1e-4, atol=1e-5)
