"""Noise is standard normal, belongs to the sample, and is never shared by two uses."""

import ast
import math
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

import girsanov
from girsanov import _philox
from girsanov._checks import InputError
from girsanov.noise import Ahead, NoiseSource

N = 125_000  # samples of 8 numbers: a million normals


@pytest.fixture(scope="module")
def z():
    return NoiseSource(5, "test").normal(3, 0, N, 8).numpy()


def test_a_million_normals_are_normal(z):
    assert z.dtype == np.float32
    assert stats.kstest(z.ravel()[:1_000_000], "norm").pvalue > 1e-4


def test_moments_are_those_of_a_normal_in_every_lane(z):
    for power, expected, variance in (
        (1, 0, 1),
        (2, 1, 2),
        (3, 0, 15),
        (4, 3, 96),
        (6, 15, 10170),
    ):
        found = (z.astype(np.float64) ** power).mean(axis=0)
        assert (np.abs(found - expected) < 4.5 * math.sqrt(variance / N)).all(), power


def test_tails_are_as_heavy_as_a_normal(z):
    for edge in (2.0, 3.0, 4.0):
        for side in (z > edge, z < -edge):
            expected = stats.norm.sf(edge) * z.size
            assert abs(side.sum() - expected) < 4.5 * math.sqrt(expected)
    assert 4.4 < np.abs(z).max() < 6.8


def correlations(a, b):
    a, b = a - a.mean(0), b - b.mean(0)
    return (a.T @ b) / len(a) / np.outer(a.std(0), b.std(0))


@pytest.mark.parametrize(
    "rule", [lambda z: z, np.square, np.abs, np.sign], ids=["z", "z2", "abs", "sign"]
)
def test_lanes_are_independent(z, rule):  # cos and sin of one angle, one radius
    wide = NoiseSource(5, "test").normal(4, 0, N, 20).double().numpy()
    r = correlations(rule(wide), rule(wide)) - np.eye(20)
    assert np.abs(r).max() < 5 / math.sqrt(N)


@pytest.mark.parametrize(
    "other",
    [
        lambda: NoiseSource(5, "test").normal(4, 0, N, 8),
        lambda: NoiseSource(5, "tesu").normal(3, 0, N, 8),
        lambda: NoiseSource(6, "test").normal(3, 0, N, 8),
        lambda: NoiseSource(5, "test").normal(3, N, N, 8),
        lambda: NoiseSource(5, "test").normal(3, 1, N, 8),
    ],
    ids=["step", "stream", "seed", "samples", "lag one"],
)
def test_other_addresses_are_independent(z, other):
    got = other().double().numpy()
    mine = z.astype(np.float64)
    for rule in (np.asarray, np.square):
        assert np.abs(correlations(rule(mine), rule(got))).max() < 5 / math.sqrt(N)
    assert np.mean(z == got) < 1e-5


def test_no_address_repeats_another():
    seen = [
        NoiseSource(seed, stream).normal(step, 0, 4, 8).numpy().tobytes()
        for seed in (0, 1, 2**32, 2**63 - 1)
        for stream in ("sample", "audit", "")
        for step in (0, 1, 2**31, 2**32 - 1)
    ]
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("size", [1, 3, 8, 9, 64, 257])
def test_any_slice_equals_the_whole(size):
    source = NoiseSource(11, "slices")
    whole = source.normal(2, 0, 300, size)
    rng = np.random.default_rng(size)
    for first in [0, 1, 299, *rng.integers(0, 299, 12)]:
        count = int(rng.integers(1, 301 - first))
        part = source.normal(2, int(first), count, size)
        assert part.shape == (count, size)
        assert torch.equal(part, whole[first : first + count])


@pytest.mark.parametrize("size", [1, 8, 13, 64])
def test_several_steps_at_once_are_those_one_by_one(size):
    source = NoiseSource(11, "steps")
    for step, first, count in ((0, 0, 1), (5, 17, 3), (2**31, 1000, 40)):
        together = source.normals(step, 7, first, count, size)
        apart = [source.normal(step + k, first, count, size) for k in range(7)]
        assert torch.equal(together, torch.stack(apart))
    with pytest.raises(InputError, match="step: must lie in"):
        source.normals(2**32 - 3, 4, 0, 1, 1)


def test_uniforms_slice_and_fill_the_unit_interval():
    source = NoiseSource(11, "uniform")
    u = source.uniform(0, 0, 1_000_000)
    assert u.dtype == np.float64
    assert 0 <= u.min() < 1e-5
    assert 1 - 1e-5 < u.max() < 1
    assert stats.kstest(u, "uniform").pvalue > 1e-4
    lag = np.corrcoef(u[1:], u[:-1])[0, 1]
    assert abs(lag) < 5e-3
    for first, count in ((0, 1), (17, 5), (999_990, 10)):
        np.testing.assert_array_equal(source.uniform(0, first, count), u[first : first + count])
    assert not np.array_equal(source.uniform(1, 0, 10), u[:10])


