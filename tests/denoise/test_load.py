"""Model folders there and back, and one line for everything that is not one."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from girsanov._checks import InputError
from girsanov.data import load_data
from girsanov.denoise.base import per_call
from girsanov.denoise.exact import ExactDenoiser
from girsanov.denoise.load import load_model
from girsanov.law.gaussian import Gaussian
from girsanov.train import TrainOptions, fit

WEIGHTS = "network/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "model"
    x = np.random.default_rng(0).gamma(2.0, size=(60, 3))
    data = load_data(x, labels=np.arange(60) % 2)
    model = fit(data, out=folder, steps=4, batch_size=16, options=TrainOptions(width=16, depth=1))
    return model, folder


@pytest.fixture
def folder(trained, tmp_path):
    import shutil

    shutil.copytree(trained[1], tmp_path / "model")
    return tmp_path / "model"


def edit(path, **changes):
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in content.items() if v != "drop"}))


def test_round_trip(trained):
    model, folder = trained
    again = load_model(folder)
    x, label = torch.randn(7, 3), torch.arange(7) % 2
    for s in (0.01, 1.0, torch.linspace(0.1, 5000, 7)):
        assert torch.equal(model(x, s, label), again(x, s, label))
    assert again.fingerprint == model.fingerprint
    assert again.label_names == model.label_names
    assert again.training == model.training
    assert again.snr_range == model.snr_range
    np.testing.assert_array_equal(again.moments.variances, model.moments.variances)
    raw = model.standardisation.decode(x.numpy())
    np.testing.assert_array_equal(again.standardisation.decode(x.numpy()), raw)


def test_image_round_trip(tmp_path):
    pytest.importorskip("diffusers")
    data = load_data(np.random.default_rng(0).uniform(size=(40, 8, 8)))
    options = TrainOptions(width=8)
    model = fit(data, out=tmp_path / "m", steps=2, batch_size=4, network="unet", options=options)
    again, x = load_model(tmp_path / "m"), torch.randn(2, 1, 8, 8)
    torch.testing.assert_close(again(x, 2.0), model(x, 2.0), rtol=0, atol=0)
    assert again.fingerprint == model.fingerprint


def test_law_file(tmp_path):
    law = Gaussian([1.0, 2.0], 0.5)
    law.save(tmp_path / "law.json")
    model = load_model(tmp_path / "law.json")
    assert isinstance(model, ExactDenoiser)
    assert model.fingerprint == law.fingerprint


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "girsanov/audit/1"}, 'must have "format": "girsanov/model/1"'),
        ({"snr_range": "drop"}, "must have snr_range, of type list; got nothing"),
        ({"snr_range": [2.0, 1.0]}, "two increasing positive numbers"),
        ({"snr_range": ["a", 1.0]}, "two increasing positive numbers"),
        ({"shape": [4]}, "must be of 4 dimensions; got 3"),
        ({"shape": [3, 1.0]}, "must have shape, a list of whole numbers"),
        ({"shape": [1, 3, 1]}, "must hold the fingerprint"),
        ({"label_names": ["a"]}, "must name the 2 classes"),
        ({"preconditioning": "v"}, "must have preconditioning wiener or edm or columns; got v"),
        ({"preconditioning": "edm"}, "must hold the fingerprint"),
        (
            {"network": {"_class_name": "GPT"}},
            "must name a network of ResidualMLP, ConvUNet, UNet2DModel",
        ),
        ({"standardisation": {"kind": "odd"}}, "standardisation"),
        ({"training": 3}, "must have training, of type dict; got 3"),
    ],
)
def test_refuses_a_damaged_record(folder, changes, words):
    edit(folder / "girsanov.json", **changes)
    with pytest.raises(InputError, match=words.replace("[", r"\[")) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"width": 32}, "must match config.json"),
        ({"width": 10**12}, "width"),
        ({"depth": 2}, "must match config.json"),
        ({"width": "wide"}, "width: must be a whole number"),
        ({"colour": 1}, "must be a network that can be built"),
        (
            {"_class_name": "Module"},
            "must be of class ResidualMLP or ConvUNet or UNet2DModel; got Module",
        ),
    ],
)
def test_refuses_a_lying_config(folder, changes, words):
    edit(folder / "network/config.json", **changes)
    with pytest.raises(InputError, match=words) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("what", ["nan", "dtype", "missing", "changed", "torn"])
def test_refuses_bad_weights(folder, what):
    weights = load_file(folder / WEIGHTS)
    if what == "nan":
        weights["outward.bias"][0] = np.nan
    elif what == "dtype":
        weights["outward.bias"] = weights["outward.bias"].astype(np.float64)
    elif what == "missing":
        del weights["outward.bias"]
    else:
        weights["outward.bias"] = weights["outward.bias"] + 1
    save_file(weights, folder / WEIGHTS)
    if what == "torn":
        (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:200])
    words = {
        "nan": "must hold finite weights in outward.bias", "dtype": "must hold float32",
        "missing": "outward.bias .*; got nothing", "changed": "must hold the fingerprint",
        "torn": "must be a readable safetensors file",
    }  # fmt: skip
    with pytest.raises(InputError, match=words[what]):
        load_model(folder)


def test_refuses_what_is_no_model(tmp_path):
    with pytest.raises(InputError, match="must exist: a model folder, a diffusers pipeline"):
        load_model(tmp_path / "nothing")
    for name in ("model.pt", "model.PKL", "model.ckpt", "model.bin"):
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(InputError, match="a pickle that can run code when opened"):
            load_model(tmp_path / name)
    (tmp_path / "model.txt").write_text("x")
    with pytest.raises(InputError, match=r"or FILE\.py:function; got model\.txt"):
        load_model(tmp_path / "model.txt")
    (tmp_path / "pipe").mkdir()
    with pytest.raises(InputError, match=r"got another folder"):
        load_model(tmp_path / "pipe")
    (tmp_path / "pipe" / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(InputError, match=r"with the pickle pytorch_model\.bin"):
        load_model(tmp_path / "pipe")


def test_a_device_this_machine_lacks_is_refused_in_one_line(tmp_path):
    path = tmp_path / "law.json"
    path.write_text(json.dumps(Gaussian([1.0], 2.0).to_json()))
    for name in ("tpu", "cuda:97", "no such thing"):
        with pytest.raises(InputError, match="device: must be a device of this machine: cpu"):
            load_model(path, device=name)
    assert load_model(path, device="cpu").exact


def test_a_network_call_holds_fewer_examples_when_they_are_large():
    small, large = (
        ExactDenoiser(Gaussian([0.0], 1.0)),
        ExactDenoiser(Gaussian(np.zeros(2**12), 1.0)),
    )
    assert per_call(small, 512) == 512
    assert per_call(large, 512) == 2**8
