"""The real pipelines that read text, tiny and of random weights: SD, SDXL, SD3 and Flux."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

diffusers = pytest.importorskip("diffusers")
sys.path.append(str(Path(__file__).parent))

import pipelines  # noqa: E402
import transformers  # noqa: E402
from test_text import CAPTIONS, command, pictures  # noqa: E402

import girsanov as gv  # noqa: E402
from girsanov._checks import InputError  # noqa: E402
from girsanov.denoise.pipelines.flux_tokens import pack_tokens, places, unpack_tokens  # noqa: E402
from girsanov.denoise.pipelines.latents import decode, encode, encode_latents  # noqa: E402
from girsanov.denoise.pipelines.own_schedulers import own_schedulers  # noqa: E402
from girsanov.denoise.pipelines.text import with_captions  # noqa: E402
from girsanov.noise import NoiseSource  # noqa: E402
from girsanov.planning.tournament.pipeline_schedulers import own_plans  # noqa: E402
from girsanov.sampling.loop import coloured, sample_standardised  # noqa: E402

NAMES = ("stable_diffusion", "stable_diffusion_xl", "stable_diffusion_3", "flux")
SHAPE = (4, 4, 4)
SIZE = {"height": 8, "width": 8}


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    return tmp_path_factory.mktemp("words")


def quiet(pipe):
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def xl(words):
    return quiet(pipelines.stable_diffusion_xl(words, transformers))


@pytest.fixture(scope="module")
def flux(words):
    return quiet(pipelines.flux(words, transformers))


def normal(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", NAMES)
def test_from_folder_to_images(tmp_path, name):
    pipe = quiet(getattr(pipelines, name)(tmp_path / "words", transformers))
    pipe.save_pretrained(tmp_path / "pipe")
    pictures(tmp_path / "in", 64)
    model = gv.load_pipeline(tmp_path / "pipe").sized(SHAPE)
    live = gv.from_pipeline(pipe).sized(SHAPE)
    assert model.fingerprint == live.fingerprint
    assert model.shape == SHAPE
    data = gv.load_data(tmp_path / "in")
    told, same = (with_captions(m, data.label_names) for m in (model, live))
    x, label = torch.ones(3, *SHAPE), torch.tensor([0, 1, 2])
    s = float(model.levels[400]) if model.levels is not None else 1.0
    torch.testing.assert_close(told(x, s, label), same(x, s, label), rtol=1e-4, atol=1e-4)
    latents, lost = encode_latents(told, data)
    assert lost.value > 0
    audit = gv.audit(told, latents, levels=9, draws=1)
    pipe.scheduler = gv.GirsanovScheduler.from_plan(audit.plan(steps=4), audit=audit)
    options = {**SIZE, "num_inference_steps": 4, "output_type": "np"}
    for guidance in (1.0, 4.0):
        options |= {"guidance_scale": guidance, "generator": torch.Generator().manual_seed(0)}
        images = pipe(["a bee", "an ant"], **options).images
        assert images.shape == (2, 8, 8, 3)
        assert np.isfinite(images).all()


@pytest.mark.parametrize("guidance", [1.0, 5.0])
@pytest.mark.parametrize("time", [250, 820])
def test_sdxl_is_its_pipelines_own_one_step_prediction(xl, guidance, time):
    """Euler's step from a level to 0 is x0; guidance pushes away from zeros, not from ''."""
    model = with_captions(gv.from_pipeline(xl, guidance=guidance), CAPTIONS)
    snr = float(model.levels[model.clock.times == time][0])
    x, label = normal(3, *SHAPE) * (1 + 1 / snr) ** 0.5, torch.tensor([2, 0, 1])
    xl.scheduler.set_timesteps(timesteps=[time])
    made = xl([CAPTIONS[k] for k in label], latents=x / xl.scheduler.init_noise_sigma,
              timesteps=[time], guidance_scale=guidance, output_type="latent", **SIZE)  # fmt: skip
    close = 1e-5 * guidance / snr**0.5  # x0 is x less sigma times what float32 knows of the noise
    torch.testing.assert_close(model(x, snr, label), made.images, rtol=1e-5, atol=max(close, 1e-5))
    assert not torch.allclose(model(x, snr, label), model(x, snr, label.flip(0)), atol=1e-3)


def test_what_sdxl_is_told_besides(xl):
    model = with_captions(gv.from_pipeline(xl), CAPTIONS)
    told = model.conditions(torch.tensor([1]), 1, torch.zeros(1))["added_cond_kwargs"]
    assert told["time_ids"].tolist() == [[8, 8, 0, 0, 8, 8]]  # the pixels of a picture
    none = model.conditions(None, 2, torch.zeros(1))
    assert not none["encoder_hidden_states"].any()
    assert not none["added_cond_kwargs"]["text_embeds"].any()
    assert none["added_cond_kwargs"]["time_ids"].tolist() == 2 * told["time_ids"].tolist()


