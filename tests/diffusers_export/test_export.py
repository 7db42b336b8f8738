"""Every export is run as a user runs it, and visits the planned levels."""

import inspect
import json
import shutil
import sys
from dataclasses import replace
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
from girsanov.diffusers_export.export import export  # noqa: E402
from girsanov.diffusers_export.pipeline_loops import PIPELINES  # noqa: E402
from girsanov.diffusers_export.timesteps_and_sigmas import flow_sigmas  # noqa: E402


def quiet(pipe):
    pipe.set_progress_bar_config(disable=True)
    return pipe


def plan_for(pipe, folder, steps=5):
    """Save a pipeline, its audit and a plan in `folder`; return model and audit."""
    pipe.save_pretrained(folder / "pipe")
    model, audit = made.audited(pipe)
    audit.save(folder / "audit.json")
    audit.plan(steps=steps).save(folder / "plan.json")
    return model, audit


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    pipe = pipelines.ddpm(prediction_type="sample", clip_sample=True)
    model, audit = plan_for(pipe, folder)
    return folder, model, audit


def best(audit, noisiest):
    """The five levels for a start from bare noise, at the noisiest level or where it is best."""
    plan, keep = audit.plan(steps=5), {"keep": audit.facts.trained_levels[:1]}
    options = {"start": "standard", "calibrate": False, "resolution": plan.resolution}
    return audit.plan(steps=5, **options, **(keep if noisiest else {})).levels


def with_scheduler(folder, out, own, pipeline="DDPMPipeline", **options):
    """Copy the pipeline in `folder` with another scheduler of the same levels."""
    shutil.copytree(folder / "pipe", out)
    before = diffusers.DDPMScheduler.from_pretrained(folder / "pipe" / "scheduler")
    kind = getattr(diffusers, f"{own}Scheduler")
    kind.from_config(before.config, **options).save_pretrained(out / "scheduler")
    index = json.loads((out / "model_index.json").read_text())
    index |= {"_class_name": pipeline, "scheduler": ["diffusers", f"{own}Scheduler"]}
    (out / "model_index.json").write_text(json.dumps(index))


def visited(folder, lines, **options):
    """Run `lines` on the pipeline in `folder`, then it; the times its network is called at."""
    pipe = quiet(diffusers.DiffusionPipeline.from_pretrained(folder, local_files_only=True))
    spy = made.Spy(pipe.unet)
    pipe.register_modules(unet=spy)
    names = {"pipe": pipe}
    exec("\n".join(lines), names)
    if "images" not in names:  # else the lines have drawn
        assert not spy.times
        pipe = quiet(names["pipe"])
        names["images"] = pipe(num_inference_steps=50, output_type="np", **options).images
    assert np.isfinite(np.asarray(names["images"])).all()
    return spy.times, names["pipe"]


# whose list, and who runs it: whether that adds noise
OWN = [
    ("DDPM", "DDPMPipeline", {}, "DDPM", True),
    ("DDIM", "DDPMPipeline", {}, "DPMSolverMultistep", False),
    ("DDIM", "DDIMPipeline", {}, "DPMSolverMultistep", False),
    ("DPMSolverMultistep", "DDPMPipeline", {}, "DPMSolverMultistep", False),
    ("DPMSolverMultistep", "DDPMPipeline", {"use_karras_sigmas": True}, "DPMSolverMultistep",
     False),
    ("DPMSolverMultistep", "DDPMPipeline", {"algorithm_type": "sde-dpmsolver++"},
     "DPMSolverMultistep", True),
    ("HeunDiscrete", "DDPMPipeline", {}, "DPMSolverMultistep", False),
    ("EulerDiscrete", "DDPMPipeline", {}, "DPMSolverMultistep", False),
]  # fmt: skip


@pytest.mark.parametrize(("own", "pipeline", "options", "runs", "noisy"), OWN)
def test_timesteps(place, tmp_path, own, pipeline, options, runs, noisy):
    folder, model, audit = place
    with_scheduler(folder, tmp_path / "pipe", own, pipeline, **options)
    done = export(folder / "plan.json", tmp_path / "pipe", tmp_path / "t.json", to="timesteps",
                  any_model=True)  # fmt: skip
    assert all(isinstance(t, int) for t in done["timesteps"])
    assert done["scheduler"] == f"{runs}Scheduler"
    times, pipe = visited(tmp_path / "pipe", done["python"])
    assert type(pipe.scheduler).__name__ == f"{runs}Scheduler"
    np.testing.assert_array_equal(made.snrs(model, times), best(audit, noisy))


@pytest.mark.parametrize("own", ["DDPM", "EulerDiscrete"])
def test_sigmas(place, tmp_path, own):
    """DDPMPipeline drives no scheduler that takes them: its loop is written out, and scales."""
    folder, model, audit = place
    with_scheduler(folder, tmp_path / "pipe", own)
    done = export(folder / "plan.json", tmp_path / "pipe", tmp_path / "s.json", to="sigmas",
                  any_model=True)  # fmt: skip
    want = best(audit, noisiest=False)
    np.testing.assert_allclose(done["sigmas"], want**-0.5, rtol=1e-12)
    assert done["text"].endswith(", 0")
    assert any("scale_model_input" in line for line in done["python"])
    times, pipe = visited(tmp_path / "pipe", done["python"])
    np.testing.assert_allclose(pipe.scheduler.sigmas[:-1], want**-0.5, rtol=1e-5)
    np.testing.assert_allclose(times, model.clock.time(want), atol=0.01)