def test_normals_are_box_muller_of_the_addressed_words():  # equation (1), in float64
    key = np.array([7, zlib.crc32(b"gold")], dtype=np.uint64)
    raw = np.random.Philox(key=key, counter=np.array([12, 9, 0, 0], np.uint64)).random_raw(4)
    words = (raw.view(np.uint32).astype(np.float64) + 0.5) / 2**32
    radius, angle = np.sqrt(-2 * np.log(words[:4])), 2 * np.pi * words[4:]
    expected = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
    got = NoiseSource(7, "gold").normal(9, 12, 1, 8)[0].numpy()
    np.testing.assert_allclose(got, expected, atol=4e-6)


DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("seed", "step", "first"), [(0, 0, 0), (7, 3, 5), (2**63 - 1, 2**32 - 2, 2**41 + 3)]
)
def test_words_of_a_gpu_are_those_of_the_cpu(seed, step, first, device):
    source = NoiseSource(seed, "device")
    expected = source._bits(step, 2, first, 300 * 4).reshape(2, 300, 4)
    place = torch.device(device)
    words = _philox.words((seed, source.stream), step, 2, first, 300, place).cpu()
    np.testing.assert_array_equal(words.numpy().view(np.uint64), expected)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("chunk", [2**19, 64])
def test_normals_of_a_gpu_are_those_of_the_cpu(device, chunk, monkeypatch):
    monkeypatch.setattr(_philox, "CHUNK", chunk)
    source = NoiseSource(5, "device")
    expected = source.normals(9, 3, 10, 400, 16).numpy()
    place = torch.device(device)
    got = _philox.normals((5, source.stream), 9, 3, 20, 800, place).cpu().numpy()
    np.testing.assert_allclose(got.reshape(3, 400, 16), expected, rtol=1e-5, atol=2e-6)
    if device == "cuda":
        drawn = source.normals(9, 3, 10, 400, 13, device=place)
        np.testing.assert_array_equal(drawn.cpu().numpy(), got.reshape(3, 400, 16)[..., :13])


@pytest.mark.parametrize("size", [3, 5000])
def test_drawn_ahead_they_are_the_same(size):
    source, like = NoiseSource(1, "ahead"), torch.empty(0, dtype=torch.float64)
    draw = Ahead(source, 4, 7, size, last=9, like=like)
    for step in (0, 1, 4, 5, 9):  # some steps draw none
        assert torch.equal(draw(step).mul_(2), 2 * source.normal(step, 4, 7, size).double())


def test_nothing_is_asked_and_nothing_comes():
    source = NoiseSource(0, "empty")
    assert source.normal(0, 5, 0, 3).shape == (0, 3)
    assert source.normal(0, 5, 3, 0).shape == (3, 0)
    assert source.uniform(0, 5, 0).shape == (0,)


def test_global_random_state_is_neither_read_nor_moved():
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first = NoiseSource(0, "state").normal(0, 0, 4, 4)
    after = torch.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002
    assert torch.equal(before[0], after[0])
    np.testing.assert_array_equal(before[1], after[1])
    torch.manual_seed(1)
    assert torch.equal(first, NoiseSource(0, "state").normal(0, 0, 4, 4))


@pytest.mark.parametrize("seed", [-1, 1.0, "0", True, None, 2**63, 10**400])
def test_bad_seeds_are_refused(seed):
    with pytest.raises(InputError, match=r"^seed: must be (a whole number >= 0|below 2\*\*63)"):
        NoiseSource(seed, "sample")


def test_addresses_that_would_run_into_others_are_refused():
    source = NoiseSource(0, "sample")
    for step in (-1, 2**32):
        with pytest.raises(InputError, match=r"^step: must lie in 0\.\.2\*\*32 - 1"):
            source.normal(step, 0, 1, 1)
    with pytest.raises(InputError, match=r"^first: must be a whole number >= 0"):
        source.normal(0, -1, 1, 1)


def test_the_streams_in_use_have_different_keys():
    folder = Path(girsanov.__file__).parent
    streams = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            name = getattr(getattr(node, "func", None), "id", "")
            if name == "NoiseSource" and isinstance(node.args[1], ast.Constant):
                streams.add(node.args[1].value)
    assert {"sample", "audit", "law"} <= streams
    assert len({zlib.crc32(s.encode()) for s in streams}) == len(streams)
