"""A run that is killed, again and again at any moment, ends in the bitwise same weights."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

KILLS = 20
# One process has everything imported, and forks a child a life: 20 starts of Python cost a minute.
SCRIPT = """
import json, os, random, signal, sys, time
import numpy as np
import torch
import girsanov as gv
from girsanov.train import TrainOptions

torch.optim.AdamW([torch.zeros(1)])  # the first optimiser of a process imports for a second

whole, out, kills, longest = sys.argv[1], sys.argv[2], int(sys.argv[3]), 0.4
x = np.random.default_rng(0).gamma(2.0, size=(200, 3))
data = gv.load_data(x, labels=np.arange(200) % 2)
options = TrainOptions(width=24, depth=1, evaluations=60)
draw = random.Random(1)

def life(folder):
    pid = os.fork()
    if pid:
        return pid
    try:
        gv.fit(data, out=folder, steps=600, batch_size=32, options=options, resume=True)
        os._exit(0)
    finally:
        os._exit(1)

_, status = os.waitpid(life(whole), 0)
if status:
    sys.exit("the run that is not killed failed")
killed = 0
begun = time.monotonic()
while time.monotonic() - begun < 200:
    pid = life(out)
    if killed < kills:
        time.sleep(draw.uniform(0.0, longest))
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        killed += 1
    elif os.waitstatus_to_exitcode(status):
        sys.exit("the run failed")
    elif killed < kills:
        longest /= 2  # it came to its end too soon: begin again, and kill faster
        killed = 0
        import shutil
        shutil.rmtree(out)
    else:
        break
print(json.dumps({"killed": killed}))
"""


def final(folder: Path) -> dict[str, np.ndarray]:
    return load_file(folder / "network" / "diffusion_pytorch_model.safetensors")


def lives(whole: Path, killed: Path) -> int:
    """Train into `whole` at once and into `killed` in many lives; return how many were ended."""
    command = [sys.executable, "-c", SCRIPT, str(whole), str(killed), str(KILLS)]
    said = subprocess.run(
        command, capture_output=True, text=True, timeout=280, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert said.returncode == 0, said.stderr[-2000:]
    return int(json.loads(said.stdout.splitlines()[-1])["killed"])


@pytest.mark.skipif(not hasattr(os, "fork") or not hasattr(signal, "SIGKILL"), reason="needs fork")
def test_twenty_kills_change_no_bit(tmp_path):
    assert lives(tmp_path / "whole", tmp_path / "killed") == KILLS
    whole, killed = final(tmp_path / "whole"), final(tmp_path / "killed")
    assert whole.keys() == killed.keys()
    for name, value in whole.items():
        np.testing.assert_array_equal(value, killed[name], err_msg=name)
    records = [
        json.loads((tmp_path / n / "girsanov.json").read_text()) for n in ("whole", "killed")
    ]
    assert records[0]["fingerprint"] == records[1]["fingerprint"]
    rubbish = [p.name for p in (tmp_path / "killed").rglob(".*") if p.is_file()]
    assert len(rubbish) <= KILLS  # a temporary file at most for each kill, never a torn real one
