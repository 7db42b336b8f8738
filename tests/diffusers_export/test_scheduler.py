"""Plans inside diffusers: the levels they visit, the arithmetic, files, generators, precision."""

import copy
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

diffusers = pytest.importorskip("diffusers")
sys.path.append(str(Path(__file__).parent))

import made  # noqa: E402
from made import by_hand, loop, pipelines, seeded  # noqa: E402

import girsanov as gv  # noqa: E402
from girsanov._checks import InputError  # noqa: E402
from girsanov.denoise.calibrate import CalibratedDenoiser  # noqa: E402
from girsanov.diffusers_export.plan_table import Carried, carry  # noqa: E402
from girsanov.sampling.loop import coloured  # noqa: E402

diffusers.utils.logging.disable_progress_bar()


@pytest.fixture(scope="module")
def pipe():
    made_one = pipelines.ddpm(prediction_type="sample", clip_sample=True)
    made_one.set_progress_bar_config(disable=True)
    return made_one


@pytest.fixture(scope="module")
def files(pipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("plans")
    model, audit = made.audited(pipe, trajectories=16)
    audit.save(folder / "audit.json")
    audit.plan(steps=5).save(folder / "plan.json")
    return model, audit, folder / "plan.json"


@pytest.fixture
def scheduler(files):
    return gv.GirsanovScheduler.from_plan(files[2])


@pytest.mark.parametrize("covariance", ["pca", "dct", "coordinate", "scalar"])
def test_it_is_the_plan(pipe, files, covariance):
    model, audit, _ = files
    plan = audit.plan(steps=4, covariance=covariance, calibrate=False)
    scheduler = gv.GirsanovScheduler.from_plan(plan, audit=audit)
    scheduler.set_timesteps(4)
    z = torch.randn(3, *made.SHAPE, generator=seeded(1))
    got = loop(scheduler, pipe.unet, z, seeded(2))
    same = seeded(2)
    noises = (torch.randn(z.shape, generator=same) for _ in range(9))
    torch.testing.assert_close(got, by_hand(model, plan.recipe(), z, noises), rtol=0, atol=2e-4)


def test_calibrated_plans_correct_the_prediction(pipe, files):
    model, audit, _ = files
    plan = audit.plan(steps=4, calibrate=True)
    assert plan.calibration.share > 0.5  # a network of random weights needs it
    scheduler = gv.GirsanovScheduler.from_plan(plan, audit=audit)
    scheduler = type(scheduler).from_config(json.loads(scheduler.to_json_string()))
    scheduler.set_timesteps(4)
    z = torch.randn(3, *made.SHAPE, generator=seeded(1))
    got, same = loop(scheduler, pipe.unet, z, seeded(2)), seeded(2)
    noises = (torch.randn(z.shape, generator=same) for _ in range(9))
    right = CalibratedDenoiser(model, plan.calibration)
    torch.testing.assert_close(got, by_hand(right, plan.recipe(), z, noises), rtol=0, atol=5e-4)
    plain = by_hand(model, plan.recipe(), z, (torch.randn(z.shape, generator=seeded(k))
                                              for k in range(9)))  # fmt: skip
    assert float((got - plain).abs().max()) > 0.01


@pytest.mark.parametrize("sampler", ["ddim", "dpmpp-2m", "heun"])
def test_ode_samplers(pipe, files, sampler):
    model, audit, _ = files
    plan = audit.plan(steps=7, sampler=sampler)
    scheduler = gv.GirsanovScheduler.from_plan(plan, audit=audit)
    scheduler.set_timesteps(7)
    spy = made.Spy(pipe.unet)
    z = torch.randn(3, *made.SHAPE, generator=seeded(1))
    got = loop(scheduler, spy, z)
    assert len(spy.times) == plan.steps == 7
    torch.testing.assert_close(got, by_hand(model, plan.recipe(), z, iter([])), rtol=0, atol=2e-4)
    again = loop(scheduler, pipe.unet, z) if scheduler.set_timesteps(7) is None else None
    assert torch.equal(got, again)  # nothing is drawn on the way


@pytest.mark.parametrize("sampler", ["ddpm", "ei-score", "ei-relative"])
def test_other_samplers(pipe, files, sampler):
    model, audit, _ = files
    plan = audit.plan(steps=6, sampler=sampler, calibrate=False)
    scheduler = gv.GirsanovScheduler.from_plan(plan)
    scheduler.set_timesteps(6)
    z = torch.randn(2, *made.SHAPE, generator=seeded(1))
    got = loop(scheduler, pipe.unet, z, seeded(2))
    same = seeded(2)
    noises = (torch.randn(z.shape, generator=same) for _ in range(9))
    want = by_hand(model, plan.recipe(), z, noises)
    torch.testing.assert_close(got, want, rtol=1e-3, atol=1e-3)


def test_it_visits_the_planned_levels(pipe, files):
    model, audit, path = files
    for count in (1, 3, 5, 8):
        scheduler = gv.GirsanovScheduler.from_plan(path)
        scheduler.set_timesteps(count)
        spy = made.Spy(pipe.unet)
        loop(scheduler, spy, torch.randn(1, *made.SHAPE, generator=seeded()))
        want = audit.plan(steps=count, resolution=gv.load_plan(path).resolution)
        np.testing.assert_array_equal(made.snrs(model, spy.times), want.levels)
        assert len(spy.times) == count


def test_a_pipeline_without_scaling_spends_one_call_on_the_start(pipe, files):
    model, audit, path = files
    spy = made.Spy(pipe.unet)
    own = diffusers.DDPMPipeline(pipe.unet, gv.GirsanovScheduler.from_plan(path))
    own.set_progress_bar_config(disable=True)
    own.unet = spy
    out = own(batch_size=2, num_inference_steps=6, output_type="np", generator=seeded())
    assert out.images.shape == (2, 8, 8, 3)
    assert len(spy.times) == 6
    want = audit.plan(steps=5, resolution=gv.load_plan(path).resolution)
    np.testing.assert_array_equal(made.snrs(model, spy.times[1:]), want.levels)
    # what the network is then shown is the plan's start, made of the pipeline's noise
    z = torch.randn(spy.inputs[0].shape, generator=seeded())
    torch.testing.assert_close(spy.inputs[0], z)
    recipe = want.recipe()
    x = coloured(z.reshape(2, -1).clone(), recipe.start_noise, recipe.start_basis)
    x = (x + torch.tensor(recipe.mean).to(x)).view(z.shape)
    alpha = float(model.clock.alpha(want.levels[:1])[0])
    torch.testing.assert_close(spy.inputs[1], alpha * x, rtol=1e-4, atol=1e-4)


def test_ddim_pipelines_take_it_after_they_are_made(pipe, scheduler):
    own = diffusers.DDIMPipeline(pipe.unet, diffusers.DDIMScheduler())
    own.scheduler = scheduler
    own.set_progress_bar_config(disable=True)
    out = own(batch_size=2, num_inference_steps=4, output_type="np", generator=seeded())
    assert np.isfinite(out.images).all()


def test_it_lives_in_the_pipelines_folder(pipe, scheduler, tmp_path):
    own = diffusers.DDPMPipeline(pipe.unet, scheduler)
    own.save_pretrained(tmp_path)
    index = json.loads((tmp_path / "model_index.json").read_text())
    assert index["scheduler"] == ["girsanov", "GirsanovScheduler"]
    again = diffusers.DiffusionPipeline.from_pretrained(tmp_path, local_files_only=True)
    assert type(again.scheduler) is gv.GirsanovScheduler
    for p in (own, again):
        p.set_progress_bar_config(disable=True)
    options = {"batch_size": 2, "num_inference_steps": 5, "output_type": "np"}
    one, two = (p(**options, generator=seeded(3)).images for p in (own, again))
    np.testing.assert_allclose(one, two, atol=1e-5)
    assert (tmp_path / "scheduler" / "scheduler_config.json").stat().st_size < 1_000_000


def test_a_list_of_generators_makes_items_independent_of_the_batch(pipe, scheduler):
    own = diffusers.DDPMPipeline(pipe.unet, scheduler)
    own.set_progress_bar_config(disable=True)

    def drawn(seeds):
        return own(batch_size=len(seeds), num_inference_steps=4, output_type="np",
                   generator=[seeded(k) for k in seeds]).images  # fmt: skip

    together = drawn([0, 1, 2])
    for k in range(3):
        np.testing.assert_allclose(together[k], drawn([k])[0], atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(pipe, scheduler, dtype, device):
    z = torch.randn(2, *made.SHAPE, generator=seeded(1))
    scheduler.set_timesteps(4)
    want = loop(scheduler, pipe.unet, z, seeded(2))
    half = copy.deepcopy(pipe.unet).to(device, dtype)
    scheduler.set_timesteps(4, device=device)
    got = loop(scheduler, half, z.to(device, dtype), seeded(2))
    assert (got.dtype, got.device.type) == (dtype, device.type)
    assert float((got.float().cpu() - want).detach().abs().max()) < 0.15


@pytest.mark.parametrize("options", [{}, {"calibrate": True}, {"sampler": "dpmpp-2m"}])
def test_a_device_draws_what_the_cpu_does(pipe, files, options, device):
    """With a generator of the CPU, whose noise no device changes; up to the order of sums."""
    _, audit, _ = files
    scheduler = gv.GirsanovScheduler.from_plan(audit.plan(steps=5, **options), audit=audit)
    z, network = torch.randn(2, *made.SHAPE, generator=seeded(1)), copy.deepcopy(pipe.unet)
    drawn = []
    for place in (torch.device("cpu"), device):
        scheduler.set_timesteps(5, device=place)
        x = loop(scheduler, network.to(place), z.to(place), seeded(2))
        assert x.device.type == place.type
        drawn.append(x.detach().cpu())
    torch.testing.assert_close(*drawn, rtol=0, atol=2e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])  # images have no bfloat16
def test_a_whole_pipeline_on_a_device(files, dtype, device):
    plan = files[2]
    own = pipelines.ddpm(prediction_type="sample", clip_sample=True).to(device, dtype)
    own.set_progress_bar_config(disable=True)
    own.scheduler = gv.GirsanovScheduler.from_plan(plan)
    made_ones = own(batch_size=2, num_inference_steps=4, output_type="np",
                    generator=[seeded(0), seeded(1)]).images  # fmt: skip
    assert made_ones.shape == (2, 8, 8, 3)
    assert np.isfinite(made_ones).all()


def test_latent_pipelines_with_classes(tmp_path):
    pipe = pipelines.class_latents()
    pipe.set_progress_bar_config(disable=True)
    model = gv.from_pipeline(pipe)
    rng = np.random.default_rng(0)
    x = (rng.gamma(2.0, size=(48, 4, 4, 4)) - 1).astype(np.float32)
    data = gv.load_data(x, labels=np.array([f"kind {k}" for k in rng.integers(0, 5, 48)]))
    audit = gv.audit(model, data, levels=9, draws=1)
    with pytest.warns(UserWarning, match="a scheduler knows no labels"):
        pipe.scheduler = gv.GirsanovScheduler.from_plan(audit.plan(steps=3), audit=audit)
    levels = audit.plan(steps=3, start="gaussian").levels
    for guidance, network in ((1.0, pipe.transformer), (4.0, pipelines.dit(classes=1000))):
        pipe.transformer = spy = made.Spy(network)
        out = pipe(class_labels=[1, 2], num_inference_steps=3, output_type="np",
                   guidance_scale=guidance, generator=seeded())  # fmt: skip
        assert np.isfinite(out.images).all()
        np.testing.assert_array_equal(made.snrs(model, spy.times), levels)


def test_edm_and_flow_states(files):
    """In other coordinates, the same recipe: the network sees what its own scheduler shows it."""
    for own in (diffusers.EDMEulerScheduler(), diffusers.FlowMatchEulerDiscreteScheduler()):
        network = pipelines.unet(seed=4)
        pipe = diffusers.DDPMPipeline(network, own)
        model, audit = made.audited(pipe)
        assert audit.facts.trained_levels is None
        plan = audit.plan(steps=4, calibrate=False)
        scheduler = gv.GirsanovScheduler.from_plan(plan)
        scheduler.set_timesteps(4)
        z = torch.randn(2, *made.SHAPE, generator=seeded(1))
        got, same = loop(scheduler, network, z, seeded(2)), seeded(2)
        noises = (torch.randn(z.shape, generator=same) for _ in range(9))
        want = by_hand(model, plan.recipe(), z, noises)
        torch.testing.assert_close(got, want, rtol=1e-3, atol=1e-3)


def test_what_is_carried_comes_back(files):
    _, audit, _ = files
    plans = [audit.plan(steps=n) for n in (2, 5)]
    whole = carry(plans)
    again = Carried.from_json(json.loads(json.dumps(whole.to_json())))
    for n, plan in zip((2, 5), plans, strict=True):
        for recipe in (whole.recipe(whole.grid(n)), again.recipe(again.grid(n))):
            for got, want in zip(recipe.steps, plan.recipe().steps, strict=True):
                np.testing.assert_allclose(got.noise, want.noise, rtol=1e-5)
                assert (got.snr, got.state) == (want.snr, want.state)
            np.testing.assert_allclose(recipe.start_noise, plan.start_noise, rtol=1e-6)
    assert whole.grid(4) == whole.grids[2]
    assert (
        whole.grid(1).places == whole.grids[2].places[1:]
    )  # fewer than any: of the smallest, the last kept


def test_refusals(pipe, files, scheduler, tmp_path):
    _, audit, _ = files
    with pytest.raises(InputError, match="from_plan"):
        gv.GirsanovScheduler()
    other = gv.load_plan(files[2])
    other = replace(other, audit=replace(other.audit, data="another"))
    with pytest.raises(InputError, match="one the plan was made from"):
        gv.GirsanovScheduler.from_plan(other, audit=audit)
    with pytest.raises(InputError, match="shape of the audited items"):
        loop(scheduler, pipe.unet, torch.randn(1, 3, 16, 16, generator=seeded()))
    scheduler.set_timesteps(3)
    z = torch.randn(1, *made.SHAPE, generator=seeded())
    seen = scheduler.scale_model_input(z, None)
    with pytest.raises(InputError, match="timesteps of its own"):
        scheduler.step(seen, 1.0, z)


def test_a_plan_without_its_audit_knows_its_own_grid_only(files, tmp_path):
    plan = gv.load_plan(files[2])
    plan.save(tmp_path / "alone.json")
    scheduler = gv.GirsanovScheduler.from_plan(tmp_path / "alone.json")
    assert list(scheduler._plans.grids) == [5]
    with pytest.warns(UserWarning, match="num_inference_steps=20: 5 network calls are made"):
        scheduler.set_timesteps(20)
    assert len(scheduler.timesteps) == 5


def test_models_of_our_own_name_their_scheduler(tmp_path):
    law = gv.Gaussian([0.1] * 4, 0.5)
    audit = gv.audit(gv.ExactDenoiser(law), law, levels=9, examples=64)
    plan = audit.plan(steps=3, sampler="analytic-dpm")
    with pytest.raises(InputError, match=r"scheduler=pipe\.scheduler"):
        gv.GirsanovScheduler.from_plan(plan)
    own = diffusers.DDPMScheduler()
    scheduler = gv.GirsanovScheduler.from_plan(plan, scheduler=own)
    assert scheduler.timesteps.dtype == torch.float32  # between the trained ones
    kept = own.alphas_cumprod.double()
    t = float(scheduler.timesteps[1])
    snr = kept / (1 - kept)
    low, high = float(snr[int(t) + 1]), float(snr[int(t)])
    assert low <= plan.levels[1] <= high


def test_it_prints_in_a_line(scheduler):
    said = repr(scheduler)
    assert said.startswith("GirsanovScheduler(1 to ")
    assert len(said) < 100
