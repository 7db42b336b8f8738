"""Networks that are told y: as they begin, what they know without y, their files."""

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov.denoise.convolutional import ConvUNet
from girsanov.denoise.mlp import ResidualMLP
from girsanov.train.build import initialise


@pytest.fixture(scope="module")
def pairs():
    rng = np.random.default_rng(0)
    y = rng.gamma(2.0, size=(3000, 2))
    x = np.stack([3 * y[:, 0], y[:, 1] - y[:, 0]], 1) + rng.normal(size=(3000, 2)) * [0.5, 2]
    return gv.load_data(x, given=y)


@pytest.fixture(scope="module")
def model(pairs, tmp_path_factory):
    return gv.fit(pairs, steps=1, seed=0, out=tmp_path_factory.mktemp("told") / "model")


@pytest.mark.parametrize(
    "network", [ResidualMLP(3, 16, 2, given=4), ConvUNet((1, 4, 4), 8, levels=1, given=16)]
)
def test_a_row_of_nan_is_no_y_at_all(network):
    initialise(network.eval(), 0)
    torch.manual_seed(0)
    for p in network.parameters():  # the last layer starts at zero, where nothing would show
        p.data += 0.3 * torch.randn_like(p)
    shape = (3,) if isinstance(network, ResidualMLP) else (1, 4, 4)
    given = network.config["given"]
    x, level = torch.randn(5, *shape), torch.zeros(5)
    y = torch.randn(5, given)
    y[2] = torch.nan
    mixed, alone = network(x, level, y), network(x, level, None)
    torch.testing.assert_close(mixed[2], alone[2])
    assert not torch.isclose(mixed[1], alone[1]).all()
    moved = y + 1
    assert not torch.isclose(network(x, level, moved)[1], mixed[1]).all()


def best_line(seen, cloud):
    """What least squares makes of many rows, by numpy."""
    line = np.column_stack([np.ones(len(seen)), seen])
    return line @ np.linalg.lstsq(line, cloud, rcond=None)[0]


def test_untrained_it_is_the_best_line_with_y_and_without(pairs, model):
    parts, _ = pairs.split(0.9, seed=0)
    told, basis, s = model.told, model.moments.basis, 2.0
    own = parts.with_standardisation(model.standardisation).with_conditions(told)
    x, y = own.batch(slice(None)).double(), own.batch_labels(slice(None))
    noise = torch.randn(x.shape, generator=torch.manual_seed(1)).double() / s**0.5
    ours = model((x + noise).float(), s, y)
    best = best_line((x + noise).numpy(), x.numpy())
    np.testing.assert_allclose(ours, best, atol=0.12)
    # without y there is what y explains in x as well, along each axis of the rest by itself
    x = _spread(x, torch.from_numpy(told.line()), seed=2)
    ours = basis.to_coordinates(model((x + noise).float(), s, None).double())
    for k in range(2):
        seen, cloud = (basis.to_coordinates(v)[:, k : k + 1].numpy() for v in (x + noise, x))
        np.testing.assert_allclose(ours[:, k : k + 1], best_line(seen, cloud), atol=0.25)


def _spread(x, line, seed):
    """Draws of x without y: what is left, and what y explains of another row."""
    order = np.random.default_rng(seed).integers(0, len(line), len(x))
    return x + line[order]


def test_a_model_is_read_back(model, pairs, tmp_path):
    model.save(tmp_path / "m")
    again = gv.load_model(tmp_path / "m", device="cpu")
    assert again.fingerprint == model.fingerprint
    y = pairs.with_conditions(model.told).batch_labels(slice(0, 4))
    x = torch.randn(4, 2)
    torch.testing.assert_close(again(x, 3.0, y), model(x, 3.0, y))


def test_a_model_without_its_conditions_is_refused(model, tmp_path):
    model.save(tmp_path / "m")
    (tmp_path / "m" / "conditions.safetensors").unlink()
    with pytest.raises(gv.InputError, match=r"conditions\.safetensors"):
        gv.load_model(tmp_path / "m")


def test_other_numbers_of_y_are_refused(model):
    x = torch.zeros(3, 2)
    for bad in (torch.zeros(3, 5), torch.zeros(2, 2), torch.zeros(3, dtype=torch.long)):
        with pytest.raises(gv.InputError, match="label: must be the numbers y"):
            model(x, 1.0, bad)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"network": "unet"}, "network: must be mlp or conv"),
        ({"network": "columns"}, "network: must be mlp or conv"),
        ({"process": "cld"}, "process: must be vp"),
    ],
)
def test_what_takes_no_conditions_says_so(pairs, options, why):
    with pytest.raises(gv.InputError, match=why):
        gv.fit(pairs, steps=1, **options)


def test_a_stopped_run_goes_on(pairs, tmp_path):
    whole = gv.fit(pairs, steps=40, seed=3, out=tmp_path / "whole")
    calls = []

    def stop(done, of):
        calls.append(done)
        if done == 25:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gv.fit(pairs, steps=40, seed=3, out=tmp_path / "cut", progress=stop)
    again = gv.fit(pairs, steps=40, seed=3, out=tmp_path / "cut", resume=True)
    assert again.fingerprint == whole.fingerprint


def shrunk(x_t, t, y):
    return y[:, :2] + x_t / (1 + t[:, None] ** 2)


def test_a_wrapped_network_is_told_y_as_it_is_in_the_data(pairs):
    seen = []

    def network(x_t, t, y):
        seen.append((x_t, y))
        return shrunk(x_t, t, y)

    model = gv.wrap(network, (2,), times=(0.01, 10.0), train=pairs, units=(0.0, 1.0), given=2,
                    weights={"none": torch.zeros(1)})  # fmt: skip
    own = pairs.with_standardisation(model.standardisation).with_conditions(model.told)
    x, y = own.batch(slice(0, 5)), own.batch_labels(slice(0, 5))
    answer = model(x, 4.0, y)
    told = pairs.beside.raw(slice(0, 5))
    np.testing.assert_allclose(seen[-1][1], np.stack([told["y0"], told["y1"]], 1), rtol=1e-5)
    np.testing.assert_allclose(seen[-1][0], pairs.raw(slice(0, 5)), rtol=1e-4, atol=1e-4)
    line = model.told.told(y.numpy())
    whole = shrunk(seen[-1][0], torch.full((5,), 0.5), seen[-1][1])
    np.testing.assert_allclose(answer.numpy() + line, whole, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"train": None}, "train: must be a data set with conditions"),
        ({"given": 3}, "train: must have conditions of shape"),
        ({"given": 0}, "given: must be sizes > 0"),
        ({"label_names": ("a", "b")}, "given: cannot be told beside classes"),
    ],
)
def test_what_a_wrapped_network_cannot_be_told(pairs, options, why):
    wanted = {"times": (0.01, 10.0), "train": pairs, "units": (0.0, 1.0), "given": 2}
    with pytest.raises(gv.InputError, match=why):
        gv.wrap(shrunk, (2,), weights={"none": torch.zeros(1)}, **(wanted | options))
