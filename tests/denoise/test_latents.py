"""Latent pipelines: encoded once, audited in latent space, the autoencoder's loss beside it."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

diffusers = pytest.importorskip("diffusers")
sys.path.append(str(Path(__file__).parent))

import pipelines  # noqa: E402

import girsanov as gv  # noqa: E402
from girsanov._checks import InputError  # noqa: E402
from girsanov.cli.main import run  # noqa: E402
from girsanov.denoise.pipelines.latents import decode, encode, encode_latents  # noqa: E402


@pytest.fixture(scope="module")
def pipe():
    return pipelines.class_latents()


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (48, 8, 8, 3), dtype=np.uint8)
    return gv.load_data(x, labels=np.array([f"kind {k}" for k in rng.integers(0, 5, 48)]))


def test_latents_are_the_pipelines_own(pipe, data):
    model = gv.from_pipeline(pipe)
    latents, _ = encode_latents(model, data)
    assert latents.shape == (4, 4, 4)
    x = torch.from_numpy(data.raw(slice(0, 3))).permute(0, 3, 1, 2).float() / 127.5 - 1
    want = pipe.vae.encode(x).latent_dist.mode() * 0.5
    torch.testing.assert_close(latents.batch(slice(0, 3)), want.detach(), rtol=0, atol=1e-5)
    assert [latents.label_names[k] for k in latents.labels] == [
        data.label_names[k] for k in data.labels
    ]


def test_the_loss_of_the_autoencoder_is_measured(pipe, data):
    model = gv.from_pipeline(pipe)
    _, lost = encode_latents(model, data)
    x = torch.from_numpy(data.raw(slice(None))).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.inference_mode():
        again = decode(pipe.vae, encode(pipe.vae, x))
    want = float((again - x).square().mean().sqrt())
    assert lost.value == pytest.approx(want, rel=1e-4)
    assert lost.low < lost.value < lost.high
    assert lost.examples == 48


def test_encoding_is_done_once(pipe, data, tmp_path):
    model = gv.from_pipeline(pipe)
    first, lost = encode_latents(model, data, cache=tmp_path)
    assert len(list(tmp_path.glob("latents-*.safetensors"))) == 1
    calls = []
    model.vae = type("Spy", (), {"eval": lambda self: calls.append(1), "config": pipe.vae.config,
                                 "state_dict": pipe.vae.state_dict})()  # fmt: skip
    second, again = encode_latents(model, data, cache=tmp_path)
    assert not calls
    assert again == lost
    np.testing.assert_array_equal(first.raw(slice(None)), second.raw(slice(None)))
    other = gv.load_data(255 - data.raw(slice(None)))
    with pytest.raises(AttributeError):  # of other pictures it is not there
        encode_latents(model, other, cache=tmp_path)


def test_latents_are_not_stretched(pipe, data):
    """The network's units are those of its autoencoder, whatever the range of these latents."""
    model = gv.from_pipeline(pipe)
    latents, _ = encode_latents(model, data)
    audit = gv.audit(model, latents, levels=5, draws=1)
    z = latents.raw(slice(None)).reshape(48, -1).astype(np.float64)
    spread = z.var(axis=0).sum()
    assert audit.frame.moments.variance == pytest.approx(spread, rel=0.7)
    units = audit.facts.units
    assert (units["low"], units["high"]) == (-1.0, 1.0)


def test_refusals(pipe, data):
    with pytest.raises(InputError, match="no autoencoder"):
        encode_latents(gv.from_pipeline(pipelines.ddpm()), data)
    large = gv.load_data(np.zeros((40, 16, 16, 3), np.uint8))
    with pytest.raises(InputError, match=r"latents of shape \(4, 4, 4\)"):
        encode_latents(gv.from_pipeline(pipe), large)


def test_the_command_line(pipe, data, tmp_path, capsys):
    pipe.save_pretrained(tmp_path / "pipe")
    np.savez(tmp_path / "images.npz", x=data.raw(slice(None)),
             y=data.labels)  # fmt: skip
    audit = str(tmp_path / "audit.json")
    command = ["audit", str(tmp_path / "pipe"), "--data", str(tmp_path / "images.npz"),
               "--labels", "y", "--levels", "5", "--device", "cpu", "--out", audit]  # fmt: skip
    assert run(command) == run([*command, "--force"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "autoencoder" in said
    assert "guidance_scale=1" in said
    assert gv.load_audit(audit).facts.vae.kind == "estimate"
    assert len(list(tmp_path.glob("latents-*.safetensors"))) == 1
