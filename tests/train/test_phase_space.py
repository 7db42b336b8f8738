"""Training on (x, v): what the network is shown, the folder, the audit, and what is refused."""

import json

import numpy as np
import pytest
import torch

from girsanov._checks import InputError
from girsanov.audited import load_audit
from girsanov.auditing import audit
from girsanov.data import load_data
from girsanov.denoise.base import with_phase_noise
from girsanov.denoise.load import load_model
from girsanov.denoise.network import NetworkDenoiser, component, phases_of
from girsanov.noise import NoiseSource
from girsanov.sampling.loop import sample_standardised
from girsanov.sampling.registry import cld_recipe, recipe
from girsanov.train import TrainOptions, fit
from girsanov.train.build import build_network, initialise

SMALL = TrainOptions(width=32, depth=1, evaluations=2, early_stopping=False, dropout=0.0)
START = (0.0, 3.0, None)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return load_data(rng.gamma(2.0, size=(400, 3)).astype(np.float32))


@pytest.fixture(scope="module")
def parts(data):
    return data.split(0.8, seed=0)


@pytest.fixture(scope="module")
def trained(parts, tmp_path_factory):
    out = tmp_path_factory.mktemp("cld") / "model"
    return fit(parts[0], out=out, steps=150, network="mlp", process="cld", options=SMALL), out


def test_the_network_sees_twice_what_it_predicts(trained):
    model, out = trained
    assert (model.process, phases_of(model.network)) == ("cld", 2)
    x = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(0))
    assert model(x, 2.0).shape == (5, 3)
    other = torch.stack([x[:, 0], -x[:, 1]], 1)
    assert not torch.equal(model(x, 2.0), model(other, 2.0))
    record = json.loads((out / "girsanov.json").read_text())
    assert record["process"] == record["training"]["process"] == "cld"


def test_the_folder_comes_back_the_same(trained):
    model, out = trained
    again = load_model(out)
    assert (again.process, again.fingerprint) == ("cld", model.fingerprint)
    x = torch.ones(2, 2, 3)
    assert torch.equal(again(x, 0.7), model(x, 0.7))


def test_a_record_of_another_process_is_refused(trained, tmp_path):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(trained[1], folder)
    record = json.loads((folder / "girsanov.json").read_text())
    (folder / "girsanov.json").write_text(json.dumps({**record, "process": "vp"}))
    with pytest.raises(InputError, match="must have the process of its network, cld"):
        load_model(folder)


def test_at_the_start_it_is_the_ordinary_preconditioned_denoiser(trained, parts):
    model, shape = trained[0], (3,)
    plain = build_network("mlp", shape, 0, SMALL)
    whole = build_network("mlp", shape, 0, SMALL, phases=2)
    x, w = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(1))
    found = []
    for network, seen in ((plain, x), (whole, torch.stack([x, w], 1))):
        initialise(network, 0)
        fresh = NetworkDenoiser(
            network, shape, "wiener", model.moments, model.standardisation, model.snr_range
        )
        found.append(fresh(seen, 1.3))
    assert torch.equal(*found)


def test_a_run_resumes_only_its_own_process(trained, parts):
    with pytest.raises(InputError, match="process"):
        fit(parts[0], out=trained[1], steps=150, network="mlp", resume=True, options=SMALL)


def test_the_audit_shows_noise_and_keeps_a_fourth_trace(trained, parts, tmp_path):
    """By an independent pass: E|x0 - m|^2 and E[w . r] on (x, w) of the forward process."""
    model = trained[0]
    report = audit(model, parts[1], levels=np.array([0.5, 4.0]), draws=20)
    assert report.facts.process == "cld"
    assert report.curve.traces.shape[2] == 4
    report.save(tmp_path / "audit.json")
    assert load_audit(tmp_path / "audit.json").curve.traces.shape[2] == 4
    x0 = parts[1].with_standardisation(model.standardisation).batch(slice(None))
    x0, rng = x0.repeat(40, 1), np.random.default_rng(3)
    for k, s in enumerate((0.5, 4.0), start=1):
        x, w = (torch.from_numpy(rng.normal(size=x0.shape)).float() for _ in range(2))
        r = x0 - model(torch.stack([x0 + x / s**0.5, w], 1), s)
        found = [r.square().sum(1), (w * r).sum(1)]
        for column, values in zip((0, 3), found, strict=True):
            # the same examples, other noise: the spread within examples alone
            spread = values.reshape(40, -1).std(0).pow(2).mean().sqrt() / len(values) ** 0.5
            se = float(spread) * (1 + 40 / 20) ** 0.5
            mean = report.curve.mean_traces()[k, column]
            assert abs(float(values.mean()) - mean) < 5 * se


def test_the_input_is_drawn_from_its_own_noise(trained):
    x, source = torch.zeros(4, 3), NoiseSource(0, "here")
    seen = with_phase_noise(trained[0], x, source, 7, first=2)
    assert torch.equal(seen[:, 0], x)
    assert torch.equal(seen[:, 1], source.normal(7, 2, 4, 3))


def test_it_samples_in_phase_space_and_nowhere_else(trained):
    model, levels = trained[0], [0.05, 0.5, 3.0, 20.0]
    x = sample_standardised(model, cld_recipe("ei-relative", levels, start=START), 50, seed=1)
    assert x.shape == (50, 3)
    with pytest.raises(InputError, match="plan: must be made with process cld"):
        sample_standardised(model, recipe("ddpm", levels, start=START), 5)
    with pytest.raises(InputError, match="both coordinates of phase space"):
        model(torch.ones(2, 3), 1.0)


def test_an_image_network_is_shown_twice_the_channels():
    pytest.importorskip("diffusers")
    network = build_network("unet", (1, 8, 8), 0, TrainOptions(width=8), phases=2)
    assert (network.config.in_channels, network.config.out_channels) == (2, 1)
    assert component(network)[1]["_class_name"] == "Girsanov"


def test_other_processes_are_refused(parts):
    with pytest.raises(InputError, match="process: must be one of vp, cld"):
        fit(parts[0], steps=5, process="ve")
