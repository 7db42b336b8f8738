"""A pipeline's denoiser is the pipeline's own one-step prediction of the clean image."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

diffusers = pytest.importorskip("diffusers")
sys.path.append(str(Path(__file__).parent))

import pipelines  # noqa: E402

from girsanov._checks import InputError  # noqa: E402
from girsanov.denoise.pipelines.folder import from_pipeline  # noqa: E402
from girsanov.denoise.pipelines.pipeline import PipelineDenoiser  # noqa: E402
from girsanov.denoise.pipelines.schedule import clock_of  # noqa: E402

UNET = pipelines.unet()
PREDICTIONS = ("epsilon", "sample", "v_prediction")
BETAS = ("linear", "squaredcos_cap_v2")


def denoiser(scheduler, network=UNET):
    return PipelineDenoiser(network, scheduler, (3, 8, 8))


def relative(a, b):
    return float((a - b).abs().max() / b.abs().max().clamp(min=1))


def noise(seed=1, count=3):
    return torch.randn(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed))


def own(scheduler, state, t):
    """The pipeline's prediction of x0 at the scheduler's state and time `t`, by its own code."""
    out = UNET(scheduler.scale_model_input(state, t), t.expand(len(state))).sample
    if hasattr(scheduler, "convert_model_output"):
        scheduler._init_step_index(t)
        return scheduler.convert_model_output(out, sample=state)
    return scheduler.step(out, t, state).pred_original_sample


@pytest.mark.parametrize("betas", BETAS)
@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("name", ["DDPM", "DDIM"])
def test_schedulers_in_alpha_units(name, prediction, betas):
    kind = getattr(diffusers, f"{name}Scheduler")
    scheduler = kind(prediction_type=prediction, beta_schedule=betas, clip_sample=False)
    scheduler.set_timesteps(10)
    model = denoiser(scheduler)
    for t in scheduler.timesteps[[0, 4, 9]]:
        state = noise(int(t))
        kept = scheduler.alphas_cumprod[t].double()
        got = model(state / kept.sqrt().float(), float(kept / (1 - kept)))
        assert relative(got, own(scheduler, state, t)) < 1e-5


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("name", ["DPMSolverMultistep", "UniPCMultistep", "DEISMultistep"])
def test_multistep_schedulers(name, prediction):
    options = {"solver_order": 2, "prediction_type": prediction}
    scheduler = getattr(diffusers, f"{name}Scheduler")(**options)
    scheduler.set_timesteps(7)
    model = denoiser(scheduler)
    for t in scheduler.timesteps[[0, 3, 6]]:
        state = noise(int(t))
        kept = scheduler.alphas_cumprod[t].double()
        s = float(kept / (1 - kept))
        want = own(scheduler, state, t)
        if name == "DEISMultistep":  # it converts to epsilon
            want = (state - (1 - kept).sqrt().float() * want) / kept.sqrt().float()
        # rounding of its epsilon comes back divided by a small alpha
        loss = max(1.0, 0.1 / float(kept) ** 0.5) if name == "DEISMultistep" else 1.0
        assert relative(model(state / kept.sqrt().float(), s), want) < 1e-5 * loss


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize(
    "name", ["EulerDiscrete", "EulerAncestralDiscrete", "HeunDiscrete", "LMSDiscrete"]
)
def test_schedulers_in_noise_units(name, prediction):
    if (name, prediction) == ("EulerAncestralDiscrete", "sample"):
        pytest.skip("diffusers itself cannot")
    kind = getattr(diffusers, f"{name}Scheduler")
    scheduler = kind(prediction_type=prediction, timestep_spacing="trailing")
    model = denoiser(scheduler)
    for place in (0, 3, 9):
        scheduler.set_timesteps(10)
        t = scheduler.timesteps[place if "Heun" not in name else 2 * place]
        sigma = float(scheduler.sigmas[(scheduler.timesteps == t).nonzero()[0, 0]])
        state = noise(7) * sigma
        s = model.levels[np.abs(np.log(model.levels) + 2 * np.log(sigma)).argmin()]
        assert s == pytest.approx(sigma**-2, rel=1e-4)  # its sigmas are of float32
        assert relative(model(state, s), own(scheduler, state, t)) < 1e-5


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])  # all that PNDM can sample
def test_pndm(prediction):
    scheduler = diffusers.PNDMScheduler(set_alpha_to_one=True, prediction_type=prediction)
    model = denoiser(scheduler)
    for t in (900, 500, 3):
        kept, state = scheduler.alphas_cumprod[t].double(), noise(t)
        out = UNET(state, torch.tensor(t).expand(3)).sample
        want = scheduler._get_prev_sample(state, t, -1, out)  # a step to the clean end is x0
        got = model(state / kept.sqrt().float(), float(kept / (1 - kept)))
        # it goes by way of epsilon, whose rounding comes back divided by a small alpha
        assert relative(got, want) < 1e-5 * max(1.0, 0.1 / float(kept) ** 0.5)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("name", ["EDMEuler", "EDMDPMSolverMultistep"])
def test_edm_schedulers(name, prediction):
    scheduler = getattr(diffusers, f"{name}Scheduler")(prediction_type=prediction, sigma_max=60.0)
    scheduler.set_timesteps(6)
    model = denoiser(scheduler)
    assert model.levels is None
    assert model.snr_range[0] == pytest.approx(60.0**-2)
    for k in (0, 2, 5):
        t, sigma = scheduler.timesteps[k], float(scheduler.sigmas[k])
        state = noise(k) * sigma
        got = model(state, sigma**-2)
        scheduler._step_index = None
        out = UNET(scheduler.scale_model_input(state, t), t.expand(3)).sample
        want = scheduler.precondition_outputs(state, out, scheduler.sigmas[k])
        assert relative(got, want) < 1e-5


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_flow_matching(shift):
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=shift)
    scheduler.set_timesteps(5)
    model = denoiser(scheduler)
    for k in (1, 4):
        t, sigma = scheduler.timesteps[k], float(scheduler.sigmas[k])
        state = noise(k)
        velocity = UNET(state, t.expand(3)).sample
        want = state - sigma * velocity  # an Euler step down to sigma = 0
        s = ((1 - sigma) / sigma) ** 2
        assert relative(model(state / (1 - sigma), s), want) < 1e-5
        assert float(model.clock.time(np.array([s]))[0]) == pytest.approx(float(t), rel=1e-6)


@pytest.mark.parametrize("name", ["DPMSolverMultistep", "UniPCMultistep"])
def test_flow_through_multistep_ode_samplers(name):
    scheduler = getattr(diffusers, f"{name}Scheduler")(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=2.0
    )
    scheduler.set_timesteps(6)
    model, sigma, state = denoiser(scheduler), float(scheduler.sigmas[2]), noise(2)
    t = torch.tensor(sigma * 1000)
    out = UNET(state, t.expand(3)).sample
    scheduler._step_index = 2
    want = scheduler.convert_model_output(out, sample=state)
    assert relative(model(state / (1 - sigma), ((1 - sigma) / sigma) ** 2), want) < 1e-5


@pytest.mark.parametrize("config", [{"clip_sample": True, "clip_sample_range": 0.7},
                                    {"clip_sample": False, "thresholding": True,
                                     "sample_max_value": 1.5}])  # fmt: skip
def test_what_the_scheduler_does_to_predictions_is_done(config):
    scheduler = diffusers.DDPMScheduler(**config)
    scheduler.set_timesteps(10)
    t, state = scheduler.timesteps[3], noise(3)
    kept = scheduler.alphas_cumprod[t].double()
    got = denoiser(scheduler)(state / kept.sqrt().float(), float(kept / (1 - kept)))
    assert relative(got, own(scheduler, state, t)) < 1e-5
    assert float(got.abs().max()) <= 1.0


def test_learned_variances_are_left_aside():
    network = pipelines.unet(out=6)
    scheduler = diffusers.DDPMScheduler(variance_type="learned_range", clip_sample=False)
    model = PipelineDenoiser(network, scheduler, (3, 8, 8))
    scheduler.set_timesteps(10)
    t, state = scheduler.timesteps[4], noise(4)
    out = network(state, t.expand(3)).sample
    want = scheduler.step(out, t, state).pred_original_sample
    kept = scheduler.alphas_cumprod[t].double()
    assert relative(model(state / kept.sqrt().float(), float(kept / (1 - kept))), want) < 1e-5
    assert any("predicts variances" in note for note in model.notes)


def test_only_trained_levels_unless_asked():
    model = denoiser(diffusers.DDPMScheduler(num_train_timesteps=100))
    assert len(model.levels) == 100
    assert (np.diff(model.levels) > 0).all()
    between = float(np.sqrt(model.levels[50] * model.levels[51]))
    with pytest.raises(InputError, match="one of the 100 levels"):
        model(noise(), between)
    model.any_level = True
    assert model.clock.time(np.array([between]), any_level=True) == pytest.approx(48.5)
    assert torch.isfinite(model(noise(), between)).all()


def test_levels_a_sample():
    model = denoiser(diffusers.DDPMScheduler(prediction_type="v_prediction", clip_sample=False))
    s = model.levels[[100, 500, 900]]
    x = noise()
    together = model(x, torch.from_numpy(s))
    alone = torch.cat([model(x[k : k + 1], float(s[k])) for k in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_zero_terminal_snr():
    scheduler = diffusers.DDIMScheduler(
        rescale_betas_zero_snr=True, prediction_type="v_prediction", clip_sample=False
    )
    model = denoiser(scheduler)
    assert float(scheduler.alphas_cumprod[-1]) == 0.0
    assert 980 < len(model.levels) < 1000
    assert model.levels[0] > 1e-6
    assert any("SNR 0" in note for note in model.notes)
    # a class that moves the last level off zero agrees
    moved = denoiser(diffusers.EulerDiscreteScheduler(rescale_betas_zero_snr=True,
                                                      prediction_type="v_prediction"))  # fmt: skip
    np.testing.assert_allclose(moved.levels, model.levels, rtol=1e-4)


@pytest.mark.parametrize("name", ["DDPM", "DDIM"])
def test_one_step_with_zero_terminal_snr(name):
    scheduler = getattr(diffusers, f"{name}Scheduler")(
        rescale_betas_zero_snr=True, prediction_type="v_prediction", clip_sample=False
    )
    scheduler.set_timesteps(10)
    model = denoiser(scheduler)
    for t in scheduler.timesteps[[0, 5, 9]]:
        kept, state = scheduler.alphas_cumprod[t].double(), noise(int(t))
        got = model(state / kept.sqrt().float(), float(kept / (1 - kept)))
        assert relative(got, own(scheduler, state, t)) < 1e-5


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_one_step_of_half_weights(dtype, prediction, device):
    """The network sees and says what it does in its pipeline; the rest is float32."""
    network = pipelines.unet().to(device, dtype)
    scheduler = diffusers.DDPMScheduler(prediction_type=prediction, clip_sample=False)
    scheduler.set_timesteps(10)
    model = denoiser(scheduler, network)
    for t in scheduler.timesteps[[2, 5, 8]]:
        kept, state = scheduler.alphas_cumprod[t].double(), noise(int(t)).to(device, dtype)
        out = network(state, t.expand(3).to(device)).sample.float()
        want = scheduler.step(out, t, state.float()).pred_original_sample
        got = model(state.float() / kept.sqrt().float(), float(kept / (1 - kept)))
        assert relative(got, want) < 1e-5


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_weights_run_in_their_own_precision_when_kept(dtype, device):
    pipe = pipelines.ddpm(beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction")
    full = from_pipeline(pipe)
    x, s = noise(), float(full.levels[500])
    want, of_full = full(x, s), full.fingerprint
    whole = from_pipeline(pipe).to(device)
    assert relative(whole(x.to(device), s).cpu(), want) < 1e-4
    pipe.unet.to(device, dtype)
    half = from_pipeline(pipe)
    assert (half.weights_dtype, half.device.type) == (dtype, device.type)
    got = half(x.to(device), s).cpu()
    assert got.dtype == torch.float32
    assert 0 < relative(got, want) < 0.1
    assert half.fingerprint == full.fingerprint != of_full  # the same network, as it is now
    assert torch.equal(full(x.to(device), s).cpu(), got)
    assert any("runs in" in note for note in half.notes)


def test_classes_of_a_unet():
    pipe = pipelines.ddpm(classes=4)
    model = from_pipeline(pipe)
    assert model.label_names == ("0", "1", "2", "3")
    x, s, t = noise(), float(model.levels[500]), 499
    label = torch.tensor([3, 0, 2])
    kept = pipe.scheduler.alphas_cumprod[t].double()
    out = pipe.unet(kept.sqrt().float() * x, torch.tensor(t).expand(3), class_labels=label).sample
    want = x - float(s**-0.5) * out
    assert relative(model(x, s, label), want) < 1e-4
    with pytest.raises(InputError, match="no unlabelled class"):
        model(x, s)
    with pytest.raises(InputError, match=r"0\.\.3"):
        model(x, s, torch.tensor([4, 0, 0]))


def test_classes_of_a_transformer():
    pipe = pipelines.class_latents()
    model = from_pipeline(pipe)
    assert model.shape == (4, 4, 4)
    assert model.label_names == tuple(f"kind {k}" for k in range(5))
    x, s = torch.randn(2, 4, 4, 4, generator=torch.Generator().manual_seed(0)), model.levels[300]
    label = torch.tensor([1, 4])
    assert not torch.equal(model(x, s, label), model(x, s, label.flip(0)))
    null = model(x, s)  # no label is the network's own null class
    told = model.network(
        torch.as_tensor(model.clock.scale(s)).float() * x, torch.tensor(699).expand(2),
        class_labels=torch.full((2,), 5),
    ).sample  # fmt: skip
    torch.testing.assert_close(null, x - told[:, :4] * s**-0.5, rtol=1e-4, atol=1e-4)
    assert any("guidance_scale=1" in note for note in model.notes)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"clip_sample": True}, "clipped"),
        ({"thresholding": True, "clip_sample": False}, "thresholded"),
        ({"variance_type": "fixed_large"}, "large variance"),
        ({"variance_type": "learned"}, "left aside"),
        ({"timestep_spacing": "leading"}, "start at 900 of 999"),
        ({"rescale_betas_zero_snr": True}, "SNR 0"),
    ],
)
def test_notes_say_what_changes_the_sampler(config, words):
    plain = {"clip_sample": False, "timestep_spacing": "trailing"}
    assert denoiser(diffusers.DDPMScheduler(**plain)).notes == ()
    (note,) = denoiser(diffusers.DDPMScheduler(**(plain | config))).notes
    assert words in note


def test_settings_of_another_class_count_for_nothing():
    clipping = diffusers.DDPMScheduler(clip_sample=True)
    other = diffusers.DPMSolverMultistepScheduler.from_config(clipping.config)
    assert other.config["clip_sample"]  # carried along, and not obeyed by diffusers either
    assert denoiser(other).clipping == {}


def test_clocks_come_back_from_json():
    for scheduler in (diffusers.DDPMScheduler(), diffusers.EDMEulerScheduler(),
                      diffusers.FlowMatchEulerDiscreteScheduler()):  # fmt: skip
        clock = clock_of(scheduler)
        again = type(clock).from_json(clock.to_json())
        s = np.geomspace(*clock.snr_range, 5) if clock.snrs is None else clock.snrs[[1, 500]]
        np.testing.assert_array_equal(clock.time(s), again.time(s))
        np.testing.assert_array_equal(clock.scale(s), again.scale(s))