def test_a_start_from_bare_noise_is_priced(place, tmp_path):
    """A plan that begins where data show gives a list that does not, and says what that costs."""
    folder, model, audit = place
    late = audit.plan(steps=5, among=model.levels[model.levels > 1.0])
    own = gv.evaluate_grid(audit, late.levels, start="standard")
    late = replace(late, limits={})  # a plan whose own start chose such levels
    done = export(late, folder / "pipe", tmp_path / "t.json", to="timesteps", audit=audit)
    assert max(done["timesteps"]) > model.clock.time(late.levels[:1])
    assert "standard normal start" in done["init"]["note"]
    assert done["init"]["high"] < own.ledger[0].low
    assert "GirsanovScheduler" in done["lost"]


def test_a_list_needs_the_audit(place, tmp_path, capsys):
    folder = place[0]
    gv.load_plan(folder / "plan.json").save(tmp_path / "alone.json")
    words = ["export", str(tmp_path / "alone.json"), "--pipeline", str(folder / "pipe"),
             "--to", "timesteps", "--out", str(tmp_path / "t.json")]  # fmt: skip
    assert run(words) == 2
    assert "must lie beside its audit" in capsys.readouterr().err
    assert not (tmp_path / "t.json").exists()
    assert run([*words, "--audit", str(folder / "audit.json")]) == 0
    said = capsys.readouterr().out
    assert "given = " in said
    assert "# A list is only the grid" in said


def test_what_pipelines_do_for_their_schedulers():
    """The table of `drives`, against the source of the pipelines themselves."""
    for name, drive in PIPELINES.items():
        kind = getattr(diffusers, name)
        code = inspect.getsource(sys.modules[kind.__module__])
        assert drive.scales == ("scheduler.scale_model_input(" in code), name
        assert drive.begins == ("scheduler.init_noise_sigma" in code), name
        step = code[code.index("scheduler.step(") :][:200].split(".prev_sample")[0]
        for told in ("eta", "use_clipped_model_output", "generator"):
            assert (told in drive.tells) == (f"{told}={told}" in step), (name, told)


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_flow_sigmas_survive_the_shift(tmp_path, shift):
    own = diffusers.FlowMatchEulerDiscreteScheduler(shift=shift)
    _, audit = plan_for(diffusers.DDPMPipeline(pipelines.unet(seed=3), own), tmp_path)
    done = export(tmp_path / "plan.json", tmp_path / "pipe", tmp_path / "s.json", to="sigmas")
    u = np.array(done["sigmas"])
    sigma = audit.levels[0] ** -0.5
    np.testing.assert_allclose(u[0], sigma / (1 + sigma), rtol=1e-12)  # bare noise, or nearly
    times, pipe = visited(tmp_path / "pipe", done["python"])
    np.testing.assert_allclose(pipe.scheduler.sigmas[:-1], u, rtol=1e-5)
    np.testing.assert_allclose(times, 1000 * u, rtol=1e-5)
    with pytest.raises(InputError, match="must be sigmas"):
        export(tmp_path / "plan.json", tmp_path / "pipe", tmp_path / "t.json", to="timesteps")


def test_the_known_shift():
    np.testing.assert_allclose(3 * np.array(flow_sigmas([1, 0.5, 0.1], 3.0))
                               / (1 + 2 * np.array(flow_sigmas([1, 0.5, 0.1], 3.0))),
                               [1, 0.5, 0.1])  # fmt: skip


def test_sigmas_for_flows_through_unipc(tmp_path):
    options = {"prediction_type": "flow_prediction", "use_flow_sigmas": True, "flow_shift": 2.0}
    own = diffusers.UniPCMultistepScheduler(**options)
    pipe = diffusers.DDPMPipeline(pipelines.unet(seed=3), own)
    plan_for(pipe, tmp_path)
    done = export(tmp_path / "plan.json", tmp_path / "pipe", tmp_path / "s.json", to="sigmas")
    times, pipe = visited(tmp_path / "pipe", done["python"])
    assert len(times) == len(done["sigmas"])
    np.testing.assert_allclose(pipe.scheduler.sigmas[:-1], done["sigmas"], rtol=1e-5)


def test_edm_levels_are_listed_for_other_programs(tmp_path):
    pipe = diffusers.DDPMPipeline(pipelines.unet(seed=3), diffusers.EDMEulerScheduler())
    plan_for(pipe, tmp_path)
    done = export(tmp_path / "plan.json", tmp_path / "pipe", tmp_path / "s.json", to="sigmas")
    assert len(done["sigmas"]) == 5
    assert "--to diffusers" in done["python"][0]  # its `sigmas` argument is something else


def test_a_ready_folder(place, tmp_path, capsys):
    folder, model, _ = place
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
    np.testing.assert_array_equal(made.snrs(model, spy.times[1:]),
                                  gv.load_plan(folder / "plan.json").levels)  # fmt: skip
    # the network and everything else are the pipeline's own
    for name in ("unet/config.json", "unet/diffusion_pytorch_model.safetensors"):
        assert (out / name).read_bytes() == (folder / "pipe" / name).read_bytes()
    # and it can be audited again: its levels are those of the scheduler before
    with pytest.raises(InputError, match="not empty"):
        export(folder / "plan.json", folder / "pipe", out)
    assert (folder / "pipe" / "scheduler" / "scheduler_config.json").read_text().count("DDPM") == 1


def test_ddim_folders_become_ddpm_ones(place, tmp_path):
    """A DDIMPipeline turns every scheduler it is loaded with into a DDIMScheduler."""
    plan = gv.load_plan(place[0] / "plan.json")
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