@pytest.mark.parametrize("guidance", [1.0, 3.5])
@pytest.mark.parametrize("sigma", [0.2, 0.8])
def test_flux_is_its_pipelines_own_one_step_prediction(flux, guidance, sigma):
    """Through the dynamic shift; the weight of guidance is told to the network, which is called
    once."""
    model = with_captions(gv.from_pipeline(flux, guidance=guidance), CAPTIONS).sized(SHAPE)
    seen, label = normal(3, *SHAPE), torch.tensor([2, 0, 1])
    calls, forward = [], flux.transformer.forward
    flux.transformer.forward = lambda *a, **k: calls.append(k) or forward(*a, **k)
    made = flux([CAPTIONS[k] for k in label], latents=pack_tokens(seen), sigmas=[sigma], **SIZE,
                guidance_scale=guidance, output_type="latent").images  # fmt: skip
    u = float(flux.scheduler.sigmas[0])
    assert abs(u - sigma) > 0.01  # it was shifted
    got = model(seen / (1 - u), ((1 - u) / u) ** 2, label)
    del flux.transformer.forward
    assert len(calls) == 2
    torch.testing.assert_close(got, unpack_tokens(made, SHAPE), rtol=1e-5, atol=1e-5)
    assert not torch.allclose(model(seen, 1.0, label), model(seen, 1.0, label.flip(0)), atol=1e-3)
    said = "one evaluation" if guidance != 1 else "guides by default (guidance_scale=3.5)"
    assert any(said in note for note in model.notes)


def test_a_flux_that_takes_no_weight_is_guided_by_two_evaluations(words):
    pipe = quiet(pipelines.flux(words, transformers, guidance=False))
    model = with_captions(gv.from_pipeline(pipe, guidance=3.0), CAPTIONS).sized(SHAPE)
    plain = with_captions(gv.from_pipeline(pipe), CAPTIONS).sized(SHAPE)
    seen, label = normal(2, *SHAPE), torch.tensor([1, 2])
    made = pipe([CAPTIONS[k] for k in label], negative_prompt=["", ""], true_cfg_scale=3.0,
                latents=pack_tokens(seen), sigmas=[0.6],
                output_type="latent", **SIZE).images  # fmt: skip
    u = float(pipe.scheduler.sigmas[0])
    got = model(seen / (1 - u), ((1 - u) / u) ** 2, label)
    torch.testing.assert_close(got, unpack_tokens(made, SHAPE), rtol=1e-5, atol=1e-5)
    assert not any("guid" in note for note in plain.notes)


def test_tokens_are_fluxs_own():
    z = normal(2, 3, 6, 4)
    torch.testing.assert_close(pack_tokens(z), diffusers.FluxPipeline._pack_latents(z, 2, 3, 6, 4))
    assert torch.equal(unpack_tokens(pack_tokens(z), (3, 6, 4)), z)
    own = diffusers.FluxPipeline._prepare_latent_image_ids(2, 3, 2, "cpu", torch.float32)
    assert torch.equal(places((3, 6, 4), z), own)


def test_flux_draws_any_even_size(flux):
    model = gv.from_pipeline(flux)
    assert model.shape == (4, 128, 128)
    small = model.sized((4, 6, 4))
    assert small.fingerprint == model.fingerprint
    assert small(normal(1, 4, 6, 4), 1.0).shape == (1, 4, 6, 4)
    with pytest.raises(InputError, match="4 channels of even height and width"):
        model.sized((4, 5, 4))
    with pytest.raises(InputError, match="4 channels of even height and width"):
        model.sized((3, 4, 4))
    other = gv.from_pipeline(pipelines.ddpm())
    assert other.sized((3, 16, 16)) is other


