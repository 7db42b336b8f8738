"""Folders that a run may use, and checkpoints it may go on from."""

import json
import os
import signal

import numpy as np
import pytest

from girsanov._checks import InputError
from girsanov.data import load_data
from girsanov.train import TrainOptions, fit
from girsanov.train.checkpoint import whole_step

SMALL = TrainOptions(width=16, depth=1, evaluations=2)
ASKED = {"steps": 4, "batch_size": 16, "options": SMALL}


def table(shift=0.0):
    return load_data(np.random.default_rng(0).gamma(2.0, size=(40, 3)) + shift)


@pytest.fixture
def out(tmp_path):
    fit(table(), out=tmp_path / "m", **ASKED)
    return tmp_path / "m"


def test_one_pair_of_files_no_pickle_no_rubbish(out):
    names = sorted(p.name for p in (out / "checkpoint").iterdir())
    assert names == ["state-000000004.safetensors", "state.json"]
    assert not [p for p in out.rglob("*") if p.suffix in (".pt", ".bin", ".pkl")]


def test_finished_run_resumes_to_itself(out):
    before = json.loads((out / "girsanov.json").read_text())["fingerprint"]
    assert fit(table(), out=out, resume=True, **ASKED).fingerprint == before


def test_refuses_a_folder_in_use(out):
    with pytest.raises(InputError, match="out: must not hold a model or a run already"):
        fit(table(), out=out, **ASKED)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed": 1}, "holds a run with seed = 0; got 1"),
        ({"steps": 5}, "holds a run with steps = 4; got 5"),
        ({"objective": "ledger"}, "holds a run with objective"),
        ({"options": TrainOptions(width=8, depth=1)}, "holds a run with options"),
    ],
)
def test_refuses_to_go_on_with_something_else(out, changes, words):
    with pytest.raises(InputError, match=words):
        fit(table(), out=out, resume=True, **ASKED | changes)


def test_refuses_to_go_on_with_other_data(out):
    with pytest.raises(InputError, match="holds a run on other data"):
        fit(table(shift=1.0), out=out, resume=True, **ASKED)


@pytest.mark.parametrize("damage", ["json", "format", "progress", "tensors", "shape"])
def test_refuses_a_damaged_checkpoint(out, damage):
    state = out / "checkpoint" / "state.json"
    content = json.loads(state.read_text())
    if damage == "format":
        content["format"] = "girsanov/model/1"
    if damage == "progress":
        del content["progress"]["best"]
    if damage == "tensors":
        (out / "checkpoint" / content["tensors"]).unlink()
    if damage == "shape":
        from safetensors.numpy import load_file, save_file

        path = out / "checkpoint" / content["tensors"]
        tensors = load_file(path)
        save_file(tensors | {"network.outward.bias": np.zeros(9, np.float32)}, path)
    state.write_text("{" if damage == "json" else json.dumps(content))
    words = {
        "json": "must be valid JSON", "format": "must be a checkpoint of",
        "progress": "must hold a whole checkpoint; KeyError", "tensors": "must be an existing",
        "shape": "must hold the tensors of network in this run's shapes",
    }  # fmt: skip
    with pytest.raises(InputError, match=words[damage]) as caught:
        fit(table(), out=out, resume=True, **ASKED)
    assert "\n" not in str(caught.value)


def test_refuses_to_resume_a_model_whose_checkpoint_is_gone(out):
    for path in (out / "checkpoint").iterdir():
        path.unlink()
    with pytest.raises(InputError, match="resume it if checkpoint/ is there"):
        fit(table(), out=out, resume=True, **ASKED)


def test_resume_without_a_checkpoint_starts(tmp_path):
    assert fit(table(), out=tmp_path / "m", resume=True, **ASKED).training["steps_run"] == 4


def test_ctrl_c_waits_for_the_end_of_a_step():
    done = []

    def interrupted_step():
        with whole_step():
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(1000):
                done.append(1)

    with pytest.raises(KeyboardInterrupt):
        interrupted_step()
    assert len(done) == 1000
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
