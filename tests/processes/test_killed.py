"""Two processes that are killed and launched again end where two that were not do, to the bit."""

from __future__ import annotations

import json
import random
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

sys.path.append(str(Path(__file__).parent))

from launching import FORKED, TWICE, kill, launch, script, start

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs Linux")
# what is there is not made again; every step of the way is slow enough to be hit
SCRIPT = """
import time
from pathlib import Path
from girsanov import processes
from girsanov.cli.main import run
from girsanov.denoise.network import NetworkDenoiser
from girsanov.measuring import resume
from girsanov.sampling import shards

resume.SECONDS = 0.0
shards.shard_size = lambda count: 40
whole = NetworkDenoiser.denoise

def slowly(self, *given, **named):
    time.sleep(0.002)
    return whole(self, *given, **named)

NetworkDenoiser.denoise = slowly
here = processes()
lines = {
    "model/girsanov.json": "fit x.npy --out model --steps 120 --network mlp --resume",
    "audit.json": "audit model --data x.npy --levels 9 --draws 3 --batch-size 8",
    "plan.json": "plan audit.json --steps 5",
    "s.npy": "sample model --plan plan.json --count 600 --seed 3 --out s.npy",
}
missing = [path for path in lines if not Path(path).exists()]
for path in missing:
    with here.together():
        pass
    if path != "plan.json" or not here.rank:
        assert run(lines[path].split()) == 0
"""
SIGNS = ("model/checkpoint/state.json", "audit.json.parts/index.json", "s.npy.parts/index.json")
RESULTS = ("model/girsanov.json", "audit.json", "plan.json", "s.npy")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A model, audit, plan and samples made by two processes that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole")
    np.save(folder / "x.npy", np.random.default_rng(4).gamma(2.0, size=(200, 3)))
    script(folder, "script.py", SCRIPT)
    begun = time.monotonic()
    said = launch(folder, ["script.py"], FORKED)
    assert said.returncode == 0, said.stderr[-3000:]
    return folder, time.monotonic() - begun


@pytest.fixture
def again(whole, tmp_path):
    for name in ("x.npy", "script.py"):
        shutil.copy(whole[0] / name, tmp_path)
    return tmp_path


def content(folder: Path, name: str):
    """Return all that a result says but times and the name of its folder."""
    path = folder / name
    if name == "s.npy":
        return np.load(path).tolist()
    record = json.loads(path.read_text())
    if name == "model/girsanov.json":
        return record["fingerprint"], record["training"]["steps_run"]
    arrays = load_file(path.with_suffix(".safetensors"))
    return {k: v.tolist() for k, v in arrays.items()}


def require_alike(whole: Path, folder: Path, names=RESULTS) -> None:
    """What is there is finished: the very numbers of the run that was not killed."""
    for name in names:
        if (folder / name).exists():
            assert content(folder, name) == content(whole, name), name


def lives(whole: Path, folder: Path, plan, launcher: list[str]) -> int:
    """Launch, wait as `plan` says, kill and look, again and again; return the kills that hit."""
    hit = 0
    for until, seconds, one in plan:
        running, end = start(folder, ["script.py"], launcher), time.monotonic() + 100
        while running.poll() is None and time.monotonic() < end:
            if until is None or (folder / until).exists():
                break
            time.sleep(0.01)
        time.sleep(seconds)
        hit += running.poll() is None
        kill(running, one=one)
        require_alike(whole, folder)
    return hit


def require_end(whole: Path, folder: Path, launcher: list[str]) -> None:
    said = launch(folder, ["script.py"], launcher)
    assert said.returncode == 0, said.stderr[-3000:]
    assert all((folder / name).exists() for name in RESULTS)
    require_alike(whole, folder)
    assert not list(folder.glob("*.parts"))


def test_a_worker_and_then_all_of_them_killed_change_no_bit(whole, again):
    draw = random.Random(3)
    first, *later = SIGNS
    plan = [(first, draw.uniform(0, 0.3), True), (draw.choice(later), draw.uniform(0, 0.3), False)]
    # much is to do after the first, and little later
    assert lives(whole[0], again, plan, FORKED) >= 1
    require_end(whole[0], again, FORKED)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_many_kills_at_any_moment_change_no_bit(whole, again):
    draw, longest = random.Random(7), whole[1]
    plan = [(draw.choice((None, *SIGNS)), draw.uniform(0, longest / 4), draw.random() < 0.5)
            for _ in range(8)]  # fmt: skip
    hit = lives(whole[0], again, plan, TWICE)
    sys.stderr.write(f"{hit} of {len(plan)} kills hit a running launch\n")
    assert hit >= len(plan) / 2
    require_end(whole[0], again, TWICE)
