"""A UNet's answer is smooth in the noise level: features of it that are too fast do nothing."""

import json

import numpy as np
import pytest
import torch

from girsanov._checks import InputError
from girsanov.data import load_data
from girsanov.denoise.load import load_model
from girsanov.denoise.unet import build_unet, fast_columns, level_weight
from girsanov.score_error.roughness import roughness
from girsanov.train import TrainOptions, fit

diffusers = pytest.importorskip("diffusers")
ALL = 1.0  # radians a timestep, the fastest there is


def pictures():
    x = np.random.default_rng(0).normal(size=(60, 1, 8, 8))
    return load_data(x.cumsum(-1).cumsum(-2) / 8)


def options(**changes):
    return TrainOptions(width=8, evaluations=2, **changes)


def asked(**changes):
    return {"steps": 6, "batch_size": 16, "network": "unet", "options": options(**changes)}


class Stop:
    """A progress callback that presses Ctrl-C at a step."""

    def __call__(self, done, total):
        if done == 4:
            raise KeyboardInterrupt


@pytest.mark.parametrize("fastest", [0.5, 0.04, 0.005])
def test_fast_columns_are_those_that_turn_faster(fastest):
    network, step = build_unet((1, 8, 8)), 1e-3
    still, moved = network.time_proj(torch.tensor([0.0, step]))
    speed = (moved - still).reshape(2, -1).abs().amax(0) / step  # cosines stand still at 0
    torch.testing.assert_close(fast_columns(network, fastest), (speed > fastest).repeat(2))
    assert not fast_columns(network, ALL).any()


def test_they_stay_zero_and_the_others_learn(tmp_path):
    model = fit(pictures(), out=tmp_path / "whole", **asked())
    fast = fast_columns(model.network, options().fastest)
    assert fast.any()
    with pytest.raises(KeyboardInterrupt):
        fit(pictures(), out=tmp_path / "cut", progress=Stop(), **asked())
    resumed = fit(pictures(), out=tmp_path / "cut", resume=True, **asked())
    assert resumed.fingerprint == model.fingerprint
    for one in (model, resumed, load_model(tmp_path / "whole")):
        weight = level_weight(one.network)
        assert (weight[:, fast] == 0).all()
        assert (weight[:, ~fast] != 0).any(0).all()
    free = level_weight(fit(pictures(), **asked(fastest=ALL)).network)
    assert (free != 0).any(0).all()


def test_the_folder_is_a_plain_pipeline_that_does_not_hear_them(tmp_path):
    model = fit(pictures(), out=tmp_path / "m", **asked())
    plain = diffusers.DDPMPipeline.from_pretrained(tmp_path / "m")
    assert type(plain.unet) is diffusers.UNet2DModel
    fast = fast_columns(plain.unet, options().fastest)
    assert (level_weight(plain.unet)[:, fast] == 0).all()
    assert len(plain(num_inference_steps=2, output_type="np").images) == 1
    record = json.loads((tmp_path / "m" / "girsanov.json").read_text())
    assert record["training"]["options"]["fastest"] == options().fastest
    assert model.fingerprint == record["fingerprint"]


def test_a_run_is_not_resumed_with_others(tmp_path):
    fit(pictures(), out=tmp_path / "m", **asked())
    with pytest.raises(InputError, match="holds a run with options"):
        fit(pictures(), out=tmp_path / "m", resume=True, **asked(fastest=ALL))


@pytest.mark.parametrize("fastest", [0.0, 1e-3, -1.0, float("nan"), "fast"])
def test_refuses_what_is_no_frequency(fastest):
    with pytest.raises(InputError, match="fastest"):
        TrainOptions(fastest=fastest)


def test_an_answer_is_smoother_than_with_all_of_them():
    data = pictures()
    x, snrs = data.batch(slice(0, 60)), np.array([0.25, 1.0, 4.0])
    rough, smooth = (
        roughness(fit(data, **asked(fastest=fastest) | {"steps": 40}), x, snrs)
        for fastest in (ALL, options().fastest)
    )
    assert (smooth.value + 4 * smooth.se < (rough.value - 4 * rough.se) / 10).all()
