"""Pipeline folders: what is read, and one line for everything that cannot be."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

diffusers = pytest.importorskip("diffusers")
sys.path.append(str(Path(__file__).parent))

import pipelines  # noqa: E402

from girsanov._checks import InputError  # noqa: E402
from girsanov.denoise.load import load_model  # noqa: E402
from girsanov.denoise.pipelines.folder import from_pipeline, load_pipeline  # noqa: E402

WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pipelines") / "pipe"
    pipelines.ddpm(clip_sample=True).save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "pipe")
    return tmp_path / "pipe"


def edit(path, **changes):
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in content.items() if v != "drop"}))


def says(folder, *words, **options):
    with pytest.raises(InputError) as refusal:
        load_pipeline(folder, **options)
    text = str(refusal.value)
    assert "\n" not in text
    assert all(word in text for word in words), text


def test_a_folder_is_its_live_pipeline(saved):
    live = from_pipeline(diffusers.DDPMPipeline.from_pretrained(saved, local_files_only=True))
    read = load_model(saved, device="cpu")
    x, s = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)), live.levels[600]
    assert torch.equal(read(x, s), live(x, s))
    assert read.fingerprint == live.fingerprint
    assert read.notes == live.notes
    assert read.snr_range == (live.levels[0], live.levels[-1])


def test_the_network_alone_with_a_scheduler_elsewhere(saved, tmp_path):
    shutil.copytree(saved / "unet", tmp_path / "network")
    shutil.copy(saved / "scheduler" / "scheduler_config.json", tmp_path / "mine.json")
    alone = load_pipeline(tmp_path / "network", scheduler=tmp_path / "mine.json")
    assert alone.fingerprint == load_pipeline(saved).fingerprint
    assert load_pipeline(saved / "unet").fingerprint == alone.fingerprint  # its neighbour
    (tmp_path / "both").mkdir()
    shutil.copytree(saved / "unet", tmp_path / "both" / "unet")
    shutil.copytree(saved / "scheduler", tmp_path / "both" / "scheduler")
    assert load_model(tmp_path / "both", device="cpu").fingerprint == alone.fingerprint


def test_changed_weights_or_levels_change_the_fingerprint(folder):
    before = load_pipeline(folder).fingerprint
    edit(folder / "scheduler" / "scheduler_config.json", beta_end=0.021)
    between = load_pipeline(folder).fingerprint
    weights = load_file(folder / "unet" / WEIGHTS)
    weights["conv_in.bias"] += 1e-3
    save_file(weights, folder / "unet" / WEIGHTS, {"format": "pt"})
    assert len({before, between, load_pipeline(folder).fingerprint}) == 3


def test_half_weights_are_widened_on_a_cpu(folder):
    weights = {k: v.half() for k, v in load_file(folder / "unet" / WEIGHTS).items()}
    save_file(weights, folder / "unet" / "diffusion_pytorch_model.fp16.safetensors",
              {"format": "pt"})  # fmt: skip
    (folder / "unet" / WEIGHTS).unlink()
    assert load_pipeline(folder).weights_dtype == torch.float32
    kept = load_pipeline(folder, dtype=torch.bfloat16)
    assert kept.weights_dtype == torch.bfloat16


def test_latent_folders_bring_their_names_and_autoencoder(tmp_path):
    pipelines.class_latents().save_pretrained(tmp_path)
    edit(tmp_path / "model_index.json", id2label={str(k): f"kind {k}, alias" for k in range(5)})
    model = load_pipeline(tmp_path)
    assert model.label_names[3] == "kind 3, alias"
    assert type(model.vae).__name__ == "AutoencoderKL"
    assert model.shape == (4, 4, 4)


def test_no_scheduler(folder):
    shutil.rmtree(folder / "scheduler")
    says(folder, "has no scheduler", "scheduler_config.json")


def test_no_network(folder):
    shutil.rmtree(folder / "unet")
    says(folder, "must hold a network")


def test_broken_json(folder):
    (folder / "unet" / "config.json").write_text("{")
    says(folder, "config.json")
    shutil.rmtree(folder / "unet")
    (folder / "model_index.json").write_text("nonsense")
    says(folder, "model_index.json")


def test_pickles_are_never_opened(folder):
    torch.save({"bad": 1}, folder / "unet" / "diffusion_pytorch_model.bin")
    (folder / "unet" / WEIGHTS).unlink()
    says(folder, "safetensors", "the pickle diffusion_pytorch_model.bin", "Convert")


def test_unknown_classes_are_named(folder):
    edit(folder / "unet" / "config.json", _class_name="UNet3D")
    says(folder, "known class", "UNet3D")


@pytest.mark.parametrize("name", ["NoSuchScheduler", "LCMScheduler", "ScoreSdeVeScheduler", 3])
def test_unknown_schedulers(folder, name):
    edit(folder / "scheduler" / "scheduler_config.json", _class_name=name)
    says(folder, "scheduler", str(name))


def test_unknown_prediction_types(folder):
    edit(folder / "scheduler" / "scheduler_config.json", prediction_type="noise")
    says(folder, "prediction_type", "epsilon, sample", "noise")


def test_impossible_betas(folder):
    edit(folder / "scheduler" / "scheduler_config.json", trained_betas=[0.1, float("nan"), 0.1])
    says(folder, "alphas_cumprod")
    edit(folder / "scheduler" / "scheduler_config.json", trained_betas=0.5)
    says(folder, "alphas_cumprod, one a timestep")


def test_weights_that_are_nan_or_missing(folder):
    weights = load_file(folder / "unet" / WEIGHTS)
    weights["conv_in.bias"][0] = float("nan")
    save_file(weights, folder / "unet" / WEIGHTS, {"format": "pt"})
    says(folder, "finite weights in conv_in.bias")
    del weights["conv_in.bias"]
    save_file(weights, folder / "unet" / WEIGHTS, {"format": "pt"})
    says(folder, "missing keys", "conv_in.bias")


def test_weights_that_are_torn(folder):
    data = (folder / "unet" / WEIGHTS).read_bytes()
    (folder / "unet" / WEIGHTS).write_bytes(data[: len(data) // 2])
    says(folder, "unet", "cannot be read")


def test_weights_of_another_shape(folder):
    weights = load_file(folder / "unet" / WEIGHTS)
    weights["conv_in.bias"] = torch.zeros(9)
    save_file(weights, folder / "unet" / WEIGHTS, {"format": "pt"})
    says(folder, "unet", "cannot be read")


def test_upscalers_are_refused(folder):
    pipelines.ddpm(channels=3, out=5).save_pretrained(folder)
    says(folder, "must predict 3 or 6 channels", "5")


def test_nothing_is_fetched_offline(monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    says("hub:nobody/no-such-pipeline", "cannot be fetched")


def test_a_live_pipeline_must_be_whole():
    with pytest.raises(InputError, match="a scheduler and a unet or transformer"):
        from_pipeline(object())
