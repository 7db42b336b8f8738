"""The demo does the whole job, goes on when stopped, and takes no folder with other things."""

from __future__ import annotations

import html
import json
import re
import shlex
from dataclasses import replace

import numpy as np
import pytest

import girsanov as gv
from girsanov import workflow
from girsanov.cli import console
from girsanov.cli.main import run
from girsanov.data.origin import read_origin
from girsanov.train.loop import Trainer
from girsanov.workflow import digits_demo as room
from girsanov.workflow.digits_demo import FILES

QUICK = {"steps": 60, "network": "mlp"}
FEW = {"levels": 9, "draws": 1}
pytest.importorskip("sklearn")


@pytest.fixture(scope="module", autouse=True)
def few_levels():
    """Audit on few levels, which is not what is tested here."""
    with pytest.MonkeyPatch.context() as patch:
        measure = room.audit
        patch.setattr(room, "audit", lambda asked, **k: measure(replace(asked, **FEW), **k))
        yield


@pytest.fixture(scope="module")
def bars():
    """What each stage's progress said last."""
    return {}


@pytest.fixture(scope="module")
def done(tmp_path_factory, bars):
    """One demo run, in a folder whose name needs quoting."""
    folder = tmp_path_factory.mktemp("a demo") / "out"

    def stage(name):
        return lambda done, total: bars.__setitem__(name, (done, total))

    return folder, run_demo(folder, stage=stage)


def run_demo(folder, stage=None, **options):
    return workflow.demo(workflow.DemoRequest(out=folder, **{**QUICK, **options}), stage=stage)


def commands(folder):
    """The lines that did it, as they were recorded."""
    of_plan = gv.load_plan(folder / "plan.json").audit.commands
    return [*of_plan, read_origin(str(folder / "samples.npy"))["command"]]


def test_it_writes_everything(done):
    folder, demo = done
    assert sorted(p.name for p in folder.iterdir()) == sorted(
        [*FILES.values(), "demo.json", "audit.safetensors", "plan.safetensors",
         "samples.npy.origin.json"]
    )  # fmt: skip
    drawn = np.load(folder / "samples.npy")
    assert drawn.shape == (1000, 8, 8)
    assert drawn.dtype == np.uint8
    assert json.loads(json.dumps(demo.to_json()))["steps"] == demo.plan.steps


def test_what_it_audits_was_held_out(done):
    folder, _ = done
    held_out = gv.load_data("digits").without_labels().split(0.8, seed=0)[1]
    assert gv.load_audit(folder / "audit.json").facts.data == held_out.fingerprint


def test_its_page_lists_the_commands(done):
    folder, _ = done
    page = re.sub(r"</?span[^>]*>", "", (folder / "report.html").read_text())
    steps = gv.load_model(folder / "model").training["steps"]
    assert html.escape(shlex.quote(str(folder / "model")), quote=False)[1:-1] in page
    assert f"--steps {steps} --network mlp" in page
    assert [shlex.split(line)[1] for line in commands(folder)] == [
        "fit",
        "audit",
        "plan",
        "sample",
    ]


def test_its_commands_draw_the_same_samples(done, tmp_path, monkeypatch):
    folder, _ = done
    monkeypatch.chdir(tmp_path)
    for line in commands(folder):
        assert run(shlex.split(line.replace(f"{folder}/", ""))[1:]) == 0
    np.testing.assert_array_equal(np.load("samples.npy"), np.load(folder / "samples.npy"))


def test_run_again_it_goes_on_from_what_is_there(done, monkeypatch):
    folder, demo = done
    monkeypatch.setattr(Trainer, "step", None)  # nothing is left to train
    again = run_demo(folder)
    assert again.plan.model == demo.plan.model
    np.testing.assert_array_equal(again.plan.levels, demo.plan.levels)


def test_it_refuses_other_options(done):
    with pytest.raises(gv.InputError, match=r"holds a demo run with .*Choose another --out"):
        run_demo(done[0], seed=1)


def test_it_refuses_a_folder_with_other_things(tmp_path):
    (tmp_path / "audit.json").write_text("mine")
    with pytest.raises(gv.InputError, match=r"must be a new folder or an empty one.*audit\.json"):
        run_demo(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["audit.json"]


def test_a_mistake_leaves_no_folder_behind(tmp_path):
    for options in ({"steps": 0}, {"network": "cnn"}, {"seed": -1}):
        with pytest.raises(gv.InputError):
            run_demo(tmp_path / "new", **options)
    assert not (tmp_path / "new").exists()


def test_a_log_has_a_line_now_and_then(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(console, "SECONDS", 0.0)
    options = ["--steps", "30", "--network", "mlp", "--json"]
    assert run(["demo", "--out", str(tmp_path / "logged"), *options]) == 0
    lines = capsys.readouterr().err.splitlines()
    said = re.compile(r"(\w+): (\d+) of (\d+) \((\d+) %\), \d+ s so far, about \d+ s left")
    told = [said.fullmatch(line) for line in lines]
    assert all(told), lines
    assert {one[1] for one in told} >= {"fit", "audit"}
    first = told[0]
    assert int(first[4]) == round(100 * int(first[2]) / int(first[3]))


def test_its_stages_are_reported(done, bars):
    assert list(bars) == ["fit", "audit", "sample"]
    assert bars["sample"][0] == bars["sample"][1]
    assert bars["audit"][0] == bars["audit"][1]
