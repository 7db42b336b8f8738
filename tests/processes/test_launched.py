"""Two processes give what one gives: samples to the bit, audits to rounding.

They are forked with torchrun's environment; under torchrun and accelerate themselves run a mistake
here, and the commands of test_machines.py.
"""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

sys.path.append(str(Path(__file__).parent))

from launching import FORKED, LAUNCHERS, TWICE, launch, script

import girsanov as gv
from girsanov.cli.main import run
from girsanov.train import TrainOptions


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A network, and its audit, plan and samples by one process."""
    folder = tmp_path_factory.mktemp("alone")
    np.save(folder / "x.npy", np.random.default_rng(4).gamma(2.0, size=(400, 3)))
    audit = "audit model --data x.npy --levels 9 --draws 3 --trajectories 40 --batch-size 7"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        fit = "fit x.npy --out model --steps 40 --network mlp"
        sample = "sample model --plan plan.json --count 2500 --seed 3 --out s.npy"
        for line in (fit, audit, "plan audit.json --steps 6", sample):
            assert run(line.split()) == 0
    return folder


FIT = {"steps": 40, "network": "mlp", "batch_size": 33, "seed": 2}
COMMANDS = """
import sys
from girsanov.cli.main import run
for line in (
    "audit model --data x.npy --levels 9 --draws 3 --trajectories 40 --batch-size 7"
    " --out two.json --json",
    "sample model --plan plan.json --count 2500 --seed 3 --out two.npy --force --json",
    "sample model --plan none.json --count 10 --out bad.npy",
):
    code = run(line.split())
    sys.stderr.write(f"code {code}\\n")
"""
LEARN = f"""
import girsanov as gv
from girsanov.train import TrainOptions
data = gv.load_data("x.npy").split(0.8, seed=2)[0].without_labels()
options = TrainOptions(dropout=0.0, early_stopping=False)
gv.fit(data, out="two", processes=gv.processes(), options=options, **{FIT})
try:
    gv.fit(data, processes=gv.processes(), minutes=0.1)
except gv.InputError as mistake:
    print("REFUSED\\n" * str(mistake).startswith("steps: must be given"), end="", flush=True)
"""
MISTAKE = """
from girsanov import InputError, processes
here = processes()
try:
    with here.together():
        if here.rank == 1:
            raise InputError("disk: is full")
except InputError as mistake:
    print(f"{here.rank} {here.count} {mistake}\\n", end="", flush=True)
with here.together():
    pass
"""
FULL = ["0 2 disk: is full", "1 2 disk: is full"]


@pytest.fixture(scope="module")
def together(alone):
    """Return what two processes said, one launch for all."""
    script(alone, "script.py", COMMANDS + LEARN + MISTAKE)
    said = launch(alone, ["script.py"], FORKED)
    assert said.returncode == 0, said.stderr[-3000:]
    return said


def test_two_processes_give_what_one_gives(alone, together):
    printed = [json.loads(line) for line in together.stdout.splitlines() if line[0] == "{"]
    assert [next(iter(p)) for p in printed] == ["audit", "samples"]  # once, by the first
    assert together.stderr.count("none.json: must be an existing JSON file") == 1
    assert together.stderr.count("code 0") == 4
    assert together.stderr.count("code 2") == 2
    assert not list(alone.glob("*.parts"))
    assert (alone / "two.npy").read_bytes() == (alone / "s.npy").read_bytes()
    one, two = load_file(alone / "audit.safetensors"), load_file(alone / "two.safetensors")
    assert one.keys() == two.keys()
    for name, value in one.items():
        # what is solved from the sums makes more of the order that they were added in
        solved = name.startswith(("bends.", "probe.", "calibrated."))
        atol = (1e-7 if solved else 1e-14) * np.abs(value).max()
        np.testing.assert_allclose(two[name], value, rtol=0, atol=atol, err_msg=name)
    for name in ("trajectories.states", "trajectories.predictions", "levels", "shares"):
        np.testing.assert_array_equal(one[name], two[name])


def test_two_processes_learn_what_one_learns(alone, together):
    """Up to the order of summation: dropout, whose masks differ, is off in so short a run."""
    data = gv.load_data(alone / "x.npy").split(0.8, seed=2)[0].without_labels()
    one = gv.fit(data, options=TrainOptions(dropout=0.0, early_stopping=False), **FIT)
    two = gv.load_model(alone / "two")
    assert two.training["steps_run"] == one.training["steps_run"] == 40
    pairs = zip(one.network.parameters(), two.network.parameters(), strict=True)
    for a, b in ((a.detach(), b.detach()) for a, b in pairs):
        scale = float(a.abs().max())
        assert float((a - b).abs().max()) <= 1e-4 * scale
    assert (alone / "two" / "girsanov.json").is_file()
    assert together.stdout.count("REFUSED") == 2


def test_a_mistake_in_one_process_is_that_of_all(together):
    said = [line for line in together.stdout.splitlines() if line.endswith("full")]
    assert sorted(said) == FULL


HIDE = """
import importlib.util as u
find = u.find_spec
u.find_spec = lambda name, *rest: None if name == "accelerate" else find(name, *rest)
"""
MULTI = [*LAUNCHERS["accelerate"], "launch", "--multi_gpu", "--num_processes", "2"]
NEEDED = pytest.mark.skipif(find_spec("accelerate") is None, reason="needs accelerate")
UNDER = [
    pytest.param(TWICE, HIDE, id="torchrun, torch alone"),
    pytest.param(MULTI, "", id="accelerate", marks=NEEDED),
]


@pytest.mark.parametrize(("launcher", "hidden"), UNDER)
def test_it_is_so_under_the_launchers_themselves(tmp_path, launcher, hidden):
    script(tmp_path, "script.py", hidden + MISTAKE)
    said = launch(tmp_path, ["script.py"], launcher)
    assert said.returncode == 0, said.stdout + said.stderr[-3000:]
    assert sorted(said.stdout.splitlines()) == FULL


def test_one_process_is_alone(monkeypatch):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert gv.processes() == gv.Processes(0, 1, 0)
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert gv.processes() == gv.Processes(0, 1, 0)
    with pytest.raises(gv.InputError, match="alone"), gv.processes().together():
        raise gv.InputError("alone: too")
