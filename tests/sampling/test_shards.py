"""Shards: the same samples however they are drawn, and never a shard that is not whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from catalogue import LAWS

import girsanov as gv
from girsanov._checks import InputError
from girsanov._processes import Processes
from girsanov.sampling import shards as module
from girsanov.sampling.grids import log_uniform_grid
from girsanov.sampling.registry import recipe
from girsanov.sampling.shards import plan_fingerprint, sample_shards, shard_size

GRID = log_uniform_grid(0.02, 50.0, 5)
PLAN = recipe("ddpm", GRID, start=(0.0, GRID[0] ** -0.5, None))
LAW = LAWS["mixture 2-D"]
COUNT = 330


class Pair(Processes):
    """A process of two that waits for no one, since both run here one after the other."""

    def add(self, *tensors):
        """Add nothing."""


@pytest.fixture(params=["law", "mlp"])
def denoiser(request, tmp_path):
    if request.param == "law":
        return gv.ExactDenoiser(LAW)
    x = np.random.default_rng(0).gamma(2.0, size=(200, 3))
    return gv.fit(gv.load_data(x), out=tmp_path / "m", steps=30, network="mlp", seed=1)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(module, "shard_size", lambda count: 100)


def drawn(shards):
    return np.concatenate(list(shards))


def test_size_and_number_are_bounded():
    for count in (1, 999, 2001, 10**6, 10**6 + 1, 10**9):
        assert shard_size(count) % 1000 == 0
        assert -(-count // shard_size(count)) <= 1000


def test_one_process_two_and_a_resumed_run_give_the_same_bits(denoiser, tmp_path):
    def run(name, count=COUNT, **options):
        return sample_shards(denoiser, PLAN, count, tmp_path / name, seed=5, **options)

    whole = drawn(run("whole", batch_size=64))
    run("pair", batch_size=64, processes=Pair(0, 2))
    assert len(list((tmp_path / "pair").glob("*.npy"))) == 2
    pair = drawn(run("pair", batch_size=64, processes=Pair(1, 2)))
    np.testing.assert_array_equal(pair, whole)
    resumed = run("whole", batch_size=64)
    resumed.path(1).unlink()
    resumed.path(2).write_bytes(resumed.path(0).read_bytes()[:-8])  # torn
    resumed.path(3).write_bytes(b"")
    assert resumed.missing() == [1, 2, 3]
    np.testing.assert_array_equal(drawn(run("whole", batch_size=64)), whole)
    # other batch sizes: to the rounding of matrix products, whose order depends on their size
    run("seven", batch_size=7, processes=Pair(0, 2))
    seven = drawn(run("seven", batch_size=7, processes=Pair(1, 2)))
    bound = 2e-14 if whole.dtype == np.float64 and denoiser.exact else 2e-5
    np.testing.assert_allclose(seven, whole, rtol=bound, atol=bound)
    plain = gv.sample(denoiser, PLAN, COUNT, seed=5)
    np.testing.assert_allclose(whole, plain, rtol=bound, atol=bound)


def test_finished_shards_are_not_drawn_again(tmp_path, monkeypatch):
    exact, calls = gv.ExactDenoiser(LAW), []
    draw = module.sample_batches

    def counting(*arguments, **options):
        calls.append(options["first"])
        return draw(*arguments, **options)

    monkeypatch.setattr(module, "sample_batches", counting)
    shards = sample_shards(exact, PLAN, COUNT, tmp_path / "p")
    assert calls == [0, 100, 200, 300]
    shards.path(2).unlink()
    sample_shards(exact, PLAN, COUNT, tmp_path / "p")
    assert calls[4:] == [200]


def test_merging_makes_the_file_that_numpy_makes(tmp_path):
    shards = sample_shards(gv.ExactDenoiser(LAW), PLAN, COUNT, tmp_path / "p")
    shards.merge(tmp_path / "all.npy")
    np.save(tmp_path / "numpy.npy", drawn(shards))
    assert (tmp_path / "all.npy").read_bytes() == (tmp_path / "numpy.npy").read_bytes()
    (shards.folder / ".000001.npy.abc").write_bytes(b"left by a kill")
    shards.remove()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["all.npy", "numpy.npy"]


def test_shards_of_other_samples_are_refused(tmp_path):
    exact, folder = gv.ExactDenoiser(LAW), tmp_path / "p"
    sample_shards(exact, PLAN, COUNT, folder)
    before = (folder / "000000.npy").read_bytes()
    other = recipe("ddpm", GRID * 1.001, start=(0.0, 7.0, None))
    for plan, count, seed in ((PLAN, COUNT, 1), (PLAN, COUNT + 1, 0), (other, COUNT, 0)):
        with pytest.raises(InputError, match="holds shards of another run"):
            sample_shards(exact, plan, count, folder, seed=seed)
    assert (folder / "000000.npy").read_bytes() == before
    sample_shards(exact, PLAN, COUNT, folder, seed=1, force=True)
    assert (folder / "000000.npy").read_bytes() != before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match="holds something else than shards"):
        sample_shards(exact, PLAN, COUNT, tmp_path / "mine", force=True)


def test_a_fingerprint_tells_plans_apart():
    again = recipe("ddpm", GRID, start=(0.0, GRID[0] ** -0.5, None))
    assert plan_fingerprint(PLAN) == plan_fingerprint(again)
    for other in (
        recipe("ei-score", GRID, start=(0.0, GRID[0] ** -0.5, None)),
        recipe("ddpm", GRID, start=(1e-12, GRID[0] ** -0.5, None)),
        recipe("ddpm", GRID, start=(np.zeros(2), GRID[0] ** -0.5, None)),
    ):
        assert plan_fingerprint(other) != plan_fingerprint(PLAN)


SCRIPT = """
import os, random, signal, sys, time
import girsanov.cli.sample, girsanov.workflow.draw_samples
from girsanov.cli.main import run
draw, killed, longest = random.Random(3), 0, 0.5
while True:
    pid = os.fork()
    if not pid:
        line = "sample law.json --plan plan.json --count 9500 --out s.npy --json --force"
        os._exit(run(line.split()))
    if killed < 6:
        time.sleep(draw.uniform(0.0, longest))
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        killed += 1
        assert not os.path.exists("s.npy") or os.path.getsize("s.npy") == 9500 * 2 * 8 + 128
    else:
        sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork") or not hasattr(signal, "SIGKILL"), reason="needs fork")
def test_a_command_killed_again_and_again_ends_in_the_same_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    law = {"format": "girsanov/law/1", "law": "mixture", "weights": [0.3, 0.7],
           "means": [[0.0, 1.0], [3.0, -1.0]], "covariances": [0.5, 0.2]}  # fmt: skip
    (tmp_path / "law.json").write_text(json.dumps(law))
    audit = "audit law.json --data law.json --examples 200 --levels 17"
    from girsanov.cli.main import run

    sample = "sample law.json --plan plan.json --count 9500"
    for line in (audit, "plan audit.json --steps 25", f"{sample} --out whole.npy"):
        assert run(line.split()) == 0
    said = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert said.returncode == 0, said.stderr[-2000:]
    assert (tmp_path / "s.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()
    assert not list(tmp_path.glob("*.parts"))