def test_the_planned_levels_are_those_that_flux_visits(flux, tmp_path):
    pictures(tmp_path, 48)
    data = gv.load_data(tmp_path)
    model = with_captions(gv.from_pipeline(flux), data.label_names).sized(SHAPE)
    audit = gv.audit(model, encode_latents(model, data)[0], levels=9, draws=1)
    plan, kept = audit.plan(steps=4, sampler="ddpm", calibrate=False), flux.scheduler
    flux.scheduler = gv.GirsanovScheduler.from_plan(plan, audit=audit)
    calls, forward = [], flux.transformer.forward
    flux.transformer.forward = lambda *a, **k: calls.append(k) or forward(*a, **k)
    z = normal(2, *SHAPE)
    torch.manual_seed(3)  # FluxPipeline hands its scheduler no generator
    made = flux(
        ["a bee"] * 2,
        latents=pack_tokens(z),
        num_inference_steps=5,
        guidance_scale=1.0,
        output_type="latent",
        **SIZE,
    )
    del flux.transformer.forward
    flux.scheduler = kept
    u = np.array([float(k["timestep"][0]) for k in calls])
    want = plan.levels**-0.5 / (1 + plan.levels**-0.5)
    np.testing.assert_allclose(u[1:], want, rtol=1e-5)  # it shows its network the bare noise first
    assert made.images.shape == (2, 4, 16)
    label = torch.tensor([data.label_names.index("a bee")] * 2)
    recipe = plan.recipe()
    torch.manual_seed(3)
    x = coloured(z.flatten(1).clone(), recipe.start_noise, recipe.start_basis)
    x = x + torch.tensor(recipe.mean).to(x)
    for step in recipe.steps:  # the same steps written out, from the same start and noise
        x = step.state * x + step.prediction * model(x.view(2, *SHAPE), step.snr, label).flatten(1)
        if np.any(step.noise):
            noise = torch.randn(2, 4, 16)
            x = x + float(step.noise) * unpack_tokens(noise, SHAPE).flatten(1)
    got = unpack_tokens(made.images, SHAPE).flatten(1)
    torch.testing.assert_close(got, x.float(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dynamic", [True, False])
def test_fluxs_own_scheduler_is_a_candidate_and_draws_what_the_pipeline_does(
    words, tmp_path, dynamic
):
    pipe = quiet(pipelines.flux(words, transformers))
    if not dynamic:
        pipe.scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)
    pictures(tmp_path, 48)
    data = gv.load_data(tmp_path)
    model = with_captions(gv.from_pipeline(pipe), data.label_names).sized(SHAPE)
    audit = gv.audit(model, encode_latents(model, data)[0], levels=9, draws=1)
    (plan,) = own_plans(audit, model, 3).values()
    assert list(own_schedulers(model)) == ["its own FlowMatchEulerDiscreteScheduler"]
    label = torch.tensor([1, 1])
    got = sample_standardised(model, plan, 2, seed=4, label=label)
    z = NoiseSource(4, "sample").normal(0, 0, 2, 64).view(2, *SHAPE)
    made = pipe([data.label_names[1]] * 2, latents=pack_tokens(z), num_inference_steps=3, **SIZE,
                guidance_scale=1.0, output_type="latent").images  # fmt: skip
    torch.testing.assert_close(got, unpack_tokens(made, SHAPE), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        plan.levels, np.sort(((1 - pipe.scheduler.sigmas[:3]) / pipe.scheduler.sigmas[:3]) ** 2)
        .clip(1e-6), rtol=1e-4,
    )  # fmt: skip


def test_what_is_not_read_is_refused_in_one_line(xl, words):
    torch.manual_seed(0)
    pixart = diffusers.PixArtTransformer2DModel(
        num_attention_heads=2, attention_head_dim=8, num_layers=1, norm_num_groups=4,
        cross_attention_dim=16, caption_channels=8, sample_size=4, in_channels=4,
    )  # fmt: skip
    pipe = pipelines.ddpm()
    pipe.unet = pixart
    with pytest.raises(InputError, match=r"must have a network of .*; got PixArtTransformer2DM"):
        gv.from_pipeline(pipe)
    plain = pipelines.stable_diffusion(words, transformers)
    plain.unet = xl.unet
    with pytest.raises(InputError, match="must have a unet with addition_embed_type None"):
        gv.from_pipeline(plain)
    flux = pipelines.flux(words, transformers)
    flux.transformer = pipelines.flux_transformer(out_channels=8)
    with pytest.raises(InputError, match="must predict the 16 channels it is shown"):
        gv.from_pipeline(flux)


def test_latents_of_an_autoencoder_with_a_mean_per_channel():
    vae = pipelines.vae()
    pictures, plain = normal(2, 3, 8, 8), encode(pipelines.vae(), normal(2, 3, 8, 8))
    vae.register_to_config(latents_mean=[1.0, 2, 3, 4], latents_std=[2.0, 2, 4, 4])
    z = encode(vae, pictures)
    mean, std = (torch.tensor(v).view(4, 1, 1) for v in ([1.0, 2, 3, 4], [2.0, 2, 4, 4]))
    torch.testing.assert_close(z * std / 0.5 + mean, plain / 0.5)  # as SDXL's pipeline decodes
    torch.testing.assert_close(decode(vae, z), decode(pipelines.vae(), plain))


def test_flux_from_the_command_line(flux, tmp_path, capsys):
    """The size of the pictures decides; a plan remembers it."""
    flux.save_pretrained(tmp_path / "pipe")
    pictures(tmp_path / "in", 60)
    pipe, audit, plan = (tmp_path / n for n in ("pipe", "audit.json", "plan.json"))
    command("audit", pipe, "--data", tmp_path / "in", "--levels", 5, "--draws", 1,
            "--out", audit, "--device", "cpu")  # fmt: skip
    assert "autoencoder" in capsys.readouterr().out
    command("plan", audit, "--steps", 2, "--out", plan)
    command("sample", pipe, "--plan", plan, "--count", 2, "--out", tmp_path / "x.npy",
            "--label", "a bee", "--device", "cpu")  # fmt: skip
    assert np.load(tmp_path / "x.npy").shape == (2, *SHAPE)
    command("export", plan, "--pipeline", pipe, "--out", tmp_path / "fast")
    index = (tmp_path / "fast" / "model_index.json").read_text()
    assert "GirsanovScheduler" in index
