"""Sample i under seed S is one sample: `python benchmarks/determinism.py --seeds 5`.

For every seed, samples and an audit of a small trained network are made three times: by one
process with batches of 64, by two processes under torchrun with batches of 7, and by one process
that is stopped half way and goes on. Counted are the samples that differ, and the numbers of
audits that do: by a bit where the batch size is the same, else by more than what sums of float32
in another order give, `--tolerance` of a sample and 100 times that of an audit's array.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

import girsanov as gv

COUNT = 1200
TWICE = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]


class Stop(Exception):
    """The run is over."""


def make(name: str, seeds: int, size: int) -> None:
    """Write samples and an audit of every seed; `stopped` ones are made in two runs."""
    among, stop = gv.processes(), name == "resumed"
    model, plan = gv.load_model("model"), gv.load_plan("plan.json")
    data = gv.load_data("x.npy").split(0.5, seed=0)[1]
    for seed in range(seeds):
        where = f"{name}{seed}"
        for life in (0, 1) if stop else (1,):
            halt = _halt(life)
            try:
                shards = gv.sample_shards(model, plan, COUNT, where, seed=seed, batch_size=size,
                                          processes=among, progress=halt)  # fmt: skip
            except Stop:
                continue
        with among.together():
            if not among.rank:
                shards.merge(f"{where}.npy")
        kept = {"keep": f"{where}.sums"} if stop else {}
        for life in (0, 1) if stop else (1,):
            try:
                found = gv.audit(model, data, levels=9, draws=2, seed=seed, batch_size=size,
                                 processes=among, progress=_halt(life), **kept)  # fmt: skip
            except Stop:
                continue
        if not among.rank:
            found.save(f"{where}.json")


def _halt(life: int):
    def progress(done: int, total: int) -> None:
        if not life and done > total // 2:
            raise Stop

    return progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tolerance", type=float, default=1e-6)
    parser.add_argument("--make", nargs=2)
    asked = parser.parse_args()
    from girsanov.measuring import resume as kept
    from girsanov.sampling import shards

    kept.SECONDS = 0.0
    shards.shard_size = lambda count: 100  # so that there is something to stop, and to share
    if asked.make:
        make(asked.make[0], asked.seeds, int(asked.make[1]))
        return
    own = str(Path(__file__).resolve())
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        np.save("x.npy", np.random.default_rng(4).gamma(2.0, size=(400, 3)))
        train, held_out = gv.load_data("x.npy").split(0.5, seed=0)
        model = gv.fit(train, out="model", steps=100, network="mlp")
        gv.audit(model, held_out, levels=9, draws=2).plan(steps=6).save("plan.json")
        for launcher, name, size in ((TWICE, "two", 7), ([], "one", 64), ([], "resumed", 64)):
            command = [sys.executable, *launcher, own, "--seeds", str(asked.seeds)]
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            subprocess.run([*command, "--make", name, str(size)], check=True, env=environment)
        violations = sum(_compared(seed, asked.tolerance) for seed in range(asked.seeds))
    print(f"{asked.seeds} seeds, 1 and 2 processes, batches of 64 and 7, stopped and whole: "
          f"{violations} violations")  # fmt: skip
    raise SystemExit(violations > 0)


def _compared(seed: int, tolerance: float) -> int:
    """Return how many samples and arrays of one seed differ; print by how much."""
    one, two, resumed = (np.load(f"{name}{seed}.npy") for name in ("one", "two", "resumed"))
    scale = np.abs(one).max()
    gap = np.abs(two - one).max(axis=1) / scale  # another batch size: other sums in float32
    bad = int((gap > tolerance).sum()) + int((resumed != one).any(axis=1).sum())
    audits = [load_file(f"{name}{seed}.safetensors") for name in ("one", "two", "resumed")]
    worst = 0.0
    for name, value in audits[0].items():
        worst = max(worst, float(np.abs(audits[1][name] - value).max() / np.abs(value).max()))
        bad += not np.array_equal(audits[2][name], value)
    bad += worst > 100 * tolerance  # what is a difference of errors keeps fewer digits
    print(f"seed {seed}: {COUNT} samples, resumed bitwise {np.array_equal(resumed, one)}, batch 7 "
          f"of 2 processes within {gap.max():.1e}; audit within {worst:.1e}")  # fmt: skip
    return bad


if __name__ == "__main__":
    main()
